/* Words and small builders. A text is a pair [Chinese, English]; every text goes in through textContent. */
(function (planner) {
  'use strict';

  const root = document.documentElement;
  const SPOKEN = ['title', 'aria-label', 'placeholder'];

  function english() {
    return root.dataset.words === 'en';
  }

  /** The text in the language that is read now. */
  function now(text) {
    return text[english() ? 1 : 0];
  }

  /** Make an element; an attribute given as a pair follows the language. */
  function el(tag, options, ...children) {
    const node = document.createElement(tag);
    const { text, on, ...rest } = options || {};
    for (const [name, value] of Object.entries(rest)) attribute(node, name, value);
    if (text !== undefined) node.textContent = text;
    for (const [event, listener] of Object.entries(on || {})) node.addEventListener(event, listener);
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function attribute(node, name, value) {
    if (Array.isArray(value)) {
      node.setAttribute('data-zh-' + name, value[0]);
      node.setAttribute('data-en-' + name, value[1]);
      node.setAttribute(name, now(value));
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }

  function svg(tag, attributes, ...children) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) attribute(node, name, value);
    node.append(...children);
    return node;
  }

  /** A text in both languages, of which the style sheet shows one. */
  function say(text) {
    const fragment = document.createDocumentFragment();
    if (text[0] === text[1]) {
      fragment.append(el('span', { text: text[0] }));
    } else {
      fragment.append(el('span', { class: 'zh', text: text[0] }), el('span', { class: 'en', lang: 'en', text: text[1] }));
    }
    return fragment;
  }

  function light(sign, words, size) {
    const node = svg('svg', { class: 'light', width: size, height: size, viewBox: '0 0 16 16' }, svg('use', { href: '#l-' + sign }));
    attribute(node, ...(words ? ['role', 'img'] : ['aria-hidden', 'true']));
    if (words) attribute(node, 'aria-label', words);
    return node;
  }

  /** A line icon of 16 by 16. */
  function icon(path) {
    return svg('svg', { class: 'icon', width: 16, height: 16, viewBox: '0 0 16 16', 'aria-hidden': 'true' },
      svg('path', { d: path, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }));
  }

  function joined(texts, mark) {
    return [texts.map((text) => text[0]).join(mark), texts.map((text) => text[1]).join(mark)];
  }

  /** Show all words in one language; nothing is loaded again. */
  function language(words) {
    root.dataset.words = words;
    root.lang = words === 'en' ? 'en' : 'zh-CN';
    for (const name of SPOKEN) {
      for (const node of document.querySelectorAll(`[data-${words}-${name}]`)) node.setAttribute(name, node.getAttribute(`data-${words}-${name}`));
    }
    document.title = root.getAttribute(`data-${words}-title`) || document.title;
    document.querySelectorAll('.words button').forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.words === words)));
    planner.tell('language');
  }

  /** Say something once to those who do not see the page. */
  function announce(text) {
    document.getElementById('announce').textContent = now(text);
  }

  /** Put a text on the clipboard; a page from disk has no clipboard but the old one. */
  function copy(words, done) {
    const byHand = () => {
      const area = el('textarea', { class: 'unseen' });
      area.value = words;
      document.body.append(area);
      area.select();
      if (document.execCommand('copy')) done();
      area.remove();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(words).then(done, byHand);
    else byHand();
  }

  /** Full-width and half-width read alike, case and blanks do not count. */
  function plain(text) {
    return text.normalize('NFKC').toLowerCase().replace(/\s+/g, '');
  }

  /** A number with thin spaces between thousands. */
  function grouped(value, decimals) {
    const [whole, rest] = value.toFixed(decimals).split('.');
    return whole.replace(/\B(?=(\d{3})+$)/g, '\u2009') + (rest ? '.' + rest : '');
  }

  // What happens on the page is told by name; whoever cares has said so.
  const listeners = {};
  planner.on = (event, listener) => { (listeners[event] = listeners[event] || []).push(listener); };
  planner.tell = (event, ...facts) => { for (const listener of listeners[event] || []) listener(...facts); };

  Object.assign(planner, { el, svg, say, light, icon, joined, language, english, now, announce, copy, plain, grouped, attribute });
}(window.planner = window.planner || {}));
