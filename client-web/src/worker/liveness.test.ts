import { describe, expect, it } from 'vitest';
import { Liveness } from './liveness';

const MS = 1_000;

/** Runs its timer as an attachment does; `answer(at)`: when what is asked at `at` is answered. */
function run(from: number, until: number, live: Liveness, answer: (at: number) => number | null) {
  const seen: { asked: number[]; silentAt: number | null; revivedAt: number | null } = { asked: [], silentAt: null, revivedAt: null };
  const answers: number[] = [];
  for (let now = from; now <= until; now += MS) {
    while ((answers[0] ?? Infinity) <= now) {
      answers.shift();
      if (live.onHeard(now)) seen.revivedAt = now;
    }
    if (live.fellSilent(now)) seen.silentAt ??= now;
    if (!live.requestDue(now)) continue;
    live.onRequested(now);
    seen.asked.push(now);
    const at = answer(now);
    if (at !== null) answers.push(at);
  }
  return seen;
}

describe('a path', () => {
  it('that goes silent is noticed within 300 ms', () => {
    const live = new Liveness();
    live.start(0);
    run(0, 2_000 * MS, live, (at) => at + 20 * MS);
    live.onHeard(2_000 * MS);
    const { silentAt } = run(2_001 * MS, 3_000 * MS, live, () => null);
    expect(silentAt).toBeLessThanOrEqual(2_300 * MS);
  });

  it('that carries pictures is asked for the clock alone', () => {
    const live = new Liveness();
    live.start(0);
    run(0, 1_000 * MS, live, (at) => at + 5 * MS);
    let asked = 0;
    for (let now = 1_001 * MS; now <= 3_001 * MS; now += 17 * MS) {
      live.onHeard(now);
      if (live.requestDue(now)) {
        live.onRequested(now);
        asked += 1;
      }
    }
    expect(asked).toBeLessThanOrEqual(8);
  });

  it('that is still is asked about ten times a second', () => {
    const live = new Liveness();
    live.start(0);
    run(0, 1_000 * MS, live, (at) => at + 20 * MS);
    const { asked, silentAt } = run(1_001 * MS, 11_000 * MS, live, (at) => at + 20 * MS);
    expect(silentAt).toBeNull();
    expect(asked.length / 10).toBeGreaterThan(8);
    expect(asked.length / 10).toBeLessThan(16);
  });

  it('that takes long is waited for', () => {
    const live = new Liveness();
    live.rtt = 400 * MS;
    live.start(0);
    expect(run(0, 5_000 * MS, live, (at) => at + 400 * MS).silentAt).toBeNull();
  });

  it('is not given up for a page that slept', () => {
    const live = new Liveness();
    live.start(0);
    run(0, 1_000 * MS, live, (at) => at + 5 * MS);
    expect(live.fellSilent(9_000 * MS)).toBe(false);
  });

  it('is not given up for a machine that stalls again and again', () => {
    const live = new Liveness();
    live.start(0);
    for (let now = 200 * MS; now <= 2_000 * MS; now += 200 * MS) {
      live.onStalled(now, 190 * MS);
      expect(live.fellSilent(now)).toBe(false);
      live.onRequested(now);
    }
    expect(run(2_001 * MS, 2_500 * MS, live, () => null).silentAt).not.toBeNull();
  });

  it('that speaks again is not silent any more, and may fall silent again', () => {
    const live = new Liveness();
    live.start(0);
    expect(run(0, 1_000 * MS, live, () => null).silentAt).not.toBeNull();
    expect(live.onHeard(1_001 * MS)).toBe(true);
    expect(live.onHeard(1_002 * MS)).toBe(false);
    expect(run(1_003 * MS, 2_000 * MS, live, () => null).silentAt).not.toBeNull();
    expect(live.isDead(5_900 * MS)).toBe(false);
    expect(live.isDead(6_002 * MS)).toBe(true);
  });
});
