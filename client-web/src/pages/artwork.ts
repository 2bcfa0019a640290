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

/**
 * The same out of focus. It is drawn small, once, and stretched: a filter over the whole page is worked out anew for each frame, by the
 * processor where there is no other, while a game starts.
 */
export function blurredArtwork(title: Pick<TitleCard, 'id' | 'name' | 'picture'>, className: string): HTMLElement {
  const frame = artwork(title, className);
  const image = frame.querySelector('img');
  image?.addEventListener('load', () => image.replaceWith(blurred(image)), { once: true });
  return frame;
}

function blurred(image: HTMLImageElement): HTMLElement {
  const canvas = el('canvas', { attrs: { width: SMALL.width, height: SMALL.height } });
  const context = canvas.getContext('2d');
  if (context === null) return image;
  context.filter = 'blur(1px) saturate(1.2)';
  // Pictures are 16:9, as it is.
  context.drawImage(image, 0, 0, SMALL.width, SMALL.height);
  return canvas;
}

function initial(name: string): string {
  const first = name.trim().codePointAt(0);
  return first === undefined ? '?' : String.fromCodePoint(first).toUpperCase();
}

/** 16:9, and as blurred as seven pixels of a page twenty times as wide. */
const SMALL = { width: 96, height: 54 };
