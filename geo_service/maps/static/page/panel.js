/* The panel: what was concluded of one parcel, in the order in which a planner reads it. */
(function (planner) {
  'use strict';
  const { el, svg, say, light, icon, state } = planner;
  const panel = document.getElementById('panel');
  const CROSS = 'M3.5 3.5l9 9M12.5 3.5l-9 9';
  const TARGET = 'M8 1v3M8 12v3M1 8h3M12 8h3M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 0 0 0-5.6';

  planner.panel = panel;
  planner.icons = { CROSS, TARGET };

  planner.tool = (name, path, act) => el('button', { type: 'button', title: name, 'aria-label': name, on: { click: act } }, icon(path));

  /**
   * Fill the panel with a card.
   * locate: goes to the parcel; close: closes the panel, where it can be closed; foot: nodes below the sections;
   * claim: opens the form for a service, where claims may be entered.
   */
  planner.show = (card, { locate, close, foot, notice, claim }) => {
    const sections = el('div', { class: 'sections', tabindex: 0, role: 'group', 'aria-label': ['核查意见', 'Findings'] });
    for (const part of card.sections) sections.append(section(part, claim));
    panel.replaceChildren(head(card, locate, close), ...(notice ? [notice] : []), verdict(card.verdict), sections, ...(foot ? [foot] : []));
  };

  /** While nothing is known yet: whose result is being read, and nothing of the one before. */
  planner.waiting = (title, close) => {
    const words = el('p', { class: 'quiet', role: 'status' });
    panel.replaceChildren(el('div', { class: 'head' }, el('h2', { text: title }), tools(null, close)), words);
    const begun = Date.now();
    const tick = () => {
      if (!words.isConnected) return;
      const seconds = Math.round((Date.now() - begun) / 1000);
      words.replaceChildren(say(['正在读取核查结果…' + (seconds >= 2 ? ` 已 ${seconds} 秒` : ''), 'Reading the result…' + (seconds >= 2 ? ` ${seconds} s` : '')]));
      setTimeout(tick, 1000);
    };
    setTimeout(tick, 300);
  };

  /** What went wrong, in the place concerned, and what to do next. */
  planner.failed = (title, error, again, close) => {
    const trouble = planner.trouble(error);
    panel.replaceChildren(el('div', { class: 'head' }, el('h2', { text: title }), tools(null, close)), planner.refusal(trouble, again));
  };

  planner.refusal = (trouble, again) => el('div', { class: 'refusal', role: 'alert' }, light('fails', null, 16),
    el('div', {}, el('b', {}, say(trouble.words)), el('p', {}, say(trouble.next)),
      again ? el('button', { type: 'button', class: 'button', on: { click: again } }, say(['重试', 'Try again'])) : null,
      trouble.number ? el('p', { class: 'number' }, say(['编号 ', 'Ref. ']), trouble.number) : null));

  function tools(locate, close) {
    const box = el('div', { class: 'tools' });
    if (locate) box.append(planner.tool(['定位', 'Locate'], TARGET, locate));
    if (close) box.append(planner.tool(['关闭', 'Close'], CROSS, close));
    return box;
  }

  function head(card, locate, close) {
    const title = el('h2', { text: card.head.name ? card.head.id + ' ' + card.head.name : card.head.id });
    const area = el('p', { class: 'area' }, say(card.head.area_label), ' ', el('b', {}, say(card.head.area)));
    return el('div', { class: 'head' }, title, area, ...card.head.lines.map((line) => el('p', {}, say(line))), tools(locate, close));
  }

  function verdict(found) {
    const band = svg('svg', { class: 'band', 'aria-hidden': 'true' }, svg('rect', { width: '100%', height: '100%', fill: planner.paintOf(found).fill }));
    const words = el('div', {}, el('strong', {}, say(found.words)));
    if (found.sensitive) words.append(el('span', { class: 'framed' }, say(found.sensitive)));
    if (found.forced) words.append(el('span', { class: 'framed' }, say(found.forced)));
    words.append(el('p', {}, say(found.sentence)), el('p', {}, say(found.valid)));
    if (found.sensitive_why) words.append(el('p', {}, say(found.sensitive_why)));
    return el('div', { class: 'verdict ' + found.status }, band, light(found.sign, found.words, 28), words);
  }

  function section(part, claim) {
    const title = el('h3', {}, el('span', {}, say(part.title)), part.count === undefined ? null : el('span', { text: '（' + part.count + '）' }));
    if (part.note) title.append(el('span', { class: 'aside' }, say(part.note)));
    else if (part.count === 0) title.append(el('span', { class: 'aside' }, say(['无', 'none'])));
    const clauses = part.items.filter((item) => item.clause).map((item) => item.clause);
    if (clauses.length > 1) title.append(el('span', { class: 'aside' }, copier(planner.joined(clauses, '\n'), ['全部复制', 'Copy all'])));
    const box = el('section', { 'data-section': part.key }, title);
    if (part.layout === 'pairs') box.append(el('div', { class: 'pairs' }, ...part.items.map(pairOf)));
    else box.append(...part.items.map((item) => row(item, claim)));
    if (part.folded && part.folded.items.length) {
      box.append(el('details', { class: 'fold' }, el('summary', {}, say(part.folded.title)), ...part.folded.items.map((item) => row(item))));
    }
    if (part.facts) {
      const facts = el('dl', { class: 'facts' });
      for (const [name, value] of part.facts) facts.append(el('dt', {}, say(name)), el('dd', {}, say(value)));
      box.append(facts);
    }
    return box;
  }

  function copier(text, words) {
    return el('button', {
      type: 'button', class: 'link',
      on: { click: (event) => { const button = event.currentTarget; planner.copy(planner.now(text), () => button.replaceChildren(say(['已复制', 'Copied']))); } },
    }, say(words));
  }

  /** A click anywhere on a row shows what it rests on; its button does the same for the keyboard. */
  function shows(node, item) {
    if (!planner.located(item.code)) return node;
    node.classList.add('shows');
    node.addEventListener('click', (event) => { if (!event.target.closest('button') && String(getSelection()) === '') planner.evidence(item.code, false); });
    return node;
  }

  function pairOf(item) {
    const words = el('span', {}, el('span', {}, say(item.name)), ' ', el('span', { class: 'outcome' }, say(item.words)));
    if (planner.located(item.code)) words.append(' ', locator(item));
    return shows(el('div', { class: 'pair row', 'data-code': item.code || '' }, light(item.sign, item.words, 15), words), item);
  }

  function locator(item) {
    return el('button', { type: 'button', class: 'link', 'aria-label': planner.joined([['定位', 'Locate'], item.name], ' '), on: { click: () => planner.evidence(item.code, true) } }, say(['定位', 'Locate']));
  }

  function row(item, claim) {
    const first = el('div', { class: 'first' }, el('span', { class: 'name' }, item.tag ? el('span', { class: 'tag' }, say(item.tag)) : null, say(item.name)));
    if (item.right) {
      const figures = el('span', { class: 'figures' }, ...item.right.map((text) => el('span', { class: 'figure' }, say(text))));
      if (item.soon) figures.lastChild.append(el('span', { class: 'framed soon' }, say(item.soon)));
      first.append(figures);
    }
    const body = el('div', { class: 'body' }, first);
    if (item.words) body.append(el('div', { class: 'outcome' }, say(item.words)));
    for (const line of item.lines || []) body.append(el('div', { class: 'line' }, say(line)));
    if (item.clause) body.append(el('div', { class: 'clause' }, say(item.clause)));
    const actions = el('div', { class: 'actions' });
    if (planner.located(item.code)) actions.append(locator(item));
    if (item.clause) actions.append(copier(item.clause, ['复制条款', 'Copy clause']));
    if (claim && item.claim) actions.append(el('button', { type: 'button', class: 'link', on: { click: () => claim(item.code) } }, say(['登记证明材料', 'Register a claim'])));
    const sign = light(item.sign, item.words || item.name, 16);
    if (item.more) {
      const more = el('div', { class: 'more' }, bars(item.bars), ...item.more.map((line) => el('div', { class: 'line' }, say(line))), actions);
      const details = el('details', { class: 'row', 'data-code': item.code || '' }, el('summary', {}, sign, body), more);
      details.addEventListener('toggle', () => {
        if (!details.open) {
          if (state.code === item.code) planner.evidence(null);
          return;
        }
        for (const other of panel.querySelectorAll('details.row[open]')) if (other !== details) other.open = false;
        planner.evidence(item.code, false);
      });
      return details;
    }
    if (actions.childNodes.length) body.append(actions);
    return shows(el('div', { class: 'row', 'data-code': item.code || '' }, el('div', { class: 'plain' }, sign, body)), item);
  }

  /** Covered, uncovered and unsurveyed ground as bars with their areas. */
  function bars(found) {
    if (!found) return null;
    return el('dl', { class: 'bars' }, ...found.flatMap(([kind, name, share, square, mu]) => {
      const bar = svg('svg', { width: 90, height: 10, viewBox: '0 0 90 10', 'aria-hidden': 'true' }, svg('rect', { x: 0.5, y: 0.5, width: 89, height: 9, fill: '#fff', stroke: '#7B8790' }));
      if (share > 0) bar.append(svg('rect', { x: 0.5, y: 0.5, width: Math.max(1, 89 * share), height: 9, fill: { covered: '#414C54', uncovered: 'url(#h-evidence)', unsurveyed: 'url(#h-nodata)' }[kind], stroke: '#7B8790' }));
      return [el('dt', {}, say(name)), el('dd', {}, bar, el('b', {}, say(square)), el('span', {}, say(mu)))];
    }));
  }

  /** Open the row of a code, and bring its ground back. */
  planner.openRow = (code) => {
    const same = [...panel.querySelectorAll('.row')].filter((found) => found.dataset.code === code);
    const shown = same.find((found) => found.tagName === 'DETAILS') || same[0];
    if (!shown) return;
    if (shown.tagName === 'DETAILS') shown.open = true;
    else planner.evidence(code, false);
    shown.scrollIntoView({ block: 'nearest' });
  };
}(window.planner = window.planner || {}));
