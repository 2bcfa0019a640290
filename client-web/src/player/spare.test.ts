import { describe, expect, it } from 'vitest';
import { Spare } from './spare';

class FakeWorker extends EventTarget {
  onmessage: ((event: Event) => void) | null = null;
  readonly posted: unknown[] = [];
  terminated = false;

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  terminate(): void {
    this.terminated = true;
  }
}

function workers(): { made: FakeWorker[]; make: () => Worker } {
  const made: FakeWorker[] = [];
  const make = (): Worker => {
    const worker = new FakeWorker();
    worker.addEventListener('message', (event) => worker.onmessage?.(event));
    made.push(worker);
    return worker as unknown as Worker;
  };
  return { made, make };
}

describe('Spare', () => {
  it('gives the one that is up, and once', () => {
    const { made, make } = workers();
    const spare = new Spare(make);
    spare.prepare();
    spare.prepare();
    expect(made).toHaveLength(1);
    expect(spare.take('a').worker).toBe(made[0]);
    expect(spare.take('a').worker).toBe(made[1]);
  });

  it('loses nothing that it said before it was taken, but for what comes again', () => {
    const { made, make } = workers();
    const spare = new Spare(make);
    spare.prepare();
    for (const type of ['unsupported', 'measured', 'created', 'opened']) made[0]?.dispatchEvent(new MessageEvent('message', { data: { type } }));
    const { worker, said, begun } = spare.take('a');
    expect(said.map(({ type }) => type)).toEqual(['unsupported', 'created', 'opened']);
    expect(begun).toBeNull();
    expect(worker.onmessage).toBeNull();
  });

  it('begins once, and goes to the player of that title alone', () => {
    const { made, make } = workers();
    const spare = new Spare(make);
    const request = { url: '/v1/sessions', init: { method: 'POST', headers: {}, cache: 'no-store' } } as const;
    const wish = { request, clickedAt: 5, direct: true };
    spare.begin('a', wish);
    spare.begin('a', wish);
    expect(made).toHaveLength(1);
    expect(made[0]?.posted).toEqual([{ type: 'begin', ...wish }]);
    expect(spare.take('a')).toMatchObject({ worker: made[0], begun: 'a' });
    spare.begin('a', wish);
    expect(spare.take('b')).toMatchObject({ worker: made[2], begun: null });
    expect(made[1]?.terminated).toBe(true);
  });
});
