/** The pages of the client in one tab: which is shown, and how to get from one to the other without loading anew. */
import { Embedding } from '../embed';
import type { Firstlight } from '../embed.types';
import type { Player, PlayerOptions } from '../player';
import type { Catalogue } from './catalogue';
import { LibraryPage, type Pressed } from './library';
import { MissingPage } from './missing';
import { PlayPage } from './play';
import { parseRoute, playPath } from './route';

export type AppWiring = {
  readonly root: HTMLElement;
  readonly catalogue: Catalogue;
  readonly createPlayer: (options: PlayerOptions) => Player;
  /** Called on a page whose next press may start a player. */
  readonly preparePlayer?: () => void;
  /** Called on a press that starts a player of the title. `pressedAt`: as `Event.timeStamp`. */
  readonly beginStart?: (title: string, pressedAt: number) => void;
};

type Page = { close(): void };

/** `press`: on a title in the library, which is the press on its play button; `reload`: of a page that may have played. */
type OpenedBy = 'link' | 'press' | 'reload';

export class App {
  readonly #wiring: AppWiring;
  readonly #embedding = new Embedding();
  #page: Page | null = null;

  constructor(wiring: AppWiring) {
    this.#wiring = wiring;
    window.addEventListener('popstate', () => this.#open('link'));
    this.#open(isReload() ? 'reload' : 'link');
  }

  get firstlight(): Firstlight {
    return this.#embedding.api;
  }

  #open(by: OpenedBy, pressed?: Pressed): void {
    this.#page?.close();
    this.#embedding.detach();
    const { root, catalogue, createPlayer } = this.#wiring;
    const route = parseRoute(location.pathname, location.search);
    switch (route.page) {
      case 'library':
        this.#page = new LibraryPage({
          root,
          catalogue,
          play: (title, pressed) => {
            // Before the page is built: that takes longer than the request.
            if (pressed !== undefined) this.#wiring.beginStart?.(title, pressed.at);
            this.#go(playPath(title), 'press', pressed);
          },
        });
        // Not before the page is drawn.
        setTimeout(() => this.#wiring.preparePlayer?.(), 0);
        return;
      case 'missing':
        this.#page = new MissingPage({ root, library: () => this.#go('/', 'link') });
        return;
      case 'play': {
        const page = new PlayPage({
          root,
          title: route.title,
          ...(pressed === undefined ? {} : { card: pressed.card }),
          catalogue,
          createPlayer: (options) => {
            // For whoever looks for what is wrong with a network, and for tests.
            const transport = new URLSearchParams(location.search).get('transport');
            const player = createPlayer({ ...options, transport, ...(pressed === undefined ? {} : { clickedAt: pressed.at }) });
            this.#embedding.attach(route.title, player);
            return player;
          },
          autostart: route.autostart || by === 'press' || (by === 'reload' && wasPlaying(route.title)),
          library: () => this.#go('/', 'link'),
          elsewhere: (origin) => location.assign(origin + location.pathname),
        });
        this.#page = page;
        return;
      }
    }
  }

  #go(path: string, by: OpenedBy, pressed?: Pressed): void {
    history.pushState(null, '', path);
    this.#open(by, pressed);
  }
}

/** This document came by the reload button (or a tab that was brought back), not by a link. */
function isReload(): boolean {
  const [navigation] = performance.getEntriesByType('navigation');
  return navigation instanceof PerformanceNavigationTiming && navigation.type === 'reload';
}

/** This very tab had a session of the title: a reload goes on with it and asks nothing. */
function wasPlaying(title: string): boolean {
  try {
    return sessionStorage.getItem(`firstlight.session.${title}`) !== null;
  } catch {
    return false;
  }
}
