/* Pages of a fixed size. A full one is set tighter; what does not fit even so goes to one more with the same head and foot. */
(() => {
  'use strict';
  const overflows = (body) => body.scrollHeight > body.clientHeight + 1;

  function lay(page) {
    const body = page.querySelector(':scope > .body.flow');
    if (!body || !overflows(body)) return;
    page.classList.add('tight');
    if (!overflows(body)) return;
    const next = page.cloneNode(true);
    const rest = next.querySelector(':scope > .body.flow');
    rest.replaceChildren();
    page.after(next);
    while (body.childElementCount > 1 && overflows(body)) rest.prepend(body.lastElementChild);
    // The head of a section never stays behind alone.
    while (body.childElementCount > 1 && body.lastElementChild.matches('.section')) rest.prepend(body.lastElementChild);
    if (rest.childElementCount) lay(next);
    else next.remove();
  }

  function number() {
    const pages = document.querySelectorAll('.page');
    pages.forEach((page, index) => {
      page.querySelector('.folio').textContent = page.querySelector('.folio').dataset.words.replace('{n}', index + 1).replace('{all}', pages.length);
    });
  }

  window.layOut = () => {
    document.querySelectorAll('.page').forEach(lay);
    number();
  };
  window.layOut();
  const button = document.querySelector('.tools button');
  button.addEventListener('click', async () => {
    // A picture that does not come leaves its place white.
    await Promise.allSettled([...document.querySelectorAll('.ground image')].map((shown) => {
      const picture = new Image();
      picture.src = shown.href.baseVal;
      return picture.decode();
    }));
    // What the printed code leads to is kept, so that it says the same later. The sheet is printed all the same.
    if (button.dataset.keep) await fetch(button.dataset.keep, { method: 'POST' }).catch(() => null);
    window.print();
  });
})();
