/**
 * Text between the player's clipboard and the title's.
 *
 * ```text
 * Ctrl+V -> keys are held -> paste event -> PlayerInput.paste -> it is there -> keys go on
 * bar's Paste -> readText -> PlayerInput.paste -> it is there -> Ctrl+V
 * title copies -> writeText; refused: with the next press, or by the bar's Copy
 * ```
 *
 * The player's clipboard is read when he pastes and at no other time: a title never learns what he copied elsewhere. What it refuses:
 * anything but text.
 */
import type { PlayerEvents, PlayerInput } from '../player';
import { Alarm, Scope } from '../ui/scope';
import { isPaste, pastedText, type PasteChord } from './clipboard-rules';
import type { KeyGate } from './key-gate';
import type { News } from './news';

export type ClipboardWiring = {
  readonly input: Pick<PlayerInput, 'paste'>;
  readonly keys: KeyGate;
  readonly isMac: boolean;
  readonly isCaptured: () => boolean;
  /** Lets go of every key that is held. */
  readonly letGo: () => void;
  readonly onNews: (news: News) => void;
  /** Something waits for a press of the player to be his. */
  readonly onKept: (kept: boolean) => void;
};

export class ClipboardCapture {
  readonly #wiring: ClipboardWiring;
  readonly #scope = new Scope();
  readonly #waiting: Alarm;
  #pastes = false;
  /** What the title copied and the browser did not take. */
  #kept: string | null = null;
  /** The paste that is awaited was asked for by a chord that the title does not know. */
  #chord: PasteChord | null = null;

  constructor(wiring: ClipboardWiring) {
    this.#wiring = wiring;
    this.#waiting = new Alarm(this.#scope);
    this.#scope.on(document, 'paste', (event: ClipboardEvent) => this.#onPaste(event));
    for (const type of ['pointerdown', 'keydown']) {
      this.#scope.on(window, type, () => this.takeCopied(), { capture: true, passive: true });
    }
  }

  setPastes(pastes: boolean): void {
    this.#pastes = pastes;
  }

  /** A key goes down. `title`: it pastes, and goes to the title after the text; `page`: the title gets another one in its place. */
  handleDown(event: KeyboardEvent): PasteChord | null {
    const chord = this.#pastes && !event.repeat ? isPaste(event, this.#wiring.isMac) : null;
    if (chord === null) return null;
    this.#chord = chord;
    this.#wiring.keys.hold();
    // Where the browser has nothing to paste, or does not tell.
    this.#waiting.set(PASTE_EVENT_MS, () => this.#go(chord));
    return chord;
  }

  /** The bar's button: pastes as Ctrl+V does. */
  async paste(): Promise<void> {
    try {
      const text = await navigator.clipboard.readText();
      if (await this.#send(text)) this.#press();
    } catch {
      this.#wiring.onNews({ words: 'Your browser does not let this page read the clipboard. Ctrl+V does', trouble: true });
    }
  }

  /** The title copied something. */
  copied({ text, tooLong }: PlayerEvents['copied']): void {
    if (tooLong) {
      this.#wiring.onNews({ words: 'The game copied too much: 60 KB of text at most reach you', trouble: true });
      return;
    }
    this.#keep(text);
    this.takeCopied();
  }

  /** Puts what the title copied on the player's clipboard, where the browser lets it. */
  takeCopied(): void {
    const text = this.#kept;
    if (text === null || !('clipboard' in navigator)) return;
    void navigator.clipboard.writeText(text).then(
      () => {
        if (this.#kept === text) this.#keep(null);
        this.#wiring.onNews({ words: 'The game put text on your clipboard', trouble: false });
      },
      () => this.#wiring.onKept(true),
    );
  }

  close(): void {
    this.#scope.close();
  }

  #keep(text: string | null): void {
    this.#kept = text;
    if (text === null) this.#wiring.onKept(false);
  }

  #onPaste(event: ClipboardEvent): void {
    if (!this.#pastes || !this.#wiring.isCaptured()) return;
    event.preventDefault();
    this.#waiting.clear();
    // By the browser's own menu: the title has heard of no key.
    const chord = this.#chord ?? 'page';
    const text = event.clipboardData?.getData('text/plain') ?? '';
    void this.#send(text).then((sent) => this.#go(sent || chord === 'title' ? chord : null));
  }

  /** Whether the title has it. */
  async #send(raw: string): Promise<boolean> {
    const text = pastedText(raw);
    if (text === null) {
      this.#wiring.onNews({ words: 'That is too long to paste: 60 KB of text at most', trouble: true });
      return false;
    }
    return text !== '' && this.#wiring.input.paste(text);
  }

  #go(chord: PasteChord | null): void {
    this.#chord = null;
    if (chord === 'page') this.#press();
    else this.#wiring.keys.open();
  }

  /** Ctrl+V, with nothing else down. */
  #press(): void {
    const { keys, letGo } = this.#wiring;
    letGo();
    for (const [code, down] of CTRL_V) keys.key(code, down);
  }
}

const CTRL = 29;
const V = 47;
const CTRL_V = [[CTRL, true], [V, true], [V, false], [CTRL, false]] as const;
/** Browsers tell within some milliseconds; a key that pastes nothing must not seem to hang. */
const PASTE_EVENT_MS = 150;
