/** What lies over the picture while there is none to play: start, loading, reconnecting, over. */
import type { EndWords, PlayerEvents } from '../player';
import { button } from '../ui/button';
import { el, setText } from '../ui/dom';
import { countdown } from '../ui/format';
import { icon, type IconName } from '../ui/icons';
import { blurredArtwork } from './artwork';
import type { TitleCard } from './catalogue';

export type CardPress = { readonly start: () => void; readonly library: () => void; readonly far: () => void };

type Titled = Pick<TitleCard, 'id' | 'name' | 'picture'>;

/**
 * Before the first picture: the big button, then words while it loads. One element for as long as the page lives, because a
 * press on a button that is replaced under the finger is lost.
 */
export class CoverCard {
  readonly element: HTMLElement;
  readonly #name = el('h1');
  readonly #start: HTMLButtonElement;
  readonly #word = el('span', { class: 'start-word' });
  readonly #left = el('span', { class: 'countdown' });
  readonly #wait = el('p', { class: 'cover-wait' }, 'Your game is paused and waits ', this.#left);
  readonly #words = el('p', { class: 'loading-words' });
  readonly #far: HTMLButtonElement;
  readonly #loader: HTMLElement;
  #art: HTMLElement;
  #title: Titled;

  constructor(title: Titled, press: CardPress) {
    this.#title = title;
    this.#art = blurredArtwork(title, 'cover-art');
    this.#start = el(
      'button',
      { class: 'start', attrs: { type: 'button', 'data-part': 'start' } },
      el('span', { class: 'start-disc' }, icon('play', 44)),
      this.#word,
    );
    this.#start.addEventListener('click', press.start);
    this.#far = button({ label: '', part: 'far', press: press.far });
    const spinner = el('div', { class: 'loader', attrs: { 'aria-hidden': 'true' } });
    this.#loader = el('div', { class: 'cover-loader' }, spinner, this.#words, this.#far);
    const back = button({ label: 'Library', icon: 'back', part: 'library', press: press.library });
    this.element = el(
      'section',
      { class: 'cover' },
      this.#art,
      el('div', { class: 'cover-text' }, this.#name, this.#start, this.#wait, this.#loader, el('div', { class: 'cover-foot' }, back)),
    );
    this.adopt(title);
    this.showStart(null);
  }

  adopt(title: Titled): void {
    const known = this.#title.picture === title.picture && this.#title.name === title.name;
    this.#title = title;
    setText(this.#name, title.name);
    this.#label();
    if (known) return;
    const art = blurredArtwork(title, 'cover-art');
    this.#art.replaceWith(art);
    this.#art = art;
  }

  /** `waitLeft`: seconds that an own session still waits, if there is one. */
  showStart(waitLeft: number | null): void {
    this.#start.hidden = false;
    this.#loader.hidden = true;
    this.#wait.hidden = waitLeft === null;
    setText(this.#left, waitLeft === null ? '' : countdown(waitLeft));
    setText(this.#word, waitLeft === null ? 'Play' : 'Continue');
    this.#label();
  }

  showLoading(words: string): void {
    this.#start.hidden = true;
    this.#wait.hidden = true;
    this.#loader.hidden = false;
    this.#far.hidden = true;
    setText(this.#words, words);
  }

  /** Offers a button that goes to where there is room sooner, if there is such a place. */
  showFar(sooner: PlayerEvents['queued']['sooner']): void {
    this.#far.hidden = sooner === undefined;
    if (sooner !== undefined) setText(this.#far, `Play sooner in ${sooner.region}, ${Math.round(sooner.rttMs)} ms away`);
  }

  #label(): void {
    this.#start.setAttribute('aria-label', `${this.#word.textContent} ${this.#title.name}`);
  }
}

/** Over the last picture, which stays in sight. */
export class ReconnectCard {
  readonly element: HTMLElement;
  readonly #title = el('h2');
  readonly #left = el('span', { class: 'big-countdown' });
  readonly #words = el('p');

  constructor(press: CardPress) {
    this.element = el(
      'section',
      { class: 'panel' },
      el('div', { class: 'loader', attrs: { 'aria-hidden': 'true' } }),
      this.#title,
      this.#words,
      this.#left,
      el('div', { class: 'panel-buttons' }, button({ label: 'To the library', icon: 'back', part: 'library', press: press.library })),
    );
    this.show({ secondsLeft: null, unreachable: false });
  }

  show({ secondsLeft, unreachable }: PlayerEvents['reconnecting']): void {
    setText(this.#title, unreachable ? 'The engine does not answer' : 'The connection is gone');
    setText(
      this.#words,
      secondsLeft === null ? 'Trying to get back to your game…' : 'Trying to get back. Your game is paused and waits:',
    );
    setText(this.#left, secondsLeft === null ? '' : countdown(secondsLeft));
    this.#left.hidden = secondsLeft === null;
  }
}

/** `report`: address of the page that says how it went, where something was played. */
export function overCard(words: EndWords, failed: boolean, report: string | null, press: CardPress): HTMLElement {
  const again = words.canTakeBack
    ? button({ label: 'Continue here', icon: 'play', kind: 'primary', part: 'take-back', press: press.start })
    : words.canRestart
      ? button({ label: failed ? 'Try again' : 'Play again', icon: 'again', kind: 'primary', part: 'again', press: press.start })
      : null;
  const library = button({
    label: 'To the library',
    icon: 'back',
    kind: again === null ? 'primary' : 'quiet',
    part: 'library',
    press: press.library,
  });
  return el(
    'section',
    { class: 'panel', attrs: { role: 'alertdialog', 'aria-label': words.title, 'data-reason': words.reason } },
    el('span', { class: `panel-icon${isTrouble(words.reason, failed) ? ' is-trouble' : ''}` }, icon(iconOf(words.reason, failed), 40)),
    el('h2', {}, words.title),
    el('p', {}, words.message),
    el('div', { class: 'panel-buttons' }, again, library),
    // In a tab of its own: the play button stays where it is.
    report === null ? null : el('a', { class: 'panel-link', attrs: { href: report, target: '_blank', 'data-part': 'report' } }, 'How it went'),
  );
}

export function missingCard(press: Pick<CardPress, 'library'>): HTMLElement {
  return el(
    'section',
    { class: 'panel' },
    el('span', { class: 'panel-icon' }, icon('moon', 40)),
    el('h2', {}, 'No such game here'),
    el('p', {}, 'The link may be mistyped, or the game has been taken down.'),
    el('div', { class: 'panel-buttons' }, button({ label: 'To the library', icon: 'back', kind: 'primary', part: 'library', press: press.library })),
  );
}

/** Something broke, as against something that came to an end or has to wait. */
function isTrouble(reason: string, failed: boolean): boolean {
  return iconOf(reason, failed) === 'alert' || iconOf(reason, failed) === 'offline';
}

function iconOf(reason: string, failed: boolean): IconName {
  return ICONS.get(reason) ?? (failed ? 'alert' : 'done');
}

const ICONS: ReadonlyMap<string, IconName> = new Map([
  ['title_exited', 'done'],
  ['by_player', 'done'],
  ['by_operator', 'stop'],
  ['taken_over', 'elsewhere'],
  ['full', 'moon'],
  ['not_resumed', 'moon'],
  ['gave_way', 'moon'],
  ['title_crashed', 'alert'],
  ['engine_fault', 'alert'],
  ['engine_stopping', 'offline'],
  ['engine_restarted', 'offline'],
  ['host_lost', 'offline'],
  ['unreachable', 'offline'],
  ['media_unreachable', 'offline'],
]);
