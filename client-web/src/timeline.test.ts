import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AccessUnit } from './receive/unit';
import { timelineOf } from './timeline';

const unit = (over: Partial<AccessUnit> = {}): AccessUnit => ({
  frame: 1,
  idr: false,
  recovery: false,
  still: false,
  capturedAt: 1000,
  nals: new Uint8Array(0),
  trace: { input: 0, sinceInput: 0, inject: 0, capture: 1, convert: 2, encode: 3, packetize: 4, width: 1, height: 1, qp: 1 },
  sentAt: 1100,
  arrivedAt: 61_200,
  skipped: 0,
  ...over,
});
const offset = { micros: -60_000, error: 10, rtt: 20 };

it('the stages are those of the trace and of the client', () => {
  const passed = { unit: unit(), submittedAt: 61_203, decodedAt: 61_303, presentedAt: 62_000, inputAt: null };
  expect(timelineOf(passed, offset)).toEqual({
    stages: {
      capture: 1,
      convert: 2,
      encode: 3,
      packetize: 4,
      pace: 90,
      network: 100,
      reassemble: 3,
      decode: 100,
      present: 697,
      unattributed: 0,
    },
    glassToGlass: 1000,
    clickToPhoton: null,
    clickStages: null,
  });
});

it('an echoed event adds its own stages', () => {
  const trace = { input: 5, sinceInput: 200, inject: 50, capture: 0, convert: 0, encode: 0, packetize: 0, width: 1, height: 1, qp: 1 };
  const passed = { unit: unit({ trace }), submittedAt: 61_200, decodedAt: 61_300, presentedAt: 62_000, inputAt: 60_500 };
  expect(timelineOf(passed, offset)).toMatchObject({
    clickStages: { input: 250, inject: 50, app: 200, unattributed: 0 },
    glassToGlass: 1000,
    clickToPhoton: 1500,
  });
});

it('the parts sum to the whole, whatever the clocks say', () => {
  const time = fc.integer({ min: 0, max: 1e9 });
  const span = fc.integer({ min: 0, max: 1e6 });
  fc.assert(
    fc.property(fc.tuple(time, time, time, time, time, time), fc.tuple(span, span, span, span), fc.option(time), (t, s, inputAt) => {
      const trace = { input: 1, sinceInput: s[0], inject: s[1], capture: s[2], convert: s[3], encode: 5, packetize: 6, width: 1, height: 1, qp: 1 };
      const [capturedAt, sentAt, arrivedAt, submittedAt, decodedAt, presentedAt] = t;
      const passed = { unit: unit({ trace, capturedAt, sentAt, arrivedAt }), submittedAt, decodedAt, presentedAt, inputAt };
      const timeline = timelineOf(passed, { micros: 12_345, error: 1, rtt: 1 });
      const sum = (spans: object | null = {}): number => Object.values(spans ?? {}).reduce<number>((a, b) => a + Number(b), 0);
      expect(sum(timeline?.stages)).toBe(timeline?.glassToGlass);
      expect(sum(timeline?.clickStages)).toBe(timeline?.clickToPhoton ?? 0);
    }),
  );
});
