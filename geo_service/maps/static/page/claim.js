/* The form by which a claim is entered: one paper for one service of one parcel. */
(function (planner) {
  'use strict';
  const { data, el, say, panel } = planner;

  const KINDS = [['permanent', ['永久', 'permanent']], ['temporary', ['临时', 'temporary']]];
  const REACHES = [['to_boundary', ['已通至宗地红线', 'reaches the parcel boundary']], ['planned', ['在建/已列计划', 'planned or under construction']]];

  function field(name, words, input, planned) {
    input.id = 'claim-' + name;
    input.name = name;
    return el('div', { class: planned ? 'planned' : null }, el('label', { for: input.id }, say(words)), input);
  }

  function choice(options, chosen) {
    const box = el('select', {}, ...options.map(([value, words]) => planner.option(value, words)));
    if (chosen) box.value = chosen;
    return box;
  }

  /** Open the form in the panel; ``service`` is chosen ahead when it is known. */
  planner.claim = (index, card, service) => {
    const before = card.verdict;
    const services = card.sections.find((part) => part.key === 'readiness').items.map((item) => [item.code, item.name]);
    const reach = choice(REACHES);
    const said = el('div', { role: 'alert' });
    const input = (type, required) => el('input', { type, required, maxlength: type === 'text' ? 200 : null, step: type === 'number' ? 'any' : null });
    const form = el('form', { class: 'claim', 'aria-label': ['登记证明材料', 'Register a claim'] },
      el('h3', {}, say(['登记证明材料', 'Register a claim']), ' ', el('span', { text: card.id })),
      field('service', ['事项', 'Service'], choice(services, service)),
      field('reach', ['情形', 'State'], reach),
      field('kind', ['期限', 'Kind'], choice(KINDS)),
      field('document', ['证明文号', 'Document no.'], input('text', true)),
      field('issuer', ['出具单位', 'Issued by'], input('text', true)),
      field('dated_on', ['出具日期', 'Dated'], input('date', true)),
      field('valid_to', ['有效期至（可空）', 'Valid to (optional)'], input('date', false)),
      field('capacity', ['容量（按该项规则的单位，可空）', 'Capacity (unit of the rule, optional)'], input('number', false)),
      field('due_on', ['到位日期', 'Due on'], input('date', false), true),
      field('funded', ['资金已落实', 'Funded'], choice([['', ['不明', 'not known']], ['true', ['是', 'yes']], ['false', ['否', 'no']]]), true),
      field('entered_by', ['登记人', 'Entered by'], input('text', true)),
      field('reviewed_by', ['复核人', 'Reviewed by'], input('text', true)),
      said,
      el('div', { class: 'buttons' }, el('button', { type: 'submit', class: 'button main' }, say(['登记并重新核查', 'Register and check again'])),
        el('button', { type: 'button', class: 'button', on: { click: () => planner.choose(index) } }, say(['取消', 'Cancel']))));
    const follow = () => form.classList.toggle('with-plan', reach.value === 'planned');
    reach.addEventListener('change', follow);
    follow();
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
      if (body.capacity !== undefined) body.capacity = Number(body.capacity);
      if (body.funded !== undefined) body.funded = body.funded === 'true';
      if (body.reach !== 'planned') for (const name of ['due_on', 'funded']) delete body[name];
      try {
        const answer = await fetch(`/parcels/${encodeURIComponent(card.id)}/claims${planner.dated()}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
        planner.changed(index, await planner.json(answer), before);
      } catch (error) {
        said.replaceChildren(planner.refusal(planner.trouble(error)));
      }
    });
    panel.replaceChildren(form);
    form.querySelector('select').focus();
  };

  /** Take over what a claim changed: the parcel in list and map, its panel, and a word on what became of the verdict. */
  planner.changed = async (index, found, before) => {
    Object.assign(data.parcels[index], found.entry);
    for (const [key, cell, legend] of found.cells) {
      const column = planner.column(key);
      const place = column.legend.findIndex((entry) => entry.words[0] === legend.words[0] && entry.sign === legend.sign);
      const old = column.cells[index];
      if (old) column.legend[old[0]].count -= 1;
      if (place < 0) column.legend.push({ ...legend, count: 1 });
      else column.legend[place].count += 1;
      column.cells[index] = [place < 0 ? column.legend.length - 1 : place, ...cell.slice(1)];
    }
    planner.forget(index);
    if (data.cards) data.cards[index] = null;
    planner.tell('counted');
    planner.tell('filter');
    await planner.choose(index);
    const after = found.status;
    const words = before.words[0] === after[0]
      ? ['已登记。结论仍为“' + after[0] + '”', 'Registered. The verdict is still "' + after[1] + '"']
      : [`已登记。结论由“${before.words[0]}”变为“${after[0]}”`, `Registered. The verdict went from "${before.words[1]}" to "${after[1]}"`];
    panel.querySelector('.head').after(el('div', { class: 'newer', role: 'status' }, planner.light('note', null, 16), el('b', {}, say(words))));
  };
}(window.planner = window.planner || {}));
