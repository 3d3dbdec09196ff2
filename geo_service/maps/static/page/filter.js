/* Which parcels are shown: by counter, tab, search words, area and missing item. List and map are one. */
(function (planner) {
  'use strict';
  const { data, el, say, light } = planner;
  const SOON_DAYS = 30;

  const wanted = { status: null, watch: null, tab: 'all', words: '', least: null, lacking: '' };
  planner.wanted = wanted;

  const batches = [...new Set(data.parcels.map((parcel) => parcel.batch).filter(Boolean))].sort();
  const batch = batches[batches.length - 1] || '';
  const TABS = [
    ['batch', batch ? ['本批拟供', 'This batch'] : ['拟供', 'Planned'], (parcel) => (batch ? parcel.batch === batch : parcel.stage === '拟供')],
    ['all', ['全部', 'All'], () => true],
    ['announced', ['已公告', 'Announced'], (parcel) => parcel.stage === '已公告'],
    ['reserve', ['储备', 'Reserve'], (parcel) => parcel.stage === '储备'],
  ];
  const WATCHES = [
    ['soon', [`${SOON_DAYS}日内到期`, `Ends within ${SOON_DAYS} days`], (parcel) => parcel.left !== null && parcel.left <= SOON_DAYS],
    ['changed', ['已公告且结论变化', 'Announced, verdict changed'], (parcel) => parcel.changed],
    ['disputed', ['与管网数据不一致', 'Claim against network'], (parcel) => parcel.disputed],
  ];
  const within = (entries, key) => (entries.find(([name]) => name === key) || entries[0])[2];

  const keys = data.parcels.map((parcel) => planner.plain([parcel.id, parcel.name, parcel.zone, parcel.place, parcel.unit].join('\u0000')));

  /** Indexes of the parcels whose number, name, zone, location or unit number has the words in it. */
  planner.matching = (words) => {
    const sought = planner.plain(words);
    return sought ? keys.reduce((list, key, index) => (key.includes(sought) ? [...list, index] : list), []) : [];
  };

  planner.passes = (index) => {
    const parcel = data.parcels[index];
    if (data.kind !== 'zone') return true;
    if (wanted.status !== null && (planner.status(index) || {}).place !== wanted.status) return false;
    if (wanted.watch !== null && !within(WATCHES, wanted.watch)(parcel)) return false;
    if (!within(TABS, wanted.tab)(parcel)) return false;
    if (wanted.least !== null && parcel.m2 * 15 / 10000 < wanted.least) return false;
    if (wanted.lacking && !parcel.lacking.includes(wanted.lacking)) return false;
    return !wanted.words || keys[index].includes(planner.plain(wanted.words));
  };

  planner.narrow = (changes) => {
    Object.assign(wanted, changes);
    planner.tell('filter');
  };

  planner.everything = () => planner.narrow({ status: null, watch: null, tab: 'all', words: '', least: null, lacking: '' });

  // ---- Counters ---------------------------------------------------------------------------------------------------

  function counters() {
    const box = document.getElementById('counters');
    if (!box) return;
    const total = data.parcels.length;
    const order = ['pass', 'condition', 'fails', 'nodata'];
    const legend = planner.column('verdict').legend.map((entry, place) => ({ ...entry, place })).sort((a, b) => order.indexOf(a.sign) - order.indexOf(b.sign));
    const byStatus = legend.map((entry) => el('button', {
      type: 'button', 'aria-pressed': 'false', 'data-status': entry.place,
      on: { click: () => planner.narrow({ status: wanted.status === entry.place ? null : entry.place, tab: 'all' }) },
    }, light(entry.sign, null, 15), el('span', {}, say(entry.words)), el('b', { text: String(entry.count) })));
    const byWatch = WATCHES.map(([key, words, test]) => el('button', {
      type: 'button', 'aria-pressed': 'false', 'data-watch': key,
      on: { click: () => planner.narrow({ watch: wanted.watch === key ? null : key, tab: 'all' }) },
    }, el('span', {}, say(words)), el('b', { text: String(data.parcels.filter(test).length) })));
    box.replaceChildren(el('span', {}, say([`共 ${total} 宗，点按筛选`, `${total} parcels, press to filter`])), ...byStatus, el('i', { 'aria-hidden': 'true' }), ...byWatch);
  }

  function pressed() {
    for (const button of document.querySelectorAll('#counters button')) {
      const own = button.dataset.watch ? button.dataset.watch === wanted.watch : Number(button.dataset.status) === wanted.status;
      button.setAttribute('aria-pressed', String(own));
    }
    for (const button of document.querySelectorAll('#tabs button')) button.setAttribute('aria-pressed', String(button.dataset.tab === wanted.tab));
  }

  // ---- Tabs and the finer filters ---------------------------------------------------------------------------------

  function tabs() {
    const box = document.getElementById('tabs');
    if (!box) return;
    for (const [key, words, test] of TABS) {
      const count = data.parcels.filter(test).length;
      box.append(el('button', { type: 'button', 'data-tab': key, on: { click: () => planner.narrow({ tab: key }) } }, say(words), ' ', el('b', { text: String(count) })));
    }
  }

  function finer() {
    const box = document.getElementById('finer');
    if (!box) return;
    const least = el('input', { id: 'least', type: 'number', min: 0, step: 'any', inputmode: 'decimal', placeholder: ['不限', 'any'] });
    least.addEventListener('input', () => planner.narrow({ least: least.value === '' ? null : Number(least.value) }));
    const lacking = el('select', { id: 'lacking' }, option('', ['不限', 'any']));
    for (const item of data.items) lacking.append(option(item.code, item.title));
    lacking.addEventListener('change', () => planner.narrow({ lacking: lacking.value }));
    box.append(el('label', { for: 'least' }, say(['面积 ≥', 'Area ≥'])), least, say(['亩', 'mu']), el('label', { for: 'lacking' }, say(['缺项', 'Missing'])), lacking);
    planner.on('filter', () => {
      if (document.activeElement !== least) least.value = wanted.least === null ? '' : String(wanted.least);
      lacking.value = wanted.lacking;
    });
    planner.on('language', () => { for (const entry of lacking.options) entry.textContent = planner.now(JSON.parse(entry.dataset.words)); });
  }

  function option(value, words) {
    return el('option', { value, text: planner.now(words), 'data-words': JSON.stringify(words) });
  }
  planner.option = option;

  /** What narrows the list beside counters and tabs, as chips that can be taken off. */
  function chips() {
    const box = document.getElementById('chips');
    if (!box) return;
    const found = [];
    if (wanted.words) found.push([[`“${wanted.words}”`, `"${wanted.words}"`], { words: '' }]);
    if (wanted.status !== null) found.push([planner.column('verdict').legend[wanted.status].words, { status: null }]);
    if (wanted.watch !== null) found.push([WATCHES.find(([key]) => key === wanted.watch)[1], { watch: null }]);
    if (wanted.least !== null) found.push([[`≥ ${wanted.least} 亩`, `≥ ${wanted.least} mu`], { least: null }]);
    if (wanted.lacking) {
      const { title } = data.items.find((item) => item.code === wanted.lacking);
      found.push([['缺 ' + title[0], 'missing ' + title[1]], { lacking: '' }]);
    }
    box.hidden = !found.length;
    box.replaceChildren(...found.map(([words, without]) => el('button', { type: 'button', title: ['去掉这项筛选', 'Take this filter off'], on: { click: () => planner.narrow(without) } }, say(words), ' ×')));
  }

  planner.on('counted', counters);
  planner.on('filter', () => { pressed(); chips(); });
  planner.filters = () => {
    if (data.kind !== 'zone') return;
    counters();
    tabs();
    finer();
    const tab = TABS.find(([key, , test]) => key === 'batch' && data.parcels.some(test));
    wanted.tab = tab ? 'batch' : 'all';
  };
}(window.planner = window.planner || {}));
