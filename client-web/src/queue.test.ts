import { describe, expect, it } from 'vitest';
import type { Answer } from './answer';
import type { Created } from './api';
import { type Queued, waitInQueue } from './queue';

type Reply = Answer<Created | Queued>;

const place = (n: number): Reply => ({ ok: true, value: { queue: 'q', place: n, estimateS: 60 * n } });
const SESSION: Reply = { ok: true, value: { session: 's', ticket: 't', endpoints: [] } };
const SILENCE: Reply = { ok: false, problem: 'unreachable', status: 0, detail: '', retryAfterS: null };

/** Every ask is held back until the test answers it, as the engine does. */
function rig(entered: Reply = place(2)) {
  const left = new AbortController();
  const far = new AbortController();
  const did: string[] = [];
  let answerAsk: ((reply: Reply) => void) | null = null;
  const result = waitInQueue({
    enter: () => Promise.resolve(entered),
    ask: (queue, farther, signal) => {
      did.push(`ask ${queue}${farther ? ' far' : ''}`);
      return new Promise((resolve, reject) => {
        answerAsk = resolve;
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
    leave: (queue) => Promise.resolve(did.push(`leave ${queue}`)),
    told: ({ place: at }) => did.push(`told ${at}`),
    left: left.signal,
    far: far.signal,
    pause: () => Promise.resolve(),
  });
  const settle = () => new Promise((done) => setTimeout(done));
  return { left, far, did, result, settle, answer: (reply: Reply) => answerAsk?.(reply) };
}

describe('a wait in the queue', () => {
  it('gives the place up in the very moment in which the page goes', async () => {
    const { left, did, result, settle } = rig();
    await settle();
    expect(did).toEqual(['told 2', 'ask q']);
    left.abort();
    // Nothing runs after a pagehide: it has to be on its way by now.
    expect(did.at(-1)).toBe('leave q');
    expect(await result).toMatchObject({ ok: false, problem: 'left' });
    expect(did.filter((word) => word === 'leave q')).toHaveLength(1);
  });

  it('gives up a place that it learns of after its player has gone', async () => {
    const { left, did, result } = rig();
    left.abort();
    expect(await result).toMatchObject({ problem: 'left' });
    expect(did).toEqual(['leave q']);
  });

  it('keeps its place when its player takes what is farther away', async () => {
    const { far, did, result, settle, answer } = rig();
    await settle();
    far.abort();
    await settle();
    expect(did).toEqual(['told 2', 'ask q', 'told 2', 'ask q far']);
    answer(SESSION);
    expect(await result).toEqual(SESSION);
  });

  it('outlasts an engine that starts anew', async () => {
    const { did, result, settle, answer } = rig();
    await settle();
    answer(SILENCE);
    await settle();
    answer(place(1));
    await settle();
    answer(SESSION);
    expect(await result).toEqual(SESSION);
    expect(did).toEqual(['told 2', 'ask q', 'ask q', 'told 1', 'ask q']);
  });
});
