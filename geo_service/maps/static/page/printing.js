/* The map on paper: which sheet it is to be, then the sheet itself. */
(function (planner) {
  'use strict';
  const { data, el, say, icon } = planner;
  const SHEET = 'M4 6V2h8v4M4 12H2V6h12v6h-2M4 9h8v5H4z';
  const CHOICES = [
    ['paper', ['纸张', 'Paper'], [['A4', ['A4', 'A4']], ['A3', ['A3', 'A3']]]],
    ['orientation', ['方向', 'Orientation'], [['landscape', ['横向', 'landscape']], ['portrait', ['纵向', 'portrait']]]],
  ];

  function choice([name, title, values]) {
    const box = el('select', { name }, ...values.map(([value, words]) => el('option', { value, 'data-words': JSON.stringify(words), text: planner.now(words) })));
    return [box, el('label', {}, say(title), box)];
  }

  /** What a sheet shows beside the parcels: the date, the language, the basemap, and layers that were switched on. */
  planner.onSheets = () => {
    const found = { lang: planner.english() ? 'en' : 'zh' };
    const layers = planner.layersShown();
    if (layers.length) found.layers = layers.join(',');
    if (planner.basemap) found.basemap = planner.basemap;
    return found;
  };

  /** A button that asks for paper, and a sheet of it. ``path``: of the map sheet; ``more``: what else it is to show. */
  planner.printer = (path, more) => {
    const choices = CHOICES.map(choice);
    const go = el('button', { type: 'submit', class: 'button main' }, say(['打开图纸', 'Open the sheet']));
    const said = el('p', { class: 'quiet', role: 'status', hidden: true });
    const form = el('form', { class: 'drop' }, ...choices.map(([, label]) => label), go, said);
    const box = el('details', { class: 'printer' }, el('summary', { class: 'button' }, icon(SHEET), el('span', {}, say(['打印地图', 'Print the map']))), form);
    const tell = (words) => { said.hidden = !words; said.replaceChildren(...(words ? [say(words)] : [])); };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      go.disabled = true;
      tell(['正在制图…', 'Drawing …']);
      const query = { ...planner.onSheets(), ...more(), ...Object.fromEntries(choices.map(([select]) => [select.name, select.value])) };
      const address = path + planner.dated(query);
      try {
        // Drawn now, and kept for the visit that follows; what is refused is told here.
        const answer = await fetch(address);
        if (!answer.ok) await planner.json(answer);
        tell(null);
        location.assign(address);
      } catch (error) {
        const trouble = planner.trouble(error);
        tell(planner.joined([trouble.words, trouble.next], '；'));
      } finally {
        go.disabled = false;
      }
    });
    planner.on('language', () => { for (const entry of form.querySelectorAll('option')) entry.textContent = planner.now(JSON.parse(entry.dataset.words)); });
    document.addEventListener('click', (event) => { if (!box.contains(event.target)) box.open = false; });
    box.addEventListener('keydown', (event) => { if (event.key === 'Escape' && box.open) { box.open = false; box.firstElementChild.focus(); event.stopPropagation(); } });
    return box;
  };

  /** The printer of what is in view stands over the map; ``seen`` gives west, south, east and north. */
  planner.printing = (seen) => {
    const over = document.querySelector('.map .over');
    if (over && data.links) over.append(planner.printer('/map-sheet', () => ({ bbox: seen().map((degree) => degree.toFixed(6)).join(',') })));
  };

  planner.seen = () => {
    const bounds = planner.map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  };
}(window.planner = window.planner || {}));
