/* The map of the tiled page, drawn by MapLibre GL: for very many parcels; without WebGL the page is drawn on canvases. */
(function (planner) {
  'use strict';
  const { data, state, el, say } = planner;
  const SCALE = Math.min(window.devicePixelRatio || 1, 2);
  const none = { type: 'FeatureCollection', features: [] };
  let map = null;
  let pieces = [];
  let painted;
  // By its id the browser takes the place of the map for the map.
  planner.map = null;

  const test = document.createElement('canvas').getContext('webgl2');
  if (!test) {
    const query = new URLSearchParams(location.search);
    query.set('draw', 'canvas');
    location.replace(location.pathname + '?' + query + location.hash);
  } else {
    const lost = test.getExtension('WEBGL_lose_context');
    if (lost) lost.loseContext();
  }

  const source = (name) => ({ type: 'vector', tiles: [location.origin + planner.tileAddress(name, { x: '{x}', y: '{y}', z: '{z}' })], minzoom: 0, maxzoom: 18 });

  const status = ['coalesce', ['get', 'verdict'], planner.NOT_YET];
  const match = (of) => ['match', status, ...data.statuses.flatMap((entry) => [entry.status, of(entry)]), of(data.statuses[data.statuses.length - 1])];
  const some = (name) => ['>', ['coalesce', ['get', name], 0], 0];
  const WORST = ['not_ready', 'undetermined', 'conditional', 'ready'];
  const worst = ['case', ...WORST.flatMap((name) => [some(name), planner.groundOf(data.statuses.find((entry) => entry.status === name).sign)]), '#C6CDD2'];

  function parcelsFilter() {
    return planner.filter.status ? ['==', status, planner.filter.status] : ['literal', true];
  }

  function countsFilter() {
    const wanted = planner.filter.status;
    if (!wanted) return ['literal', true];
    if (wanted !== planner.NOT_YET) return some(wanted);
    return ['>', ['get', 'n'], ['+', ...WORST.map((name) => ['coalesce', ['get', name], 0])]];
  }

  function style() {
    const layer = (id, type, more) => ({ id, type, source: 'verdicts', 'source-layer': data.parcels, ...more });
    return {
      version: 8,
      sources: { verdicts: source('verdicts'), evidence: { type: 'geojson', data: none } },
      layers: [
        { id: 'paper', type: 'background', paint: { 'background-color': '#F1F0EB' } },
        layer('counts', 'fill', { 'source-layer': data.parcels + '_counts', filter: countsFilter(), paint: { 'fill-color': worst, 'fill-antialias': false, 'fill-opacity': 0.9 } }),
        layer('fills', 'fill', { filter: parcelsFilter(), paint: { 'fill-pattern': match((entry) => 'h-' + entry.sign) } }),
        layer('outlines', 'line', { paint: { 'line-color': match((entry) => planner.lineOf(entry.sign)), 'line-width': ['interpolate', ['linear'], ['zoom'], 11, 0.3, 15, 1.2] } }),
        layer('chosen-casing', 'line', { filter: ['literal', false], paint: { 'line-color': '#FFFFFF', 'line-width': 7 } }),
        layer('chosen', 'line', { filter: ['literal', false], paint: { 'line-color': '#1B242B', 'line-width': 3.2 } }),
        { id: 'evidence-casing', type: 'line', source: 'evidence', paint: { 'line-color': '#FFFFFF', 'line-width': 5 } },
        { id: 'evidence-fill', type: 'fill', source: 'evidence', paint: { 'fill-color': '#7A1F5C', 'fill-opacity': 0.35 } },
        { id: 'evidence-line', type: 'line', source: 'evidence', paint: { 'line-color': '#7A1F5C', 'line-width': 2 } },
        { id: 'evidence-ring', type: 'circle', source: 'evidence', maxzoom: 14, paint: { 'circle-radius': 9, 'circle-opacity': 0, 'circle-stroke-color': '#7A1F5C', 'circle-stroke-width': 2 } },
      ],
    };
  }

  document.getElementById('crs').append(say(data.crs));
  // Who leaves for the canvases begins nothing here.
  const begun = !test ? new Promise(() => {}) : import('/static/maplibre-gl/maplibre-gl.mjs').then((gl) => {
    const [[south, west], [north, east]] = data.bounds || [[-60, -180], [60, 180]];
    const words = planner.english() ? { in: 'Zoom in', out: 'Zoom out', map: 'Map' } : { in: '放大', out: '缩小', map: '地图' };
    map = new gl.Map({
      container: 'map_main', style: style(), bounds: [west, south, east, north], fitBoundsOptions: { padding: 12 }, maxZoom: 22, attributionControl: false,
      dragRotate: false, pitchWithRotate: false, fadeDuration: 0, renderWorldCopies: false, maxTileCacheSize: 32,
      locale: { 'NavigationControl.ZoomIn': words.in, 'NavigationControl.ZoomOut': words.out, 'Map.Title': words.map },
    });
    map.touchZoomRotate.disableRotation();
    map.addControl(new gl.NavigationControl({ showCompass: false }), 'top-right');
    map.addControl(new gl.ScaleControl({ unit: 'metric', maxWidth: 160 }), 'bottom-left');
    // Hatches are drawn when a tile asks for them, because tiles are there before the style is.
    map.setMissingStyleImageResolver((id) => {
      const square = planner.hatch(id.slice(2), SCALE);
      if (!map.hasImage(id)) map.addImage(id, square.getContext('2d').getImageData(0, 0, square.width, square.height), { pixelRatio: SCALE });
    });
    pointer(gl);
    map.on('moveend', () => planner.tell('moved'));
    planner.shown = map;
    return new Promise((done) => { map.once('load', () => done(gl)); });
  });

  /** What changes the map waits until there is one. */
  const then = (act) => begun.then((gl) => act(gl));

  planner.view = {
    painted: new Promise((done) => { painted = done; }),
    repaint: () => then(() => {
      map.setFilter('fills', parcelsFilter());
      map.setFilter('counts', countsFilter());
      const own = state.chosen === null ? ['literal', false] : ['==', ['get', 'id'], state.chosen];
      map.setFilter('chosen-casing', own);
      map.setFilter('chosen', own);
    }),
    locate: ([west, south, east, north]) => then(() => map.fitBounds([[west, south], [east, north]], { padding: 120, maxZoom: 17, animate: false })),
    resized: () => then(() => map.resize()),
    show: (layer, on) => then(() => show(layer, on)),
    ground: (basemap) => then(() => {
      if (map.getLayer('ground')) { map.removeLayer('ground'); map.removeSource('ground'); }
      if (!basemap) return;
      map.addSource('ground', { type: 'raster', tiles: [location.origin + basemap.tiles], tileSize: 256, minzoom: basemap.least_zoom, maxzoom: basemap.most_zoom });
      map.addLayer({ id: 'ground', type: 'raster', source: 'ground' }, 'counts');
    }),
    seen: () => map.getBounds().toArray().flat(),
    remembered: () => (map ? [map.getCenter().lat.toFixed(6), map.getCenter().lng.toFixed(6), (map.getZoom() + 1).toFixed(2)].join(',') : ''),
    // Its tiles are twice as wide, so its zooms are one less.
    recall: (lat, lng, zoom) => then(() => map.jumpTo({ center: [lng, lat], zoom: zoom - 1 })),
  };
  then(() => {
    const ready = () => {
      if (!map.areTilesLoaded()) return;
      map.off('render', ready);
      requestAnimationFrame(() => painted());
    };
    map.on('render', ready);
    map.triggerRepaint();
  });

  function show(layer, on) {
    const ids = ['fill', 'line'].map((kind) => `${layer.id}-${kind}`);
    if (!on) {
      for (const id of ids) if (map.getLayer(id)) map.removeLayer(id);
      if (map.getSource(layer.id)) map.removeSource(layer.id);
      return;
    }
    if (map.getSource(layer.id)) return;
    map.addSource(layer.id, source(layer.id));
    const colour = layer.zone ? '#1B242B' : layer.color;
    const polygons = ['==', ['geometry-type'], 'Polygon'];
    if (!layer.zone) map.addLayer({ id: ids[0], type: 'fill', source: layer.id, 'source-layer': layer.id, filter: polygons, paint: { 'fill-color': colour, 'fill-opacity': 0.16 } }, 'evidence-casing');
    map.addLayer({ id: ids[1], type: 'line', source: layer.id, 'source-layer': layer.id, paint: { 'line-color': colour, 'line-width': layer.zone ? 2 : 1.4 } }, 'evidence-casing');
  }

  // ---- Evidence ---------------------------------------------------------------------------------------------------

  planner.stand = (found) => { pieces = found || []; };
  planner.located = (code) => Boolean(code) && pieces.some((piece) => piece.code === code);
  planner.evidence = (code, move) => {
    state.code = code;
    const marks = code === null ? [] : pieces.filter((piece) => piece.code === code);
    for (const row of document.querySelectorAll('.row')) row.classList.toggle('chosen', code !== null && row.dataset.code === code);
    then((gl) => {
      map.getSource('evidence').setData({ type: 'FeatureCollection', features: marks.map((piece) => ({ type: 'Feature', properties: {}, geometry: piece.geometry })) });
      if (!move || !marks.length) return;
      const bounds = new gl.LngLatBounds();
      const walk = (part) => { if (typeof part[0] === 'number') bounds.extend(part); else part.forEach(walk); };
      for (const { geometry } of marks) (geometry.geometries || [geometry]).forEach((one) => walk(one.coordinates));
      map.fitBounds(bounds, { padding: 140, maxZoom: 18, animate: false });
    });
    planner.tell('evidence');
  };

  // ---- Pointer ----------------------------------------------------------------------------------------------------

  function pointer(gl) {
    const tip = new gl.Popup({ closeButton: false, closeOnClick: false, offset: 10, className: 'tip' });
    const under = (event) => {
      const [found] = map.queryRenderedFeatures(event.point, { layers: ['fills', 'outlines', 'counts'].filter((id) => map.getLayer(id)) });
      return found ? { properties: found.properties, counted: found.layer.id === 'counts' } : null;
    };
    map.on('click', (event) => planner.pressed(under(event), [event.lngLat.lng, event.lngLat.lat]));
    map.on('mousemove', (event) => {
      const { lat, lng } = event.lngLat;
      document.getElementById('cursor').textContent = planner.now([`东经 ${lng.toFixed(5)}°  北纬 ${lat.toFixed(5)}°`, `${lng.toFixed(5)}° E  ${lat.toFixed(5)}° N`]);
      const found = under(event);
      map.getCanvas().style.cursor = found ? 'pointer' : '';
      if (!found) { tip.remove(); return; }
      tip.setLngLat(event.lngLat).setDOMContent(el('div', {}, ...planner.tipOf(found).map((line) => el('div', {}, say(line))))).addTo(map);
    });
    map.on('mouseout', () => tip.remove());
  }
}(window.planner = window.planner || {}));
