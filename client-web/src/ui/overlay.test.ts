// @vitest-environment jsdom
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeStats } from '../../dev/fake-player';
import { STAGES, type Dist, type Stats } from '../stats';
import { StatsOverlay } from './overlay';
import { clickStack, pictureStack, Series, type Stack } from './overlay-model';

function dist(mean: number, n = 100): Dist {
  return { p50: mean / 2, p95: mean, p99: mean, max: mean, mean, n };
}

function stages(means: readonly number[]): Stats['stages_ms'] {
  return Object.fromEntries(STAGES.map((stage, index) => [stage, dist(means[index] ?? 0)])) as Stats['stages_ms'];
}

/** `before`: of `input`, `inject` and `app`. `parts`: from `capture` on. */
function withMeans(before: readonly number[], parts: readonly number[]): Stats {
  const add = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
  return {
    ...fakeStats(),
    stages_ms: stages([99, 99, 99, ...parts]),
    click_stages_ms: stages([...before, ...parts]),
    glass_to_glass_ms: dist(add(parts)),
    click_to_photon_ms: dist(add(before) + add(parts)),
  };
}

function sum({ segments }: Stack): number {
  return segments.reduce((total, { millis }) => total + millis, 0);
}

describe('the stage bars', () => {
  const span = fc.double({ min: 0.01, max: 500, noNaN: true });
  const spans = (n: number): fc.Arbitrary<number[]> => fc.array(span, { minLength: n, maxLength: n });

  it('are the means of the stages, which sum to that of the whole', () => {
    fc.assert(
      fc.property(spans(3), spans(10), (before, parts) => {
        const stats = withMeans(before, parts);
        for (const [stack, whole, dists] of [
          [pictureStack(stats), stats.glass_to_glass_ms, stats.stages_ms],
          [clickStack(stats), stats.click_to_photon_ms, stats.click_stages_ms],
        ] as const) {
          expect(stack.total).toBe(whole.mean);
          expect(sum(stack)).toBeCloseTo(whole.mean, 6);
          for (const { stage, millis } of stack.segments) expect(millis).toBeCloseTo(dists[stage].mean, 6);
        }
      }),
    );
  });

  it('sum to the whole when the clocks disagree, too', () => {
    fc.assert(
      fc.property(spans(9), fc.double({ min: 0, max: 1, noNaN: true }), (parts, part) => {
        const rest = -0.9 * part * parts.reduce((a, b) => a + b, 0);
        const stack = pictureStack(withMeans([0, 0, 0], [...parts, rest]));
        expect(sum(stack)).toBeCloseTo(stack.total, 6);
        for (const { millis } of stack.segments) expect(millis).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('call unattributed what no stage owns, and nothing else', () => {
    const stack = pictureStack(withMeans([9, 9, 9], [1, 1, 4, 0, 0, 2, 0, 1, 3, 8]));
    expect(stack.segments.at(-1)).toEqual({ stage: 'unattributed', millis: 8, share: 0.4 });
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

  it('says in which size pictures come, and in which they are drawn where that is larger', () => {
    const at = (sides: Partial<Stats>): string | null => {
      const overlay = new StatsOverlay(() => ({ ...fakeStats(), ...sides }));
      overlay.toggle(true);
      const text = overlay.element.textContent;
      overlay.close();
      return text;
    };
    expect(at({ width: 1720, height: 968, drawn_width: 1720, drawn_height: 968 })).toContain('1720×968 · ');
    expect(at({ width: 860, height: 484, drawn_width: 1720, drawn_height: 968 })).toContain('860×484 of 1720×968 · ');
  });

  it('shows lost, late and dropped as three figures', () => {
    const overlay = new StatsOverlay(() => ({ ...fakeStats(), frames: { ...fakeStats().frames, lost: 11, late: 22, dropped: 33 } }));
    overlay.toggle(true);
    expect(overlay.element.textContent).toContain('11 · 22 · 33');
    overlay.close();
  });
});
