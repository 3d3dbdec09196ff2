/* Search by number, name, zone, location or unit number; what is found narrows the list and the map. */
(function (planner) {
  'use strict';
  const { data, el, say, light } = planner;
  const LIMIT = 8;

  planner.search = () => {
    const input = document.getElementById('search');
    if (!input) return;
    const hits = document.getElementById('hits');
    let found = [];
    let timer = 0;

    function close() {
      hits.hidden = true;
      input.setAttribute('aria-expanded', 'false');
    }

    function show() {
      if (!planner.plain(input.value)) { found = []; close(); return; }
      found = planner.matching(input.value);
      const lines = found.slice(0, LIMIT).map((index) => {
        const parcel = data.parcels[index];
        const entry = planner.status(index);
        const unit = parcel.unit && planner.plain(parcel.unit).includes(planner.plain(input.value)) ? parcel.unit : parcel.name;
        return el('li', {}, el('button', { type: 'button', on: { click: () => take(index) } },
          light(entry.sign, entry.words, 15), el('b', {}, ...marked(parcel.id)), el('span', {}, ...marked(unit)),
          el('span', { class: 'fill' }), el('span', { class: 'figure' }, say(parcel.mu2))));
      });
      if (found.length > LIMIT) lines.push(el('li', {}, el('button', { type: 'button', class: 'all', on: { click: all } }, say([`在清单中列出全部 ${found.length} 条`, `List all ${found.length}`]))));
      if (!found.length) lines.push(el('li', {}, el('p', {}, say([`没有符合“${input.value}”的地块`, `No parcel matches "${input.value}"`]))));
      hits.replaceChildren(...lines);
      hits.hidden = false;
      input.setAttribute('aria-expanded', 'true');
    }

    /** Underline the matched part where it can be pointed at character by character. */
    function marked(text) {
      const sought = planner.plain(input.value);
      const start = text.toLowerCase().indexOf(sought);
      if (start < 0) return [text];
      return [text.slice(0, start), el('mark', { text: text.slice(start, start + sought.length) }), text.slice(start + sought.length)];
    }

    function all() {
      close();
      planner.narrow({ words: input.value.trim(), tab: 'all', status: null, watch: null });
    }

    function take(index) {
      close();
      if (!planner.passes(index)) planner.everything();
      planner.choose(index, true);
      planner.panel.focus();
    }

    input.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(show, 150);
      if (!input.value && planner.wanted.words) planner.narrow({ words: '' });
    });
    input.addEventListener('focus', show);
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') {
        clearTimeout(timer);
        show();
        if (found.length === 1) take(found[0]);
        else if (input.value.trim()) all();
      }
      if (event.key === 'ArrowDown') { const first = hits.querySelector('button'); if (first) { first.focus(); event.preventDefault(); } }
      if (event.key === 'Escape') { close(); event.stopPropagation(); }
    });
    hits.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') { close(); input.focus(); event.stopPropagation(); }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const buttons = [...hits.querySelectorAll('button')];
      (buttons[buttons.indexOf(document.activeElement) + step] || input).focus();
      event.preventDefault();
    });
    document.addEventListener('click', (event) => { if (!event.target.closest('.search')) close(); });
  };
}(window.planner = window.planner || {}));
