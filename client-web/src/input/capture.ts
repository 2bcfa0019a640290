/**
 * Everything the player does, to the title: keyboard, mouse, touch, gamepads, and who has the focus.
 *
 * ```text
 * focus, blur, visibility, lock, full screen -> captured? -> PlayerInput.setFocused
 *                                                  |  lost: everything is let go, here and at the host
 * keyboard -> KeyGate -----------------------------+-> PlayerInput
 * clipboard ---------------------------------------+
 * pointer  ----------------------------------------+
 * gamepads ----------------------------------------+
 * ```
 *
 * Captured means: active (the title is played), the window has the focus and can be seen, and the focus is on the stage
 * or nowhere. Invariant: while not captured nothing is held. What it refuses: deciding what a shortcut does.
 */
import type { ClipboardUse, CursorImage, PlayerEvents, PlayerInput, PointerMode } from '../player';
import { Alarm, Scope } from '../ui/scope';
import { cursorStyle } from './capture-cursor';
import { makesText } from './text-rules';
import type { TextCapture } from './capture-text';
import type { ClipboardCapture } from './capture-clipboard';
import type { GamepadCapture } from './capture-gamepad';
import { KeyboardCapture } from './capture-keyboard';
import { PointerCapture, type PointerHold } from './capture-pointer';
import type { Size } from './capture-rules';
import { KeyGate } from './key-gate';
import type { News } from './news';

export type CaptureWiring = {
  /** Focusable; shows the picture, whole and in its aspect. */
  readonly stage: HTMLElement;
  readonly input: PlayerInput;
  /** Takes a keydown that is a shortcut of the page: true, and the title never sees it. */
  readonly onShortcut: (event: KeyboardEvent) => boolean;
  readonly onHold: (hold: PointerHold) => void;
  /** Text is typed, with the browser's own means, or no more. */
  readonly onTyping: (typing: boolean) => void;
  readonly onCaptured: (captured: boolean) => void;
  readonly onNews: (news: News) => void;
  /** The title copied something that waits for a press of the player. */
  readonly onKept: (kept: boolean) => void;
};

export class Capture {
  readonly #wiring: CaptureWiring;
  readonly #scope = new Scope();
  readonly #keys: KeyGate;
  readonly #keyboard: KeyboardCapture;
  readonly #pointer: PointerCapture;
  /** Loaded when there is a gamepad and the title takes some. */
  #gamepads: GamepadCapture | null = null;
  #gamepadLimit = 0;
  /** Loaded when the title has a clipboard. */
  #clipboard: ClipboardCapture | null = null;
  #clipboardUse: ClipboardUse = { copies: false, pastes: false };
  /** Loaded when the title takes text. */
  #text: TextCapture | null = null;
  #typing = false;
  readonly #isMac = /Mac|iP(hone|ad|od)/.test(navigator.userAgent);
  readonly #escape: Alarm;
  #active = false;
  #captured = false;
  #mode: PointerMode = 'absolute';
  #cursor: CursorImage | null | undefined = undefined;
  #escapeSeenAt = -Infinity;

  constructor(wiring: CaptureWiring) {
    this.#wiring = wiring;
    this.#keys = new KeyGate(wiring.input);
    this.#keyboard = new KeyboardCapture(this.#keys, this.#isMac);
    this.#escape = new Alarm(this.#scope);
    this.#pointer = new PointerCapture({
      stage: wiring.stage,
      input: wiring.input,
      isCaptured: () => this.#captured,
      onPress: () => this.engage(),
      onEvent: (event) => this.#keyboard.syncModifiers(event),
      onHold: (hold) => this.#held(hold),
      onLockTaken: () => this.#lockTaken(),
    });
    this.#listen();
  }

  get captured(): boolean {
    return this.#captured;
  }

  /** Whether there is a title to send to. */
  setActive(active: boolean): void {
    this.#active = active;
    this.#pointer.setActive(active);
    this.#update();
    this.#drawCursor();
  }

  setMode(mode: PointerMode): void {
    this.#mode = mode;
    this.#pointer.setMode(mode);
    this.#drawCursor();
  }

  /** Whether fingers are told as such, or the first one is the mouse. */
  setTouch(touch: boolean): void {
    this.#pointer.setTouch(touch);
  }

  /** How many gamepads the title takes. */
  setGamepads(count: number): void {
    this.#gamepadLimit = count;
    this.#gamepads?.setLimit(count);
    this.#lookForGamepads();
  }

  rumble(rumble: PlayerEvents['rumble']): void {
    this.#gamepads?.rumble(rumble);
  }

  /** What of the clipboard crosses between title and player. */
  setClipboard(use: ClipboardUse): void {
    this.#clipboardUse = use;
    this.#clipboard?.setPastes(use.pastes);
    if (use.copies || use.pastes) void this.#loadClipboard();
  }

  async copied(copied: PlayerEvents['copied']): Promise<void> {
    (await this.#loadClipboard())?.copied(copied);
  }

  /** In a gesture: gives the title what is on the player's clipboard. */
  paste(): void {
    void this.#clipboard?.paste();
  }

  /** In a gesture: gives the player what the title copied. */
  takeCopied(): void {
    this.#clipboard?.takeCopied();
  }

  setSize(size: Size): void {
    this.#pointer.setSize(size);
  }

  /** null: the app hides it. */
  setCursor(cursor: CursorImage | null): void {
    this.#cursor = cursor;
    this.#pointer.setCursorHidden(cursor === null);
    this.#drawCursor();
  }

  /** Whether the title takes text. What that needs is there before the press: a screen keyboard opens within it or not at all. */
  setTakesText(takes: boolean): void {
    if (!takes) return;
    void this.#loadText();
    void this.#tellLayout();
  }

  /** In a gesture: begins or ends typing text. */
  toggleTyping(): void {
    this.#setTyping(!this.#typing && this.#text !== null);
    this.engage();
  }

  /** Puts the focus on the stage, or on what is typed into. */
  engage(): void {
    if (this.#typing) this.#text?.focus();
    else if (document.activeElement !== this.#wiring.stage) this.#wiring.stage.focus({ preventScroll: true });
    this.#update();
  }

  /** Lets go of the mouse and every key; the caller moves the focus to where it is wanted. */
  release(): void {
    this.#pointer.unlock();
    this.#letGo();
  }

  close(): void {
    this.setActive(false);
    this.#pointer.close();
    this.#gamepads?.close();
    this.#clipboard?.close();
    this.#text?.close();
    this.#scope.close();
  }

  #listen(): void {
    const scope = this.#scope;
    scope.on(window, 'keydown', (event: KeyboardEvent) => this.#keydown(event), { capture: true });
    scope.on(window, 'keyup', (event: KeyboardEvent) => this.#keyup(event), { capture: true });
    scope.on(window, 'blur', () => this.#setCaptured(false));
    scope.on(window, 'focus', () => this.#update());
    scope.on(window, 'pagehide', () => this.#setCaptured(false));
    scope.on(window, 'pageshow', () => this.#update());
    scope.on(window, 'gamepadconnected', () => this.#lookForGamepads());
    scope.on(document, 'visibilitychange', () => this.#update());
    scope.on(document, 'focusin', () => this.#update());
    scope.on(document, 'focusout', (event: FocusEvent) => {
      // To another element: its focusin follows, and in between the focus is nowhere for a moment.
      if (event.relatedTarget === null) queueMicrotask(() => this.#update());
    });
    // After the pointer's own listener, which measures: the cursor is drawn to the picture's scale.
    scope.on(window, 'resize', () => this.#drawCursor());
    // A change of full screen swallows keys on some systems.
    scope.on(document, 'fullscreenchange', () => this.#letGo());
  }

  /** What finds those that are there finds the one that has just come. */
  #lookForGamepads(): void {
    const there = 'getGamepads' in navigator && navigator.getGamepads().some((gamepad) => gamepad !== null);
    if (!there || this.#gamepadLimit === 0 || this.#gamepads !== null) return;
    void import('./capture-gamepad').then(({ GamepadCapture }) => {
      if (this.#scope.isClosed() || this.#gamepads !== null) return;
      this.#gamepads = new GamepadCapture({ input: this.#wiring.input, onNews: this.#wiring.onNews });
      this.#gamepads.setLimit(this.#gamepadLimit);
      this.#gamepads.setCaptured(this.#captured);
    });
  }

  /** Where the browser tells what the keys are labelled with. */
  async #tellLayout(): Promise<void> {
    if (!('keyboard' in navigator)) return;
    const { playerLayout } = await import('./layout');
    const name = await playerLayout();
    if (name !== null && !this.#scope.isClosed()) this.#wiring.input.layout(name);
  }

  async #loadText(): Promise<void> {
    const { TextCapture } = await import('./capture-text');
    if (this.#scope.isClosed() || this.#text !== null) return;
    const { input, stage } = this.#wiring;
    this.#text = new TextCapture({ input, stage, isCaptured: () => this.#captured, onOver: () => this.#setTyping(false) });
  }

  #setTyping(typing: boolean): void {
    if (typing === this.#typing) return;
    this.#typing = typing;
    // A key that goes down in one place and up in another would stay down.
    this.#letGo();
    this.#wiring.onTyping(typing);
  }

  async #loadClipboard(): Promise<ClipboardCapture | null> {
    const { ClipboardCapture } = await import('./capture-clipboard');
    if (this.#scope.isClosed()) return null;
    const { input, onNews, onKept } = this.#wiring;
    this.#clipboard ??= new ClipboardCapture({
      input,
      keys: this.#keys,
      isMac: this.#isMac,
      isCaptured: () => this.#captured,
      letGo: () => this.#letGo(),
      onNews,
      onKept,
    });
    this.#clipboard.setPastes(this.#clipboardUse.pastes);
    return this.#clipboard;
  }

  #keydown(event: KeyboardEvent): void {
    if (event.code === 'Escape') this.#escapeSeenAt = performance.now();
    if (this.#wiring.onShortcut(event)) {
      event.preventDefault();
      event.stopPropagation();
      // The chord's own modifiers have gone to the title.
      this.#letGo();
      return;
    }
    if (!this.#captured || event.isComposing || (this.#typing && makesText(event))) return;
    const pastes = this.#clipboard?.handleDown(event) ?? null;
    if (pastes !== 'page') this.#keyboard.handleDown(event, pastes !== null);
  }

  #keyup(event: KeyboardEvent): void {
    if (this.#captured) this.#keyboard.handleUp(event);
  }

  #update(): void {
    this.#setCaptured(this.#active && document.visibilityState === 'visible' && document.hasFocus() && this.#isEngaged());
  }

  #isEngaged(): boolean {
    const focused = document.activeElement;
    return focused === null || focused === document.body || this.#wiring.stage.contains(focused);
  }

  #setCaptured(captured: boolean): void {
    if (captured === this.#captured) return;
    if (!captured) {
      this.#letGo();
      this.#escape.clear();
    }
    this.#captured = captured;
    this.#wiring.input.setFocused(captured);
    // After the focus: what the pads say is told to a host that hears it.
    this.#gamepads?.setCaptured(captured);
    this.#wiring.onCaptured(captured);
  }

  #letGo(): void {
    this.#keys.drop();
    this.#keyboard.releaseAll();
    this.#pointer.releaseAll();
    this.#wiring.input.releaseAll();
  }

  /**
   * The browser frees a locked mouse on Escape and keeps the key to itself. A player who presses Escape in a game wants
   * its menu, so the title gets the key; not when the lock went because the window did.
   */
  #lockTaken(): void {
    this.#letGo();
    this.#escape.set(ESCAPE_SETTLE_MS, () => {
      this.#update();
      const delivered = performance.now() - this.#escapeSeenAt < ESCAPE_SETTLE_MS * 3;
      if (this.#captured && !delivered) this.#keyboard.tap('Escape');
    });
  }

  #held(hold: PointerHold): void {
    this.#drawCursor();
    this.#wiring.onHold(hold);
  }

  #drawCursor(): void {
    const { stage } = this.#wiring;
    if (!this.#active || this.#cursor === undefined) stage.style.cursor = '';
    else if (this.#pointer.isLocked) stage.style.cursor = 'none';
    // Before the click that locks, an ordinary pointer shows where to click.
    else if (this.#mode === 'relative' || (this.#mode === 'both' && this.#cursor === null)) stage.style.cursor = 'pointer';
    else stage.style.cursor = cursorStyle(this.#cursor, this.#pointer.scale);
  }
}

/** Long enough for a blur that belongs to the loss of the lock to arrive. */
const ESCAPE_SETTLE_MS = 60;
