import { describe, expect, it } from 'vitest';
import { RttMeter } from './rtts';

/** A network whose answers take what `takes` says, in turn. */
function network(regions: unknown, takes: readonly number[]): { meter: RttMeter; asked: string[] } {
  let at = 0;
  let n = 0;
  const asked: string[] = [];
  const fetch = (url: string): Promise<Response> => {
    asked.push(url);
    if (url === '/v1/regions') return Promise.resolve(new Response(JSON.stringify(regions)));
    const took = takes[n++ % takes.length] ?? 0;
    if (took < 0) return Promise.reject(new TypeError('no network'));
    at += took;
    return Promise.resolve(new Response('{}'));
  };
  return { meter: new RttMeter({ fetch: fetch as typeof globalThis.fetch, now: () => at }), asked };
}

describe('RttMeter', () => {
  it('takes the least of some, without the one that opens the connection', async () => {
    const { meter, asked } = network({ regions: [{ region: 'local', hosts: 1 }] }, [1, 30, 20, 25]);
    await meter.measure();
    await meter.measure();
    expect(meter.known).toEqual({ local: 20 });
    expect(asked.filter((url) => url === '/healthz')).toHaveLength(4);
  });

  it('asks a beacon where a region has one', async () => {
    const { meter, asked } = network({ regions: [{ region: 'far', beacon: 'https://far.example/b' }] }, [80]);
    await meter.measure();
    expect(meter.known).toEqual({ far: 80 });
    expect(asked).toContain('https://far.example/b');
  });

  it('leaves out what does not answer, and never rejects', async () => {
    const { meter } = network({ regions: [{ region: 'gone' }, 7, { region: null }] }, [-1]);
    await meter.measure();
    expect(meter.known).toEqual({});
    const { meter: strange } = network('what', [1]);
    await strange.measure();
    expect(strange.known).toEqual({});
  });
});
