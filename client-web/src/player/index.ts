/** The player, with everything that it needs from the browser. */
import { type Api, openApi, playerKey } from '../api';
import { StreamPlayer } from './player';
import { RttMeter } from './rtts';
import { Spare } from './spare';
import { openStore } from './store';
import type { Player, PlayerOptions } from './types';

export type * from './types';

const spare = new Spare(() => new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' }));
const rtts = new RttMeter();

/** Does what can be done before anybody plays: a worker that is up, and the round trips to the regions. */
export function preparePlayer(): void {
  spare.prepare();
  void rtts.measure();
}

/** The session that a press asked for, before the page that plays it is there. */
let ahead: { readonly title: string; readonly answer: ReturnType<Api['create']> } | null = null;

/** On a press: sends the request at once, where nothing of this browser's could be taken up instead. The next player of the title takes it. */
export function beginStart(title: string): void {
  const store = openStore(
    title,
    () => sessionStorage,
    () => localStorage,
  );
  const plays = 'VideoDecoder' in globalThis && globalThis.isSecureContext;
  if (ahead === null && plays && store.own() === null && store.last() === null) ahead = { title, answer: api.create(title) };
}

const api: Api = openApi({ fetch: fetch.bind(globalThis), key: playerKey, rtts: () => rtts.known });

function create(title: string): ReturnType<Api['create']> {
  const taken = ahead;
  ahead = null;
  return taken?.title === title ? taken.answer : api.create(title);
}

export function createPlayer(options: PlayerOptions): Player {
  return new StreamPlayer(options, {
    api: { ...api, create },
    store: openStore(
      options.title,
      () => sessionStorage,
      () => localStorage,
    ),
    worker: () => spare.take(),
    claim,
  });
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
