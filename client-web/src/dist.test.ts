import { expect, it } from 'vitest';
import { Rolling } from './dist';

it('ranks what is in the window', () => {
  const rolling = new Rolling(1000);
  expect(rolling.dist(0)).toEqual({ p50: 0, p95: 0, p99: 0, max: 0, mean: 0, n: 0 });
  for (let n = 1; n <= 100; n += 1) rolling.add(n, n);
  expect(rolling.dist(100, 0.5)).toEqual({ p50: 25, p95: 47.5, p99: 49.5, max: 50, mean: 25.25, n: 100 });
  expect(rolling.dist(1090).n).toBe(11);
  expect(rolling.dist(9999).n).toBe(0);
});

it('is bounded', () => {
  const rolling = new Rolling();
  for (let n = 0; n < 10_000; n += 1) rolling.add(0, n);
  expect(rolling.dist(0).n).toBe(1000);
});
