import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Clock } from './clock';

/** One exchange over a path of `there` and `back` to a clock that is `ahead` of ours. */
function exchange(clock: Clock, at: number, ahead: number, there: number, back: number): boolean {
  const request = clock.request(at);
  const t1 = at + there + ahead;
  return clock.handleReply(at + there + 300 + back, { ...request, t1, t2: t1 + 300 });
}

it('an even path gives the offset exactly', () => {
  const clock = new Clock();
  expect(clock.offset(1000)).toBeNull();
  expect(exchange(clock, 1000, 7_000_000, 2000, 2000)).toBe(true);
  expect(clock.offset(5000)).toMatchObject({ micros: 7_000_000, rtt: 4000 });
});

it('the truth is within the error whatever the path', () => {
  const path = fc.tuple(fc.nat(200_000), fc.nat(200_000));
  fc.assert(
    fc.property(fc.array(path, { minLength: 1 }), fc.integer({ min: -1e12, max: 1e12 }), (paths, ahead) => {
      const clock = new Clock();
      paths.forEach(([there, back], n) => {
        const at = 2e12 + 1_000_000 * n;
        exchange(clock, at, ahead, there, back);
        const offset = clock.offset(at + 500_000);
        expect(Math.abs((offset?.micros ?? NaN) - ahead)).toBeLessThanOrEqual(offset?.error ?? NaN);
      });
    }),
  );
});

it('the smallest round trip of thirty seconds wins, then the next', () => {
  const clock = new Clock();
  exchange(clock, 0, 0, 500, 500);
  exchange(clock, 1_000_000, 0, 9000, 9000);
  exchange(clock, 2_000_000, 0, 4000, 4000);
  expect(clock.offset(30_001_000)?.rtt).toBe(1000);
  expect(clock.offset(30_002_000)?.rtt).toBe(8000);
  expect(clock.offset(102_008_300)?.error).toBeGreaterThanOrEqual(13_990);
});

it('forged and contradictory replies are refused', () => {
  const clock = new Clock();
  const request = clock.request(10_000);
  expect(clock.handleReply(11_000, { id: request.id + 1, t0: 10_000, t1: 5, t2: 6 })).toBe(false);
  expect(clock.handleReply(11_000, { id: request.id, t0: 10_001, t1: 5, t2: 6 })).toBe(false);
  expect(clock.handleReply(11_000, { ...request, t1: 5, t2: 2000 })).toBe(false);
  expect(clock.offset(11_000)).toBeNull();
});
