/**
 * The bar over the picture: sound, stats, full screen, leave, end.
 *
 * It hides itself, and comes out when the pointer touches the handle at the top edge, when it gets the focus, or when it
 * is asked to. A press on it leaves the focus where it is, so that keys go on reaching the title.
 */
import { button, iconButton } from './button';
import { el, setText } from './dom';
import { canFullscreen } from './fullscreen';
import { icon } from './icons';
import { Alarm, Scope } from './scope';
import { SHORTCUT_WORDS } from './shortcuts';

export type ToolbarWiring = {
  readonly name: string;
  readonly onSound: (sound: { muted: boolean; volume: number }) => void;
  readonly onStats: () => void;
  readonly onFullscreen: () => void;
  readonly onType: () => void;
  readonly onCopy: () => void;
  readonly onPaste: () => void;
  readonly onLeave: () => void;
  readonly onEnd: () => void;
  /** The focus should go back to the picture. */
  readonly onDone: () => void;
};

export class Toolbar {
  readonly element: HTMLElement;
  readonly #scope = new Scope();
  readonly #hiding: Alarm;
  readonly #bar: HTMLElement;
  readonly #name = el('span', { class: 'bar-name' });
  readonly #mute: HTMLButtonElement;
  readonly #volume: HTMLInputElement;
  readonly #stats: HTMLButtonElement;
  readonly #fullscreen: HTMLButtonElement;
  readonly #type: HTMLButtonElement;
  readonly #copy: HTMLButtonElement;
  readonly #paste: HTMLButtonElement;
  readonly #end: HTMLButtonElement;
  readonly #confirm: HTMLElement;
  readonly #wiring: ToolbarWiring;
  #sound = { muted: false, volume: 1 };

  constructor(wiring: ToolbarWiring) {
    this.#wiring = wiring;
    this.#hiding = new Alarm(this.#scope);
    this.#mute = iconButton({
      label: 'Mute',
      icon: 'sound',
      hint: SHORTCUT_WORDS.mute,
      part: 'mute',
      press: () => this.toggleMute(),
    });
    this.#volume = el('input', {
      class: 'volume',
      attrs: { type: 'range', min: 0, max: 100, step: 1, value: 100, 'aria-label': 'Volume' },
    });
    this.#stats = iconButton({
      label: 'Statistics',
      icon: 'stats',
      hint: SHORTCUT_WORDS.stats,
      part: 'stats',
      press: wiring.onStats,
    });
    this.#fullscreen = iconButton({
      label: 'Full screen',
      icon: 'fullscreen',
      hint: SHORTCUT_WORDS.fullscreen,
      part: 'fullscreen',
      press: wiring.onFullscreen,
    });
    this.#fullscreen.hidden = !canFullscreen();
    this.#type = iconButton({ label: 'Type text', icon: 'keyboard', part: 'type', press: wiring.onType });
    this.#type.hidden = true;
    this.#copy = iconButton({ label: 'Copy what the game copied', icon: 'copy', part: 'copy', press: wiring.onCopy });
    this.#copy.hidden = true;
    this.#paste = iconButton({ label: 'Paste into the game', icon: 'paste', hint: 'Ctrl+V', part: 'paste', press: wiring.onPaste });
    this.#paste.hidden = true;
    const leave = iconButton({ label: 'Leave, the game waits for you', icon: 'leave', part: 'leave', press: wiring.onLeave });
    this.#end = button({ label: 'End', icon: 'stop', part: 'end', press: () => this.#ask(true) });
    this.#confirm = this.#confirmation();
    this.#bar = el(
      'div',
      { class: 'bar', attrs: { role: 'toolbar', 'aria-label': 'Game controls' } },
      this.#name,
      this.#mute,
      this.#volume,
      this.#stats,
      this.#fullscreen,
      this.#type,
      this.#copy,
      this.#paste,
      leave,
      this.#end,
      this.#confirm,
    );
    const handle = el('button', {
      class: 'bar-handle',
      attrs: { type: 'button', 'aria-label': 'Show game controls', tabindex: -1 },
    });
    this.element = el('div', { class: 'bar-zone', attrs: { hidden: true } }, handle, this.#bar);
    this.rename(wiring.name);
    this.#listen(handle);
  }

  setShown(shown: boolean): void {
    this.element.hidden = !shown;
    if (shown) this.peek();
    else this.#hide();
  }

  rename(name: string): void {
    setText(this.#name, name);
  }

  /** Shows the bar for a while; with `focus`, until the focus leaves it. */
  peek(focus = false): void {
    this.element.classList.add('is-open');
    this.#armHiding();
    if (focus) this.#stats.focus();
  }

  setSound(sound: { muted: boolean; volume: number }): void {
    this.#sound = sound;
    const silent = sound.muted || sound.volume === 0;
    this.#mute.replaceChildren(icon(silent ? 'muted' : 'sound'));
    this.#mute.setAttribute('aria-pressed', String(silent));
    this.#volume.value = String(Math.round(sound.volume * 100));
    this.#volume.style.setProperty('--fill', `${silent ? 0 : sound.volume * 100}%`);
  }

  /** A title without sound has no use for the knobs. */
  setAudible(audible: boolean): void {
    this.#mute.hidden = !audible;
    this.#volume.hidden = !audible;
  }

  /** Whether the title takes text. */
  setTakesText(takes: boolean): void {
    this.#type.hidden = !takes;
  }

  setTyping(typing: boolean): void {
    this.#type.setAttribute('aria-pressed', String(typing));
  }

  /** Something that the title copied waits for a press. */
  setCopied(waits: boolean): void {
    this.#copy.hidden = !waits;
    if (waits) this.peek();
  }

  /** Whether the title takes what is pasted. */
  setPastes(pastes: boolean): void {
    this.#paste.hidden = !pastes || !('clipboard' in navigator) || !('readText' in navigator.clipboard);
  }

  setStatsShown(shown: boolean): void {
    this.#stats.setAttribute('aria-pressed', String(shown));
  }

  setFullscreen(on: boolean): void {
    this.#fullscreen.replaceChildren(icon(on ? 'window' : 'fullscreen'));
    this.#fullscreen.setAttribute('aria-label', on ? 'Leave full screen' : 'Full screen');
  }

  toggleMute(): void {
    this.#wiring.onSound({ ...this.#sound, muted: !this.#sound.muted });
  }

  close(): void {
    this.#scope.close();
    this.element.remove();
  }

  #listen(handle: HTMLElement): void {
    const scope = this.#scope;
    scope.on(this.element, 'pointerenter', () => this.peek());
    scope.on(this.element, 'pointerleave', () => this.#armHiding());
    scope.on(this.element, 'focusin', () => this.peek());
    scope.on(this.element, 'focusout', () => this.#armHiding());
    scope.on(handle, 'click', () => this.peek());
    scope.on(this.element, 'mousedown', (event: MouseEvent) => {
      if (event.target !== this.#volume) event.preventDefault();
    });
    scope.on(this.element, 'keydown', (event: KeyboardEvent) => {
      if (event.code !== 'Escape') return;
      if (this.#confirm.hidden) this.#wiring.onDone();
      else this.#ask(false);
    });
    scope.on(this.#volume, 'input', () => this.#wiring.onSound({ muted: false, volume: Number(this.#volume.value) / 100 }));
    scope.on(this.#volume, 'pointerup', () => this.#wiring.onDone());
  }

  #confirmation(): HTMLElement {
    return el(
      'div',
      { class: 'bar-confirm', attrs: { hidden: true, role: 'group', 'aria-label': 'End the game?' } },
      el('span', {}, 'End the game for good?'),
      button({ label: 'End it', kind: 'danger', part: 'end-confirm', press: this.#wiring.onEnd }),
      button({ label: 'Keep playing', part: 'end-cancel', press: () => this.#ask(false) }),
    );
  }

  #ask(asking: boolean): void {
    const hadFocus = this.element.contains(document.activeElement);
    this.#confirm.hidden = !asking;
    this.#bar.classList.toggle('is-asking', asking);
    if (hadFocus) (asking ? this.#confirm.querySelector('button') : this.#end)?.focus();
    this.peek();
  }

  #armHiding(): void {
    this.#hiding.set(HIDE_MS, () => {
      const busy = this.element.matches(':hover') || this.element.contains(document.activeElement) || !this.#confirm.hidden;
      if (busy) this.#armHiding();
      else this.#hide();
    });
  }

  #hide(): void {
    this.#hiding.clear();
    this.element.classList.remove('is-open');
    this.#confirm.hidden = true;
    this.#bar.classList.remove('is-asking');
  }
}

const HIDE_MS = 2500;
