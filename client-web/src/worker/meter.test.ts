import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AccessUnit } from '../receive/unit';
import { type Dist, STAGES } from '../stats';
import { Meter } from './meter';

type Spans = readonly number[];

/** Shows a picture that took these ten spans. `input` 0: it answers none. */
function show(meter: Meter, timestamp: number, input: number, spans: Spans): void {
  const [sinceInput = 0, inject = 0, capture = 0, convert = 0, encode = 0, pace = 0, network = 0, reassemble = 0, decode = 0, present = 0] = spans;
  const trace = { input, sinceInput, inject, capture, convert, encode, packetize: 1, width: 1, height: 1, qp: 1 };
  const capturedAt = 1_000_000 * timestamp;
  // Sent before its pace begins, as rounded times may say: the difference belongs to no stage.
  const sentAt = capturedAt + capture + convert + encode + 1 + pace - 7;
  const arrivedAt = sentAt + network;
  const submittedAt = arrivedAt + reassemble;
  const decodedAt = submittedAt + decode;
  const presentedAt = decodedAt + present;
  const unit: AccessUnit = {
    frame: timestamp,
    idr: false,
    recovery: false,
    still: false,
    capturedAt,
    nals: new Uint8Array(0),
    trace,
    sentAt,
    arrivedAt,
    skipped: 0,
  };
  meter.onDecoded(timestamp, { unit, submittedAt, decodedAt });
  const inputAt = capturedAt - sinceInput - inject - 500;
  meter.onPresented(timestamp, presentedAt, { micros: 0, error: 0, rtt: 0 }, () => inputAt);
}

const total = (dists: Readonly<Record<string, Dist>>, stages: readonly string[]): number =>
  stages.reduce((sum, stage) => sum + (dists[stage]?.mean ?? 0), 0);

it('the means of the stages sum to that of the whole, of all pictures and of those that answer an input', () => {
  const spans = fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 10, maxLength: 10 });
  const pictures = fc.array(fc.tuple(fc.boolean(), spans), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(pictures, (shown) => {
      const meter = new Meter();
      shown.forEach(([answers, parts], index) => show(meter, index + 1, answers ? index + 1 : 0, parts));
      const measured = meter.measure(1_000_000 * (shown.length + 1), null);
      expect(measured.glass_to_glass_ms.n).toBe(shown.length);
      expect(measured.click_to_photon_ms.n).toBe(shown.filter(([answers]) => answers).length);
      expect(total(measured.stages_ms, STAGES.slice(3))).toBeCloseTo(measured.glass_to_glass_ms.mean, 6);
      expect(total(measured.click_stages_ms, STAGES)).toBeCloseTo(measured.click_to_photon_ms.mean, 6);
      expect(measured.stages_ms.input).toEqual(measured.click_stages_ms.input);
    }),
  );
});
