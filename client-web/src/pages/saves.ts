/**
 * A player's saved games: what each title keeps for him, to go back to, take along or remove.
 *
 * A document of its own, so that nobody loads it in order to play.
 */
import type { Answer } from '../answer';
import type { TitleCard } from '../api';
import { artwork } from './artwork';
import { brand } from '../ui/brand';
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { icon, type IconName } from '../ui/icons';
import { Alarm, Scope } from '../ui/scope';
import type { Kept, SaveVersion, Saves, TitleSaves } from './saves-api';

export type SavesWiring = {
  readonly root: HTMLElement;
  readonly saves: Saves;
  /** For names and pictures; titles may have gone that saves are kept of. */
  readonly titles: (signal: AbortSignal) => Promise<Answer<readonly TitleCard[]>>;
};

export class SavesPage {
  readonly #wiring: SavesWiring;
  readonly #scope = new Scope();
  readonly #poll = new Alarm(this.#scope);
  readonly #armed = new Alarm(this.#scope);
  readonly #list = el('div', { class: 'saves-list' });
  readonly #said = el('p', { class: 'saves-said', attrs: { role: 'status', 'aria-live': 'polite' } });
  #titles: readonly TitleCard[] = [];

  constructor(wiring: SavesWiring) {
    this.#wiring = wiring;
    wiring.root.replaceChildren(
      el(
        'div',
        { class: 'library saves' },
        el('header', { class: 'top' }, brand()),
        el('main', {}, el('h1', {}, 'Saved games'), this.#said, this.#list),
        el('footer', { class: 'foot' }, el('a', { attrs: { href: '/' } }, 'Back to the library'), '. Saves belong to this browser; whichever machine you play on next has them.'),
      ),
    );
    void this.#refresh();
  }

  close(): void {
    this.#scope.close();
  }

  async #refresh(): Promise<void> {
    const { signal } = this.#scope;
    const [kept, titles] = await Promise.all([this.#wiring.saves.list(signal), this.#titles.length > 0 ? null : this.#wiring.titles(signal).catch(() => null)]);
    if (this.#scope.isClosed()) return;
    if (titles?.ok === true) this.#titles = titles.value;
    if (kept.ok) {
      this.#show(kept.value);
      return;
    }
    if (kept.problem === 'unreachable') {
      this.#list.replaceChildren(notice('offline', 'The engine does not answer', 'This page goes on by itself as soon as it is back.'));
      this.#poll.set(POLL_MS, () => void this.#refresh());
      return;
    }
    const none = kept.problem === 'not-found';
    this.#list.replaceChildren(none ? notice('moon', 'Nothing is kept here', 'This engine leaves what games save on its own machine.') : notice('alert', 'They cannot be shown', kept.detail));
  }

  #show(kept: Kept): void {
    if (kept.titles.length === 0) {
      this.#list.replaceChildren(notice('moon', 'Nothing saved yet', 'What a game saves while you play is listed here, and is there on whichever machine you play next.'));
      return;
    }
    const sum = el('p', { class: 'saves-sum' }, `${size(kept.bytes)} of ${size(kept.bytesMax)}`);
    this.#list.replaceChildren(...kept.titles.map((of) => this.#title(of)), sum);
  }

  #title(of: TitleSaves): HTMLElement {
    const card = this.#titles.find(({ id }) => id === of.title);
    const name = card?.name ?? of.title;
    const take = button({ label: 'Download', icon: 'copy', part: 'take', press: () => void this.#take(of.title, name) });
    const erase = button({ label: REMOVE, icon: 'stop', kind: 'danger', part: 'erase', press: () => this.#arm(erase, of.title, name) });
    return el(
      'section',
      { class: 'saves-title', attrs: { 'data-title': of.title } },
      artwork({ id: of.title, name, picture: card?.picture ?? null }, 'session-art'),
      el(
        'div',
        { class: 'saves-body' },
        el('h2', {}, name),
        el('ol', { class: 'saves-versions' }, ...of.versions.map((version, index) => this.#version(of.title, name, version, index === 0))),
        el('div', { class: 'saves-buttons' }, take, erase),
      ),
    );
  }

  #version(title: string, name: string, version: SaveVersion, newest: boolean): HTMLElement {
    const when = new Date(version.at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
    const back = button({ label: 'Go back to this', icon: 'again', part: 'restore', press: () => void this.#restore(title, name, version, when) });
    back.setAttribute('aria-label', `Go back to ${name} of ${when}`);
    return el(
      'li',
      { attrs: { 'data-version': version.version } },
      el('time', { attrs: { datetime: new Date(version.at).toISOString() } }, when),
      el('span', {}, size(version.bytes)),
      newest ? el('em', {}, 'what you play on with') : back,
    );
  }

  async #restore(title: string, name: string, { version }: SaveVersion, when: string): Promise<void> {
    const answer = await this.#wiring.saves.restore(title, version);
    this.#say(answer.ok ? `${name} goes on from ${when}. What was newer is still listed.` : whyNot(answer.problem, answer.detail));
    await this.#refresh();
  }

  async #take(title: string, name: string): Promise<void> {
    this.#say(`Fetching ${name}…`);
    const answer = await this.#wiring.saves.take(title);
    if (this.#scope.isClosed()) return;
    if (!answer.ok) {
      this.#say(whyNot(answer.problem, answer.detail));
      return;
    }
    const href = URL.createObjectURL(answer.value);
    el('a', { attrs: { href, download: `${title}-saves.tar.gz` } }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
    this.#say(`${name} was downloaded.`);
  }

  /** What is removed is gone for good: the button asks once more. */
  #arm(pressed: HTMLButtonElement, title: string, name: string): void {
    const label = pressed.lastElementChild ?? pressed;
    if (label.textContent === REMOVE) {
      setText(label, 'Remove for good?');
      this.#armed.set(ARMED_MS, () => setText(label, REMOVE));
      return;
    }
    this.#armed.clear();
    pressed.disabled = true;
    void this.#erase(title, name);
  }

  async #erase(title: string, name: string): Promise<void> {
    const answer = await this.#wiring.saves.erase(title);
    this.#say(answer.ok ? `Nothing of ${name} is kept any more.` : whyNot(answer.problem, answer.detail));
    await this.#refresh();
  }

  #say(what: string): void {
    if (!this.#scope.isClosed()) setText(this.#said, what);
  }
}

const POLL_MS = 3000;
/** As long as a person looks at what a button says. */
const ARMED_MS = 5000;
const REMOVE = 'Remove all';

function whyNot(problem: string, detail: string): string {
  return problem === 'save-in-use' ? 'The game is running: end it first, then try again.' : detail;
}

/** `312 KB`, `1.4 MB`. */
function size(bytes: number): string {
  const units = ['KB', 'MB', 'GB'];
  let [value, unit] = [bytes / 1000, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value >= 10 || unit === 0 ? Math.ceil(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

function notice(name: IconName, title: string, message: string): HTMLElement {
  return el('div', { class: 'notice' }, el('span', { class: 'notice-icon' }, icon(name, 40)), el('h2', {}, title), el('p', {}, message));
}
