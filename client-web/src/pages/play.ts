/**
 * The play page: a title's picture, and everything around it.
 *
 * ```text
 * Player events -> state -> card over the picture | nothing
 * Capture       -> Player.input
 * toolbar, shortcuts -> sound, stats, full screen, leave, end
 * ```
 *
 * It decides what is shown; what a session is and when it is over is the Player's.
 */
import { Capture } from '../input/capture';
import type { PointerHold } from '../input/capture-pointer';
import type { EndWords, Player, PlayerEvents, PlayerOptions, PlayerState, PointerMode } from '../player';
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { isFullscreen, toggleFullscreen, unlockKeyboard } from '../ui/fullscreen';
import { icon, type IconName } from '../ui/icons';
import { StatsOverlay } from '../ui/overlay';
import { Alarm, Scope } from '../ui/scope';
import { shortcutOf, SHORTCUT_WORDS, type Shortcut } from '../ui/shortcuts';
import { Toolbar } from '../ui/toolbar';
import { keepAwake } from '../ui/wake';
import type { Catalogue, TitleCard } from './catalogue';
import { CoverCard, missingCard, overCard, ReconnectCard, type CardPress } from './play-cards';
import { reportPath } from './route';
import { loadSound, saveSound, type Sound } from './sound';

export type PlayWiring = {
  readonly root: HTMLElement;
  readonly title: string;
  /** What the library knows of it: then nobody is asked while it starts. */
  readonly card?: TitleCard;
  readonly autostart: boolean;
  readonly catalogue: Catalogue;
  readonly createPlayer: (options: PlayerOptions) => Player;
  readonly library: () => void;
  /** To the same page of another gateway. */
  readonly elsewhere: (origin: string) => void;
};

export class PlayPage {
  readonly player: Player;
  readonly #wiring: PlayWiring;
  readonly #scope = new Scope();
  readonly #video = el('video', { class: 'picture', attrs: { playsinline: true, disablepictureinpicture: true, disableremoteplayback: true } });
  readonly #canvas = el('canvas', { class: 'picture', attrs: { hidden: true } });
  readonly #stage: HTMLElement;
  readonly #veil = el('div', { class: 'veil' });
  readonly #hint = el('p', { class: 'hint', attrs: { hidden: true } });
  readonly #hintAlarm: Alarm;
  readonly #slowAlarm: Alarm;
  readonly #soundHint: HTMLButtonElement;
  readonly #status = el('p', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });
  readonly #page: HTMLElement;
  readonly #toolbar: Toolbar;
  readonly #overlay: StatsOverlay;
  readonly #capture: Capture;
  readonly #press: CardPress;
  readonly #cover: CoverCard;
  readonly #reconnect: ReconnectCard;
  #title: Pick<TitleCard, 'id' | 'name' | 'picture'>;
  #state: PlayerState = 'idle';
  #words: EndWords | null = null;
  #missing = false;
  /** What was played last, for its report. */
  #played: string | null = null;
  #waitUntil: number | null = null;
  #pointerMode: PointerMode = 'absolute';
  #hold: PointerHold = 'free';

  constructor(wiring: PlayWiring) {
    this.#wiring = wiring;
    this.#title = wiring.card ?? { id: wiring.title, name: wiring.title, picture: null };
    this.#hintAlarm = new Alarm(this.#scope);
    this.#slowAlarm = new Alarm(this.#scope);
    this.#press = { start: () => this.start(), library: wiring.library, far: () => this.player.goFar() };
    this.#cover = new CoverCard(this.#title, this.#press);
    this.#reconnect = new ReconnectCard(this.#press);
    this.#stage = el('div', { class: 'stage', attrs: { tabindex: 0, role: 'application', 'data-part': 'stage' } }, this.#video, this.#canvas);
    this.#video.muted = true;
    this.#soundHint = button({ label: 'Tap for sound', icon: 'muted', part: 'unlock-sound', press: () => this.#unlockSound() });
    this.#soundHint.classList.add('sound-hint');
    this.#soundHint.hidden = true;
    this.player = wiring.createPlayer({ title: wiring.title, video: this.#video, canvas: this.#canvas, resume: true });
    this.#overlay = new StatsOverlay(() => this.player.stats());
    this.#toolbar = new Toolbar({
      name: this.#title.name,
      onSound: (sound) => this.#setSound(sound),
      onStats: () => this.#shortcut('stats'),
      onFullscreen: () => this.#shortcut('fullscreen'),
      onType: () => this.#capture.toggleTyping(),
      onCopy: () => this.#capture.takeCopied(),
      onPaste: () => {
        this.#capture.engage();
        this.#capture.paste();
      },
      onLeave: wiring.library,
      onEnd: () => void this.player.end(),
      onDone: () => this.#capture.engage(),
    });
    this.#page = el(
      'main',
      { class: 'play', attrs: { 'data-state': 'idle' } },
      this.#stage,
      this.#overlay.element,
      this.#hint,
      this.#veil,
      this.#soundHint,
      this.#toolbar.element,
      this.#status,
    );
    wiring.root.replaceChildren(this.#page);
    this.#capture = new Capture({
      stage: this.#stage,
      input: this.player.input,
      onShortcut: (event) => this.#handleShortcut(event),
      onHold: (hold) => this.#held(hold),
      onCaptured: () => this.#showHint(),
      onNews: ({ words, trouble }) => this.#flash(words, trouble ? 'alert' : 'done'),
      onTyping: (typing) => this.#toolbar.setTyping(typing),
      onKept: (kept) => this.#toolbar.setCopied(kept),
    });
    this.#setSound(loadSound());
    this.#listen();
    this.#rename();
    this.#show();
    // The request that a player waits for goes first.
    if (wiring.autostart) this.start();
    if (wiring.card === undefined) void this.#describe();
    else this.#adopt(wiring.card);
  }

  /** Starts, restarts or takes back. */
  start(): void {
    this.#words = null;
    void this.player.start();
    this.#unlockSound();
  }

  close(): void {
    const { state } = this.player;
    if (state !== 'idle' && state !== 'ended' && state !== 'failed') this.player.leave();
    this.#capture.close();
    this.player.close();
    this.#overlay.close();
    this.#toolbar.close();
    this.#scope.close();
    if (isFullscreen()) void toggleFullscreen(this.#page);
  }

  #listen(): void {
    const { player } = this;
    const scope = this.#scope;
    scope.add(player.on('state', (state) => this.#setState(state)));
    scope.add(player.on('ended', (words) => this.#over(words)));
    scope.add(player.on('failed', (words) => this.#over(words)));
    scope.add(player.on('queued', (place) => this.#showQueue(place)));
    scope.add(player.on('reconnecting', (left) => this.#reconnect.show(left)));
    scope.add(player.on('cursor', (cursor) => this.#capture.setCursor(cursor)));
    scope.add(player.on('size', (size) => this.#capture.setSize(size)));
    scope.add(
      player.on('pointerMode', (mode) => {
        this.#pointerMode = mode;
        this.#capture.setMode(mode);
      }),
    );
    scope.add(
      player.on('text', (takes) => {
        this.#capture.setTakesText(takes);
        this.#toolbar.setTakesText(takes);
      }),
    );
    scope.add(player.on('touch', (touch) => this.#capture.setTouch(touch)));
    scope.add(player.on('gamepads', (count) => this.#capture.setGamepads(count)));
    scope.add(
      player.on('clipboard', (use) => {
        this.#capture.setClipboard(use);
        this.#toolbar.setPastes(use.pastes);
      }),
    );
    scope.add(player.on('copied', (copied) => void this.#capture.copied(copied)));
    scope.add(player.on('rumble', (rumble) => this.#capture.rumble(rumble)));
    scope.add(player.on('audioBlocked', () => this.#showSoundHint()));
    scope.on(document, 'fullscreenchange', () => {
      this.#toolbar.setFullscreen(isFullscreen());
      if (!isFullscreen()) unlockKeyboard();
      this.#capture.engage();
    });
    // The first gesture anywhere is as good as one on the hint.
    for (const type of ['pointerdown', 'keydown']) {
      scope.on(window, type, () => this.#unlockSound(), { capture: true, passive: true });
    }
    scope.every(1000, () => this.#tick());
    scope.add(keepAwake(() => this.#state === 'playing'));
  }

  /** Fills in what the catalogue knows; the page works without. */
  async #describe(): Promise<void> {
    const { catalogue, title } = this.#wiring;
    const { signal } = this.#scope;
    try {
      const titles = await catalogue.titles(signal);
      const found = titles.find(({ id }) => id === title);
      if (this.#scope.isClosed()) return;
      if (found === undefined) this.#missing = this.#state === 'idle';
      else this.#adopt(found);
      if (this.#state === 'idle') this.#show();
      const sessions = await catalogue.sessions(signal);
      const waiting = sessions.find((session) => session.title === title && session.state === 'waiting');
      if (this.#scope.isClosed() || waiting?.waitLeft == null) return;
      this.#waitUntil = performance.now() + waiting.waitLeft * 1000;
      if (this.#state === 'idle') this.#show();
    } catch {
      // The engine does not answer: starting says so in words.
    }
  }

  #adopt(title: TitleCard): void {
    this.#title = title;
    this.#cover.adopt(title);
    this.#capture.setSize(title.display);
    this.#toolbar.setAudible(title.audio);
    this.#rename();
  }

  #rename(): void {
    const { name } = this.#title;
    document.title = `${name} · Firstlight`;
    this.#toolbar.rename(name);
    this.#stage.setAttribute('aria-label', `${name}. ${SHORTCUT_WORDS.release} gives keyboard and mouse back to the page.`);
  }

  #setState(state: PlayerState): void {
    this.#state = state;
    if (state === 'starting') this.#words = this.#played = null;
    if (state === 'playing') this.#played = this.player.session;
    if (state !== 'idle') this.#waitUntil = null;
    this.#show();
  }

  #over(words: EndWords): void {
    this.#words = words;
    this.#show();
    if (words.elsewhere !== undefined) this.#wiring.elsewhere(words.elsewhere);
  }

  #show(): void {
    const state = this.#state;
    const playing = state === 'playing';
    this.#page.dataset['state'] = state;
    this.#capture.setActive(playing);
    this.#toolbar.setShown(playing || state === 'reconnecting');
    if (state === 'ended' || state === 'failed' || state === 'idle') this.#setStats(false);
    if (state !== 'starting' && state !== 'connecting') this.#slowAlarm.clear();
    this.#lay(this.#card());
    if (playing) this.#capture.engage();
    else this.#focusCard();
    this.#showHint();
    this.#showSoundHint();
    setText(this.#status, this.#statusWords());
  }

  /** Puts a card over the picture; one that lies there already is not touched, so that no press on it is lost. */
  #lay(card: HTMLElement | null): void {
    this.#veil.hidden = card === null;
    if (card === null) this.#veil.replaceChildren();
    else if (this.#veil.firstElementChild !== card) this.#veil.replaceChildren(card);
  }

  #showQueue(place: PlayerEvents['queued']): void {
    if (this.#state !== 'starting') return;
    this.#slowAlarm.clear();
    this.#cover.showLoading(queueWords(place));
    this.#cover.showFar(place.sooner);
  }

  #card(): HTMLElement | null {
    if (this.#missing) return missingCard(this.#press);
    switch (this.#state) {
      case 'idle':
        this.#cover.showStart(this.#waitLeft());
        return this.#cover.element;
      case 'starting':
      case 'connecting':
        this.#cover.showLoading(LOADING_WORDS[this.#state]);
        this.#slowAlarm.set(SLOW_MS, () => this.#cover.showLoading('Still at it. Some games take a while to start…'));
        return this.#cover.element;
      case 'reconnecting':
        return this.#reconnect.element;
      case 'ended':
      case 'failed':
        return this.#words === null ? null : overCard(this.#words, this.#state === 'failed', this.#report(), this.#press);
      case 'playing':
        return null;
    }
  }

  /** Somebody else plays on where it was taken over. */
  #report(): string | null {
    return this.#played === null || this.#words?.canTakeBack === true ? null : reportPath(this.#played);
  }

  #waitLeft(): number | null {
    if (this.#waitUntil === null) return null;
    const left = (this.#waitUntil - performance.now()) / 1000;
    return left > 0 ? left : null;
  }

  #tick(): void {
    if (this.#state !== 'idle' || this.#waitUntil === null) return;
    this.#cover.showStart(this.#waitLeft());
  }

  #focusCard(): void {
    if (this.#veil.contains(document.activeElement)) return;
    this.#veil.querySelector<HTMLElement>('.start:not([hidden]), .button-primary')?.focus({ preventScroll: true });
  }

  #statusWords(): string {
    switch (this.#state) {
      case 'idle':
        return '';
      case 'starting':
      case 'connecting':
        return LOADING_WORDS[this.#state];
      case 'playing':
        return `Playing ${this.#title.name}`;
      case 'reconnecting':
        return 'The connection is gone. Trying to get back.';
      case 'ended':
      case 'failed':
        return this.#words === null ? '' : `${this.#words.title}. ${this.#words.message}`;
    }
  }

  #held(hold: PointerHold): void {
    const took = hold === 'locked' && this.#hold !== 'locked';
    this.#hold = hold;
    this.#showHint();
    if (took) this.#flash(isFullscreen() ? 'Hold Esc to leave full screen' : 'Esc gives your mouse back');
  }

  /** The standing hint, if there is something to say. */
  #showHint(): void {
    this.#hintAlarm.clear();
    const words = this.#state === 'playing' ? this.#hintWords() : null;
    this.#hint.hidden = words === null;
    if (words !== null) this.#hint.replaceChildren(icon(words.startsWith('Click the picture to go on') ? 'keyboard' : 'mouse', 18), words);
  }

  #hintWords(): string | null {
    if (!this.#capture.captured) return 'Click the picture to go on playing';
    if (this.#hold !== 'offered' || hasTouchOnly()) return null;
    return this.#pointerMode === 'both' ? 'Click to look around with the mouse' : 'Click to play with the mouse';
  }

  #flash(words: string, about: IconName = 'mouse'): void {
    this.#hint.replaceChildren(icon(about, 18), words);
    this.#hint.hidden = false;
    this.#hintAlarm.set(FLASH_MS, () => this.#showHint());
  }

  #handleShortcut(event: KeyboardEvent): boolean {
    const shortcut = shortcutOf(event);
    if (shortcut === null) return false;
    if (!event.repeat) this.#shortcut(shortcut);
    return true;
  }

  #shortcut(shortcut: Shortcut): void {
    switch (shortcut) {
      case 'stats':
        this.#setStats(!this.#overlay.shown);
        return;
      case 'fullscreen':
        void toggleFullscreen(this.#page);
        return;
      case 'mute':
        this.#toolbar.toggleMute();
        return;
      case 'release':
        this.#capture.release();
        this.#toolbar.peek(true);
        return;
    }
  }

  #setStats(shown: boolean): void {
    this.#overlay.toggle(shown);
    this.#toolbar.setStatsShown(shown);
  }

  #setSound(sound: Sound): void {
    this.player.audio.muted = sound.muted;
    this.player.audio.volume = sound.volume;
    this.#toolbar.setSound(sound);
    saveSound(sound);
  }

  #showSoundHint(): void {
    this.#soundHint.hidden = !this.player.audio.blocked || this.#state !== 'playing';
  }

  #unlockSound(): void {
    if (this.player.audio.blocked) void this.player.audio.unlock();
  }
}

function hasTouchOnly(): boolean {
  return matchMedia('(any-pointer: coarse)').matches && !matchMedia('(any-pointer: fine)').matches;
}

/** After this long without a picture, say that it is still going on. */
const SLOW_MS = 6000;
const FLASH_MS = 3500;

function queueWords({ place, estimateS }: PlayerEvents['queued']): string {
  const ahead = place <= 1 ? 'You are next' : `You are number ${place} in line`;
  if (estimateS <= 0) return `${ahead}. Your place is free…`;
  const minutes = Math.round(estimateS / 60);
  const about = minutes < 1 ? 'less than a minute' : minutes === 1 ? 'about a minute' : `about ${minutes} minutes`;
  return `All places are taken. ${ahead}: ${about}. It goes on by itself.`;
}

const LOADING_WORDS = { starting: 'Getting a place for you…', connecting: 'Connecting to your game…' } as const;
