/* What the page is about, and what is chosen on it. */
(function (planner) {
  'use strict';

  /** Put the shared parts of the cards back in place; a pool entry refers only to entries before it. */
  function unpack(box) {
    const made = [];
    function open(part) {
      if (Array.isArray(part)) return part.map(open);
      if (part === null || typeof part !== 'object') return part;
      if ('$' in part) return made[part.$];
      const whole = {};
      for (const key of Object.keys(part)) whole[key] = open(part[key]);
      return whole;
    }
    for (const part of box.pool) made.push(open(part));
    return open(box.value);
  }

  const data = JSON.parse(document.getElementById('data').textContent);
  if (data.cards) data.cards = unpack(data.cards);
  planner.data = data;
  planner.map = window.map_main;

  /** by: the column that colours the parcels; chosen: index of a parcel; code: the row whose ground is shown. */
  planner.state = { by: 'verdict', chosen: null, code: null };

  planner.column = (key) => data.columns.find((found) => found.key === key);

  planner.cell = (key, index) => {
    const found = planner.column(key);
    const cell = found && found.cells[index];
    return cell ? { ...found.legend[cell[0]], place: cell[0], small: cell[1] } : null;
  };

  planner.status = (index) => planner.cell('verdict', index);

  /** The query of everything that is asked for the same date as this page. */
  planner.dated = (more) => {
    const query = new URLSearchParams(more);
    if (data.asOf.chosen) query.set('as_of', data.asOf.chosen);
    const text = query.toString();
    return text ? '?' + text : '';
  };

  const kept = new Map();

  /** What the panel shows of a parcel: from the page itself, or asked for once. */
  planner.details = async (index) => {
    if (data.cards && data.cards[index]) return { card: data.cards[index], pieces: data.pieces[index] };
    if (!kept.has(index)) {
      const answer = fetch(`/parcels/${encodeURIComponent(data.parcels[index].id)}/panel${planner.dated()}`).then(planner.json);
      kept.set(index, answer);
      answer.catch(() => kept.delete(index));
    }
    return kept.get(index);
  };

  planner.forget = (index) => kept.delete(index);

  /** Read an answer of the service; what it refuses becomes an error with both wordings. */
  planner.json = async (answer) => {
    const found = await answer.json().catch(() => null);
    if (answer.ok && found) return found;
    const error = new Error('refused');
    error.words = found && found.detail ? [found.detail, found.detail_en] : [`服务未能回答（${answer.status}）`, `The service did not answer (${answer.status})`];
    error.next = found && found.next ? [found.next.zh, found.next.en] : ['请稍后重试', 'try again in a moment'];
    error.number = found && found.instance;
    error.items = (found && found.items) || [];
    throw error;
  };

  /** Ask for a file and hand it to whoever asked; what is refused becomes an error with both wordings. */
  planner.save = async (address, options, name) => {
    const answer = await fetch(address, options);
    if (!answer.ok) await planner.json(answer);
    const link = planner.el('a', { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  /** The words of whatever went wrong. */
  planner.trouble = (error) => (error.words ? error
    : { words: ['服务无回应', 'The service does not answer'], next: ['图上结论仍可查看；请检查连接后重试', 'what is on the map still holds; look at the connection and try again'] });
}(window.planner = window.planner || {}));
