import { describe, expect, it } from 'vitest';
import type { Decision, Host } from './api';
import { plural, short, span } from './figures';
import { histograms, quantile } from './histogram';
import { isOperatorKey } from './key';
import { isAt, onMap } from './places';
import { reasons } from './reasons';

const METRICS = `# TYPE host_second_on_seconds histogram
host_second_on_seconds_bucket{warmth="parked",le="0.1"} 1
host_second_on_seconds_bucket{warmth="parked",le="0.25"} 3
host_second_on_seconds_bucket{warmth="parked",le="0.5"} 4
host_second_on_seconds_bucket{warmth="parked",le="+Inf"} 5
host_second_on_seconds_sum{warmth="parked"} 2.1
host_second_on_seconds_count{warmth="parked"} 5
host_second_on_seconds_bucket{warmth="cold",le="+Inf"} 0
host_second_on_seconds_bucket{warmth="cold",le="0.1"} 0
host_second_on_seconds_bucket{warmth="other`;

function host(more: Partial<Host>): Host {
  return {
    host: 'h',
    name: 'box',
    region: 'eu',
    state: 'open',
    cordoned: false,
    draining: false,
    sessions: 0,
    slots: 4,
    load: 0,
    stagesMs: 0,
    position: null,
    parked: new Map(),
    titles: 1,
    warm: [],
    ...more,
  };
}

describe('histograms', () => {
  it('are read with what fell into each bucket, in the order of the bounds', () => {
    const seen = histograms(METRICS, 'host_second_on_seconds', 'warmth');
    expect(seen.get('parked')).toEqual({ bounds: [0.1, 0.25, 0.5, Infinity], counts: [1, 2, 1, 1], count: 5 });
    expect(seen.get('cold')).toEqual({ bounds: [0.1, Infinity], counts: [0, 0], count: 0 });
    expect(histograms(METRICS, 'host_second', 'warmth').size).toBe(0);
  });

  it('give quantiles within a bucket, and no more than they know above the last', () => {
    const seen = histograms(METRICS, 'host_second_on_seconds', 'warmth').get('parked')!;
    expect(quantile(seen, 0.5)).toBeCloseTo(0.2125);
    expect(quantile(seen, 0.99)).toBe(0.5);
    expect(quantile({ bounds: [1], counts: [0], count: 0 }, 0.5)).toBeNull();
  });
});

describe('places', () => {
  it('stand for hosts that are close to each other, with the worst of their states', () => {
    const here = { north: 52.5, east: 13.4 };
    const hosts = [
      host({ host: 'a', position: here, sessions: 3 }),
      host({ host: 'b', position: { north: 52.6, east: 13.6 }, state: 'lost' }),
      host({ host: 'c', position: { north: -33.9, east: 151.2 }, region: 'au' }),
      host({ host: 'd' }),
    ];
    const { places, elsewhere } = onMap(hosts);
    expect(places.map(({ region, hosts, slots, used, state }) => [region, hosts, slots, used, state])).toEqual([
      ['eu', 2, 8, 3, 'lost'],
      ['au', 1, 4, 0, 'open'],
    ]);
    expect([...elsewhere]).toEqual([['eu', 1]]);
    expect(hosts.filter((one) => isAt(one, places[0]!.id)).map((one) => one.host)).toEqual(['a', 'b']);
  });
});

describe('reasons', () => {
  const none = { latency: 0, price: 0, distrust: 0, start: 0, load: 0, packing: 0 };
  const decision: Decision = {
    policy: 'best-overall',
    candidates: [
      { host: 'a', region: 'eu', warmth: 'parked', terms: { ...none, latency: 12_000, packing: 3_000 }, cost: 15_000 },
      { host: 'b', region: 'us', warmth: 'installed', terms: { ...none, latency: 20_000, start: 10_000 }, cost: 30_000 },
      { host: 'c', region: 'eu', warmth: 'parked', terms: { ...none, latency: 12_010, packing: 3_000 }, cost: 15_010 },
    ],
    filtered: { full: 2, closed: 1, weak: 0, dear: 0, far: 0, refused: 0 },
    lookedAt: 3,
    regionsFarther: 1,
  };

  it('say what made the difference, the most first', () => {
    const told = reasons(decision, (id) => `box ${id}`);
    expect(told.chosen).toMatch(/^box a in eu: a copy was parked there, 12\.0 ms/);
    expect(told.others[0]).toBe(
      'box b in us: 15.0 ms behind: starts later (+10.0 ms), farther or slower (+8.0 ms), fuller (−3.0 ms).',
    );
    expect(told.others[1]).toBe('box c in eu: as good; the other came first.');
    expect(told.out).toEqual(['2 full', '1 draining or cordoned', '1 regions too far away to be better']);
  });

  it('say so where nothing was written down', () => {
    expect(reasons({ ...decision, candidates: [] }, String).chosen).toBe('Nothing was written down.');
  });
});

describe('words', () => {
  it('are as long as they are worth', () => {
    expect([12.4, 61, 3_600, 7_900].map(span)).toEqual(['12 s', '1 min', '1 h', '2 h 11 min']);
    expect([plural(1, 'host'), plural(2, 'host')]).toEqual(['1 host', '2 hosts']);
    expect([short('abcdefghijkl'), short('abc')]).toEqual(['abcdefgh…', 'abc']);
  });

  it('tell an operator’s key from anything else', () => {
    expect(isOperatorKey(`flo_${'A'.repeat(43)}`)).toBe(true);
    for (const text of ['', 'hunter2', `flp_${'A'.repeat(43)}`, `flo_${'A'.repeat(42)}`, ` flo_${'A'.repeat(43)}`])
      expect(isOperatorKey(text), text).toBe(false);
  });
});
