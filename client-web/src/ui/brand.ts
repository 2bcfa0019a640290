import mark from './firstlight.svg?url';
import { el } from './dom';

export function brand(): HTMLElement {
  return el(
    'a',
    { class: 'brand', attrs: { href: '/', 'aria-label': 'Firstlight, library' } },
    el('img', { attrs: { src: mark, alt: '', width: 32, height: 32 } }),
    el('span', {}, 'firstlight'),
  );
}
