/* The pages of a zone and of a parcel: a parcel is chosen in the list or on the map, and the panel tells of it. */
(function (planner) {
  'use strict';
  const { data, map, state, el, say, light, icon, panel } = planner;
  const ICONS = {
    sheet: 'M4 6V2h8v4M4 12H2V6h12v6h-2M4 9h8v5H4z', box: 'M8 1.5l6 3v7l-6 3-6-3v-7zM2 4.5l6 3 6-3M8 7.5v7', columns: 'M2 2h5v12H2zM9 2h5v12H9z',
    chain: 'M7 9l2-2M6 6L4 8a2.5 2.5 0 0 0 4 4l2-2M10 10l2-2a2.5 2.5 0 0 0-4-4L6 6', again: 'M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3', page: 'M4 1.5h5l3 3v10H4zM9 1.5v3h3',
  };
  const close = data.kind === 'zone' ? () => planner.choose(null) : null;

  /** Show a parcel, or none; ``move`` brings the map to it. */
  planner.choose = async (index, move) => {
    if (data.kind === 'parcel' && index !== data.focus) return;
    state.chosen = index;
    planner.stand([]);
    planner.evidence(null);
    panel.hidden = index === null;
    document.body.classList.toggle('panel-open', index !== null);
    map.invalidateSize({ animate: false });
    if (index !== null) view(index, move);
    planner.tell('choose');
    if (index !== null) await fill(index);
  };

  function view(index, move) {
    const bounds = planner.shapes[index].getBounds();
    if (move) planner.locate(index);
    else if (!map.getBounds().contains(bounds.getCenter())) map.panTo(bounds.getCenter(), { animate: false });
  }

  async function fill(index) {
    const parcel = data.parcels[index];
    const name = parcel.name ? parcel.id + ' ' + parcel.name : parcel.id;
    planner.waiting(name, close);
    try {
      const found = await planner.details(index);
      if (state.chosen !== index) return;
      planner.stand(found.pieces);
      planner.show(found.card, {
        locate: () => planner.locate(index), close, notice: newer(index, found.card), foot: foot(index, found.card),
        claim: data.claims ? (service) => planner.claim(index, found.card, service) : null,
      });
      const counts = found.card.sections.slice(0, 3).map((part) => [part.title[0] + ' ' + part.count, part.title[1] + ' ' + part.count]);
      planner.announce(planner.joined([[name, name], found.card.verdict.words, ...counts], '，'));
    } catch (error) {
      if (state.chosen === index) planner.failed(name, error, () => fill(index), close);
    }
  }

  // ---- An older link ----------------------------------------------------------------------------------------------

  /** A link whose result is another than today's says so, and leads to both. */
  function newer(index, card) {
    const parcel = data.parcels[index];
    const told = data.older;
    const linked = told ? told.digest : data.kind === 'parcel' || planner.given.get('p') === parcel.id ? planner.given.get('digest') : null;
    if (!data.links || !linked || (!told && linked === card.digest)) return null;
    const path = `/parcels/${encodeURIComponent(parcel.id)}/map`;
    const asked = new URLSearchParams({ as_of: card.as_of });
    const past = new URLSearchParams({ as_of: card.as_of, digest: linked });
    const shown = Boolean(told && told.kept);
    const words = shown ? [`已有更新数据（${data.dataUntil}），本链接仍显示原结论`, `Newer data (${data.dataUntil}); this link still shows the earlier result`]
      : told ? ['本链接的原结论未留存，此处为按现有数据的结论', 'The result of this link was not kept; this is the result on the data there are now']
        : [`已有更新数据（${data.dataUntil}），此处为按新数据的结论`, `Newer data (${data.dataUntil}); this is the result on them`];
    const button = (href, text) => el('a', { class: 'button', href }, say(text));
    const buttons = shown ? [button(`${path}?${asked}`, ['重新核查', 'Check again']), button(`/compare?parcels=${encodeURIComponent(parcel.id)}&${past}`, ['逐项比较', 'Compare item by item'])]
      : told ? [] : [button(`${path}?${past}`, ['看原结论', 'See the earlier result'])];
    const change = shown && told.present[0] !== card.verdict.words[0]
      ? el('p', {}, say([`按新数据，结论由“${card.verdict.words[0]}”变为“${told.present[0]}”。`, `On the newer data the verdict goes from "${card.verdict.words[1]}" to "${told.present[1]}".`])) : null;
    return el('div', { class: 'newer', role: 'status' }, light('note', null, 16), el('div', {}, el('b', {}, say(words)), change, el('p', { class: 'buttons' }, ...buttons)));
  }

  // ---- What can be done with a result -----------------------------------------------------------------------------

  function foot(index, card) {
    if (!data.links) return null;
    const parcel = data.parcels[index];
    const path = `/parcels/${encodeURIComponent(card.id)}/`;
    const query = new URLSearchParams({ as_of: card.as_of });
    const box = el('div', { class: 'foot' });
    if (card.refused) {
      const why = el('details', { class: 'refused', id: 'refused' }, el('summary', {}, light('fails', null, 16), el('span', {}, say(card.refused.words)), el('span', { class: 'why' }, say(['看原因', 'why']))),
        el('ul', {}, ...card.refused.reasons.map((reason) => el('li', {}, say(reason)))),
        el('a', { class: 'link', href: `${path}tender-package?profile=internal&force=true&${query}`, download: true }, say(['仍要生成内部卷（每页印“未达条件”字样）', 'Make the internal package anyway (each page marked)'])));
      why.open = card.refused.reasons.length <= 2;
      box.append(why);
    }
    const download = (words, target, kind, drawing) => (card.refused
      ? el('button', { type: 'button', class: kind, disabled: true, 'aria-describedby': 'refused', title: card.refused.words }, drawing && icon(drawing), say(words))
      : el('a', { class: kind, href: `${path}${target}&${query}`, download: true }, drawing && icon(drawing), say(words)));
    const link = el('button', { type: 'button', class: 'button', 'data-key': 'l' }, icon(ICONS.chain), say(['复制链接', 'Copy link']));
    link.addEventListener('click', () => planner.share(index, card, link));
    const buttons = [
      download(['生成核查成果包', 'Make check package'], 'tender-package?profile=public', 'button main', ICONS.box),
      el('button', { type: 'button', class: 'button', 'data-key': 'c', on: { click: () => compare(parcel) } }, icon(ICONS.columns), say(['与另一地块比较', 'Compare'])),
      link,
      el('button', { type: 'button', class: 'button', on: { click: () => { planner.forget(index); fill(index); } } }, icon(ICONS.again), say(['重新核查', 'Check again'])),
    ];
    buttons.unshift(el('a', { class: 'button', 'data-key': 'p', href: `${path}sheet?${query}` }, icon(ICONS.sheet), say(['打印核查表', 'Print check sheet'])));
    if (data.claims) buttons.push(el('button', { type: 'button', class: 'button', on: { click: () => planner.claim(index, card, null) } }, icon(ICONS.page), say(['登记证明材料', 'Register claim'])));
    box.append(el('div', { class: 'buttons' }, ...buttons), el('p', { class: 'also' },
      download(['GeoJSON', 'GeoJSON'], 'tender-package.geojson?profile=public', 'link'), download(['内部卷', 'Internal package'], 'tender-package?profile=internal', 'link'),
      data.kind === 'zone' ? el('a', { class: 'link', href: `${path}map?${query}` }, say(['地块页', 'Parcel page'])) : el('a', { class: 'link', href: `/map${planner.dated()}#p=${encodeURIComponent(card.id)}` }, say(['在工作台中打开', 'Open in the workbench'])),
      planner.printer(`${path}map-sheet`, () => ({ as_of: card.as_of }))));
    return box;
  }

  /** Keep this result for good and copy the link that shows it. */
  planner.share = async (index, card, button) => {
    const path = `/parcels/${encodeURIComponent(card.id)}`;
    const said = (words) => button.replaceChildren(icon(ICONS.chain), say(words));
    try {
      const kept = await fetch(`${path}/links?as_of=${card.as_of}`, { method: 'POST' }).then(planner.json);
      const query = new URLSearchParams({ as_of: kept.as_of, digest: kept.digest });
      const hash = location.hash.replace(/^#/, '').split('&').filter((part) => !/^(p|digest|tab|q|verdict|mu|lack|watch)=/.test(part)).join('&');
      planner.copy(`${location.origin}${path}/map?${query}${hash ? '#' + hash : ''}`, () => said(['已复制', 'Copied']));
    } catch (error) {
      said(planner.trouble(error).words);
    }
  };

  /** Compare with another: the next press on a parcel says with which. */
  let first = null;
  function compare(parcel) {
    if (data.kind !== 'zone') {
      location.assign(`/compare${planner.dated({ parcels: parcel.id })}`);
      return;
    }
    first = parcel.id;
    const box = el('div', { id: 'pick', class: 'floating', role: 'status' }, el('p', {}, say([`请在清单或图上点选与 ${parcel.id} 比较的地块`, `Pick the parcel to compare with ${parcel.id}`])),
      el('button', { type: 'button', class: 'button', on: { click: stop } }, say(['取消', 'Cancel'])));
    document.body.append(box);
  }
  function stop() {
    first = null;
    const box = document.getElementById('pick');
    if (box) box.remove();
  }
  planner.on('choose', () => {
    if (first === null || state.chosen === null || data.parcels[state.chosen].id === first) return;
    const pair = [first, data.parcels[state.chosen].id].join(',');
    stop();
    location.assign(`/compare${planner.dated({ parcels: pair })}`);
  });

  planner.on('escape', () => {
    if (document.getElementById('pick')) stop();
    else if (document.activeElement.id !== 'search' && state.chosen !== null && data.kind === 'zone') planner.choose(null);
  });

  // ---- Start ------------------------------------------------------------------------------------------------------

  planner.filters();
  planner.recall();
  planner.controls();
  planner.drawer();
  planner.list();
  planner.search();
  planner.asOf();
  planner.printing(planner.seen);
  planner.pointer();
  if (!data.parcels.length) {
    map.getContainer().parentNode.append(el('div', { class: 'empty' }, el('p', {}, say([
      '还没有导入地块。先导入地块图层，或打开演示数据。', 'No parcels yet. Import a parcel layer or open the demo data.']))));
  }
  planner.whole();
  planner.tell('filter');
  document.querySelectorAll('.words button').forEach((button) => button.addEventListener('click', () => planner.language(button.dataset.words)));
  const wanted = data.kind === 'parcel' ? data.focus : data.parcels.findIndex((parcel) => parcel.id === planner.given.get('p'));
  const row = planner.given.get('row');
  async function open() {
    const shown = wanted >= 0 ? planner.choose(wanted, data.kind === 'zone') : null;
    if (data.kind === 'parcel') planner.whole();
    planner.recallView();
    await shown;
    if (row && planner.located(row)) planner.openRow(row);
    planner.addressed();
  }
  open();
}(window.planner = window.planner || {}));
