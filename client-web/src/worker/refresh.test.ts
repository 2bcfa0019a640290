import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refresh, ScreenMeter } from './refresh';

const START = 1_700_000_000_000_000;
/** As a page's clock reads. */
const coarse = (micros: number): number => Math.round(micros / 100) * 100;

/** Every `each` refreshes of a screen a picture is shown. */
function watch(refresh: Refresh, period: number, from: number, pictures: number, each = 1): number {
  let at = from;
  for (let n = 0; n < pictures; n += 1) {
    const here = coarse(at);
    refresh.add(here, coarse(at + period) - here);
    at += each * period;
  }
  return at;
}

describe('the refresh of a screen', () => {
  it('is found to half a microsecond, whatever the rate and however seldom a picture is shown', () => {
    const rate = fc.double({ min: 30, max: 240, noNaN: true });
    fc.assert(
      fc.property(rate, fc.integer({ min: 1, max: 4 }), (hz, each) => {
        const refresh = new Refresh();
        watch(refresh, 1_000_000 / hz, START, 500, each);
        expect(Math.abs((refresh.period ?? 0) - 1_000_000 / hz)).toBeLessThan(0.5);
      }),
    );
  });

  it('is not known before a quarter of a second, and not of a screen that waits for pictures', () => {
    const refresh = new Refresh();
    watch(refresh, 16_667, START, 14);
    expect(refresh.period).toBeNull();
    const waiting = new Refresh();
    for (let n = 0; n < 200; n += 1) waiting.add(START + 20_000 * n, 7_000 + ((n * 7_919) % 13) * 1_000);
    expect(waiting.period).toBeNull();
  });

  it('is another one a second after another screen', () => {
    const refresh = new Refresh();
    const moved = watch(refresh, 1_000_000 / 60, START, 300);
    watch(refresh, 1_000_000 / 144, moved, 144);
    expect(refresh.period).toBeCloseTo(6_944.4, -1);
  });

  it('is kept over a pause', () => {
    const refresh = new Refresh();
    const paused = watch(refresh, 16_667, START, 300);
    watch(refresh, 16_667, paused + 60_001_234, 40);
    expect(refresh.period).toBeCloseTo(16_667, -1);
  });
});

describe('how long pictures wait', () => {
  const PERIOD = 16_667;
  const shown = (meter: ScreenMeter, n: number, waits: readonly number[]): void => {
    const tick = START + n * PERIOD;
    waits.forEach((wait, index) => {
      meter.onDecoded(1_000 * n + index, { capturedAt: 5_000_000 + n * PERIOD + index, still: false }, tick - wait);
    });
    meter.onShown(1_000 * n + waits.length - 1, tick, PERIOD);
  };

  it('is told of those that were shown and of those that were passed over', () => {
    const meter = new ScreenMeter();
    for (let n = 0; n < 30; n += 1) shown(meter, n, n === 7 ? [16_000, 3_000] : [3_000]);
    const report = meter.takeReport();
    expect(report.waitsUs).toHaveLength(31);
    expect(report.waitsUs.filter((wait) => wait === 3_000)).toHaveLength(30);
    expect(report.capturedAtUs).toBe(BigInt(5_000_000 + 29 * PERIOD));
    expect(report.beforeUs.at(-1)).toBe(0);
    expect(report.beforeUs[0]).toBe(29 * PERIOD);
    expect(report.refreshNs).toBe(PERIOD * 1_000);
    expect(meter.takeReport().waitsUs).toEqual([]);
  });

  it('is a period more where a picture came while a refresh was under way', () => {
    const meter = new ScreenMeter();
    for (let n = 0; n < 20; n += 1) shown(meter, n, [3_000]);
    meter.takeReport();
    shown(meter, 20, [-400]);
    expect(meter.takeReport().waitsUs).toEqual([PERIOD - 400]);
  });

  it('leaves out what was only taken again, and what is of another attachment', () => {
    const meter = new ScreenMeter();
    meter.onDecoded(1, { capturedAt: 1, still: true }, START);
    meter.onDecoded(2, { capturedAt: 2, still: false }, START);
    meter.clear();
    expect(meter.onShown(2, START + 5, null)).toBeNull();
    expect(meter.takeReport()).toEqual({ refreshNs: 0, capturedAtUs: 0n, beforeUs: [], waitsUs: [] });
  });

  it('is told of as many as fit, the newest', () => {
    const meter = new ScreenMeter();
    for (let n = 0; n < 1_000; n += 1) shown(meter, n, [2_000]);
    const report = meter.takeReport();
    expect(report.waitsUs.length).toBeLessThanOrEqual(256);
    expect(report.capturedAtUs).toBe(BigInt(5_000_000 + 999 * PERIOD));
    expect(Math.max(...report.beforeUs)).toBeLessThanOrEqual(10_000_000);
  });
});
