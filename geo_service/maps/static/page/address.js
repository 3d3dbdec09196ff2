/* The address says what is on the page: whoever opens it sees the same. The date stands in the query, the rest after #. */
(function (planner) {
  'use strict';
  const { data, map, state } = planner;
  const FILTERS = { tab: 'tab', q: 'words', lack: 'lacking', watch: 'watch' };
  let ready = false;

  function written() {
    const parts = new URLSearchParams();
    const { wanted } = planner;
    if (state.chosen !== null) {
      const parcel = data.parcels[state.chosen];
      if (data.kind === 'zone') parts.set('p', parcel.id);
      if (parcel.digest) parts.set('digest', parcel.digest);
    }
    if (state.by !== 'verdict') parts.set('by', state.by);
    if (state.code !== null) parts.set('row', state.code);
    if (data.kind === 'zone') {
      for (const [name, key] of Object.entries(FILTERS)) if (wanted[key] && wanted[key] !== 'all') parts.set(name, wanted[key]);
      if (wanted.status !== null) parts.set('verdict', planner.column('verdict').legend[wanted.status].sign);
      if (wanted.least !== null) parts.set('mu', String(wanted.least));
    }
    parts.set('layers', planner.layersOn().map((number) => data.layers[number].key + (planner.opacityOf(number) < 1 ? '~' + planner.opacityOf(number) : '')).join(','));
    const centre = map.getCenter();
    parts.set('at', [centre.lat.toFixed(6), centre.lng.toFixed(6), map.getZoom().toFixed(2)].join(','));
    if (planner.english()) parts.set('words', 'en');
    return parts;
  }

  planner.remember = () => {
    if (!ready) return;
    const wanted = '#' + written();
    if (wanted !== location.hash) history.replaceState(null, '', location.pathname + location.search + wanted);
  };

  const given = new URLSearchParams(location.hash.slice(1));
  planner.given = given;
  planner.language(given.get('words') === 'en' ? 'en' : 'zh');

  /** Bring back what the address says, but for the parcel, which follows when the map stands. */
  planner.recall = () => {
    const by = planner.column(given.get('by') || '');
    if (by && by.colour && data.kind === 'zone') state.by = by.key;
    if (data.kind === 'zone') {
      const { wanted } = planner;
      if (given.has('at') || given.has('p')) wanted.tab = 'all';
      for (const [name, key] of Object.entries(FILTERS)) if (given.get(name)) wanted[key] = given.get(name);
      const place = planner.column('verdict').legend.findIndex((entry) => entry.sign === given.get('verdict'));
      if (place >= 0) wanted.status = place;
      if (Number(given.get('mu')) > 0) wanted.least = Number(given.get('mu'));
      if (!data.items.some((item) => item.code === wanted.lacking)) wanted.lacking = '';
    }
    if (given.has('layers')) {
      const on = new Map(given.get('layers').split(',').map((part) => part.split('~')));
      planner.switchLayers(data.layers.flatMap((layer, number) => (on.has(layer.key) ? [number] : [])));
      for (const number of planner.layersOn()) {
        const share = Number(on.get(data.layers[number].key));
        if (share > 0 && share < 1) planner.fade(number, share);
      }
    }
  };

  /** Go where the address says; true when it says where. */
  planner.recallView = () => {
    const [lat, lng, zoom] = (given.get('at') || '').split(',').map(Number);
    if (![lat, lng, zoom].every(Number.isFinite) || Math.abs(lat) > 90 || zoom > 22) return false;
    map.setView([lat, lng], zoom, { animate: false });
    return true;
  };

  planner.addressed = () => {
    ready = true;
    for (const event of ['choose', 'evidence', 'filter', 'by', 'layers', 'language']) planner.on(event, planner.remember);
    map.on('moveend', planner.remember);
    planner.remember();
  };
}(window.planner = window.planner || {}));
