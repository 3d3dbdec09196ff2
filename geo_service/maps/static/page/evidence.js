/* The ground that a row of the panel rests on: hatched in one colour of its own, with a call-out, ringed where small. */
(function (planner) {
  'use strict';
  const { map, state, el, say } = planner;

  map.createPane('evidence').style.zIndex = 480;
  map.getPane('evidence').style.pointerEvents = 'none';
  const ground = L.layerGroup().addTo(map);
  const rings = L.layerGroup().addTo(map);
  let pieces = [];
  let marks = [];

  /* A piece of a few square metres is found by the ring around it. */
  function ringed() {
    rings.clearLayers();
    for (const piece of marks) {
      const bounds = L.geoJSON(piece.geometry).getBounds();
      const size = map.latLngToLayerPoint(bounds.getSouthEast()).subtract(map.latLngToLayerPoint(bounds.getNorthWest()));
      if (Math.max(size.x, size.y) >= 10) continue;
      for (const style of [{ color: '#FFFFFF', weight: 5 }, { color: '#7A1F5C', weight: 2.4 }]) {
        rings.addLayer(L.circleMarker(bounds.getCenter(), { pane: 'evidence', interactive: false, fill: false, radius: 10, ...style }));
      }
    }
  }

  /** Take over the pieces of the parcel that the panel shows. */
  planner.stand = (found) => { pieces = found || []; };

  planner.located = (code) => Boolean(code) && pieces.some((piece) => piece.code === code);

  /** Show what a row rests on; ``move`` also goes there. */
  planner.evidence = (code, move) => {
    ground.clearLayers();
    state.code = code;
    marks = code === null ? [] : pieces.filter((piece) => piece.code === code);
    const bounds = L.latLngBounds([]);
    for (const piece of marks) {
      for (const style of [{ color: '#FFFFFF', weight: 5, fill: false }, { color: '#7A1F5C', weight: 1.8, fillColor: 'url(#h-evidence)', fillOpacity: 1 }]) {
        const shape = L.geoJSON(piece.geometry, { pane: 'evidence', interactive: false, ...style });
        ground.addLayer(shape);
        bounds.extend(shape.getBounds());
      }
    }
    ringed();
    for (const row of document.querySelectorAll('.row')) row.classList.toggle('chosen', code !== null && row.dataset.code === code);
    if (marks.length) {
      const [largest] = marks;
      const words = el('div', {}, el('b', {}, say(largest.title)), el('span', {}, say(largest.area)));
      const tip = L.tooltip({ permanent: true, direction: 'bottom', className: 'callout', pane: 'popupPane', offset: [0, 10] });
      ground.addLayer(tip.setLatLng(L.geoJSON(largest.geometry).getBounds().getCenter()).setContent(words));
    }
    if (move && bounds.isValid()) map.fitBounds(bounds.pad(0.6), { animate: false, maxZoom: 19 });
    planner.tell('evidence');
  };

  map.on('zoomend', ringed);
}(window.planner = window.planner || {}));
