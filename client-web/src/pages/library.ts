/**
 * The library: a card per title, and the games of this browser that still run.
 *
 * Titles are asked for once, and again while the engine does not answer; sessions every few seconds while the page can
 * be seen. Countdowns tick on their own in between.
 */
import { artwork } from './artwork';
import { brand } from '../ui/brand';
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { countdown } from '../ui/format';
import { icon } from '../ui/icons';
import { Alarm, Scope } from '../ui/scope';
import { traits, type Catalogue, type OwnSession, type TitleCard } from './catalogue';
import { playPath } from './route';

/** `at`: as `Event.timeStamp`. */
export type Pressed = { readonly at: number; readonly card: TitleCard };

export type LibraryWiring = {
  readonly root: HTMLElement;
  readonly catalogue: Catalogue;
  /** `pressed`: on its card. */
  readonly play: (title: string, pressed?: Pressed) => void;
};

export class LibraryPage {
  readonly #wiring: LibraryWiring;
  readonly #scope = new Scope();
  readonly #poll: Alarm;
  readonly #running = el('section', { class: 'running', attrs: { 'aria-label': 'Your games', hidden: true } });
  readonly #grid = el('div', { class: 'grid' });
  readonly #status = el('p', { class: 'visually-hidden', attrs: { role: 'status', 'aria-live': 'polite' } });
  #titles: readonly TitleCard[] | null = null;
  /** By session: where its countdown is written, and when it is over. */
  readonly #countdowns = new Map<string, { readonly cell: HTMLElement; until: number }>();
  #shownSessions = '';

  constructor(wiring: LibraryWiring) {
    this.#wiring = wiring;
    this.#poll = new Alarm(this.#scope);
    document.title = 'Firstlight';
    wiring.root.replaceChildren(
      el(
        'div',
        { class: 'library' },
        el('header', { class: 'top' }, brand()),
        el(
          'main',
          {},
          el('h1', {}, 'Pick a game. ', el('em', {}, 'Play it right here.')),
          this.#status,
          this.#running,
          this.#grid,
        ),
        el('footer', { class: 'foot' }, 'Games run on the engine’s machine. Nothing is installed on yours. ', el('a', { attrs: { href: '/saves' } }, 'Saved games')),
      ),
    );
    this.#grid.replaceChildren(...[0, 1, 2].map(() => el('div', { class: 'card card-empty', attrs: { 'aria-hidden': 'true' } })));
    this.#scope.every(1000, () => this.#tick());
    this.#scope.on(document, 'visibilitychange', () => {
      if (document.visibilityState === 'visible') void this.#refresh();
      else this.#poll.clear();
    });
    void this.#refresh();
  }

  close(): void {
    this.#scope.close();
  }

  async #refresh(): Promise<void> {
    this.#poll.clear();
    try {
      if (this.#titles === null) {
        this.#titles = await this.#wiring.catalogue.titles(this.#scope.signal);
        if (this.#scope.isClosed()) return;
        this.#showTitles(this.#titles);
      }
      const sessions = await this.#wiring.catalogue.sessions(this.#scope.signal);
      if (this.#scope.isClosed()) return;
      this.#showSessions(sessions.filter((session) => session.state !== 'ended'));
      this.#schedule(POLL_MS);
    } catch {
      if (this.#scope.isClosed()) return;
      this.#showUnreachable();
      this.#schedule(RETRY_MS);
    }
  }

  #schedule(millis: number): void {
    if (document.visibilityState === 'visible') this.#poll.set(millis, () => void this.#refresh());
  }

  #showTitles(titles: readonly TitleCard[]): void {
    if (titles.length === 0) {
      this.#grid.replaceChildren(
        notice(
          'moon',
          'No games here yet',
          'Put a folder with a title.toml into the engine’s titles folder, and it appears here.',
        ),
      );
    } else {
      this.#grid.replaceChildren(...titles.map((title) => this.#card(title)));
    }
    setText(this.#status, titles.length === 1 ? '1 game' : `${titles.length} games`);
  }

  #card(title: TitleCard): HTMLElement {
    const link = el(
      'a',
      { class: 'card', attrs: { href: playPath(title.id), 'data-title': title.id } },
      artwork(title, 'card-art'),
      el(
        'div',
        { class: 'card-text' },
        el('h2', {}, title.name),
        el('ul', { class: 'traits' }, ...traits(title).map((trait) => el('li', {}, trait))),
      ),
      el('span', { class: 'card-play', attrs: { 'aria-hidden': 'true' } }, icon('play', 22)),
    );
    link.addEventListener('click', (event) => {
      // With a modifier it is the browser's: a new tab, a download.
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
      event.preventDefault();
      this.#wiring.play(title.id, { at: event.timeStamp, card: title });
    });
    return link;
  }

  #showSessions(sessions: readonly OwnSession[]): void {
    const now = performance.now();
    const shape = sessions.map((session) => `${session.session} ${session.state}`).join('\n');
    if (shape !== this.#shownSessions) {
      this.#shownSessions = shape;
      const hadFocus = this.#running.contains(document.activeElement);
      this.#countdowns.clear();
      this.#running.hidden = sessions.length === 0;
      this.#running.replaceChildren(...sessions.map((session) => this.#row(session)));
      if (hadFocus) this.#running.querySelector('button')?.focus();
    }
    for (const { session, waitLeft } of sessions) {
      const entry = this.#countdowns.get(session);
      if (entry !== undefined && waitLeft !== null) entry.until = now + waitLeft * 1000;
    }
    this.#tick();
  }

  #row(session: OwnSession): HTMLElement {
    const title = this.#titles?.find(({ id }) => id === session.title);
    const name = title?.name ?? session.title;
    const left = session.state === 'waiting' ? el('span', { class: 'countdown' }) : null;
    if (left !== null) this.#countdowns.set(session.session, { cell: left, until: performance.now() });
    const end = button({
      label: 'End',
      icon: 'stop',
      part: 'end',
      press: () => {
        end.disabled = true;
        void this.#end(session, name);
      },
    });
    end.setAttribute('aria-label', `End ${name}`);
    const mine = session.state !== 'attached';
    const go = button({
      label: mine ? 'Continue' : 'Open',
      icon: 'play',
      kind: mine ? 'primary' : 'quiet',
      part: 'continue',
      press: () => this.#wiring.play(session.title),
    });
    return el(
      'article',
      { class: 'session', attrs: { 'data-session': session.session, 'data-state': session.state } },
      artwork({ id: session.title, name, picture: title?.picture ?? null }, 'session-art'),
      el(
        'div',
        { class: 'session-text' },
        el('h2', {}, name),
        el('p', {}, SESSION_WORDS[session.state], left),
      ),
      el('div', { class: 'session-buttons' }, go, end),
    );
  }

  async #end(session: OwnSession, name: string): Promise<void> {
    try {
      await this.#wiring.catalogue.end(session.session);
      setText(this.#status, `${name} ended`);
    } catch {
      setText(this.#status, `${name} could not be ended`);
      this.#shownSessions = '';
    }
    if (!this.#scope.isClosed()) await this.#refresh();
  }

  #showUnreachable(): void {
    const words = 'The engine does not answer';
    setText(this.#status, words);
    this.#running.hidden = true;
    this.#shownSessions = '';
    this.#titles = null;
    this.#grid.replaceChildren(
      notice('offline', words, 'It may be starting or stopped. This page goes on by itself as soon as it is back.'),
    );
  }

  #tick(): void {
    for (const { until, cell } of this.#countdowns.values()) {
      setText(cell, countdown((until - performance.now()) / 1000));
    }
  }
}

const POLL_MS = 3000;
const RETRY_MS = 2000;

const SESSION_WORDS: Readonly<Record<OwnSession['state'], string>> = {
  starting: 'Is starting',
  ready: 'Ready for you',
  attached: 'Is being played in another tab',
  waiting: 'Paused. It waits for you for ',
  ended: 'Over',
};

function notice(name: 'moon' | 'offline', title: string, message: string): HTMLElement {
  return el(
    'div',
    { class: 'notice' },
    el('span', { class: 'notice-icon' }, icon(name, 40)),
    el('h2', {}, title),
    el('p', {}, message),
  );
}
