/* The list of parcels, the accessible equal of the map: same filter, same count, by notice date and then worst first. */
(function (planner) {
  'use strict';
  const { data, state, el, say, light } = planner;
  const CHUNK = 60;
  // Legends list what must be seen first: problems, then what is unknown.
  const order = data.parcels.map((_, index) => index).sort((a, b) => {
    const days = (data.parcels[a].notice || '9999').localeCompare(data.parcels[b].notice || '9999');
    return days || (planner.status(a) || {}).place - (planner.status(b) || {}).place || a - b;
  });
  let waiting = [];

  function fill() {
    const body = document.getElementById('parcels');
    if (!body) return;
    const shown = order.filter(planner.passes);
    waiting = [...shown];
    body.replaceChildren();
    body.parentNode.scrollTop = 0;
    if (!shown.length) body.append(nothing());
    more();
    const sum = planner.grouped(shown.reduce((total, index) => total + data.parcels[index].m2, 0) * 15 / 10000, 2);
    document.getElementById('sum').replaceChildren(
      el('span', {}, say([`${shown.length} 宗 · ${sum} 亩`, `${shown.length} parcels · ${sum} mu`])),
      el('span', {}, say(['按拟公告日、结论轻重', 'by date, then worst'])),
      ...(data.links && shown.length ? [saver(shown)] : []));
  }

  /** The list as it is filtered, as a spreadsheet. */
  function saver(shown) {
    const ids = shown.map((index) => data.parcels[index].id);
    const words = ['下载表格', 'Spreadsheet'];
    const button = el('button', { type: 'button', class: 'link', id: 'save', title: ['清单及各宗缺项、责任单位（XLSX）', 'The list and what each parcel lacks, by whom (XLSX)'] }, say(words));
    button.addEventListener('click', async () => {
      button.replaceChildren(say(['正在生成…', 'Writing …']));
      try {
        await planner.save('/map/list.xlsx' + planner.dated({ lang: planner.english() ? 'en' : 'zh' }), {
          method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ids }),
        }, planner.now(['地块清单.xlsx', 'parcels.xlsx']));
        button.replaceChildren(say(words));
      } catch (error) {
        button.replaceChildren(say(planner.trouble(error).words));
      }
    });
    return button;
  }

  function nothing() {
    const { words } = planner.wanted;
    const close = words ? order.filter((index) => planner.matching(words.slice(0, Math.ceil(words.length / 2))).includes(index)).slice(0, 3) : [];
    return el('li', { class: 'nothing' }, el('p', {}, say(words ? [`没有符合“${words}”的地块`, `No parcel matches "${words}"`] : ['没有符合筛选的地块', 'No parcel passes the filters'])),
      close.length ? el('p', {}, say(['相近：', 'Close: ']), ...close.map((index) => el('button', { type: 'button', class: 'link', on: { click: () => { planner.everything(); planner.choose(index, true); } } }, data.parcels[index].id))) : null,
      el('button', { type: 'button', class: 'link', on: { click: planner.everything } }, say(['清除筛选', 'Clear the filters'])));
  }

  function more() {
    const body = document.getElementById('parcels');
    for (const index of waiting.splice(0, CHUNK)) body.append(row(index));
  }

  function row(index) {
    const parcel = data.parcels[index];
    const verdict = planner.status(index);
    const own = state.by === 'verdict' ? null : planner.cell(state.by, index);
    const problem = own ? planner.joined([planner.column(state.by).short, own.words, ...(own.small ? [own.small] : [])], ' · ') : parcel.problem;
    return el('li', { 'data-i': index }, el('button', {
      type: 'button', 'aria-current': index === state.chosen ? 'true' : null, on: { click: () => planner.choose(index, true) },
    },
    light((own || verdict).sign, null, 15),
    el('span', { class: 'who' }, el('b', { text: parcel.id }), ' ', el('span', { text: parcel.name })),
    el('span', { class: 'much', text: parcel.mu2[0].split(' ')[0] }),
    el('span', { class: 'how' }, say(verdict.words)),
    el('span', { class: 'why', title: problem }, say(problem)),
    el('span', { class: 'when', text: parcel.notice || '—' })));
  }

  function mark() {
    for (const line of document.querySelectorAll('#parcels li[data-i]')) {
      const own = line.dataset.i === String(state.chosen);
      line.firstChild.toggleAttribute('aria-current', own);
      if (own) {
        line.firstChild.setAttribute('aria-current', 'true');
        line.scrollIntoView({ block: 'nearest' });
      }
    }
  }

  planner.list = () => {
    const body = document.getElementById('parcels');
    if (!body) return;
    const scroll = body.parentNode;
    scroll.addEventListener('scroll', () => { if (scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 200) more(); });
    body.addEventListener('keydown', (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const lines = [...body.querySelectorAll('li[data-i] > button')];
      const next = lines[lines.indexOf(document.activeElement) + step];
      if (next) next.focus();
      event.preventDefault();
    });
  };
  planner.on('filter', fill);
  planner.on('by', fill);
  planner.on('choose', mark);
}(window.planner = window.planner || {}));
