/* The page around the map: colours, labels, panel, table, search. Every text goes in through textContent. */
(function () {
  'use strict';

  // ---- Data -------------------------------------------------------------------------------------------------------

  /** Put the shared parts of the cards back in place; a pool entry refers only to entries before it. */
  function unpack(box) {
    const made = [];
    function open(part) {
      if (Array.isArray(part)) return part.map(open);
      if (part === null || typeof part !== 'object') return part;
      if ('$' in part) return made[part.$];
      const whole = {};
      for (const key of Object.keys(part)) whole[key] = open(part[key]);
      return whole;
    }
    for (const part of box.pool) made.push(open(part));
    return open(box.value);
  }

  const data = JSON.parse(document.getElementById('data').textContent);
  data.cards = unpack(data.cards);
  const map = window.map_main;
  const parcelLayer = window.geo_json_parcels;
  const verdicts = data.columns[0];
  const root = document.documentElement;
  const state = { by: 'verdict', chosen: null, code: null, status: null, sort: null };

  // ---- Small builders ---------------------------------------------------------------------------------------------

  function el(tag, options, ...children) {
    const node = document.createElement(tag);
    const { text, on, ...rest } = options || {};
    for (const [name, value] of Object.entries(rest)) {
      if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
    }
    if (text !== undefined) node.textContent = text;
    for (const [event, listener] of Object.entries(on || {})) node.addEventListener(event, listener);
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function svg(tag, attributes, ...children) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  /** A text in both languages; one that reads the same in both is written once. */
  function say(text) {
    const fragment = document.createDocumentFragment();
    if (text[0] === text[1]) {
      fragment.append(el('span', { text: text[0] }));
    } else {
      fragment.append(el('span', { class: 'zh', text: text[0] }), el('span', { class: 'en', lang: 'en', text: text[1] }));
    }
    return fragment;
  }

  function light(sign, words, size) {
    const node = svg('svg', { class: 'light', width: size, height: size, viewBox: '0 0 16 16' }, svg('use', { href: '#l-' + sign }));
    if (words) {
      node.setAttribute('role', 'img');
      node.setAttribute('aria-label', words[0] + ' ' + words[1]);
    } else {
      node.setAttribute('aria-hidden', 'true');
    }
    return node;
  }

  // ---- Paint ------------------------------------------------------------------------------------------------------

  const PAINT = {
    pass: { fill: '#7DB9DE', line: '#00476E' },
    condition: { fill: 'url(#h-condition)', line: '#7A4E00' },
    fails: { fill: 'url(#h-fails)', line: '#5E1F00' },
    nodata: { fill: 'url(#h-nodata)', line: '#4A5157', dash: '6 3.5' },
    waived: { fill: 'url(#h-grey)', line: '#38424A' },
    notrequired: { fill: 'url(#h-grey)', line: '#38424A' },
    note: { fill: '#FFFFFF', line: '#1B242B' },
  };
  const OUTLINE = { fillOpacity: 0, color: '#7B8790', weight: 1, dashArray: null, opacity: 1 };

  /* Outcomes of one weight share their colour; a texture of its own tells each from the others. */
  const GROUND = { fails: ['#C76535', '#FFFFFF', 0.9], condition: ['#F5CD68', '#7A4E00', 0.85], note: ['#FFFFFF', '#1B242B', 0.7] };
  const TEXTURE = {
    partly_covered: { size: 14, turn: 45, draw: (ink) => [svg('rect', { width: 7, height: 14, fill: ink })] },
    not_covered: { size: 9, turn: 45, draw: (ink) => [svg('path', { d: 'M0 0V9M0 0H9', stroke: ink, 'stroke-width': 3.4 })] },
    expired: { size: 8, turn: 0, draw: (ink) => [svg('path', { d: 'M0 4H8', stroke: ink, 'stroke-width': 2.2 })] },
    pending: { size: 9, turn: 0, draw: (ink) => [svg('circle', { cx: 4.5, cy: 4.5, r: 2.2, fill: ink })] },
  };

  function textures() {
    const defs = document.querySelector('svg.defs defs');
    for (const [name, { size, turn, draw }] of Object.entries(TEXTURE)) {
      for (const [sign, [ground, ink, strength]] of Object.entries(GROUND)) {
        const marks = svg('g', { opacity: strength }, ...draw(ink));
        defs.append(svg('pattern', { id: 'h-' + sign + '-' + name, patternUnits: 'userSpaceOnUse', width: size, height: size, patternTransform: `rotate(${turn})` },
          svg('rect', { width: size, height: size, fill: ground }), marks));
      }
    }
  }

  function paintOf(entry) {
    const plain = PAINT[entry.sign];
    return entry.texture && GROUND[entry.sign] ? { ...plain, fill: `url(#h-${entry.sign}-${entry.texture})` } : plain;
  }

  function swatch(entry) {
    const paint = paintOf(entry);
    const box = svg('rect', { x: 1, y: 1, width: 24, height: 15, fill: paint.fill, stroke: paint.line, 'stroke-width': 1.5 });
    if (paint.dash) box.setAttribute('stroke-dasharray', '4 2.5');
    return svg('svg', { width: 26, height: 17, viewBox: '0 0 26 17', 'aria-hidden': 'true' }, box);
  }

  const shapes = [];
  parcelLayer.eachLayer((layer) => { shapes[layer.feature.properties.i] = layer; });

  function column(key) {
    return data.columns.find((found) => found.key === key);
  }

  function statusOf(index) {
    const cell = verdicts.cells[index];
    return cell ? verdicts.legend[cell[0]] : null;
  }

  function isShown(index) {
    return state.status === null || (verdicts.cells[index] || [])[0] === state.status;
  }

  function paint() {
    const found = column(state.by);
    shapes.forEach((shape, index) => {
      const cell = found.cells[index];
      if (!cell || !isShown(index)) {
        shape.setStyle(OUTLINE);
        return;
      }
      const style = paintOf(found.legend[cell[0]]);
      shape.setStyle({ fillColor: style.fill, fillOpacity: 1, color: style.line, weight: 1.5, opacity: 1, dashArray: style.dash || null });
    });
    legend(found);
    label();
  }

  function legend(found) {
    const box = document.getElementById('legend');
    const list = el('ul');
    const own = data.kind === 'parcel' ? found.legend[found.cells[data.focus][0]] : null;
    for (const entry of own ? [own] : found.legend) {
      list.append(el('li', {}, swatch(entry), el('span', {}, say(entry.words)), own ? null : el('b', { text: String(entry.count) })));
    }
    const note = state.by === 'verdict' ? null : el('p', {}, say([
      '颜色表示此项对结论的作用，词是此项结果。上方计数始终为结论。',
      'Colour is what this item does to the verdict; the counts above stay with verdicts.']));
    box.replaceChildren(el('h2', {}, say(found.title)), list, ...(note ? [note] : []));
  }

  function colourChoice() {
    const box = document.getElementById('by');
    if (!box) return;
    for (const found of data.columns.filter((entry) => entry.colour)) {
      const input = el('input', { type: 'radio', name: 'by', value: found.key, on: { change: () => { state.by = found.key; paint(); remember(); } } });
      input.checked = found.key === state.by;
      box.append(el('label', { title: found.title.join(' ') }, input, el('span', {}, say(found.short))));
    }
  }

  // ---- Labels on the map ------------------------------------------------------------------------------------------

  const labelPane = map.createPane('names');
  labelPane.style.zIndex = 640;
  labelPane.style.pointerEvents = 'none';

  function label() {
    const view = map.getBounds();
    const found = column(state.by);
    const taken = [];
    const order = data.parcels.map((_, index) => index);
    if (state.chosen !== null) order.sort((a, b) => (b === state.chosen) - (a === state.chosen));
    const made = [];
    for (const index of order) {
      const shape = shapes[index];
      if (!isShown(index) || !view.intersects(shape.getBounds())) continue;
      const box = L.bounds(map.latLngToLayerPoint(shape.getBounds().getNorthWest()), map.latLngToLayerPoint(shape.getBounds().getSouthEast()));
      const size = box.getSize();
      const chosen = index === state.chosen;
      if (!chosen && (size.x < 46 || size.y < 26)) continue;
      const parcel = data.parcels[index];
      const cell = found.cells[index];
      const line = state.by === 'verdict' || !cell ? (chosen ? parcel.mu2 : parcel.mu) : found.legend[cell[0]].words;
      const english = root.dataset.words === 'en';
      const second = line[english ? 1 : 0];
      const full = chosen || (size.x >= 64 && size.y >= 44 && size.x >= 0.95 * width(second));
      const lines = chosen ? named(parcel, size.x) : [parcel.id];
      const wide = Math.min(Math.max(...lines.map(width), full ? width(second) : 0), 260) * (chosen ? 1.15 : 1);
      const at = map.latLngToLayerPoint(parcel.at);
      const high = (16 * lines.length + (full ? 18 : 2)) / 2;
      const plate = L.bounds([at.x - wide / 2, at.y - high], [at.x + wide / 2, at.y + high]);
      if (!chosen && width(parcel.id) > size.x + 6) continue;
      if (taken.some((other) => other.intersects(plate))) continue;
      taken.push(plate);
      const node = el('div', { class: 'marker-label' + (chosen ? ' chosen' : '') }, ...lines.map((text) => el('b', { text })));
      if (full) node.append(el('span', { text: second }));
      node.style.left = at.x + 'px';
      node.style.top = at.y + 'px';
      made.push(node);
    }
    labelPane.replaceChildren(...made);
  }

  /** Number and name of the chosen parcel, on one line where the parcel is wide enough. */
  function named(parcel, room) {
    if (!parcel.name) return [parcel.id];
    const one = parcel.id + ' ' + parcel.name;
    return width(one) * 1.15 <= Math.min(0.9 * room, 260) ? [one] : [parcel.id, parcel.name];
  }

  /** About how wide a text is at 12 px. */
  function width(text) {
    let sum = 0;
    for (const char of text) sum += char.charCodeAt(0) > 0x2e7f ? 12 : 6.8;
    return sum;
  }

  // ---- Evidence and the chosen parcel -----------------------------------------------------------------------------

  for (const [name, level] of [['casing', 455], ['chosen', 470], ['evidence', 480]]) {
    map.createPane(name).style.zIndex = level;
    map.getPane(name).style.pointerEvents = 'none';
  }
  const chosenGroup = L.layerGroup().addTo(map);
  const evidenceGroup = L.layerGroup().addTo(map);

  function outline(index) {
    chosenGroup.clearLayers();
    if (index === null) return;
    const geometry = shapes[index].feature.geometry;
    for (const style of [{ color: '#FFFFFF', weight: 7 }, { color: '#1B242B', weight: 3.2 }]) {
      chosenGroup.addLayer(L.geoJSON(geometry, { pane: 'chosen', interactive: false, fill: false, ...style }));
    }
  }

  /* A piece of a few square metres is found by the ring around it. */
  const ringGroup = L.layerGroup().addTo(map);
  let marks = [];

  function ringed() {
    ringGroup.clearLayers();
    for (const piece of marks) {
      const bounds = L.geoJSON(piece.geometry).getBounds();
      const size = map.latLngToLayerPoint(bounds.getSouthEast()).subtract(map.latLngToLayerPoint(bounds.getNorthWest()));
      if (Math.max(size.x, size.y) >= 10) continue;
      for (const style of [{ color: '#FFFFFF', weight: 5 }, { color: '#7A1F5C', weight: 2.4 }]) {
        ringGroup.addLayer(L.circleMarker(bounds.getCenter(), { pane: 'evidence', interactive: false, fill: false, radius: 10, ...style }));
      }
    }
  }

  function evidence(code, move) {
    evidenceGroup.clearLayers();
    marks = [];
    ringed();
    state.code = code;
    for (const row of document.querySelectorAll('.row')) row.classList.toggle('chosen', code !== null && row.dataset.code === code);
    if (code === null || state.chosen === null) return;
    const pieces = data.pieces[state.chosen].filter((piece) => piece.code === code);
    const bounds = L.latLngBounds([]);
    marks = [];
    for (const piece of pieces) {
      for (const style of [{ color: '#FFFFFF', weight: 5, fill: false }, { color: '#7A1F5C', weight: 1.8, fillColor: 'url(#h-evidence)', fillOpacity: 1 }]) {
        const shape = L.geoJSON(piece.geometry, { pane: 'evidence', interactive: false, ...style });
        evidenceGroup.addLayer(shape);
        bounds.extend(shape.getBounds());
      }
      marks.push(piece);
    }
    ringed();
    const largest = pieces[0];
    if (largest) {
      const words = el('div', {}, el('b', { class: 'tight' }, say(largest.title)), el('span', { class: 'tight' }, say(largest.area)));
      const tip = L.tooltip({ permanent: true, direction: 'bottom', className: 'callout', pane: 'popupPane', offset: [0, 10] });
      evidenceGroup.addLayer(tip.setLatLng(L.geoJSON(largest.geometry).getBounds().getCenter()).setContent(words));
    }
    if (move && bounds.isValid()) map.fitBounds(bounds.pad(0.6), { animate: false, maxZoom: 19 });
    remember();
  }

  // ---- Panel ------------------------------------------------------------------------------------------------------

  const panel = document.getElementById('panel');

  function choose(index, move) {
    if (data.kind === 'parcel' && index !== data.focus) return;
    state.chosen = index;
    evidence(null);
    panel.hidden = index === null;
    document.body.classList.toggle('panel-open', index !== null);
    map.invalidateSize({ animate: false });
    outline(index);
    for (const row of document.querySelectorAll('#table tbody tr')) row.classList.toggle('chosen', row.dataset.i === String(index));
    if (index !== null) {
      fill(index);
      const bounds = shapes[index].getBounds();
      if (move) map.fitBounds(bounds.pad(0.5), { animate: false, maxZoom: 18 });
      else if (!map.getBounds().contains(bounds.getCenter())) map.panTo(bounds.getCenter(), { animate: false });
      const words = statusOf(index).words;
      document.getElementById('announce').textContent = data.parcels[index].id + '，' + words[0] + '. ' + words[1];
    }
    label();
    remember();
  }

  function fill(index) {
    const card = data.cards[index];
    const sections = el('div', { class: 'sections', tabindex: 0, role: 'group', 'aria-label': '核查意见 Findings' });
    for (const part of card.sections) sections.append(section(part, index));
    panel.replaceChildren(head(card, index), verdict(card.verdict), sections);
    const bottom = foot(card);
    if (bottom) panel.append(bottom);
  }

  function head(card, index) {
    const tools = el('div', { class: 'tools' }, tool('定位 Locate', 'M8 1v3M8 12v3M1 8h3M12 8h3M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 0 0 0-5.6', () => map.fitBounds(shapes[index].getBounds().pad(0.5), { animate: false })));
    if (data.kind === 'zone') tools.append(tool('关闭 Close', 'M3.5 3.5l9 9M12.5 3.5l-9 9', () => choose(null)));
    const title = el('h2', { text: card.head.name ? card.head.id + ' ' + card.head.name : card.head.id });
    const area = el('p', { class: 'area' }, say(card.head.area_label), ' ', el('b', { class: 'tight' }, say(card.head.area)));
    return el('div', { class: 'head' }, title, area, ...card.head.lines.map((line) => el('p', { class: 'tight' }, say(line))), tools);
  }

  function tool(name, path, act) {
    const icon = svg('svg', { width: 16, height: 16, viewBox: '0 0 16 16', 'aria-hidden': 'true' },
      svg('path', { d: path, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4, 'stroke-linecap': 'round' }));
    return el('button', { type: 'button', title: name, 'aria-label': name, on: { click: act } }, icon);
  }

  function verdict(found) {
    const band = svg('svg', { class: 'band', 'aria-hidden': 'true' }, svg('rect', { width: '100%', height: '100%', fill: PAINT[found.sign].fill }));
    const words = el('div', {}, el('strong', {}, say(found.words)));
    if (found.sensitive) words.append(el('span', { class: 'framed' }, say(found.sensitive)));
    if (found.forced) words.append(el('span', { class: 'framed' }, say(found.forced)));
    words.append(el('p', {}, say(found.sentence)), el('p', {}, say(found.valid)));
    if (found.sensitive_why) words.append(el('p', {}, say(found.sensitive_why)));
    return el('div', { class: 'verdict ' + found.status }, band, light(found.sign, found.words, 28), words);
  }

  function section(part, index) {
    const title = el('h3', {}, el('span', {}, say(part.title)), part.count === undefined ? null : el('span', { text: '（' + part.count + '）' }));
    if (part.note) title.append(el('span', { class: 'aside tight' }, say(part.note)));
    else if (part.count === 0) title.append(el('span', { class: 'aside' }, say(['无', 'none'])));
    const box = el('section', { 'data-section': part.key }, title);
    if (part.layout === 'pairs') {
      box.append(el('div', { class: 'pairs' }, ...part.items.map((item) => pairOf(item, index))));
    } else {
      for (const item of part.items) box.append(row(item, index));
    }
    if (part.folded && part.folded.items.length) {
      box.append(el('details', { class: 'fold' }, el('summary', {}, say(part.folded.title)), ...part.folded.items.map((item) => row(item, index))));
    }
    if (part.facts) {
      const facts = el('dl', { class: 'facts' });
      for (const [name, value] of part.facts) facts.append(el('dt', {}, say(name)), el('dd', {}, say(value)));
      box.append(facts);
    }
    return box;
  }

  function located(item, index) {
    return Boolean(item.code) && data.pieces[index].some((piece) => piece.code === item.code);
  }

  /** A click anywhere on a row shows what it rests on; its button does the same for the keyboard. */
  function shows(node, item, index) {
    if (!located(item, index)) return node;
    node.classList.add('shows');
    node.addEventListener('click', (event) => { if (!event.target.closest('button') && String(getSelection()) === '') evidence(item.code, false); });
    return node;
  }

  function pairOf(item, index) {
    const box = el('div', { class: 'pair row', 'data-code': item.code || '' }, light(item.sign, item.words, 15), el('span', {}, el('span', {}, say(item.name)), ' ', el('span', { class: 'outcome' }, say(item.words))));
    return shows(box, item, index);
  }

  function row(item, index) {
    const first = el('div', { class: 'first' }, el('span', { class: item.right ? 'name tight' : 'name' }, item.tag ? el('span', { class: 'tag' }, say(item.tag)) : null, say(item.name)));
    if (item.right) {
      const figures = el('span', { class: 'figures tight' }, ...item.right.map((text) => el('span', { class: 'figure' }, say(text))));
      if (item.soon) figures.lastChild.append(el('span', { class: 'framed soon' }, say(item.soon)));
      first.append(figures);
    }
    const body = el('div', { class: 'body' }, first);
    if (item.words) body.append(el('div', { class: item.right ? 'outcome below' : 'outcome' }, say(item.words)));
    // Beside figures there is room for one language only; the English name then opens the English outcome.
    if (item.right && item.words && body.querySelector('.outcome .en')) body.querySelector('.outcome .en').prepend(el('span', { class: 'beside', text: item.name[1] + ': ' }));
    for (const line of item.lines || []) body.append(el('div', { class: 'line' }, say(line)));
    if (item.clause) body.append(el('div', { class: 'clause' }, say(item.clause)));
    const actions = el('div', { class: 'actions' });
    if (located(item, index)) actions.append(el('button', { type: 'button', class: 'link', on: { click: () => evidence(item.code, true) } }, say(['定位', 'Locate'])));
    if (item.clause) actions.append(el('button', { type: 'button', class: 'link', on: { click: (event) => copy(item.clause, event.currentTarget) } }, say(['复制条款', 'Copy clause'])));
    const sign = light(item.sign, item.words || item.name, 16);
    if (item.more) {
      const more = el('div', { class: 'more' }, ...item.more.map((line) => el('div', { class: 'line' }, say(line))), actions);
      const details = el('details', { class: 'row', 'data-code': item.code || '' }, el('summary', {}, sign, body), more);
      details.addEventListener('toggle', () => {
        if (!details.open) {
          if (state.code === item.code) evidence(null);
          return;
        }
        for (const other of panel.querySelectorAll('details.row[open]')) if (other !== details) other.open = false;
        evidence(item.code, false);
      });
      return details;
    }
    if (actions.childNodes.length) body.append(actions);
    return shows(el('div', { class: 'row', 'data-code': item.code || '' }, el('div', { class: 'plain' }, sign, body)), item, index);
  }

  function foot(card) {
    if (!data.links) return null;
    const path = '/parcels/' + encodeURIComponent(card.id) + '/';
    const asOf = '&as_of=' + card.as_of;
    const targets = [
      [['下载 GeoJSON', 'Download GeoJSON'], path + 'tender-package.geojson?profile=public' + asOf, 'button'],
      [['成果包（公开资料）', 'Package (public)'], path + 'tender-package?profile=public' + asOf, 'button main'],
      [['内部卷', 'Package (internal)'], path + 'tender-package?profile=internal' + asOf, 'button'],
    ];
    const bottom = el('div', { class: 'foot' });
    if (card.refused) {
      bottom.append(el('details', { class: 'refused', id: 'refused' }, el('summary', {}, light('fails', null, 16), el('span', {}, say(card.refused.words)),
        el('span', { class: 'why tight' }, say(['看原因', 'why']))),
        el('ul', {}, ...card.refused.reasons.map((reason) => el('li', {}, say(reason))))));
      bottom.firstChild.open = card.refused.reasons.length <= 3;
    }
    const buttons = el('div', { class: 'buttons tight' });
    for (const [words, href, kind] of targets) {
      buttons.append(card.refused
        ? el('button', { type: 'button', class: 'button', disabled: true, 'aria-describedby': 'refused', title: [...words, ...card.refused.words].join(' ') }, say(words))
        : el('a', { class: kind, href, download: true, title: words.join(' ') }, say(words)));
    }
    if (data.kind === 'zone') buttons.append(el('a', { class: 'button', href: path + 'map?as_of=' + card.as_of, title: '地块页 Parcel page' }, say(['地块页', 'Parcel page'])));
    bottom.append(buttons);
    return bottom;
  }

  function copy(text, button) {
    const words = root.dataset.words === 'en' ? text[1] : text[0];
    const done = () => button.replaceChildren(say(['已复制', 'Copied']));
    const byHand = () => {
      const area = el('textarea');
      area.value = words;
      document.body.append(area);
      area.select();
      if (document.execCommand('copy')) done();
      area.remove();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(words).then(done, byHand);
    else byHand();
  }

  // ---- Counters ---------------------------------------------------------------------------------------------------

  function counters() {
    const box = document.getElementById('counters');
    if (!box) return;
    const total = data.parcels.length;
    const buttons = verdicts.legend.map((entry, place) => el('button', {
      type: 'button', 'aria-pressed': 'false',
      on: { click: () => { state.status = state.status === place ? null : place; filtered(); } },
    }, light(entry.sign, null, 15), el('span', {}, say(entry.words)), el('b', { text: String(entry.count) })));
    box.append(el('span', {}, say([`共 ${total} 宗，点按筛选`, `${total} parcels, press to filter`])), ...buttons);
  }

  function filtered() {
    document.querySelectorAll('#counters button').forEach((button, place) => button.setAttribute('aria-pressed', String(place === state.status)));
    paint();
    rows();
  }

  // ---- Table ------------------------------------------------------------------------------------------------------

  const CHUNK = 60;
  let waiting = [];

  function table() {
    const box = document.getElementById('table');
    if (!box) return;
    const line = el('tr', {}, el('th', { scope: 'col' }, sorter(null, ['宗地编号 名称', 'Parcel'], ['按编号排序', 'sort by number'])));
    for (const found of data.columns) line.append(el('th', { scope: 'col' }, sorter(found.key, found.short, [found.title[0] + '：问题在前', found.title[1] + ': problems first'])));
    box.querySelector('thead').append(line);
    const scroll = box.querySelector('.scroll');
    scroll.addEventListener('scroll', () => { if (scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 200) more(); });
    const taller = document.getElementById('taller');
    taller.addEventListener('click', () => {
      const tall = box.classList.toggle('tall');
      taller.setAttribute('aria-pressed', String(tall));
      taller.replaceChildren(say(tall ? ['还原', 'Restore'] : ['放大表格', 'Larger table']));
      map.invalidateSize({ animate: false });
      more();
    });
    rows();
  }

  function sorter(key, words, title) {
    return el('button', { type: 'button', title: title.join(' '), 'data-sort': key || '', on: { click: () => { state.sort = key; rows(); } } }, say(words));
  }

  function rows() {
    const box = document.getElementById('table');
    if (!box) return;
    waiting = data.parcels.map((_, index) => index).filter(isShown);
    if (state.sort) {
      // Legends list what must be seen first.
      const cells = column(state.sort).cells;
      const place = (index) => (cells[index] ? cells[index][0] : Infinity);
      waiting.sort((a, b) => (place(a) === place(b) ? a - b : place(a) - place(b)));
    }
    for (const button of box.querySelectorAll('thead button')) {
      const own = button.dataset.sort === (state.sort || '');
      button.parentNode.setAttribute('aria-sort', own ? 'ascending' : 'none');
    }
    box.querySelector('.scroll').scrollTop = 0;
    box.querySelector('tbody').replaceChildren();
    document.getElementById('shown').replaceChildren(say([`${waiting.length} 宗`, `${waiting.length} parcels`]));
    more();
  }

  function more() {
    const body = document.querySelector('#table tbody');
    for (const index of waiting.splice(0, CHUNK)) body.append(tableRow(index));
  }

  function tableRow(index) {
    const parcel = data.parcels[index];
    const open = el('button', { type: 'button', title: parcel.id + ' ' + parcel.name, on: { click: (event) => { event.stopPropagation(); choose(index, true); } } },
      el('span', { class: 'tight' }, el('b', { text: parcel.id }), el('span', {}, say(parcel.mu2))), el('span', { class: 'name', text: parcel.name }));
    const line = el('tr', { 'data-i': index, class: index === state.chosen ? 'chosen' : null, on: { click: () => choose(index, true) } }, el('th', { scope: 'row' }, open));
    for (const found of data.columns) {
      const cell = found.cells[index];
      if (!cell) {
        line.append(el('td', { text: '—' }));
        continue;
      }
      const entry = found.legend[cell[0]];
      const lines = twoLines(entry.words, cell[1] || problemOf(found, index)).map((text) => el('div', { class: 'tight', title: text.join(' ') }, say(text)));
      line.append(el('td', {}, el('div', { class: found === verdicts ? 'cell narrow' : 'cell' }, light(entry.sign, entry.words, 15), el('div', {}, ...lines))));
    }
    return line;
  }

  /** What stands first against a parcel, where no date can stand below its verdict. */
  function problemOf(found, index) {
    const card = data.cards[index];
    return found === verdicts && card && card.problem[0] !== '—' ? card.problem : undefined;
  }

  /** Outcome over effect, the share beside the outcome; without an effect the small print goes below. */
  function twoLines(words, small) {
    const parts = words.map((text) => text.split(' · '));
    if (parts[0].length > 1) {
      const top = parts.map((found, k) => (small ? found[0] + ' ' + small[k] : found[0]));
      return [top, parts.map((found) => found.slice(1).join(' · '))];
    }
    return small ? [words, small] : [words];
  }

  // ---- Search -----------------------------------------------------------------------------------------------------

  /** Full-width and half-width read alike, case and blanks do not count. */
  function plain(text) {
    return text.normalize('NFKC').toLowerCase().replace(/\s+/g, '');
  }

  function search() {
    const input = document.getElementById('search');
    if (!input) return;
    const hits = document.getElementById('hits');
    const keys = data.parcels.map((parcel) => plain(parcel.id + '\u0000' + parcel.name));
    const LIMIT = 8;
    let found = [];

    function close() { hits.hidden = true; }

    function show() {
      const wanted = plain(input.value);
      if (!wanted) { found = []; close(); return; }
      found = keys.reduce((list, key, index) => (key.includes(wanted) ? [...list, index] : list), []);
      const lines = found.slice(0, LIMIT).map((index) => {
        const parcel = data.parcels[index];
        const entry = statusOf(index);
        return el('li', {}, el('button', { type: 'button', on: { click: () => take(index) } },
          light(entry.sign, entry.words, 15), el('b', {}, ...marked(parcel.id, wanted)), el('span', {}, ...marked(parcel.name, wanted)),
          el('span', { class: 'fill' }), el('span', { class: 'figure tight' }, say(parcel.mu2))));
      });
      if (found.length > LIMIT) lines.push(el('li', {}, el('p', {}, say([`共 ${found.length} 条，请再输入几个字`, `${found.length} found, type more`]))));
      if (!found.length) lines.push(el('li', {}, el('p', {}, say([`没有符合“${input.value}”的地块`, `No parcel matches "${input.value}"`]))));
      hits.replaceChildren(...lines);
      hits.hidden = false;
    }

    /** Underline the matched part where it can be pointed at character by character. */
    function marked(text, wanted) {
      const start = text.toLowerCase().indexOf(wanted);
      if (start < 0) return [text];
      return [text.slice(0, start), el('mark', { text: text.slice(start, start + wanted.length) }), text.slice(start + wanted.length)];
    }

    function take(index) {
      close();
      state.status = null;
      filtered();
      choose(index, true);
      panel.focus();
    }

    let timer = 0;
    input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(show, 150); });
    input.addEventListener('focus', show);
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') { clearTimeout(timer); show(); if (found.length) take(found[0]); }
      if (event.key === 'ArrowDown') { const first = hits.querySelector('button'); if (first) { first.focus(); event.preventDefault(); } }
      if (event.key === 'Escape') close();
    });
    hits.addEventListener('keydown', (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const all = [...hits.querySelectorAll('button')];
      const next = all[all.indexOf(document.activeElement) + step];
      (next || input).focus();
      event.preventDefault();
    });
    document.addEventListener('click', (event) => { if (!event.target.closest('.search')) close(); });
    document.addEventListener('keydown', (event) => {
      if (event.key === '/' && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { input.focus(); event.preventDefault(); }
    });
  }

  // ---- Clicks on the map ------------------------------------------------------------------------------------------

  function insideRing(ring, point) {
    let inside = false;
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [ax, ay] = ring[i];
      const [bx, by] = ring[j];
      if ((ay > point.lat) !== (by > point.lat) && point.lng < ((bx - ax) * (point.lat - ay)) / (by - ay) + ax) inside = !inside;
    }
    return inside;
  }

  function nearLine(line, event) {
    for (let i = 1; i < line.length; i++) {
      const a = map.latLngToLayerPoint([line[i - 1][1], line[i - 1][0]]);
      const b = map.latLngToLayerPoint([line[i][1], line[i][0]]);
      if (L.LineUtil.pointToSegmentDistance(event.layerPoint, a, b) <= 6) return true;
    }
    return false;
  }

  function rings(geometry) {
    switch (geometry.type) {
      case 'Polygon': return geometry.coordinates;
      case 'MultiPolygon': return geometry.coordinates.flat();
      default: return null;
    }
  }

  function hit(geometry, event, outline) {
    const point = event.latlng;
    // What is drawn as a line alone is meant only where the line is.
    if (outline && rings(geometry)) return rings(geometry).some((ring) => nearLine(ring, event));
    switch (geometry.type) {
      case 'Polygon': return insideRing(geometry.coordinates[0], point) && !geometry.coordinates.slice(1).some((ring) => insideRing(ring, point));
      case 'MultiPolygon': return geometry.coordinates.some((rings) => hit({ type: 'Polygon', coordinates: rings }, event));
      case 'LineString': return nearLine(geometry.coordinates, event);
      case 'MultiLineString': return geometry.coordinates.some((line) => nearLine(line, event));
      case 'Point': return map.latLngToLayerPoint([geometry.coordinates[1], geometry.coordinates[0]]).distanceTo(event.layerPoint) <= 8;
      case 'MultiPoint': return geometry.coordinates.some((at) => hit({ type: 'Point', coordinates: at }, event));
      case 'GeometryCollection': return geometry.geometries.some((part) => hit(part, event));
      default: return false;
    }
  }

  function underPointer(event) {
    const found = [];
    data.layers.forEach((layer, number) => {
      const drawn = window['geo_json_layer_' + number];
      if (!drawn || !map.hasLayer(drawn)) return;
      drawn.eachLayer((shape) => {
        if (hit(shape.feature.geometry, event, layer.outline)) found.push([layer, layer.features[shape.feature.properties.f]]);
      });
    });
    return found;
  }

  function clicked(event) {
    const parcels = shapes.reduce((list, shape, index) => (hit(shape.feature.geometry, event) ? [...list, index] : list), []);
    const features = underPointer(event);
    if (parcels.length === 1) choose(parcels[0], false);
    if (parcels.length > 1 || features.length) {
      const box = el('div');
      if (parcels.length > 1) {
        for (const index of parcels) box.append(el('p', {}, el('button', { type: 'button', class: 'link', on: { click: () => choose(index, false) } }, data.parcels[index].id + ' ' + data.parcels[index].name)));
      }
      for (const [layer, feature] of features) {
        const facts = el('dl', {}, el('dt', {}, say(['要素', 'feature'])), el('dd', { text: feature.id }));
        for (const [name, value] of feature.facts) facts.append(el('dt', {}, say(name)), el('dd', {}, say(value)));
        facts.append(el('dt', {}, say(['数据版次', 'edition'])), el('dd', { text: layer.edition }));
        box.append(el('h3', {}, say(layer.title)), facts);
      }
      L.popup({ minWidth: 260, maxWidth: 340 }).setLatLng(event.latlng).setContent(box).openOn(map);
    }
  }

  // ---- Map controls -----------------------------------------------------------------------------------------------

  function controls() {
    L.control.zoom({ position: 'topright', zoomInTitle: '放大 Zoom in', zoomOutTitle: '缩小 Zoom out', zoomInText: '+', zoomOutText: '−' }).addTo(map);
    const Whole = L.Control.extend({
      onAdd() {
        const box = el('div', { class: 'leaflet-bar' });
        const link = el('a', { href: '#', role: 'button', title: '全图 Whole zone', 'aria-label': '全图 Whole zone', on: { click: (event) => { event.preventDefault(); whole(); } } },
          svg('svg', { width: 16, height: 16, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: 'M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4 })));
        L.DomEvent.disableClickPropagation(box);
        box.append(link);
        return box;
      },
    });
    new Whole({ position: 'topright' }).addTo(map);
    const North = L.Control.extend({
      onAdd: () => el('div', { class: 'north', role: 'img', 'aria-label': '上北 North is up' },
        svg('svg', { width: 22, height: 34, viewBox: '0 0 22 34', 'aria-hidden': 'true' },
          svg('path', { d: 'M11 12l6 18-6-5-6 5z', fill: '#1B242B' }), svg('path', { d: 'M7.5 9V2l7 7V2', fill: 'none', stroke: '#1B242B', 'stroke-width': 1.4 }))),
    });
    new North({ position: 'bottomright' }).addTo(map);
    L.control.scale({ position: 'bottomleft', metric: true, imperial: false, maxWidth: 160 }).addTo(map);
    const tree = map.getContainer().querySelector('.leaflet-control-layers');
    const place = document.getElementById('layers');
    if (tree) place.append(tree);
    else place.append(el('p', { class: 'quiet' }, say(['本页没有其他图层', 'No other layers on this page'])));
    status();
  }

  function whole() {
    if (!data.bounds) return;
    // Steps of zoom would leave a rim of up to a sixth of the map.
    const snap = map.options.zoomSnap;
    map.options.zoomSnap = 0;
    map.fitBounds(L.latLngBounds(data.bounds).pad(data.kind === 'parcel' ? 0.35 : 0), { animate: false, maxZoom: 18, padding: [12, 12] });
    map.options.zoomSnap = snap;
  }

  // ---- Layers that need more than a style -------------------------------------------------------------------------

  function companions() {
    map.createPane('ground').style.zIndex = 300;
    map.getPane('ground').style.pointerEvents = 'none';
    const credits = el('p', { class: 'credits', hidden: true });
    document.querySelector('.map .status').before(credits);
    function credit() {
      const on = data.layers.filter((layer, number) => {
        const drawn = window['geo_json_layer_' + number];
        return layer.credit && drawn && map.hasLayer(drawn);
      });
      credits.replaceChildren(...on.map((layer) => el('span', {}, say(layer.title), ': ' + layer.credit)));
      credits.hidden = !on.length;
      map.invalidateSize({ animate: false });
    }
    data.layers.forEach((layer, number) => {
      const drawn = window['geo_json_layer_' + number];
      if (!drawn) return;
      const beside = [];
      if (layer.ground) beside.push(L.geoJSON(drawn.toGeoJSON(), { pane: 'ground', interactive: false, stroke: false, fillColor: '#FAF9F6', fillOpacity: 1 }));
      if (layer.cased) beside.push(L.geoJSON(drawn.toGeoJSON(), { pane: 'casing', interactive: false, fill: false, color: '#FFFFFF', weight: 5, opacity: 0.9 }));
      const follow = () => {
        for (const other of beside) {
          if (map.hasLayer(drawn)) other.addTo(map);
          else other.remove();
        }
        credit();
      };
      if (!beside.length && !layer.credit) return;
      drawn.on('add remove', () => setTimeout(follow));
      follow();
    });
  }

  function status() {
    const cursor = document.getElementById('cursor');
    const scale = document.getElementById('scale');
    document.getElementById('crs').append(say(data.crs));
    document.getElementById('crs').title = data.crs.join(' ');
    map.on('mousemove', (event) => {
      const { lat, lng } = event.latlng.wrap();
      const zh = `${lng < 0 ? '西经' : '东经'} ${Math.abs(lng).toFixed(5)}°  ${lat < 0 ? '南纬' : '北纬'} ${Math.abs(lat).toFixed(5)}°`;
      const en = `${Math.abs(lng).toFixed(5)}° ${lng < 0 ? 'W' : 'E'}  ${Math.abs(lat).toFixed(5)}° ${lat < 0 ? 'S' : 'N'}`;
      cursor.textContent = root.dataset.words === 'en' ? en : zh;
    });
    function ratio() {
      const size = map.getSize();
      const metres = map.distance(map.containerPointToLatLng([0, size.y / 2]), map.containerPointToLatLng([100, size.y / 2])) / 100;
      const number = Number((metres / 0.00026458).toPrecision(2));
      scale.textContent = '1 : ' + String(number).replace(/\B(?=(\d{3})+$)/g, '\u2009');
    }
    map.on('zoomend moveend resize', ratio);
  }

  function hover() {
    const tip = L.tooltip({ className: 'tip', direction: 'top', offset: [0, -4] });
    let timer = 0;
    shapes.forEach((shape, index) => {
      shape.on('mouseover', () => { clearTimeout(timer); timer = setTimeout(() => {
        const parcel = data.parcels[index];
        const entry = statusOf(index);
        const found = column(state.by);
        const cell = found.cells[index];
        const words = el('div', {}, el('b', { text: parcel.id + ' ' + parcel.name }), el('div', {}, say(parcel.mu2)));
        if (entry) words.append(el('div', {}, light(entry.sign, null, 14), ' ', say(entry.words)), el('div', {}, say(data.cards[index].problem)));
        if (cell && state.by !== 'verdict') words.append(el('div', {}, say(found.short), '：', say(found.legend[cell[0]].words)));
        // Near the upper edge there is no room above.
        const below = map.latLngToContainerPoint(parcel.at).y < 150;
        tip.options.direction = below ? 'bottom' : 'top';
        tip.options.offset = [0, below ? 12 : -4];
        tip.setLatLng(parcel.at).setContent(words).addTo(map);
      }, 150); });
      shape.on('mouseout', () => { clearTimeout(timer); tip.remove(); });
    });
  }

  // ---- Sources, language, address ---------------------------------------------------------------------------------

  function sources() {
    if (!data.sources.length) return;
    const list = el('ul');
    for (const source of data.sources) {
      list.append(el('li', {}, say(source.title), ' · ', el('span', { text: source.edition }), source.words ? el('span', { text: ' · ' + source.words }) : null,
        source.synthetic ? el('span', {}, ' · ', say(['演示数据', 'synthetic demo data'])) : null));
    }
    document.getElementById('sources').append(el('details', {}, el('summary', {}, say(['图层来源', 'Sources'])), list));
  }

  function language(words) {
    root.dataset.words = words;
    root.lang = words === 'en' ? 'en' : 'zh-CN';
    document.querySelectorAll('.words button').forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.words === words)));
  }

  function remember() {
    const parts = new URLSearchParams();
    if (state.chosen !== null && data.kind === 'zone') parts.set('p', data.parcels[state.chosen].id);
    if (state.by !== 'verdict') parts.set('by', state.by);
    if (state.code !== null) parts.set('row', state.code);
    if (root.dataset.words !== 'both') parts.set('words', root.dataset.words);
    const wanted = parts.toString();
    if (wanted !== location.hash.slice(1)) history.replaceState(null, '', wanted ? '#' + wanted : location.pathname + location.search);
  }

  function recalled() {
    const parts = new URLSearchParams(location.hash.slice(1));
    if (column(parts.get('by')) && column(parts.get('by')).colour && data.kind === 'zone') state.by = parts.get('by');
    language(['zh', 'en'].includes(parts.get('words')) ? parts.get('words') : 'both');
    const wanted = parts.get('p');
    return data.kind === 'parcel' ? data.focus : data.parcels.findIndex((parcel) => parcel.id === wanted);
  }

  // ---- Start ------------------------------------------------------------------------------------------------------

  /** Bring back the row that was open when the address was copied. */
  function openRow(code) {
    const same = [...panel.querySelectorAll('.row')].filter((found) => found.dataset.code === code);
    const shown = same.find((found) => found.tagName === 'DETAILS') || same[0];
    if (!shown) return;
    if (shown.tagName === 'DETAILS') shown.open = true;
    else evidence(code, false);
    shown.scrollIntoView({ block: 'nearest' });
  }

  textures();
  const wantedRow = new URLSearchParams(location.hash.slice(1)).get('row');
  const first = recalled();
  controls();
  companions();
  if (!data.parcels.length) {
    map.getContainer().parentNode.append(el('div', { class: 'empty' }, el('p', {}, say([
      '还没有导入地块。先导入地块图层，或打开演示数据。', 'No parcels yet. Import a parcel layer or open the demo data.']))));
  }
  whole();
  colourChoice();
  counters();
  table();
  search();
  sources();
  hover();
  paint();
  map.on('zoomend moveend resize', label);
  map.on('zoomend', ringed);
  map.on('click', clicked);
  document.querySelectorAll('.words button').forEach((button) => button.addEventListener('click', () => { language(button.dataset.words); label(); remember(); }));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && state.chosen !== null && data.kind === 'zone' && document.activeElement.id !== 'search') choose(null);
  });
  if (first >= 0 && first !== null) choose(first, data.kind === 'zone');
  if (data.kind === 'parcel') whole();
  if (state.chosen !== null && located({ code: wantedRow }, state.chosen)) openRow(wantedRow);
}());
