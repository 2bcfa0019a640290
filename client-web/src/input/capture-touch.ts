/**
 * Fingers on the stage to fingers on the title's touch screen.
 *
 * Each pointer of the browser has a number from 0 on until it is gone; the eleventh finger has none, and nothing is told of it.
 */
import type { PlayerInput } from '../player';
import type { Point } from './capture-rules';

type TouchLike = Pick<PointerEvent, 'type' | 'pointerId'>;

export class Fingers {
  readonly #input: Pick<PlayerInput, 'touch'>;
  /** The browser's number of each finger. */
  readonly #ids: (number | null)[] = Array.from({ length: 10 }, () => null);

  constructor(input: Pick<PlayerInput, 'touch'>) {
    this.#input = input;
  }

  handle({ type, pointerId }: TouchLike, at: Point): void {
    if (type === 'pointerdown') this.#come(pointerId, at);
    else if (type === 'pointerup') this.#go(pointerId, at);
    else if (type === 'pointercancel') this.#cancel(pointerId);
    else this.#move(pointerId, at);
  }

  /** They are gone already, or as good as. */
  forget(): void {
    this.#ids.fill(null);
  }

  #come(id: number, at: Point): void {
    const free = this.#ids.includes(id) ? -1 : this.#ids.indexOf(null);
    if (free < 0) return;
    this.#ids[free] = id;
    this.#input.touch(free, 'down', at.x, at.y);
  }

  #move(id: number, at: Point): void {
    const contact = this.#ids.indexOf(id);
    if (contact >= 0) this.#input.touch(contact, 'move', at.x, at.y);
  }

  #go(id: number, at: Point): void {
    const contact = this.#ids.indexOf(id);
    if (contact < 0) return;
    this.#ids[contact] = null;
    this.#input.touch(contact, 'up', at.x, at.y);
  }

  /** The browser or the system took the gesture: all of it. */
  #cancel(id: number): void {
    if (!this.#ids.includes(id)) return;
    this.forget();
    this.#input.touch(0, 'cancel', 0, 0);
  }
}
