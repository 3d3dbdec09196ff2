/* The date that is asked about: each parcel's planned notice date, or one date for all. */
(function (planner) {
  'use strict';
  const { data, el, say } = planner;

  planner.asOf = () => {
    const box = document.getElementById('as-of');
    if (!box || !data.links) return;
    const day = el('input', { type: 'date', id: 'day', required: true, 'aria-label': ['核查基准日', 'As of'] });
    day.value = data.asOf.chosen || data.asOf.fallback;
    const form = el('form', { class: 'drop' },
      el('button', { type: 'button', class: 'button', on: { click: () => go('') } }, say(['按各地块拟公告日', 'Each by its notice date'])),
      el('button', { type: 'button', class: 'button', on: { click: () => go(data.asOf.today) } }, say(['今天', 'Today'])),
      el('label', {}, say(['统一日期', 'One date for all']), day),
      el('button', { type: 'submit', class: 'button main' }, say(['按此日核查', 'Check by this date'])));
    form.addEventListener('submit', (event) => { event.preventDefault(); go(day.value); });
    box.append(form);
    document.addEventListener('click', (event) => { if (!event.target.closest('#as-of')) box.open = false; });
    box.addEventListener('keydown', (event) => { if (event.key === 'Escape' && box.open) { box.open = false; box.firstElementChild.focus(); event.stopPropagation(); } });

    function go(date) {
      planner.tell('leaving');
      const query = new URLSearchParams(location.search);
      query.delete('as_of');
      query.delete('digest');
      if (date) query.set('as_of', date);
      const hash = new URLSearchParams(location.hash.slice(1));
      hash.delete('digest');
      form.replaceChildren(el('p', { class: 'quiet', role: 'status' }, say(['正在按此日核查，请稍候…', 'Checking by this date …'])));
      location.assign(location.pathname + (query.toString() ? '?' + query : '') + (hash.toString() ? '#' + hash : ''));
      // Only the part after # may differ; then nothing would be loaded.
      if (query.toString() === new URLSearchParams(location.search).toString()) location.reload();
    }
  };
}(window.planner = window.planner || {}));
