/** A title's picture, or a drawn stand-in where it has none or it does not load. */
import { hue, type TitleCard } from './catalogue';
import { el } from '../ui/dom';

export function artwork(title: Pick<TitleCard, 'id' | 'name' | 'picture'>, className: string): HTMLElement {
  const frame = el('div', { class: `artwork ${className}`, attrs: { 'aria-hidden': 'true' } });
  frame.style.setProperty('--hue', String(hue(title.id)));
  frame.append(el('span', { class: 'artwork-initial' }, initial(title.name)));
  if (title.picture !== null) {
    const image = el('img', { attrs: { src: title.picture, alt: '', decoding: 'async', draggable: 'false' } });
    image.addEventListener('error', () => image.remove(), { once: true });
    frame.append(image);
  }
  return frame;
}

function initial(name: string): string {
  const first = name.trim().codePointAt(0);
  return first === undefined ? '?' : String.fromCodePoint(first).toUpperCase();
}
