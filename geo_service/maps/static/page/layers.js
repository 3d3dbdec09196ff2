/* The drawer: what colours the parcels, which layers are on and how strongly, and a legend of only that. */
(function (planner) {
  'use strict';
  const { data, map, state, el, say } = planner;
  const drawn = data.layers.map((_, number) => window['geo_json_layer_' + number] || null);
  const opacity = new Map();

  planner.layersOn = () => drawn.reduce((list, layer, number) => (layer && map.hasLayer(layer) ? [...list, number] : list), []);
  /** Ids of the layers that are on, but for the zones, which every sheet shows; as many as a sheet has room for. */
  planner.layersShown = () => [...new Set(planner.layersOn().filter((number) => !data.layers[number].cased).map((number) => data.layers[number].key.split('.')[0]))].slice(0, data.mostLayers);
  planner.opacityOf = (number) => (opacity.has(number) ? opacity.get(number) : 1);

  /** Switch layers, by number in the page's order. */
  planner.switchLayers = (numbers) => drawn.forEach((layer, number) => {
    if (layer && numbers.includes(number) !== map.hasLayer(layer)) layer[numbers.includes(number) ? 'addTo' : 'removeFrom'](map);
  });

  planner.fade = (number, share) => {
    opacity.set(number, share);
    drawn[number].eachLayer((shape) => { if (shape.setStyle) shape.setStyle({ opacity: share, fillOpacity: share * data.layers[number].fill }); });
    planner.tell('layers');
  };

  // ---- Colour by --------------------------------------------------------------------------------------------------

  function colours() {
    const box = document.getElementById('by');
    if (!box) return;
    for (const found of data.columns.filter((entry) => entry.colour)) {
      const input = el('input', { type: 'radio', name: 'by', value: found.key, on: { change: () => { state.by = found.key; planner.tell('by'); } } });
      input.checked = found.key === state.by;
      box.append(el('label', { title: found.title }, input, el('span', {}, say(found.short))));
    }
  }

  // ---- Legend -----------------------------------------------------------------------------------------------------

  function legend() {
    const box = document.getElementById('legend');
    if (!box) return;
    const found = planner.column(state.by);
    const list = el('ul');
    const own = data.kind === 'parcel' && data.parcels.length ? found.legend[found.cells[data.focus][0]] : null;
    for (const entry of own ? [own] : found.legend) {
      list.append(el('li', {}, planner.swatch(entry), el('span', {}, say(entry.words)), own ? null : el('b', { text: String(entry.count) })));
    }
    const note = state.by === 'verdict' ? null : el('p', {}, say([
      '颜色表示此项对结论的作用，词是此项结果。上方计数始终为结论。',
      'Colour is what this item does to the verdict; the counts above stay with verdicts.']));
    box.replaceChildren(el('h2', {}, say(found.title)), list, ...(note ? [note] : []));
  }

  /* Only what is on and in view, the largest ground first. */
  function visible() {
    const box = document.getElementById('visible');
    if (!box) return;
    const view = map.getBounds();
    const inView = planner.layersOn().filter((number) => drawn[number].getBounds().isValid() && drawn[number].getBounds().intersects(view));
    inView.sort((a, b) => data.layers[b].area - data.layers[a].area || a - b);
    const lines = inView.map((number) => el('li', { 'data-layer': number }, mark(number), el('span', {}, say(data.layers[number].title))));
    if (state.code !== null) lines.unshift(el('li', {}, planner.swatch({ sign: 'evidence' }), el('span', {}, say(['所选项涉及的范围', 'Ground of the chosen row']))));
    if (extentsOn()) lines.push(el('li', { 'data-layer': 'extent' }, extentMark(), el('span', {}, say(['超出资料覆盖范围', 'Outside the surveyed extent']))));
    box.replaceChildren(el('h2', {}, say(['图例（当前可见）', 'Legend (in view)'])), lines.length ? el('ul', {}, ...lines) : el('p', {}, say(['没有打开的图层', 'No layer is on'])));
  }

  function mark(number) {
    const found = document.querySelector(`#layers [data-layer="${number}"] svg.swatch`);
    return found ? found.cloneNode(true) : el('span');
  }

  function extentMark() {
    const found = document.querySelector('#layers [data-extent] svg.swatch');
    return found ? found.cloneNode(true) : el('span');
  }

  const extents = () => Object.keys(window).filter((name) => /^geo_json_extent_\d+$/.test(name)).map((name) => window[name]);
  const extentsOn = () => extents().some((layer) => map.hasLayer(layer));

  // ---- Tree -------------------------------------------------------------------------------------------------------

  function tree() {
    const place = document.getElementById('layers');
    const found = map.getContainer().querySelector('.leaflet-control-layers');
    if (!found) {
      place.append(el('p', { class: 'quiet' }, say(['本页没有其他图层', 'No other layers on this page'])));
      return;
    }
    if (extents().length) {
      const all = el('input', { type: 'checkbox', id: 'extents', on: { change: () => { const on = all.checked; extents().forEach((layer) => layer[on ? 'addTo' : 'removeFrom'](map)); } } });
      place.append(el('label', { class: 'every' }, all, el('span', {}, say(['显示资料覆盖范围', 'Show surveyed extents']))));
      map.on('layeradd layerremove', () => { all.checked = extents().length > 0 && extents().every((layer) => map.hasLayer(layer)); });
    }
    place.append(found);
    sliders();
    totals();
    map.on('layeradd layerremove', totals);
  }

  /* How many of a group are on stands beside its name. */
  function totals() {
    for (const group of document.querySelectorAll('#layers .leaflet-layerstree-node')) {
      const head = group.querySelector(':scope > .leaflet-layerstree-header');
      const leaves = group.querySelectorAll('.leaf');
      if (!head || head.querySelector('.leaf') || !leaves.length) continue;
      const on = [...group.querySelectorAll('input.leaflet-control-layers-selector')].filter((input) => input.checked && !head.contains(input)).length;
      let sum = head.querySelector('.sum');
      if (!sum) {
        sum = el('span', { class: 'sum' });
        head.append(sum);
        const all = head.querySelector('input[type="checkbox"]');
        if (all) planner.attribute(all, 'aria-label', ['.zh', '.en'].map((language, place) => head.querySelector(language).textContent + ['：全部', ': all'][place]));
      }
      sum.textContent = `${on}/${leaves.length}`;
    }
  }

  /* A slider stands only beside a layer that is on. */
  function sliders() {
    const hooks = new Map();
    function follow() {
      for (const leaf of document.querySelectorAll('#layers .leaf[data-layer]')) {
        const number = Number(leaf.dataset.layer);
        const line = leaf.closest('.leaflet-layerstree-header');
        const on = drawn[number] && map.hasLayer(drawn[number]);
        if (on && !hooks.has(number)) {
          const slider = el('input', { type: 'range', class: 'opacity', min: 10, max: 100, step: 10, value: Math.round(planner.opacityOf(number) * 100), title: ['不透明度', 'Opacity'],
            'aria-label': planner.joined([['不透明度', 'Opacity'], data.layers[number].title], ' '), on: { input: () => planner.fade(number, Number(slider.value) / 100) } });
          L.DomEvent.disableClickPropagation(slider);
          line.append(slider);
          hooks.set(number, slider);
        }
        if (!on && hooks.has(number)) {
          hooks.get(number).remove();
          hooks.delete(number);
        }
      }
    }
    map.on('layeradd layerremove', follow);
    follow();
  }

  // ---- Layers that need more than a style -------------------------------------------------------------------------

  function companions() {
    for (const [name, level] of [['ground', 300], ['casing', 455]]) {
      map.createPane(name).style.zIndex = level;
      map.getPane(name).style.pointerEvents = 'none';
    }
    const credits = el('p', { class: 'credits', hidden: true });
    document.querySelector('.map .status').before(credits);
    function credit() {
      const on = planner.layersOn().filter((number) => data.layers[number].credit).map((number) => data.layers[number]);
      credits.replaceChildren(...on.map((layer) => el('span', {}, say(layer.title), ': ' + layer.credit)));
      if (credits.hidden === !on.length) return;
      credits.hidden = !on.length;
      map.invalidateSize({ animate: false });
    }
    data.layers.forEach((layer, number) => {
      if (!drawn[number]) return;
      const beside = [];
      if (layer.ground) beside.push(L.geoJSON(drawn[number].toGeoJSON(), { pane: 'ground', interactive: false, stroke: false, fillColor: '#FAF9F6', fillOpacity: 1 }));
      if (layer.cased) beside.push(L.geoJSON(drawn[number].toGeoJSON(), { pane: 'casing', interactive: false, fill: false, color: '#FFFFFF', weight: 5, opacity: 0.9 }));
      const follow = () => {
        for (const other of beside) {
          if (map.hasLayer(drawn[number])) other.addTo(map);
          else other.remove();
        }
        credit();
        planner.tell('layers');
      };
      drawn[number].on('add remove', () => setTimeout(follow));
      follow();
    });
  }

  function sources() {
    const box = document.getElementById('sources');
    if (!data.sources.length) return;
    const list = el('ul');
    for (const source of data.sources) {
      list.append(el('li', {}, say(source.title), ' · ', el('span', { text: source.edition }), source.words ? el('span', { text: ' · ' + source.words }) : null,
        source.synthetic ? el('span', {}, ' · ', say(['演示数据', 'synthetic demo data'])) : null));
    }
    box.append(el('details', {}, el('summary', {}, say(['图层来源', 'Sources'])), list));
  }

  /** Set up the drawer; a button shows it where it shares its place with the list. */
  planner.drawer = () => {
    colours();
    tree();
    companions();
    sources();
    const button = document.getElementById('drawer-button');
    const drawer = document.getElementById('drawer');
    planner.openDrawer = (open) => {
      drawer.hidden = !open;
      if (button) button.setAttribute('aria-pressed', String(open));
      document.body.classList.toggle('drawer-open', open);
      const list = document.getElementById('list');
      if (list) list.hidden = open;
    };
    if (button) {
      button.addEventListener('click', () => planner.openDrawer(drawer.hidden));
      document.getElementById('drawer-close').addEventListener('click', () => { planner.openDrawer(false); button.focus(); });
    }
    for (const event of ['by', 'language']) planner.on(event, legend);
    for (const event of ['evidence', 'layers']) planner.on(event, visible);
    map.on('moveend layeradd layerremove', (event) => { if (event.type === 'moveend' || event.layer instanceof L.GeoJSON) visible(); });
    legend();
    visible();
  };
}(window.planner = window.planner || {}));
