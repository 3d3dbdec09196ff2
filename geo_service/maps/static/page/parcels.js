/* Parcels on the map: their colours, the labels on them, and the outline of the one that is chosen. */
(function (planner) {
  'use strict';
  const { data, map, state, el } = planner;

  const OUTLINE = { fillOpacity: 0, color: '#7B8790', weight: 1, dashArray: null, opacity: 1 };
  const shapes = [];
  window.geo_json_parcels.eachLayer((layer) => { shapes[layer.feature.properties.i] = layer; });
  planner.shapes = shapes;

  function paint() {
    shapes.forEach((shape, index) => {
      const entry = planner.cell(state.by, index);
      if (!entry || !planner.passes(index)) {
        shape.setStyle(OUTLINE);
        return;
      }
      const style = planner.paintOf(entry);
      shape.setStyle({ fillColor: style.fill, fillOpacity: 1, color: style.line, weight: 1.5, opacity: 1, dashArray: style.dash || null });
    });
    label();
  }

  // ---- Labels -----------------------------------------------------------------------------------------------------

  const labelPane = map.createPane('names');
  labelPane.style.zIndex = 640;
  labelPane.style.pointerEvents = 'none';

  function label() {
    const view = map.getBounds();
    const taken = [];
    const order = data.parcels.map((_, index) => index);
    if (state.chosen !== null) order.sort((a, b) => (b === state.chosen) - (a === state.chosen));
    const made = [];
    for (const index of order) {
      const shape = shapes[index];
      if (!planner.passes(index) || !view.intersects(shape.getBounds())) continue;
      const box = L.bounds(map.latLngToLayerPoint(shape.getBounds().getNorthWest()), map.latLngToLayerPoint(shape.getBounds().getSouthEast()));
      const size = box.getSize();
      const chosen = index === state.chosen;
      if (!chosen && (size.x < 46 || size.y < 26)) continue;
      const parcel = data.parcels[index];
      const entry = planner.cell(state.by, index);
      const second = planner.now(state.by === 'verdict' || !entry ? (chosen ? parcel.mu2 : parcel.mu) : entry.words);
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

  // ---- The chosen parcel ------------------------------------------------------------------------------------------

  map.createPane('chosen').style.zIndex = 470;
  map.getPane('chosen').style.pointerEvents = 'none';
  const chosenGroup = L.layerGroup().addTo(map);

  function outline() {
    chosenGroup.clearLayers();
    if (state.chosen === null) return;
    const geometry = shapes[state.chosen].feature.geometry;
    for (const style of [{ color: '#FFFFFF', weight: 7 }, { color: '#1B242B', weight: 3.2 }]) {
      chosenGroup.addLayer(L.geoJSON(geometry, { pane: 'chosen', interactive: false, fill: false, ...style }));
    }
  }

  planner.locate = (index) => map.fitBounds(shapes[index].getBounds().pad(0.5), { animate: false, maxZoom: 18 });

  planner.on('filter', paint);
  planner.on('by', paint);
  planner.on('choose', () => { outline(); label(); });
  planner.on('language', label);
  map.on('zoomend moveend resize', label);
}(window.planner = window.planner || {}));
