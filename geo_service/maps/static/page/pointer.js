/* Clicks and hovering on the map: the parcel under the pointer, else what lies there. */
(function (planner) {
  'use strict';
  const { data, map, el, say, light, state } = planner;

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
    if (planner.drawing) return;
    const parcels = planner.shapes.reduce((list, shape, index) => (hit(shape.feature.geometry, event) ? [...list, index] : list), []);
    const features = underPointer(event);
    if (parcels.length === 1) planner.choose(parcels[0], false);
    if (parcels.length > 1 || features.length) {
      const box = el('div');
      if (parcels.length > 1) {
        for (const index of parcels) box.append(el('p', {}, el('button', { type: 'button', class: 'link', on: { click: () => planner.choose(index, false) } }, data.parcels[index].id + ' ' + data.parcels[index].name)));
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

  function hover() {
    const tip = L.tooltip({ className: 'tip', direction: 'top', offset: [0, -4] });
    let timer = 0;
    planner.shapes.forEach((shape, index) => {
      shape.on('mouseover', () => { clearTimeout(timer); timer = setTimeout(() => {
        const parcel = data.parcels[index];
        const entry = planner.status(index);
        const words = el('div', {}, el('b', { text: parcel.id + ' ' + parcel.name }), el('div', {}, say(parcel.mu2)));
        if (entry) words.append(el('div', {}, light(entry.sign, null, 14), ' ', say(entry.words)), el('div', {}, say(parcel.problem)));
        const own = planner.cell(state.by, index);
        if (own && state.by !== 'verdict') words.append(el('div', {}, say(planner.column(state.by).short), '：', say(own.words)));
        // Near the upper edge there is no room above.
        const below = map.latLngToContainerPoint(parcel.at).y < 150;
        tip.options.direction = below ? 'bottom' : 'top';
        tip.options.offset = [0, below ? 12 : -4];
        tip.setLatLng(parcel.at).setContent(words).addTo(map);
      }, 150); });
      shape.on('mouseout', () => { clearTimeout(timer); tip.remove(); });
    });
  }

  planner.pointer = () => {
    map.on('click', clicked);
    hover();
  };
}(window.planner = window.planner || {}));
