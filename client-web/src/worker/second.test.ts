import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../stats';
import type { Spans, Timeline } from '../timeline';
import { SecondMeter, type Totals } from './second';

const TOTALS: Totals = { lost: 0, late: 0, dropped: 0, bytes: 0, width: 1280, height: 720, rtt: 2_000, clockError: 600 };

function timeline(glassToGlass: number, clickToPhoton: number | null = null, owned: Spans = {}): Timeline {
  return { stages: owned, glassToGlass, clickToPhoton, clickStages: clickToPhoton === null ? null : owned };
}

describe('a second as its player saw it', () => {
  it('begins with the first picture of an attachment, and is over a second later', () => {
    const meter = new SecondMeter();
    expect(meter.isDue(9_000_000)).toBe(false);
    meter.onDecoded(10_000_000, 41, () => TOTALS);
    expect(meter.isDue(10_900_000)).toBe(false);
    // A timer fires early by a little.
    expect(meter.isDue(10_990_000)).toBe(true);
    meter.onAttachmentOver();
    expect(meter.isDue(99_000_000)).toBe(false);
  });

  it('counts what the host sent by the ids of frames, also of those that never came', () => {
    const meter = new SecondMeter();
    for (const frame of [41, 42, 45]) meter.onDecoded(0, frame, () => TOTALS);
    expect(meter.take(1_000_000, TOTALS).sentFrames).toBe(5);
    meter.onDecoded(1_100_000, 47, () => TOTALS);
    expect(meter.take(2_000_000, TOTALS).sentFrames).toBe(2);
    // What was sent while nobody was attached is no loss.
    meter.onAttachmentOver();
    meter.onDecoded(9_000_000, 300, () => TOTALS);
    expect(meter.take(10_000_000, TOTALS).sentFrames).toBe(1);
  });

  it('judges by what was pressed, and else by the age of pictures and a round trip', () => {
    const meter = new SecondMeter();
    meter.onDecoded(0, 1, () => TOTALS);
    [10_000, 11_000, 30_000].forEach((age) => meter.onTimeline(timeline(age)));
    expect(meter.take(1_000_000, TOTALS)).toMatchObject({ clicks: 0, delayUs: 13_000, delayVariationUs: 19_000, clickStagesUs: [] });
    meter.onTimeline(timeline(10_000, 45_000));
    expect(meter.take(2_000_000, TOTALS)).toMatchObject({ clicks: 1, delayUs: 45_000, delayVariationUs: 0 });
    expect(meter.take(3_000_000, TOTALS)).toMatchObject({ delayUs: 0, stagesUs: [] });
  });

  it('tells of its own second only, and of the attachment’s counts from its first picture on', () => {
    const meter = new SecondMeter();
    meter.onDecoded(0, 1, () => ({ ...TOTALS, lost: 5, bytes: 1_000 }));
    expect(meter.take(2_000_000, { ...TOTALS, lost: 7, bytes: 501_000 })).toMatchObject({ spanMs: 2000, lostFrames: 2, receivedBps: 2_000_000 });
    expect(meter.take(3_000_000, { ...TOTALS, lost: 7, bytes: 501_000 })).toMatchObject({ spanMs: 1000, lostFrames: 0, receivedBps: 0 });
  });

  it('is made of parts that sum to the mean of the whole, whatever no stage owns', () => {
    const spans = fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(spans, fc.integer({ min: 0, max: 400_000 })), { minLength: 1, maxLength: 20 }), (pictures) => {
        const meter = new SecondMeter();
        meter.onDecoded(0, 1, () => TOTALS);
        for (const [parts, whole] of pictures) {
          const owned: Spans = Object.fromEntries(parts.map((us, at) => [STAGES[at], us] as const));
          meter.onTimeline(timeline(whole, whole, owned));
        }
        const { stagesUs, clickStagesUs } = meter.take(1_000_000, TOTALS);
        const mean = pictures.reduce((sum, [, whole]) => sum + whole, 0) / pictures.length;
        expect(clickStagesUs).toHaveLength(STAGES.length);
        expect(clickStagesUs.every(Number.isInteger)).toBe(true);
        expect(clickStagesUs.reduce((sum, us) => sum + us, 0)).toBe(Math.round(mean));
        expect(stagesUs).toEqual(clickStagesUs);
      }),
    );
  });
});
