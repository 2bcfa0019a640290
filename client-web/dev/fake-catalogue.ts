import type { Catalogue, OwnSession, TitleCard } from '../src/pages/catalogue';

export const TITLES: readonly TitleCard[] = [
  card('freedoom', 'Freedoom: Phase 1', 'relative', { width: 1280, height: 720, fps: 60 }, true),
  card('supertux', 'SuperTux', 'absolute', { width: 1280, height: 720, fps: 60 }, true),
  card('beacon', 'Beacon', 'absolute', { width: 1920, height: 1080, fps: 60 }, true),
];

/** A catalogue in memory; tests change `list`, `running` and `reachable`. */
export class FakeCatalogue implements Catalogue {
  list: readonly TitleCard[] = TITLES;
  running: OwnSession[] = [];
  reachable = true;

  async titles(): Promise<readonly TitleCard[]> {
    return this.#answer(this.list);
  }

  async sessions(): Promise<readonly OwnSession[]> {
    return this.#answer([...this.running]);
  }

  async end(session: string): Promise<void> {
    this.running = this.running.filter((own) => own.session !== session);
    return this.#answer(undefined);
  }

  async #answer<T>(value: T): Promise<T> {
    await Promise.resolve();
    if (!this.reachable) throw new TypeError('Failed to fetch');
    return value;
  }
}

function card(id: string, name: string, mouse: string, display: TitleCard['display'], audio: boolean): TitleCard {
  return { id, name, version: '1.0', picture: null, display, audio, input: { keyboard: true, mouse, gamepads: 0, touch: false } };
}
