/**
 * Keys on their way to the title, held back while what they paste is not there yet.
 *
 * Invariant: keys arrive in the order in which they came, or, after `drop`, not at all.
 */
import type { PlayerInput } from '../player';

export class KeyGate {
  readonly #input: Pick<PlayerInput, 'key'>;
  /** null: open. */
  #held: (readonly [code: number, down: boolean])[] | null = null;

  constructor(input: Pick<PlayerInput, 'key'>) {
    this.#input = input;
  }

  key(code: number, down: boolean): void {
    if (this.#held === null) {
      this.#input.key(code, down);
      return;
    }
    this.#held.push([code, down]);
    if (this.#held.length >= HELD_MAX) this.open();
  }

  hold(): void {
    this.#held ??= [];
  }

  /** Lets through what was held, and everything after it. */
  open(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const [code, down] of held) this.#input.key(code, down);
  }

  /** Everything was let go meanwhile: what was held would be pressed afresh. */
  drop(): void {
    this.#held = null;
  }
}

/** Nobody types more within a second. */
const HELD_MAX = 64;
