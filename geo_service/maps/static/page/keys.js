/* The keyboard: regions, letters for what is done often, and a table of them all. */
(function (planner) {
  'use strict';
  const { el, say, map, state } = planner;
  const REGIONS = ['.bar', '#counters', '#list, #drawer', '#map_main', '#panel'];
  const TABLE = [
    ['/', ['查询', 'Search']], ['F6', ['下一区域', 'Next region']], ['Esc', ['关闭最上层', 'Close the topmost']],
    ['↑ ↓', ['清单中移动', 'Move in the list']], ['Enter', ['打开', 'Open']], ['+ − 0', ['放大、缩小、全图', 'Zoom in, out, whole view']],
    ['1–9', ['结果各节', 'Sections of the result']], ['N', ['下一个问题', 'Next problem']], ['[', ['图层与着色', 'Layers and colours']],
    ['C', ['与另一地块比较', 'Compare']], ['D U', ['绘制、上传核查', 'Draw, upload']], ['P', ['打印核查表', 'Print the check sheet']], ['L', ['复制链接', 'Copy link']], ['?', ['本表', 'This table']],
  ];
  const press = (name) => { const found = document.querySelector(`[data-key="${name}"]`); if (found) found.click(); };

  function region(step) {
    const there = REGIONS.map((selector) => [...document.querySelectorAll(selector)].find((node) => node.offsetParent !== null)).filter(Boolean);
    const now = there.findIndex((node) => node.contains(document.activeElement));
    const next = there[(now + step + there.length) % there.length];
    const first = next.matches('[tabindex]') ? next : next.querySelector('a[href], button:not(:disabled), input, select, summary, [tabindex]');
    if (first) first.focus();
  }

  function help() {
    const open = document.getElementById('keys');
    if (open) {
      open.remove();
      return;
    }
    const box = el('div', { id: 'keys', class: 'floating', role: 'dialog', 'aria-label': ['键盘', 'Keyboard'], tabindex: -1 },
      el('dl', {}, ...TABLE.flatMap(([key, words]) => [el('dt', {}, el('kbd', { text: key })), el('dd', {}, say(words))])),
      el('button', { type: 'button', class: 'button', on: { click: () => box.remove() } }, say(['关闭', 'Close'])));
    document.body.append(box);
    box.focus();
  }

  function problem(step) {
    const rows = [...planner.panel.querySelectorAll('.sections .row')].filter((row) => row.querySelector('use[href="#l-fails"], use[href="#l-nodata"], use[href="#l-condition"]'));
    const now = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[now < 0 ? (step > 0 ? 0 : rows.length - 1) : (now + step + rows.length) % rows.length];
    if (!next) return;
    const target = next.querySelector('summary, button') || next;
    if (target === next) next.tabIndex = -1;
    target.focus();
    next.scrollIntoView({ block: 'nearest' });
  }

  function section(number) {
    const found = planner.panel.querySelectorAll('.sections section')[number - 1];
    if (!found) return;
    found.tabIndex = -1;
    found.focus();
    found.scrollIntoView();
  }

  const LETTERS = {
    '/': () => { const search = document.getElementById('search'); if (search) search.focus(); },
    '?': help, '[': () => press('['), c: () => press('c'), d: () => press('d'), u: () => press('u'), p: () => press('p'), l: () => press('l'),
    n: () => problem(1), N: () => problem(-1), 0: () => planner.whole(), '+': () => map.zoomIn(), '-': () => map.zoomOut(),
  };

  document.addEventListener('keydown', (event) => {
    if (event.key === 'F6') {
      region(event.shiftKey ? -1 : 1);
      event.preventDefault();
      return;
    }
    if (event.key === 'Escape') {
      const keys = document.getElementById('keys');
      if (keys) keys.remove();
      else planner.tell('escape');
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    // The map zooms by itself when it has the focus.
    if ('+-'.includes(event.key) && map.getContainer().contains(document.activeElement)) return;
    const act = LETTERS[event.key] || LETTERS[event.key.toLowerCase()] || (/^[1-9]$/.test(event.key) && state.chosen !== null ? () => section(Number(event.key)) : null);
    if (!act) return;
    act();
    event.preventDefault();
  });
}(window.planner = window.planner || {}));
