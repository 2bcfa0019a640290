/** Keeps `window.firstlight` the same object while the pages of this tab, and their players, come and go. */
import type { Firstlight, FirstlightEvent } from './embed.types';
import type { Player, PlayerEvents } from './player';

type Listener = (value: never) => void;

export class Embedding {
  readonly api: Firstlight;
  readonly #listeners = new Map<FirstlightEvent, Set<Listener>>();
  #player: Player | null = null;
  #title: string | null = null;
  #detach: (() => void)[] = [];

  constructor() {
    const player = (): Player => {
      if (this.#player === null) throw new Error('this page plays no title');
      return this.#player;
    };
    const current = (): Player | null => this.#player;
    const title = (): string | null => this.#title;
    this.api = Object.freeze<Firstlight>({
      version: 1,
      get state() {
        return current()?.state ?? 'idle';
      },
      get title() {
        return title();
      },
      get session() {
        return current()?.session ?? null;
      },
      get input() {
        return current()?.input ?? null;
      },
      get audio() {
        return current()?.audio ?? null;
      },
      stats: () => current()?.stats() ?? null,
      on: (event, fn) => this.#listen(event, fn),
      start: async () => player().start(),
      leave: () => current()?.leave(),
      end: async () => player().end(),
      observe: (rect, fn) => player().observe(rect, fn),
    });
  }

  /** A page with a player is shown. */
  attach(title: string, player: Player): void {
    this.detach();
    this.#player = player;
    this.#title = title;
    this.#detach = EVENTS.map((event) => player.on(event, (value) => this.#tell(event, value)));
  }

  /** A page without one is. */
  detach(): void {
    for (const off of this.#detach) off();
    this.#detach = [];
    if (this.#player !== null) this.#tell('state', 'idle');
    this.#player = null;
    this.#title = null;
  }

  #listen<K extends FirstlightEvent>(event: K, fn: (value: PlayerEvents[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(fn);
    return () => listeners.delete(fn);
  }

  /** A listener that throws must not keep the others, or the player, from their work. */
  #tell<K extends FirstlightEvent>(event: K, value: PlayerEvents[K]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        (listener as (value: PlayerEvents[K]) => void)(value);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

const EVENTS: readonly FirstlightEvent[] = [
  'state',
  'stats',
  'ended',
  'failed',
  'reconnecting',
  'cursor',
  'cursorMoved',
  'pointerMode',
  'gamepads',
  'rumble',
  'audioBlocked',
  'size',
];
