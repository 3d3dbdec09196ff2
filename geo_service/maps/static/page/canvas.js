/* The map of the tiled page, drawn by Leaflet: parcels and layers from vector tiles, each tile one canvas. */
(function (planner) {
  'use strict';
  const { data, map, state, el, say } = planner;
  const SCALE = Math.min(window.devicePixelRatio || 1, 2);
  const SIZE = 256;
  const signs = Object.fromEntries(data.statuses.map((entry) => [entry.status, entry.sign]));
  const hatches = {};

  const Tiles = L.GridLayer.extend({
    options: { tileSize: SIZE, updateWhenIdle: false, keepBuffer: 1 },
    initialize(name, paint, pane) {
      L.setOptions(this, { pane });
      this._name = name;
      this._paint = paint;
    },
    createTile(coords, done) {
      const tile = document.createElement('canvas');
      tile.width = SIZE * SCALE;
      tile.height = SIZE * SCALE;
      tile.features = {};
      tile.gone = new AbortController();
      fetch(planner.tileAddress(this._name, coords), { signal: tile.gone.signal })
        .then((answer) => (answer.status === 204 ? null : answer.ok ? answer.arrayBuffer() : Promise.reject(new Error(String(answer.status)))))
        .then((buffer) => {
          if (buffer) tile.features = planner.readTile(buffer, SIZE);
          this.repaint(tile);
          done(null, tile);
        })
        .catch((error) => { if (error.name !== 'AbortError') done(error, tile); });
      return tile;
    },
    repaint(tile) {
      const pen = tile.getContext('2d');
      pen.setTransform(SCALE, 0, 0, SCALE, 0, 0);
      pen.clearRect(0, 0, SIZE, SIZE);
      for (const features of Object.values(tile.features)) this._paint(pen, features, features.length > 0 && features[0].counted);
    },
    everyTile() {
      return Object.values(this._tiles || {}).map((entry) => entry.el).filter((tile) => tile.features);
    },
    again() {
      for (const tile of this.everyTile()) this.repaint(tile);
    },
    /** The feature under a place. */
    at(latlng) {
      const zoom = this._tileZoom;
      if (zoom === undefined) return null;
      const place = map.project(latlng, zoom);
      const corner = place.divideBy(SIZE).floor();
      const entry = this._tiles[`${corner.x}:${corner.y}:${zoom}`];
      if (!entry || !entry.el.features) return null;
      const inside = place.subtract(corner.multiplyBy(SIZE));
      const pen = entry.el.getContext('2d');
      pen.save();
      pen.setTransform(1, 0, 0, 1, 0, 0);
      const found = Object.values(entry.el.features).flat().find(({ box, path }) => box[0] <= inside.x && box[2] >= inside.x
        && box[1] <= inside.y && box[3] >= inside.y && pen.isPointInPath(path, inside.x, inside.y));
      pen.restore();
      return found || null;
    },
  });

  function hatch(pen, sign) {
    if (!hatches[sign]) {
      hatches[sign] = pen.createPattern(planner.hatch(sign, SCALE), 'repeat');
      hatches[sign].setTransform(new DOMMatrix().scale(1 / SCALE));
    }
    return hatches[sign];
  }

  /** Small squares: from the bottom up as much of each colour as there are parcels of it, so that none hides another. */
  function counted(pen, features) {
    for (const { box, properties } of features) {
      const [west, north, east, south] = box;
      let left = properties.n;
      let foot = south;
      for (const { status, sign } of data.statuses) {
        const own = status === planner.NOT_YET ? left : properties[status] || 0;
        left -= own;
        if (!own || (planner.filter.status && planner.filter.status !== status)) continue;
        const high = (south - north) * own / properties.n;
        pen.fillStyle = planner.groundOf(sign);
        pen.fillRect(west, foot - high, east - west, high);
        foot -= high;
      }
    }
  }

  function parcels(pen, features, many) {
    if (many) { counted(pen, features); return; }
    for (const { path, box, properties } of features) {
      const status = properties.verdict || planner.NOT_YET;
      const sign = signs[status];
      const shown = !planner.filter.status || planner.filter.status === status;
      const small = box[2] - box[0] < 12 && box[3] - box[1] < 12;
      pen.fillStyle = shown ? (small ? planner.groundOf(sign) : hatch(pen, sign)) : 'rgba(255,255,255,0)';
      if (shown) pen.fill(path);
      pen.strokeStyle = shown ? planner.lineOf(sign) : '#B9C1C7';
      pen.lineWidth = small ? 0.5 : 1;
      pen.stroke(path);
      if (properties.id === state.chosen) {
        pen.strokeStyle = '#FFFFFF'; pen.lineWidth = 6; pen.stroke(path);
        pen.strokeStyle = '#1B242B'; pen.lineWidth = 3; pen.stroke(path);
      }
    }
  }

  function plain(layer) {
    return (pen, features, many) => {
      pen.strokeStyle = layer.zone ? '#1B242B' : layer.color;
      pen.fillStyle = layer.color;
      pen.lineWidth = layer.zone ? 2 : 1.4;
      for (const { path, kind, properties } of features) {
        if (!layer.zone && kind !== 2) { pen.globalAlpha = many ? Math.min(0.2 + properties.n / 50, 0.8) : 0.16; pen.fill(path); pen.globalAlpha = 1; }
        if (!many) pen.stroke(path);
      }
    };
  }

  for (const [name, level] of [['parcels', 400], ['layers', 450]]) map.createPane(name).style.zIndex = level;
  map.getPane('layers').style.pointerEvents = 'none';
  planner.controls();
  planner.whole();
  const own = new Tiles('verdicts', parcels, 'parcels').addTo(map);
  const others = new Map();

  planner.view = {
    painted: new Promise((done) => { own.once('load', done); }),
    seen: planner.seen,
    repaint: () => own.again(),
    locate: ([west, south, east, north]) => map.fitBounds(L.latLngBounds([south, west], [north, east]).pad(0.8), { animate: false, maxZoom: 18 }),
    whole: () => planner.whole(),
    resized: () => map.invalidateSize({ animate: false }),
    show(layer, on) {
      if (on && !others.has(layer.id)) others.set(layer.id, new Tiles(layer.id, plain(layer), 'layers').addTo(map));
      else if (!on && others.has(layer.id)) { others.get(layer.id).remove(); others.delete(layer.id); }
    },
    remembered: () => [map.getCenter().lat.toFixed(6), map.getCenter().lng.toFixed(6), map.getZoom()].join(','),
    recall: (lat, lng, zoom) => map.setView([lat, lng], zoom, { animate: false }),
  };

  // ---- Pointer ----------------------------------------------------------------------------------------------------

  const tip = L.tooltip({ className: 'tip', direction: 'top', offset: [0, -6] });
  map.on('click', (event) => planner.pressed(own.at(event.latlng), [event.latlng.lng, event.latlng.lat]));
  let waiting = 0;
  map.on('mousemove', (event) => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      const found = own.at(event.latlng);
      map.getContainer().style.cursor = found ? 'pointer' : '';
      if (!found) { tip.remove(); return; }
      tip.setLatLng(event.latlng).setContent(el('div', {}, ...planner.tipOf(found).map((line) => el('div', {}, say(line))))).addTo(map);
    });
  });
  map.on('mouseout', () => { cancelAnimationFrame(waiting); tip.remove(); });
  map.on('moveend', () => planner.tell('moved'));
}(window.planner = window.planner || {}));
