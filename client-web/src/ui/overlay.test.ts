// @vitest-environment jsdom
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeStats } from '../../dev/fake-player';
import { STAGES, type Dist, type Stats } from '../stats';
import { StatsOverlay } from './overlay';
import { clickStack, pictureStack, Series, type Stack } from './overlay-model';

function dist(p50: number, n = 100): Dist {
  return { p50, p95: p50, p99: p50, max: p50, n };
}

function withStages(p50s: readonly number[], glass: number, click: number): Stats {
  const stages = Object.fromEntries(STAGES.map((stage, index) => [stage, dist(p50s[index] ?? 0)])) as Stats['stages_ms'];
  return { ...fakeStats(), stages_ms: stages, glass_to_glass_ms: dist(glass), click_to_photon_ms: dist(click) };
}

function sum({ segments }: Stack): number {
  return segments.reduce((total, { millis }) => total + millis, 0);
}

describe('the stage bars', () => {
  it('sum to the whole, whatever the medians are', () => {
    const millis = fc.double({ min: 0, max: 500, noNaN: true });
    fc.assert(
      fc.property(fc.array(millis, { minLength: 13, maxLength: 13 }), millis, millis, (p50s, glass, click) => {
        for (const [stack, total] of [
          [pictureStack(withStages(p50s, glass, click)), glass],
          [clickStack(withStages(p50s, glass, click)), click],
        ] as const) {
          if (total < 0.001) continue;
          expect(sum(stack)).toBeCloseTo(total, 6);
          const shares = stack.segments.reduce((all, { share }) => all + share, 0);
          expect(shares).toBeCloseTo(1, 6);
          for (const segment of stack.segments) expect(segment.millis).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('call the rest unattributed', () => {
    const stack = pictureStack(withStages([9, 9, 9, 1, 1, 4, 0, 0, 2, 0, 1, 3, 99], 20, 0));
    expect(stack.segments.at(-1)).toMatchObject({ stage: 'unattributed', millis: 8 });
    expect(stack.segments.map(({ stage }) => stage)).toEqual(STAGES.slice(3));
  });

  it('are empty without samples', () => {
    const stats = { ...fakeStats(), glass_to_glass_ms: dist(5, 0) };
    expect(pictureStack(stats).segments).toEqual([]);
  });
});

describe('a series', () => {
  it('keeps the newest and ends at the right edge', () => {
    const series = new Series(3);
    for (const value of [9, 1, 2, Number.NaN]) series.push(value);
    expect(series.values).toEqual([1, 2, 0]);
    expect(series.points(100, 10)).toBe('0.0,5.0 50.0,0.0 100.0,10.0');
  });
});

describe('the overlay', () => {
  afterEach(() => vi.useRealTimers());

  it('reads stats at most four times a second, and never while hidden', () => {
    vi.useFakeTimers();
    const read = vi.fn(() => fakeStats());
    const overlay = new StatsOverlay(read);
    vi.advanceTimersByTime(5000);
    expect(read).not.toHaveBeenCalled();
    overlay.toggle();
    vi.advanceTimersByTime(1000);
    expect(read.mock.calls.length).toBeLessThanOrEqual(5);
    overlay.toggle();
    const before = read.mock.calls.length;
    vi.advanceTimersByTime(5000);
    expect(read.mock.calls.length).toBe(before);
    overlay.close();
  });

  it('shows lost, late and dropped as three figures', () => {
    const overlay = new StatsOverlay(() => ({ ...fakeStats(), frames: { ...fakeStats().frames, lost: 11, late: 22, dropped: 33 } }));
    overlay.toggle(true);
    expect(overlay.element.textContent).toContain('11 · 22 · 33');
    overlay.close();
  });
});
