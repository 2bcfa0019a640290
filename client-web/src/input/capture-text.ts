/**
 * Text that no key stands for: input methods, dead keys, screen keyboards.
 *
 * ```text
 * open -> a field in the stage has the focus: the browser makes text in it
 * composition that ends, text that is inserted -> PlayerInput.text
 * deletion, line break -> the key for it
 * ```
 *
 * What is being composed is the browser's, and is seen where the browser shows it; the title gets what came of it. The field keeps one
 * character, so that a screen keyboard has something to delete, and tells.
 */
import type { PlayerInput } from '../player';
import { el } from '../ui/dom';
import { Scope } from '../ui/scope';
import { keysOf } from './text-rules';

export type TextWiring = {
  readonly stage: HTMLElement;
  readonly input: Pick<PlayerInput, 'text' | 'key'>;
  readonly isCaptured: () => boolean;
  /** It is over: the field has lost the focus to something else. */
  readonly onOver: () => void;
};

export class TextCapture {
  readonly #wiring: TextWiring;
  readonly #scope = new Scope();
  readonly #field = el('textarea', {
    class: 'typing',
    attrs: { rows: 1, autocapitalize: 'off', autocomplete: 'off', autocorrect: 'off', spellcheck: 'false', 'aria-label': 'Text for the game' },
  });

  constructor(wiring: TextWiring) {
    this.#wiring = wiring;
    const scope = this.#scope;
    scope.on(this.#field, 'input', (event: Event) => this.#onInput(event as InputEvent));
    scope.on(this.#field, 'compositionend', ({ data }: CompositionEvent) => this.#type(data));
    scope.on(this.#field, 'blur', () => {
      // To the picture, a button, or nowhere: not a window that is left for a moment.
      if (document.hasFocus()) wiring.onOver();
    });
    scope.add(() => this.#field.remove());
    wiring.stage.append(this.#field);
  }

  /** In a gesture: a screen keyboard opens in no other moment. */
  focus(): void {
    this.#reset();
    this.#field.focus({ preventScroll: true });
  }

  close(): void {
    this.#scope.close();
  }

  #onInput(event: InputEvent): void {
    if (event.isComposing || event.inputType === 'insertCompositionText') return;
    const keys = keysOf(event.inputType);
    if (keys.length > 0 && this.#wiring.isCaptured()) {
      for (const code of keys) {
        this.#wiring.input.key(code, true);
        this.#wiring.input.key(code, false);
      }
      this.#reset();
      return;
    }
    // Pasted text has a way of its own; what ends a composition has been told with it.
    this.#type(event.inputType === 'insertText' || event.inputType === 'insertReplacementText' ? (event.data ?? '') : '');
  }

  #type(text: string): void {
    if (text !== '' && this.#wiring.isCaptured()) this.#wiring.input.text(text);
    this.#reset();
  }

  #reset(): void {
    this.#field.value = KEPT;
    this.#field.setSelectionRange(KEPT.length, KEPT.length);
  }
}

/** No screen keyboard makes a word of it. */
const KEPT = '.';
