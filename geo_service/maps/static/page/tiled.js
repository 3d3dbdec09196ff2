/* The page of very many parcels: list, counters and search are asked of the service, the map is drawn from tiles. */
(function (planner) {
  'use strict';
  const { data, state, el, say, light, panel, view, filter } = planner;
  const PAGE = 60;
  const kept = new Map();
  const entryOf = (status) => data.statuses.find((entry) => entry.status === (status || planner.NOT_YET));
  const given = new URLSearchParams(location.hash.slice(1));

  function sign(entry, size) {
    return entry.sign === 'unassessed' ? light('notrequired', entry.words, size) : light(entry.sign, entry.words, size);
  }

  // ---- Counters, list, search -------------------------------------------------------------------------------------

  const body = document.getElementById('parcels');
  const scroll = body.parentNode;
  let lines = [];
  let matched = 0;
  let asked = 0;
  let busy = false;

  function address(path, more) {
    const query = new URLSearchParams(more);
    if (filter.words) query.set('q', filter.words);
    if (filter.status) query.set('verdict', filter.status);
    if (data.asOf.chosen) query.set('as_of', data.asOf.chosen);
    return path + '?' + query;
  }

  async function ask(afresh) {
    if (busy && !afresh) return;
    const turn = afresh ? ++asked : asked;
    busy = true;
    try {
      const found = await fetch(address('/map/list', { offset: afresh ? 0 : lines.length, limit: PAGE })).then(planner.json);
      if (turn !== asked) return;
      if (afresh) { lines = []; body.replaceChildren(); scroll.scrollTop = 0; }
      matched = found.matched;
      for (const row of found.rows) { lines.push(row); body.append(line(row)); }
      if (!lines.length) body.append(el('li', { class: 'nothing' }, el('p', {}, say(['没有符合条件的地块', 'No parcel matches']))));
      counters(found.counts);
      document.getElementById('sum').replaceChildren(el('span', {}, say([`${planner.grouped(matched, 0)} 宗`, `${planner.grouped(matched, 0)} parcels`])),
        el('span', {}, say(['按拟公告日、结论轻重', 'by date, then worst'])),
        ...(lines.length ? [saver()] : []));
    } catch (error) {
      if (turn === asked) body.replaceChildren(el('li', {}, planner.refusal(planner.trouble(error), () => ask(true))));
    } finally {
      if (turn === asked) busy = false;
    }
  }

  /** The list as it is filtered, as a spreadsheet. */
  function saver() {
    const words = say(['下载表格', 'Spreadsheet']);
    if (matched > data.mostRows) {
      const most = planner.grouped(data.mostRows, 0);
      return el('button', { type: 'button', class: 'link', disabled: true, title: [`最多 ${most} 宗，请先筛选`, `at most ${most} parcels; filter first`] }, words);
    }
    const link = el('a', { class: 'link', id: 'save', download: true, title: ['清单及各宗缺项、责任单位（XLSX）', 'The list and what each parcel lacks, by whom (XLSX)'] }, words);
    const aim = () => { link.href = address('/map/list.xlsx', { lang: planner.english() ? 'en' : 'zh' }); };
    link.addEventListener('click', aim);
    aim();
    return link;
  }

  function line(row) {
    const entry = entryOf(row.status);
    return el('li', { 'data-i': row.id }, el('button', { type: 'button', 'aria-current': row.id === state.chosen ? 'true' : null, on: { click: () => choose(row.id, row.box, true) } },
      sign(entry, 15), el('span', { class: 'who' }, el('b', { text: row.id }), ' ', el('span', { text: row.name })),
      el('span', { class: 'much', text: row.mu || '—' }), el('span', { class: 'how' }, say(entry.words)),
      el('span', { class: 'why', title: row.problem }, say(row.problem || [row.zone, row.zone])), el('span', { class: 'when', text: row.notice || '—' })));
  }

  function counters(counts) {
    const box = document.getElementById('counters');
    box.replaceChildren(...data.statuses.map((entry) => el('button', {
      type: 'button', 'aria-pressed': String(filter.status === entry.status),
      on: { click: () => { filter.status = filter.status === entry.status ? null : entry.status; view.repaint(); ask(true); remember(); } },
    }, sign(entry, 15), say(entry.words), el('b', { text: planner.grouped(counts[entry.status] || 0, 0) }))));
    const notice = document.getElementById('notice');
    const unknown = counts[planner.NOT_YET] || 0;
    notice.hidden = unknown === 0;
    notice.replaceChildren(light('note', null, 15), el('span', {}, say([
      `${planner.grouped(unknown, 0)} 宗尚无现行结论：运行 geo-service assess 后显示；点选地块即时核查`,
      `${planner.grouped(unknown, 0)} without a present verdict: run geo-service assess; a parcel that is pressed is checked at once`])));
  }

  function search() {
    const input = document.getElementById('search');
    let timer = 0;
    input.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => { filter.words = input.value.trim(); ask(true); }, 200);
    });
    input.addEventListener('keydown', async (event) => {
      if (event.key !== 'Enter') return;
      clearTimeout(timer);
      filter.words = input.value.trim();
      await ask(true);
      if (lines.length && filter.words) { await choose(lines[0].id, lines[0].box, true); panel.focus(); }
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === '/' && !event.target.closest('input')) { input.focus(); event.preventDefault(); }
      if (event.key === 'Escape' && state.chosen !== null) choose(null);
    });
    body.addEventListener('keydown', (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const buttons = [...body.querySelectorAll('li[data-i] > button')];
      const next = buttons[buttons.indexOf(document.activeElement) + step];
      if (next) next.focus();
      event.preventDefault();
    });
  }

  // ---- One parcel -------------------------------------------------------------------------------------------------

  async function choose(id, box, move) {
    state.chosen = id;
    planner.stand([]);
    planner.evidence(null);
    panel.hidden = id === null;
    document.body.classList.toggle('panel-open', id !== null);
    view.resized();
    if (id !== null && move && box) view.locate(box);
    view.repaint();
    for (const one of body.querySelectorAll('li[data-i]')) one.firstChild.toggleAttribute('aria-current', one.dataset.i === id);
    remember();
    if (id !== null) await fill(id, box);
  }

  async function fill(id, box) {
    const close = () => choose(null);
    planner.waiting(id, close);
    try {
      if (!kept.has(id)) kept.set(id, fetch(`/parcels/${encodeURIComponent(id)}/panel${planner.dated()}`).then(planner.json));
      const found = await kept.get(id);
      if (state.chosen !== id) return;
      planner.stand(found.pieces);
      planner.show(found.card, { locate: box ? () => view.locate(box) : null, close, foot: foot(found.card) });
      planner.announce(planner.joined([[id, id], found.card.verdict.words], '，'));
    } catch (error) {
      kept.delete(id);
      if (state.chosen === id) planner.failed(id, error, () => fill(id, box), close);
    }
  }

  function foot(card) {
    const path = `/parcels/${encodeURIComponent(card.id)}/`;
    const query = new URLSearchParams({ as_of: card.as_of });
    return el('div', { class: 'foot' }, el('div', { class: 'buttons' },
      el('a', { class: 'button main', href: `${path}map?${query}` }, say(['地块页', 'Parcel page'])),
      el('a', { class: 'button', href: `${path}sheet?${query}` }, say(['打印核查表', 'Print check sheet'])),
      el('a', { class: 'button', href: `/compare?parcels=${encodeURIComponent(card.id)}&${query}` }, say(['与另一地块比较', 'Compare']))),
      el('p', { class: 'also' }, planner.printer(`${path}map-sheet`, () => ({ as_of: card.as_of }))));
  }

  planner.pressed = (feature, [lng, lat]) => {
    if (!feature) return;
    if (feature.counted) view.locate([lng - 0.01, lat - 0.008, lng + 0.01, lat + 0.008]);
    else choose(feature.properties.id, null, false);
  };

  planner.tipOf = (feature) => {
    const { properties } = feature;
    if (!feature.counted) {
      const name = [properties.id, properties.name].filter(Boolean).join(' ');
      return [[name, name], entryOf(properties.verdict).words];
    }
    let left = properties.n;
    const parts = data.statuses.flatMap((entry) => {
      const own = entry.status === planner.NOT_YET ? left : properties[entry.status] || 0;
      left -= own;
      return own ? [[`${entry.words[0]} ${own}`, `${entry.words[1]} ${own}`]] : [];
    });
    return [[`此格 ${properties.n} 宗，放大查看`, `${properties.n} parcels here; zoom in`], ...parts];
  };

  // ---- Layers, legend -------- ------------------------------------------------------------------------------------

  const shown = new Set();

  function layers() {
    const box = document.getElementById('layers');
    box.append(el('h2', {}, say(['图层', 'Layers'])));
    for (const layer of data.layers) {
      const tick = el('input', { type: 'checkbox' });
      const toggle = (on) => {
        tick.checked = on;
        view.show(layer, on);
        if (on) shown.add(layer); else shown.delete(layer);
        credits();
        remember();
      };
      tick.addEventListener('change', () => toggle(tick.checked));
      const swatch = el('span', { 'aria-hidden': 'true' });
      Object.assign(swatch.style, { flex: 'none', width: '20px', height: layer.zone ? '3px' : '12px', background: layer.zone ? '#1B242B' : layer.color });
      box.append(el('label', { class: 'every', title: layer.edition }, tick, swatch, el('span', {}, say(layer.title)), el('span', { class: 'sum', text: planner.grouped(layer.count, 0) })));
      const wanted = given.has('layers') ? given.get('layers').split(',').includes(layer.id) : layer.zone;
      if (wanted) toggle(true);
    }
  }

  function legend() {
    const box = document.getElementById('legend');
    const rows = data.statuses.map((entry) => {
      const swatch = planner.hatch(entry.sign, 1);
      Object.assign(swatch.style, { width: '26px', height: '17px', border: '1.5px solid ' + planner.lineOf(entry.sign) });
      return el('li', {}, swatch, el('span', {}, say(entry.words)));
    });
    box.append(el('h2', {}, say(['图例', 'Legend'])), el('ul', {}, ...rows),
      el('p', {}, say(['缩小时每格为多宗地块，各色高度按宗数比例', 'Zoomed out, a square stands for several parcels; the height of each colour is its share'])));
  }

  function credits() {
    const words = [...shown].map((layer) => layer.credit).filter(Boolean).map((one) => [one, one]);
    const main = document.querySelector('.map');
    const old = document.getElementById('credits');
    if (old) old.remove();
    if (words.length) main.querySelector('.status').before(el('p', { class: 'credits', id: 'credits' }, ...words.map((one) => el('span', {}, say(one)))));
    view.resized();
  }

  function drawer() {
    const box = document.getElementById('drawer');
    const button = document.getElementById('drawer-button');
    const open = (on) => { box.hidden = !on; button.setAttribute('aria-pressed', String(on)); };
    button.addEventListener('click', () => open(box.hidden));
    document.getElementById('drawer-close').addEventListener('click', () => { open(false); button.focus(); });
  }

  // ---- Address ----------------------------------------------------------------------------------------------------

  let ready = false;

  function remember() {
    if (!ready) return;
    const parts = new URLSearchParams();
    if (state.chosen !== null) parts.set('p', state.chosen);
    if (filter.status) parts.set('verdict', filter.status);
    if (document.documentElement.dataset.words === 'en') parts.set('words', 'en');
    parts.set('layers', [...shown].map((layer) => layer.id).join(','));
    parts.set('at', view.remembered());
    history.replaceState(null, '', '#' + parts);
  }

  // ---- Start ------------------------------------------------------------------------------------------------------

  if (given.get('words') === 'en') planner.language('en');
  if (data.statuses.some((entry) => entry.status === given.get('verdict'))) filter.status = given.get('verdict');
  planner.asOf();
  planner.layersShown = () => [...shown].filter((layer) => !layer.zone).map((layer) => layer.id).slice(0, data.mostLayers);
  planner.printing(view.seen);
  drawer();
  legend();
  layers();
  search();
  scroll.addEventListener('scroll', () => { if (lines.length < matched && scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 200) ask(false); });
  document.querySelectorAll('.words button').forEach((button) => button.addEventListener('click', () => { planner.language(button.dataset.words); remember(); }));
  planner.language(document.documentElement.dataset.words);
  const [lat, lng, zoom] = (given.get('at') || '').split(',').map(Number);
  if ([lat, lng, zoom].every(Number.isFinite) && Math.abs(lat) <= 85 && zoom <= 22 && given.has('at')) view.recall(lat, lng, zoom);
  // What stands below the map has taken its room by now.
  else if (planner.whole) planner.whole();
  view.painted.then(() => performance.mark('painted'));
  planner.on('moved', remember);
  ready = true;
  ask(true);
  if (given.get('p')) choose(given.get('p'), null, false);
}(window.planner = window.planner || {}));
