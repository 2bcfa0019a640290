/** The player, with everything that it needs from the browser. */
import { type Wiring, createRequest, openApi, playerKey } from '../api';
import { epoch } from '../time';
import { StreamPlayer } from './player';
import { RttMeter } from './rtts';
import { Spare } from './spare';
import { type Store, openStore } from './store';
import type { Player, PlayerOptions } from './types';

export type * from './types';

const spare = new Spare(() => new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' }));
const rtts = new RttMeter();
const wiring: Wiring = { fetch: fetch.bind(globalThis), key: playerKey, rtts: () => rtts.known };

/** Does what can be done before anybody plays: a worker that is up, and the round trips to the regions. */
export function preparePlayer(): void {
  spare.prepare();
  void rtts.measure();
}

/**
 * On a press, before the page that plays it is built: makes the session at once, where nothing of this browser's could be taken up instead.
 * The next player of the title takes it. `pressedAt`: as `Event.timeStamp`.
 */
export function beginStart(title: string, pressedAt: number): void {
  const store = storeOf(title);
  const plays = 'VideoDecoder' in globalThis && globalThis.isSecureContext;
  if (!plays || store.own() !== null || store.last() !== null) return;
  const request = createRequest(wiring, title);
  spare.begin(title, { request, clickedAt: epoch(pressedAt), direct: 'WebTransport' in globalThis });
}

export function createPlayer(options: PlayerOptions): Player {
  return new StreamPlayer(options, {
    api: openApi(wiring),
    store: storeOf(options.title),
    worker: () => spare.take(options.title),
    claim,
  });
}

function storeOf(title: string): Store {
  return openStore(
    title,
    () => sessionStorage,
    () => localStorage,
  );
}

const held = new Set<string>();

/** A copied tab has the same storage as its original; a lock, which goes with its tab, tells them apart. */
async function claim(session: string): Promise<boolean> {
  const claimed = lock(session);
  // A reloaded page is no copy. Its old self may hold the lock still, and the picture need not wait for that.
  return isReload() || claimed;
}

function isReload(): boolean {
  const [navigation] = performance.getEntriesByType('navigation');
  return navigation instanceof PerformanceNavigationTiming && navigation.type === 'reload';
}

async function lock(session: string): Promise<boolean> {
  if (held.has(session) || !('locks' in navigator)) return true;
  return new Promise((resolve) => {
    void navigator.locks.request(`firstlight.session.${session}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      if (lock === null) return undefined;
      held.add(session);
      return new Promise(() => undefined);
    });
  });
}
