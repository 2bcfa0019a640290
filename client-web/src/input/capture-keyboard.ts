/**
 * Keys of the document to keys of the title.
 *
 * ```text
 * keydown, keyup -> held keys -> PlayerInput.key
 *                      ^ modifier flags of every other event: what they say is up goes up
 * ```
 *
 * A key is released only if it was pressed here, and everything pressed here is released by `releaseAll`.
 */
import type { PlayerInput } from '../player';
import { staleModifiers, type ModifierFlags } from './capture-rules';
import { evdev } from './keymap';

export type ModifierEvent = Pick<MouseEvent, 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey' | 'getModifierState'>;

export class KeyboardCapture {
  readonly #input: Pick<PlayerInput, 'key'>;
  readonly #isMac: boolean;
  readonly #held = new Set<string>();

  constructor(input: Pick<PlayerInput, 'key'>, isMac: boolean) {
    this.#input = input;
    this.#isMac = isMac;
  }

  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** `browser`: the browser does with the key what it does, as well. */
  handleDown(event: KeyboardEvent, browser = false): void {
    const code = evdev(event.code);
    if (code === null) return;
    if (!browser) event.preventDefault();
    this.syncModifiers(event, event.code);
    if (event.repeat || this.#held.has(event.code)) return;
    if (this.#isTapOnly(event)) {
      this.tap(event.code);
      return;
    }
    this.#held.add(event.code);
    this.#input.key(code, true);
  }

  handleUp(event: KeyboardEvent): void {
    if (evdev(event.code) === null) return;
    event.preventDefault();
    if (this.#isMac && event.code === 'CapsLock') this.tap(event.code);
    this.#release(event.code);
    // macOS sends no keyup for keys that go up while Command is down.
    if (event.code === 'MetaLeft' || event.code === 'MetaRight') this.releaseAll();
    this.syncModifiers(event, event.code);
  }

  /** Presses and releases a key that is not held. */
  tap(codeName: string): void {
    const code = evdev(codeName);
    if (code === null || this.#held.has(codeName)) return;
    this.#input.key(code, true);
    this.#input.key(code, false);
  }

  /** Lets go of modifiers which `event` says are up; `except` is the key that the event is about. */
  syncModifiers(event: ModifierEvent, except?: string): void {
    if (this.#held.size === 0) return;
    for (const code of staleModifiers(this.#held, modifierFlags(event))) {
      if (code !== except) this.#release(code);
    }
  }

  releaseAll(): void {
    for (const code of [...this.#held]) this.#release(code);
  }

  /** Keys whose keyup never comes: macOS reports Caps Lock's change of state, and nothing goes up under Command. */
  #isTapOnly(event: KeyboardEvent): boolean {
    if (!this.#isMac) return false;
    return event.code === 'CapsLock' || (event.metaKey && !event.code.startsWith('Meta'));
  }

  #release(codeName: string): void {
    if (!this.#held.delete(codeName)) return;
    const code = evdev(codeName);
    if (code !== null) this.#input.key(code, false);
  }
}

function modifierFlags(event: ModifierEvent): ModifierFlags {
  return {
    shiftKey: event.shiftKey,
    ctrlKey: event.ctrlKey,
    altKey: event.altKey,
    metaKey: event.metaKey,
    altGraph: event.getModifierState('AltGraph'),
  };
}
