/* The basemap under everything: none, or one that the operator registered, with its credit and approval number. */
(function (planner) {
  'use strict';
  const { data, map, el, say } = planner;
  const box = document.getElementById('layers');
  const words = (text) => [text.zh, text.en];
  let shown = null;

  function leaflet(basemap) {
    if (shown) shown.remove();
    shown = basemap && L.tileLayer(basemap.tiles, { pane: 'basemap', minZoom: basemap.least_zoom, maxNativeZoom: basemap.most_zoom, maxZoom: 22 }).addTo(map);
  }

  function choose(basemap, status, none, credit) {
    planner.basemap = basemap && basemap.id;
    if (map) leaflet(basemap);
    else planner.view.ground(basemap);
    status.replaceChildren(...(basemap ? [say([`底图 ${basemap.title.zh}（${basemap.datum}）`, `basemap ${basemap.title.en} (${basemap.datum})`])] : none));
    credit.replaceChildren(...(basemap ? [say(words(basemap.credit))] : []));
    credit.hidden = !basemap;
    if (map) map.invalidateSize({ animate: false });
  }

  /** Offer the basemaps below the layers, which the page lists first. */
  function offer() {
    if (map) {
      map.createPane('basemap').style.zIndex = 150;
      map.getPane('basemap').style.pointerEvents = 'none';
    }
    const status = document.querySelector('.map .status > span:last-child');
    const none = [...status.childNodes];
    const credit = el('p', { class: 'credits', id: 'basemap-credit', hidden: true });
    document.querySelector('.map .status').before(credit);
    box.append(el('h2', {}, say(['底图', 'Basemap'])));
    for (const basemap of [null, ...data.basemaps]) {
      const tick = el('input', { type: 'radio', name: 'basemap', on: { change: () => choose(basemap, status, none, credit) } });
      tick.checked = !basemap;
      box.append(el('label', { class: 'every' }, tick, el('span', {}, say(basemap ? words(basemap.title) : ['无', 'none']))));
    }
  }

  if (box && (data.basemaps || []).length) window.addEventListener('load', offer);
}(window.planner = window.planner || {}));
