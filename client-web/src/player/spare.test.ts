import { describe, expect, it, vi } from 'vitest';
import { Spare } from './spare';

function workers(): { made: EventTarget[]; make: () => Worker } {
  const made: EventTarget[] = [];
  const make = (): Worker => {
    const worker = new EventTarget() as EventTarget & { onmessage: ((event: Event) => void) | null };
    worker.onmessage = null;
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
    expect(spare.take()).toBe(made[0]);
    expect(spare.take()).toBe(made[1]);
  });

  it('loses nothing that it said before it was taken', async () => {
    const { made, make } = workers();
    const spare = new Spare(make);
    spare.prepare();
    made[0]?.dispatchEvent(new MessageEvent('message', { data: { type: 'unsupported', what: 'codec' } }));
    const worker = spare.take();
    const heard = vi.fn();
    worker.onmessage = ({ data }: MessageEvent<unknown>) => void heard(data);
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith({ type: 'unsupported', what: 'codec' }));
  });
});
