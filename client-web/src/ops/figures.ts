/** Small pictures of figures, without any style of their own in markup: the page's policy allows none. */
import { el, setText, svg } from '../ui/dom';

/** How much of something is taken. */
export class Bar {
  readonly element = el('span', { class: 'bar' });
  readonly #fill = svg('rect', { x: 0, y: 0, width: 0, height: 6, rx: 3, class: 'bar-fill' });
  readonly #words = el('span', { class: 'bar-words' });

  constructor() {
    this.element.append(
      svg('svg', { viewBox: '0 0 60 6', width: 60, height: 6, 'aria-hidden': 'true' }, svg('rect', { width: 60, height: 6, rx: 3, class: 'bar-back' }), this.#fill),
      this.#words,
    );
  }

  show(share: number, words: string): void {
    this.#fill.setAttribute('width', String(60 * Math.min(1, Math.max(0, share))));
    setText(this.#words, words);
  }
}

/** A figure with what it is. */
export class Tile {
  readonly element: HTMLElement;
  readonly #value = el('dd', { class: 'tile-value' });
  readonly #more = el('dd', { class: 'tile-more' });

  constructor(label: string, part: string) {
    this.element = el('div', { class: 'tile', attrs: { 'data-part': part } }, el('dt', {}, label), this.#value, this.#more);
  }

  show(value: string, more = ''): void {
    setText(this.#value, value);
    setText(this.#more, more);
  }
}

/** `4 min`, `2 h 10 min`, `12 s`. */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** What is left of a pseudonym or an id where it only has to be told apart. */
export function short(id: string): string {
  return id.length > 10 ? `${id.slice(0, 8)}…` : id;
}
