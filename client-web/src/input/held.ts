/** The keys and pointer buttons that are down. */
import { INPUT_PRESSED_MAX } from '../wire';

/** The highest Linux input event code (`KEY_MAX` of `linux/input-event-codes.h`). */
const KEY_MAX = 0x2ff;
/** As many as the datagram has bits for. */
const BUTTON_MAX = 16;

/** At most 32 keys, in the order in which they were pressed, and 16 buttons. */
export class Held {
  #keys: number[] = [];
  #buttons = 0;

  /** `false` when it is no key, is down already, or the most keys are. */
  pressKey(code: number): boolean {
    const fresh =
      within(code, KEY_MAX) && !this.#keys.includes(code) && this.#keys.length < INPUT_PRESSED_MAX;
    if (fresh) this.#keys.push(code);
    return fresh;
  }

  /** `false` when it was not down. */
  releaseKey(code: number): boolean {
    const at = this.#keys.indexOf(code);
    if (at >= 0) this.#keys.splice(at, 1);
    return at >= 0;
  }

  pressButton(button: number): boolean {
    const fresh = within(button, BUTTON_MAX) && (this.#buttons & (1 << (button - 1))) === 0;
    if (fresh) this.#buttons |= 1 << (button - 1);
    return fresh;
  }

  releaseButton(button: number): boolean {
    const was = within(button, BUTTON_MAX) && (this.#buttons & (1 << (button - 1))) !== 0;
    if (was) this.#buttons &= ~(1 << (button - 1));
    return was;
  }

  clear(): void {
    this.#keys = [];
    this.#buttons = 0;
  }

  get keys(): readonly number[] {
    return this.#keys;
  }

  /** Bit n−1: button n. */
  get buttons(): number {
    return this.#buttons;
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0 && this.#buttons === 0;
  }
}

function within(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}
