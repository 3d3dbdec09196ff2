/* What stands on the map: zoom, whole view, scale, north, and the line at its foot. */
(function (planner) {
  'use strict';
  const { data, map, el, svg, say } = planner;

  planner.whole = () => {
    if (!data.bounds) return;
    // Steps of zoom would leave a rim of up to a sixth of the map.
    const snap = map.options.zoomSnap;
    map.options.zoomSnap = 0;
    map.fitBounds(L.latLngBounds(data.bounds).pad(data.kind === 'parcel' ? 0.35 : 0), { animate: false, maxZoom: 18, padding: [12, 12] });
    map.options.zoomSnap = snap;
  };

  function zoom() {
    L.control.zoom({ position: 'topright', zoomInTitle: '', zoomOutTitle: '', zoomInText: '+', zoomOutText: '−' }).addTo(map);
    for (const [name, words] of [['in', ['放大', 'Zoom in']], ['out', ['缩小', 'Zoom out']]]) {
      const link = map.getContainer().querySelector('.leaflet-control-zoom-' + name);
      planner.attribute(link, 'title', words);
      planner.attribute(link, 'aria-label', words);
    }
    const Whole = L.Control.extend({
      onAdd() {
        const box = el('div', { class: 'leaflet-bar' });
        const words = ['全图', 'Whole view'];
        const path = svg('path', { d: 'M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4 });
        L.DomEvent.disableClickPropagation(box);
        box.append(el('a', { href: '#', role: 'button', title: words, 'aria-label': words, on: { click: (event) => { event.preventDefault(); planner.whole(); } } },
          svg('svg', { width: 16, height: 16, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, path)));
        return box;
      },
    });
    new Whole({ position: 'topright' }).addTo(map);
  }

  function north() {
    const North = L.Control.extend({
      onAdd: () => el('div', { class: 'north', role: 'img', 'aria-label': ['上北', 'North is up'] },
        svg('svg', { width: 22, height: 34, viewBox: '0 0 22 34', 'aria-hidden': 'true' },
          svg('path', { d: 'M11 12l6 18-6-5-6 5z', fill: '#1B242B' }), svg('path', { d: 'M7.5 9V2l7 7V2', fill: 'none', stroke: '#1B242B', 'stroke-width': 1.4 }))),
    });
    new North({ position: 'bottomright' }).addTo(map);
    L.control.scale({ position: 'bottomleft', metric: true, imperial: false, maxWidth: 160 }).addTo(map);
  }

  function status() {
    const cursor = document.getElementById('cursor');
    const scale = document.getElementById('scale');
    document.getElementById('crs').append(say(data.crs));
    map.on('mousemove', (event) => {
      const { lat, lng } = event.latlng.wrap();
      const zh = `${lng < 0 ? '西经' : '东经'} ${Math.abs(lng).toFixed(5)}°  ${lat < 0 ? '南纬' : '北纬'} ${Math.abs(lat).toFixed(5)}°`;
      const en = `${Math.abs(lng).toFixed(5)}° ${lng < 0 ? 'W' : 'E'}  ${Math.abs(lat).toFixed(5)}° ${lat < 0 ? 'S' : 'N'}`;
      cursor.textContent = planner.now([zh, en]);
    });
    function ratio() {
      const size = map.getSize();
      const metres = map.distance(map.containerPointToLatLng([0, size.y / 2]), map.containerPointToLatLng([100, size.y / 2])) / 100;
      scale.textContent = '1 : ' + planner.grouped(Number((metres / 0.00026458).toPrecision(2)), 0);
    }
    map.on('zoomend moveend resize', ratio);
  }

  planner.controls = () => {
    zoom();
    north();
    status();
    planner.attribute(map.getContainer(), 'aria-label', ['地图，方向键平移，加减号缩放', 'Map; arrows pan, plus and minus zoom']);
    map.getContainer().setAttribute('role', 'application');
  };
}(window.planner = window.planner || {}));
