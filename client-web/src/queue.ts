/** A player's wait for a slot: asks for the turn until it comes, and gives the place up when he goes. */
import type { Answer } from './answer';
import type { QueuePlace } from './player/types';

export type Queued = QueuePlace & { readonly queue: string };

/** `S`: a session, when it is his turn. */
export type QueueWiring<S> = {
  readonly enter: () => Promise<Answer<S | Queued>>;
  /** Throws when the signal is aborted. */
  readonly ask: (queue: string, far: boolean, signal: AbortSignal) => Promise<Answer<S | Queued>>;
  readonly leave: (queue: string) => Promise<unknown>;
  readonly told: (place: QueuePlace) => void;
  /** Aborted when the player goes. */
  readonly left: AbortSignal;
  /** Aborted when he takes what is farther away. */
  readonly far: AbortSignal;
  readonly pause?: (ms: number) => Promise<void>;
};

/** Ends with a session, with a problem, or with `left`. */
export async function waitInQueue<S extends object>({ enter, ask, leave, told, left, far, pause = sleep }: QueueWiring<S>): Promise<Answer<S>> {
  let queue: string | null = null;
  let leaving: Promise<unknown> | null = null;
  // At once, for a page that goes runs nothing afterwards.
  const giveUp = async (): Promise<void> => {
    if (queue !== null) leaving ??= leave(queue);
    await leaving;
  };
  left.addEventListener('abort', () => void giveUp());
  // This request is let run, so that its answer says which place is given up.
  let answer = await enter();
  let misses = 0;
  for (;;) {
    if (answer.ok && !('queue' in answer.value)) return answer as Answer<S>;
    if (answer.ok && 'queue' in answer.value) {
      queue = answer.value.queue;
      misses = 0;
      if (!left.aborted) told(answer.value);
    } else if (!answer.ok && (queue === null || answer.problem !== 'unreachable' || misses >= MISSES_MAX)) {
      return answer;
    } else {
      // A gateway that starts anew keeps the queue.
      misses += 1;
    }
    if (queue === null) return { ok: false, problem: 'engine', status: 0, detail: '', retryAfterS: null };
    if (left.aborted) {
      await giveUp();
      return { ok: false, problem: 'left', status: 0, detail: '', retryAfterS: null };
    }
    if (misses > 0) await pause(PAUSE_MS);
    answer = (await askUntil(queue, { ask, left, far })) ?? answer;
  }
}

/** Null: one of the signals came before the answer. */
async function askUntil<S>(queue: string, { ask, left, far }: Pick<QueueWiring<S>, 'ask' | 'left' | 'far'>): Promise<Answer<S | Queued> | null> {
  if (left.aborted) return null;
  const cut = new AbortController();
  const stop = (): void => cut.abort();
  for (const signal of [left, far]) signal.addEventListener('abort', stop);
  try {
    return await ask(queue, far.aborted, cut.signal);
  } catch (error) {
    if (cut.signal.aborted) return null;
    throw error;
  } finally {
    for (const signal of [left, far]) signal.removeEventListener('abort', stop);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Between asks of an engine that does not answer, and how many of them. */
const PAUSE_MS = 2000;
const MISSES_MAX = 30;
