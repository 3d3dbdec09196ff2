/* Parcels side by side: what differs stands first with a bar and a sign of its own, what is equal is folded away. */
(function (planner) {
  'use strict';
  const { data, el, svg, say, light } = planner;
  const { columns, sections } = data.compared;
  const main = document.querySelector('main');
  main.style.setProperty('--columns', String(columns.length));
  const option = (id, words) => {
    const box = el('input', { type: 'checkbox', id });
    return [box, el('label', {}, box, el('span', {}, say(words)))];
  };
  const [together, togetherLabel] = option('together', ['各图同步移动', 'Move the maps together']);
  const [unfolded, unfoldedLabel] = option('unfolded', ['展开相同项', 'Unfold what is equal']);
  together.checked = true;

  // ---- Heads ------------------------------------------------------------------------------------------------------

  function heads() {
    const rows = sections.flatMap((section) => section.rows);
    const differing = rows.filter((row) => row.differs).length;
    const another = el('input', { type: 'text', id: 'another', placeholder: ['宗地编号', 'Parcel no.'], 'aria-label': ['再比较一宗', 'Compare one more'], list: 'numbers' });
    const form = el('form', { class: 'another' }, another, el('datalist', { id: 'numbers' }, ...data.parcels.map((parcel) => el('option', { value: parcel.id, text: parcel.name }))),
      el('button', { type: 'submit', class: 'button' }, say(['再比较一宗', 'Add one'])));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const ids = [...new Set(columns.map((column) => column.id)), another.value.normalize('NFKC').replace(/\s+/g, '')];
      location.assign('/compare' + planner.dated({ parcels: [...new Set(ids)].slice(-4).join(',') }));
    });
    document.getElementById('options').append(togetherLabel, unfoldedLabel,
      el('button', { type: 'button', class: 'button', 'data-key': 'p', on: { click: () => window.print() } }, say(['打印比较表', 'Print'])), form);
    document.getElementById('heads').append(
      el('div', { class: 'count' }, el('h2', {}, say([`比较 ${columns.length} 宗`, `Comparing ${columns.length}`])), el('p', {}, say([`不同 ${differing} 项 · 相同 ${rows.length - differing} 项`, `${differing} differ · ${rows.length - differing} equal`]))),
      ...columns.map((column) => el('div', { class: 'verdict ' + column.status },
        svg('svg', { class: 'band', 'aria-hidden': 'true' }, svg('rect', { width: '100%', height: '100%', fill: planner.paintOf(column).fill })),
        light(column.sign, column.words, 24),
        el('div', {}, el('h2', {}, el('a', { href: `/parcels/${encodeURIComponent(column.id)}/map?as_of=${column.as_of}` }, column.id + (column.name ? ' ' + column.name : '')), ' ', el('small', {}, say(column.area))),
          el('p', {}, el('b', {}, say(column.words)), ' · ', say(column.sentence))))));
  }

  // ---- Rows -------------------------------------------------------------------------------------------------------

  function cell(found) {
    return el('td', {}, found.sign ? light(found.sign, null, 15) : null, el('span', {}, say(found.words)),
      found.small ? el('small', {}, ...found.small.filter((text) => text[0] !== '—').map((text) => el('span', {}, say(text)))) : null);
  }

  function line(row) {
    return el('tr', { class: row.differs ? 'differs' : null }, el('th', { scope: 'row' }, row.differs ? el('i', { role: 'img', 'aria-label': ['不同', 'differs'], text: '≠' }) : null, say(row.name)), ...row.cells.map(cell));
  }

  function rows() {
    const box = document.getElementById('rows');
    box.replaceChildren(...sections.map((section) => {
      const equal = section.rows.filter((row) => !row.differs);
      // What is unknown on both sides stays in sight.
      const kept = equal.filter((row) => row.cells.some((found) => found.sign === 'nodata'));
      const folded = unfolded.checked ? [] : equal.filter((row) => !kept.includes(row));
      const names = planner.joined(folded.map((row) => row.name), '、');
      return el('section', {}, el('h3', {}, say(section.title)),
        el('table', {}, el('caption', { class: 'unseen' }, say(section.title)), el('colgroup', {}, el('col', { class: 'first' }), ...columns.map(() => el('col'))), el('tbody', {}, ...section.rows.filter((row) => !folded.includes(row)).map(line))),
        folded.length ? el('p', { class: 'equal' }, el('button', { type: 'button', class: 'link', on: { click: () => { unfolded.checked = true; rows(); } } }, say([`其余 ${folded.length} 项相同：${names[0]}`, `${folded.length} more are equal: ${names[1]}`]))) : null);
    }));
  }

  // ---- Maps -------------------------------------------------------------------------------------------------------

  const maps = columns.map((_, number) => window['map_main_' + number]);
  let moving = false;

  function draw(map, number) {
    map.invalidateSize({ animate: false });
    const layer = window['geo_json_parcels_' + number];
    layer.eachLayer((shape) => {
      const own = shape.feature.properties.i === data.places[number];
      const entry = own ? columns[number] : planner.status(shape.feature.properties.i);
      // Of those around nothing is said.
      if (!entry) { shape.setStyle({ fillOpacity: 0, color: '#7B8790', weight: 1, interactive: false }); return; }
      const paint = planner.paintOf(entry);
      shape.setStyle({ fillColor: paint.fill, fillOpacity: 1, color: paint.line, weight: 1.5, dashArray: paint.dash || null, interactive: false });
      if (!own) return;
      for (const style of [{ color: '#FFFFFF', weight: 7 }, { color: '#1B242B', weight: 3.2 }]) L.geoJSON(shape.feature.geometry, { interactive: false, fill: false, ...style }).addTo(map);
      map.fitBounds(shape.getBounds().pad(0.6), { animate: false, maxZoom: 18 });
    });
    map.on('move', () => {
      if (moving || !together.checked) return;
      moving = true;
      const shift = map.project(map.getCenter()).subtract(map.project(L.latLng(data.parcels[data.places[number]].at)));
      maps.forEach((other, place) => {
        if (other === map) return;
        const centre = other.project(L.latLng(data.parcels[data.places[place]].at), map.getZoom()).add(shift);
        other.setView(other.unproject(centre, map.getZoom()), map.getZoom(), { animate: false });
      });
      moving = false;
    });
  }

  planner.asOf();
  heads();
  rows();
  together.checked = false;
  maps.forEach(draw);
  together.checked = true;
  unfolded.addEventListener('change', rows);
  document.querySelectorAll('.words button').forEach((button) => button.addEventListener('click', () => {
    planner.language(button.dataset.words);
    history.replaceState(null, '', location.pathname + location.search + (button.dataset.words === 'en' ? '#words=en' : ''));
  }));
  planner.language(new URLSearchParams(location.hash.slice(1)).get('words') === 'en' ? 'en' : 'zh');
}(window.planner = window.planner || {}));
