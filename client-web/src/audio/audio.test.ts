import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JitterBuffer } from './jitter';
import { nextHold } from './sync';

const RATE = 48_000;
const QUANTUM = 128;

/** A tone whose phase tells where it is. */
const tone = (frame: number) => Float32Array.from({ length: 480 }, (_, n) => Math.sin((frame * 480 + n) / 20));

/** Plays for `ms`; frame n arrives at 10 n + delay(n) ms, unless that is null. */
function play(buffer: JitterBuffer, ms: number, delay: (frame: number) => number | null, drift = 1) {
  const arrivals: { at: number; frame: number }[] = [];
  for (let frame = 0; frame * 10 < ms; frame += 1) {
    const late = delay(frame);
    if (late !== null) arrivals.push({ at: (10 * frame * drift + late) * 48, frame });
  }
  arrivals.sort((a, b) => a.at - b.at);
  const out: number[] = [];
  const levels: number[] = [];
  const captured: (number | null)[] = [];
  for (let clock = 0; clock < ms * 48; clock += QUANTUM) {
    for (let next = arrivals[0]; next !== undefined && next.at <= clock; next = arrivals[0]) {
      arrivals.shift();
      buffer.push(clock, next.frame, next.frame * 10_000, tone(next.frame), tone(next.frame));
    }
    const left = new Float32Array(QUANTUM);
    captured.push(buffer.pull(left, new Float32Array(QUANTUM)));
    out.push(...left);
    levels.push(buffer.level / 48);
  }
  return { out, levels, captured };
}

describe('the jitter buffer', () => {
  it('plays an even stream without a break, with little delay', () => {
    const buffer = new JitterBuffer(RATE);
    const { levels, captured } = play(buffer, 3000, () => 0);
    expect(buffer.counts).toEqual({ underruns: 0, concealed: 0, skipped: 0 });
    expect(Math.max(...levels.slice(100))).toBeLessThan(32);
    const known = captured.filter((at) => at !== null);
    expect(known.length).toBeGreaterThan(1110);
    expect(known.every((at, n) => n === 0 || at > (known[n - 1] ?? 0))).toBe(true);
  });

  it('learns how uneven arrivals are', () => {
    const buffer = new JitterBuffer(RATE);
    play(buffer, 4000, (frame) => Math.max(30 - 10 * (frame % 7), 0));
    expect(buffer.counts.underruns).toBeLessThan(4);
    expect(buffer.target / 48).toBeGreaterThan(25);
  });

  it('fills a gap with what was before, fading', () => {
    const buffer = new JitterBuffer(RATE);
    const { out } = play(buffer, 2000, (frame) => (frame >= 100 && frame < 102 ? null : 0));
    expect(buffer.counts.concealed).toBe(2);
    let largest = 0;
    for (let n = 4800; n < 90_000; n += 1) largest = Math.max(largest, Math.abs((out[n] ?? 0) - (out[n - 1] ?? 0)));
    expect(largest).toBeLessThan(1.9);
  });

  it('follows a clock that is a little faster or slower', () => {
    for (const drift of [0.9995, 1.0005]) {
      const buffer = new JitterBuffer(RATE);
      const { levels } = play(buffer, 9_000, () => 0, drift);
      expect(buffer.counts.underruns).toBeLessThan(2);
      expect(Math.max(...levels.slice(200))).toBeLessThan(45);
    }
  });

  it('runs dry once for a hole, and goes on', () => {
    const buffer = new JitterBuffer(RATE);
    const { levels } = play(buffer, 6000, (frame) => (frame >= 200 && frame < 300 ? 3000 - 10 * frame : 0));
    expect(buffer.counts.underruns).toBeLessThanOrEqual(2);
    expect(levels.at(-1) ?? 0).toBeLessThan(260);
  });

  it('forgets what came while the card was off', () => {
    const buffer = new JitterBuffer(RATE);
    for (let frame = 0; frame < 300; frame += 1) buffer.push(0, frame, 10_000 * frame, tone(frame), tone(frame));
    buffer.pull(new Float32Array(QUANTUM), new Float32Array(QUANTUM));
    expect(buffer.level / 48).toBeLessThan(20);
    expect(buffer.target / 48).toBeLessThan(20);
  });

  it('starts over with another session', () => {
    const buffer = new JitterBuffer(RATE);
    play(buffer, 1000, () => 0);
    buffer.push(48_000, 5_000, 0, tone(0), tone(0));
    expect(buffer.level).toBe(480);
    buffer.push(48_000, 1, 0, tone(0), tone(0));
    expect(buffer.level).toBe(480);
  });

  it('is bounded when nobody pulls, and never gives what is no number', () => {
    const late = fc.array(fc.option(fc.nat(120)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(late, (delays) => {
        const buffer = new JitterBuffer(RATE);
        const { out, levels } = play(buffer, 1500, (frame) => delays[frame % delays.length] ?? null);
        expect(out.every((sample) => Math.abs(sample) <= 1)).toBe(true);
        expect(Math.max(...levels)).toBeLessThan(700);
      }),
      { numRuns: 20 },
    );
    const buffer = new JitterBuffer(RATE);
    for (let frame = 0; frame < 1000; frame += 1) buffer.push(0, frame, 0, tone(frame), tone(frame));
    expect(buffer.level).toBeLessThan(RATE);
  });
});

/** As a host sends: ten frames into a silence it sends only every 40th, and marks what is silent. */
function playWithSilence(buffer: JitterBuffer, ms: number, silent: (frame: number) => boolean, delay: (frame: number) => number, drift = 1) {
  const arrivals: { at: number; frame: number; silent: boolean }[] = [];
  let quiet = 0;
  for (let frame = 0; frame * 10 < ms; frame += 1) {
    quiet = silent(frame) ? quiet + 1 : 0;
    if (quiet <= 10 || quiet % 40 === 0) arrivals.push({ at: (10 * frame * drift + delay(frame)) * 48, frame, silent: quiet > 0 });
  }
  const out: number[] = [];
  const captured: (number | null)[] = [];
  for (let clock = 0; clock < ms * 48; clock += QUANTUM) {
    for (let next = arrivals[0]; next !== undefined && next.at <= clock; next = arrivals[0]) {
      arrivals.shift();
      const samples = next.silent ? new Float32Array(480) : tone(next.frame);
      buffer.push(clock, next.frame, next.frame * 10_000, samples, samples, next.silent);
    }
    const left = new Float32Array(QUANTUM);
    captured.push(buffer.pull(left, new Float32Array(QUANTUM)));
    out.push(...left);
  }
  return { out, captured, sent: arrivals };
}

/** Milliseconds from when each sound's first frame arrived to when it is heard. */
const heardAfter = (out: readonly number[], frame: number, drift = 1) => {
  const arrived = Math.floor(480 * frame * drift);
  return (out.slice(arrived).findIndex((sample) => Math.abs(sample) > 0.01)) / 48;
};

describe('silence that is not sent', () => {
  // A second of tone, three of silence, and so on.
  const silent = (frame: number) => frame % 400 >= 100;

  it('is neither lost nor run dry, and moves nothing', () => {
    const buffer = new JitterBuffer(RATE);
    const { out, captured } = playWithSilence(buffer, 16_000, silent, () => 0);
    expect(buffer.counts).toEqual({ underruns: 0, concealed: 0, skipped: 0 });
    const delays = [0, 400, 800, 1200].map((frame) => heardAfter(out, frame));
    expect(Math.max(...delays.slice(1))).toBeLessThan(25);
    expect(Math.max(...delays.slice(1)) - Math.min(...delays.slice(1))).toBeLessThan(4);
    // The page goes on to know where the sound is against the picture.
    expect(captured.slice(20).every((at) => at !== null)).toBe(true);
  });

  it('ends at once where it was all there was', () => {
    const buffer = new JitterBuffer(RATE);
    const { out } = playWithSilence(buffer, 6_000, (frame) => frame < 500, () => 0);
    expect(heardAfter(out, 500)).toBeLessThan(25);
    expect(buffer.counts).toEqual({ underruns: 0, concealed: 0, skipped: 0 });
  });

  it('does not click at either end', () => {
    const buffer = new JitterBuffer(RATE);
    const { out } = playWithSilence(buffer, 8_000, silent, () => 0);
    // The tone's own steps are below 0.05; where it is cut off, the source itself jumps by up to 1.
    let steps = 0;
    for (let n = 1; n < out.length; n += 1) if (Math.abs((out[n] ?? 0) - (out[n - 1] ?? 0)) > 0.1) steps += 1;
    expect(steps).toBeLessThanOrEqual(4);
  });

  it('keeps sound whole that comes late after it', () => {
    const buffer = new JitterBuffer(RATE);
    // The first frames of the second tone are 60 ms late, in order.
    const { out } = playWithSilence(buffer, 6_000, silent, (frame) => (frame >= 400 && frame < 406 ? 10 * (406 - frame) : 0));
    const heard = out.slice(400 * 480).filter((sample) => Math.abs(sample) > 0.01).length;
    expect(heard).toBeGreaterThan(0.95 * 48_000);
    expect(buffer.counts.underruns).toBeLessThanOrEqual(1);
  });

  it('holds for a minute with clocks that part', () => {
    for (const drift of [0.9998, 1.0002]) {
      const buffer = new JitterBuffer(RATE);
      const { out } = playWithSilence(buffer, 60_000, (frame) => frame < 5_000 && frame >= 100, () => 0, drift);
      expect(heardAfter(out, 5_000, drift)).toBeLessThan(35);
      expect(buffer.target / 48).toBeLessThan(20);
      expect(buffer.counts.underruns).toBeLessThan(2);
    }
  });

  it('never breaks the buffer, whatever comes', () => {
    const pattern = fc.array(fc.record({ silent: fc.boolean(), late: fc.nat(60), length: fc.integer({ min: 1, max: 60 }) }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(pattern, (parts) => {
        const frames = parts.flatMap(({ silent: quiet, late, length }) => Array.from({ length }, () => ({ quiet, late })));
        const at = (frame: number) => frames[frame % frames.length] ?? { quiet: false, late: 0 };
        const buffer = new JitterBuffer(RATE);
        const { out } = playWithSilence(buffer, 3_000, (frame) => at(frame).quiet, (frame) => at(frame).late);
        expect(out.every((sample) => Math.abs(sample) <= 1)).toBe(true);
        expect(buffer.level / 48).toBeLessThan(700);
      }),
      { numRuns: 30 },
    );
  });

  it('a host that stood still in between is a new beginning', () => {
    const buffer = new JitterBuffer(RATE);
    play(buffer, 1000, () => 0);
    buffer.push(480_000, 100, 10_000_000, tone(0), tone(0));
    expect(buffer.level).toBe(480);
    expect(buffer.target / 48).toBeLessThan(20);
  });
});

describe('sound against the picture', () => {
  it('is left alone between 10 ms ahead and 60 ms behind', () => {
    for (const behind of [-10, 0, 40, 60]) expect(nextHold(7, behind)).toBe(7);
  });

  it('is led into the limits from anywhere, and back', () => {
    for (const start of [-100, -25]) {
      let hold = 0;
      for (let n = 0; n < 50; n += 1) hold = nextHold(hold, start + hold);
      expect(start + hold).toBeGreaterThanOrEqual(-20);
      for (let n = 0; n < 50; n += 1) hold = nextHold(hold, 200 + hold);
      expect(200 + hold).toBeLessThanOrEqual(80);
    }
  });
});
