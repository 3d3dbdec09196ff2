/* The page that checks boundaries from outside: drawn on the map or dropped as a file; nothing of it is stored. */
(function (planner) {
  'use strict';
  const { data, map, el, say, light, panel } = planner;
  const box = document.getElementById('checked');
  const file = document.getElementById('file');
  const drawButton = document.getElementById('draw');
  const drawingBox = document.getElementById('drawing');
  const group = L.layerGroup().addTo(map);
  let given = null;

  for (const [name, level] of [['boundary', 475], ['vertices', 490]]) {
    map.createPane(name).style.zIndex = level;
    map.getPane(name).style.pointerEvents = 'none';
  }

  // ---- What stands in the panel -----------------------------------------------------------------------------------

  function title(...more) {
    return el('div', { class: 'head' }, el('h2', {}, say(['界址核查', 'Boundary check'])),
      el('p', {}, say([`只核查，不入库；关闭即清除。数据截至 ${data.dataUntil}。`, `Checked, not stored; closing clears it. Data until ${data.dataUntil}.`])), ...more);
  }

  function welcome() {
    box.replaceChildren(title(), el('p', { class: 'quiet' }, say(['在图上绘制一个范围，或把界址文件拖到页面上。', 'Draw an area on the map, or drop a boundary file on the page.'])),
      el('p', { class: 'quiet' }, say(['接受：界址点 TXT（GBK/UTF-8）、shapefile（zip）、GeoJSON、GeoPackage、KML、DXF（闭合多段线）、CSV。', 'Taken: coordinate TXT (GBK or UTF-8), zipped shapefile, GeoJSON, GeoPackage, KML, DXF (closed polylines), CSV.'])));
  }

  function busy(name) {
    const words = el('p', { class: 'quiet', role: 'status' });
    const begun = Date.now();
    const tick = () => {
      if (!words.isConnected) return;
      const seconds = Math.round((Date.now() - begun) / 1000);
      words.replaceChildren(say([`正在核查 ${name}… 已 ${seconds} 秒`, `Checking ${name} … ${seconds} s`]));
      setTimeout(tick, 1000);
    };
    box.replaceChildren(title(), words);
    tick();
  }

  function step(sign, name, ...lines) {
    return el('li', {}, light(sign, null, 15), el('div', {}, el('b', {}, say(name)), ...lines.map((line) => el('p', {}, say(line)))));
  }

  function show(answer) {
    const { report, found, rejected } = answer;
    const hints = [...report.repairs.map((repair) => ({ row: repair.row, id: repair.id, words: [repair.zh, repair.en] })),
      ...report.warnings.map((words) => ({ words: split(words) }))];
    const steps = el('ol', { class: 'steps' },
      step(rejected.length ? 'condition' : 'pass', ['读取', 'Read'], [`${report.read} 宗`, `${report.read} parcel(s)`], ...(report.encoding ? [[report.encoding.toUpperCase() + ' 编码', report.encoding.toUpperCase()]] : [])),
      step('pass', ['坐标系', 'CRS'], answer.crs, answer.crs_how),
      step(rejected.length ? 'fails' : hints.length ? 'condition' : 'pass', ['几何', 'Geometry'], [`${rejected.length} 错误，${hints.length} 提醒`, `${rejected.length} error(s), ${hints.length} remark(s)`]),
      step(found.length ? (rejected.length ? 'condition' : 'pass') : 'fails', ['核查', 'Check'], [`已核查 ${found.length} 宗`, `${found.length} checked`], ...(rejected.length ? [[`未核查 ${rejected.length} 宗`, `${rejected.length} not checked`]] : [])));
    box.replaceChildren(title(named()), steps, ...problems(rejected, hints), ...results(found, rejected), foot(found));
    draw(found);
    if (found.length) choose(found, 0);
    planner.announce([`已核查 ${found.length} 宗，错误 ${rejected.length} 项`, `${found.length} checked, ${rejected.length} error(s)`]);
  }

  function split(words) {
    const [zh, en] = words.split(' / ');
    return [zh, en || zh];
  }

  function named() {
    return given.name ? el('p', { class: 'file' }, el('b', { text: given.name }), ' ', el('button', { type: 'button', class: 'link', on: { click: () => file.click() } }, say(['换文件', 'Another file']))) : null;
  }

  function problems(rejected, hints) {
    if (!rejected.length && !hints.length) return [];
    const lines = [
      ...rejected.map((fault) => ['fails', ['错误', 'Error'], fault.row, fault.id, [fault.reason.zh, fault.reason.en], [fault.next.zh, fault.next.en]]),
      ...hints.map((hint) => ['condition', ['提醒', 'Remark'], hint.row, hint.id, hint.words, null]),
    ];
    return [el('h3', {}, say(['问题', 'Problems']), ' ', String(lines.length)), el('ul', { class: 'problems' }, ...lines.map(([sign, kind, row, id, words, next], number) => el('li', {}, light(sign, null, 16),
      el('div', {}, el('b', {}, say(kind), ' ', String(number + 1)), ' ', row === null || row === undefined ? null : el('span', {}, say([`第${row}行 `, `row ${row} `])), id ? el('span', { text: id + ' ' }) : null, say(words), next && next[0] ? el('p', {}, say(next)) : null))))];
  }

  function results(found, rejected) {
    const lines = found.map((one, number) => el('li', {}, el('button', { type: 'button', 'data-n': number, on: { click: () => choose(found, number) } }, light(one.sign, null, 15),
      el('b', { text: one.entry.id + (one.entry.name ? ' ' + one.entry.name : '') }), el('span', { class: 'much' }, say(one.entry.mu2)), el('span', { class: 'how' }, say(one.words)), el('span', { class: 'why' }, say(one.entry.problem)),
      el('span', { class: 'open' }, say(['点开看全部', 'open for all'])))));
    const left = rejected.map((fault) => el('li', { class: 'left' }, light('notrequired', null, 15), el('b', { text: fault.id || '—' }), ' ', say(['未核查', 'Not checked'])));
    return [el('h3', {}, say(['结果', 'Results']), ' ', String(found.length)), el('ul', { class: 'results' }, ...lines, ...left)];
  }

  function foot(found) {
    if (!found.length) return el('div');
    const take = el('button', { type: 'button', class: 'button' }, say(['下载 GeoJSON', 'Take as GeoJSON']));
    take.addEventListener('click', () => {
      const features = found.flatMap((one) => [
        { type: 'Feature', id: one.entry.id, geometry: one.outline, properties: { name: one.entry.name, area_m2: one.entry.m2, verdict: one.words[0] } },
        ...one.pieces.map((piece) => ({ type: 'Feature', geometry: piece.geometry, properties: { of: one.entry.id, code: piece.code, title: piece.title[0], area: piece.area[0] } }))]);
      const link = el('a', { href: URL.createObjectURL(new Blob([JSON.stringify({ type: 'FeatureCollection', features })], { type: 'application/geo+json' })), download: 'check.geojson' });
      link.click();
      URL.revokeObjectURL(link.href);
    });
    return el('div', { class: 'foot' }, el('div', { class: 'buttons' }, el('button', { type: 'button', class: 'button main', on: { click: () => file.click() } }, say(['改好后重新导入', 'Check another file'])), take,
      el('button', { type: 'button', class: 'button', on: { click: clear } }, say(['清除', 'Clear']))));
  }

  function refused(error) {
    const trouble = planner.trouble(error);
    const rows = (trouble.items || []).filter((item) => item.reason);
    const choices = /坐标系|CRS/.test(trouble.words.join(' ')) && given.blob ? crs() : null;
    box.replaceChildren(title(named()), planner.refusal(trouble, given.blob && !choices ? () => send(given) : null), choices || '', ...problems(rows, []));
  }

  /** The CRS that a file leaves out is chosen by the planner; none is chosen ahead. */
  function crs() {
    const button = el('button', { type: 'submit', class: 'button main', disabled: true }, say(['按选定坐标系核查', 'Check in the chosen CRS']));
    const form = el('form', { class: 'crs' }, el('h3', {}, say(['请选定坐标系', 'Choose the CRS'])), ...data.crsChoices.map(([code, words]) => el('label', {},
      el('input', { type: 'radio', name: 'crs', value: code, on: { change: () => { button.disabled = false; } } }), ' ', el('span', {}, say(words)))),
    el('p', { class: 'quiet' }, say(['不选定不核查；偏移坐标不得用于量算。', 'Nothing is checked until one is chosen; offset coordinates are not measured.'])), button);
    form.addEventListener('submit', (event) => { event.preventDefault(); send({ ...given, crs: new FormData(form).get('crs') }); });
    return form;
  }

  // ---- What stands on the map -------------------------------------------------------------------------------------

  function draw(found) {
    group.clearLayers();
    const bounds = L.latLngBounds([]);
    for (const one of found) {
      const paint = planner.paintOf(one);
      const shape = L.geoJSON(one.outline, { pane: 'boundary', interactive: false, fillColor: paint.fill, fillOpacity: 1, color: '#1B242B', weight: 2.4 });
      group.addLayer(shape);
      bounds.extend(shape.getBounds());
      const label = el('div', { class: 'marker-label' }, el('b', { text: one.entry.id }), say(one.entry.mu));
      group.addLayer(L.marker(one.entry.at, { pane: 'vertices', interactive: false, keyboard: false, icon: L.divIcon({ html: label, className: 'plain', iconSize: [0, 0] }) }));
    }
    if (bounds.isValid()) map.fitBounds(bounds.pad(0.4), { animate: false, maxZoom: 18 });
  }

  /** Show one result: the uncovered part at once, and all of its findings. */
  function choose(found, number) {
    const one = found[number];
    planner.stand(one.pieces);
    for (const button of box.querySelectorAll('.results button')) button.toggleAttribute('aria-current', Number(button.dataset.n) === number);
    planner.show(one.card, { locate: () => map.fitBounds(L.geoJSON(one.outline).getBounds().pad(0.4), { animate: false }), close: null, foot: null });
    panel.hidden = false;
    planner.evidence(one.pieces.length ? one.pieces[0].code : null, false);
  }

  function clear() {
    group.clearLayers();
    planner.stand([]);
    planner.evidence(null);
    panel.hidden = true;
    given = null;
    file.value = '';
    welcome();
  }

  // ---- Asking -----------------------------------------------------------------------------------------------------

  async function send(what) {
    clear();
    given = what;
    busy(what.name || planner.now(['所绘范围', 'the drawn area']));
    const query = planner.dated(what.crs ? { crs: what.crs } : {});
    let body = what.body;
    const headers = {};
    if (what.blob) {
      body = new FormData();
      body.append('file', what.blob, what.name);
    } else {
      headers['Content-Type'] = 'application/geo+json';
    }
    try {
      show(await fetch('/check/panels' + query, { method: 'POST', headers, body }).then(planner.json));
    } catch (error) {
      refused(error);
    }
  }

  // ---- Drawing ----------------------------------------------------------------------------------------------------

  const line = L.polygon([], { pane: 'boundary', interactive: false, color: '#1B242B', weight: 2.6, dashArray: '7 4', fillColor: '#FFFFFF', fillOpacity: 0.55 });
  const dots = L.layerGroup();
  let points = [];

  function drawing(on) {
    planner.drawing = on;
    points = [];
    drawButton.setAttribute('aria-pressed', String(on));
    map.getContainer().classList.toggle('drawing', on);
    map.doubleClickZoom[on ? 'disable' : 'enable']();
    if (on) {
      clear();
      line.addTo(map);
      dots.addTo(map);
    } else {
      line.remove();
      dots.remove();
    }
    redraw();
  }

  function redraw() {
    line.setLatLngs(points);
    dots.clearLayers();
    points.forEach((point, number) => {
      dots.addLayer(L.circleMarker(point, { pane: 'vertices', radius: 3.4, color: '#1B242B', weight: 1.4, fillColor: '#FFFFFF', fillOpacity: 1 }));
      dots.addLayer(L.marker(point, { pane: 'vertices', interactive: false, keyboard: false, icon: L.divIcon({ html: el('span', { class: 'vertex', text: 'J' + (number + 1) }), className: 'plain', iconSize: [0, 0] }) }));
    });
    drawingBox.hidden = !planner.drawing;
    const mu = planner.grouped(area(points) * 15 / 10000, 2);
    drawingBox.replaceChildren(el('p', { role: 'status' }, say([`已绘 ${points.length} 点，约 ${mu} 亩。单击加点，退格撤销，回车或双击完成，Esc 取消。`, `${points.length} points, about ${mu} mu. Click adds, Backspace takes back, Enter or double click closes, Esc cancels.`])),
      el('button', { type: 'button', class: 'button main', disabled: points.length < 3, on: { click: finish } }, say(['完成并核查', 'Close and check'])));
  }

  /** Area on a sphere, in m²; only to show while drawing: what counts is measured by the service. */
  function area(ring) {
    const RADIUS = 6371007;
    const rad = Math.PI / 180;
    let sum = 0;
    ring.forEach((point, k) => {
      const next = ring[(k + 1) % ring.length];
      sum += (next.lng - point.lng) * rad * (2 + Math.sin(point.lat * rad) + Math.sin(next.lat * rad));
    });
    return Math.abs(sum * RADIUS * RADIUS / 2);
  }

  function finish() {
    if (points.length < 3) return;
    const ring = [...points, points[0]].map((point) => [point.lng, point.lat]);
    drawing(false);
    send({ name: '', body: JSON.stringify({ type: 'FeatureCollection', features: [{ type: 'Feature', id: planner.now(['所绘范围', 'drawn area']), properties: {}, geometry: { type: 'Polygon', coordinates: [ring] } }] }) });
  }

  map.on('click', (event) => {
    if (!planner.drawing) return;
    points.push(event.latlng);
    redraw();
  });
  map.on('dblclick', () => {
    if (!planner.drawing) return;
    // The second press of a double click has set the same point again.
    if (points.length > 1 && map.latLngToLayerPoint(points[points.length - 1]).distanceTo(map.latLngToLayerPoint(points[points.length - 2])) < 4) points.pop();
    finish();
  });
  document.addEventListener('keydown', (event) => {
    if (!planner.drawing) return;
    if (event.key === 'Backspace') { points.pop(); redraw(); event.preventDefault(); }
    // A point at the middle of the map, for those who steer by keys alone.
    if (event.key === ' ' && event.target === map.getContainer()) { points.push(map.getCenter()); redraw(); event.preventDefault(); }
    if (event.key === 'Enter' && event.target.tagName !== 'BUTTON') { finish(); event.preventDefault(); }
  });
  planner.on('escape', () => { if (planner.drawing) drawing(false); });
  drawButton.addEventListener('click', () => { drawing(!planner.drawing); map.getContainer().focus(); });

  // ---- Files ------------------------------------------------------------------------------------------------------

  file.addEventListener('change', () => { if (file.files.length) send({ name: file.files[0].name, blob: file.files[0] }); });
  document.addEventListener('dragover', (event) => { event.preventDefault(); document.body.classList.add('dropping'); });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) document.body.classList.remove('dropping'); });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dropping');
    const [first] = event.dataTransfer.files;
    if (first) send({ name: first.name, blob: first });
  });

  // ---- Start ------------------------------------------------------------------------------------------------------

  planner.controls();
  planner.drawer();
  planner.asOf();
  planner.whole();
  planner.tell('filter');
  document.querySelectorAll('.words button').forEach((button) => button.addEventListener('click', () => planner.language(button.dataset.words)));
  const hash = new URLSearchParams(location.hash.slice(1));
  planner.language(hash.get('words') === 'en' ? 'en' : 'zh');
  welcome();
  if (hash.has('draw')) drawing(true);
}(window.planner = window.planner || {}));
