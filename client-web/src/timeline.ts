/** The way of one picture, stage by stage. The parts sum to the whole: what no stage owns is `unattributed`. */
import type { Offset } from './clock';
import type { AccessUnit } from './receive/unit';
import type { StageName } from './stats';
import type { Micros } from './time';
import { UNKNOWN_SPAN } from './wire';

export type Passed = {
  readonly unit: AccessUnit;
  readonly submittedAt: Micros;
  readonly decodedAt: Micros;
  readonly presentedAt: Micros;
  /** When the event happened that this picture is the first to echo; null: none, or it is known already. */
  readonly inputAt: Micros | null;
};

export type Timeline = {
  /** They sum to `glassToGlass`. */
  readonly stages: Spans;
  /** From the picture's capture to its display. */
  readonly glassToGlass: Micros;
  /** From the player's event to the display of the first picture after it; null where there was none. */
  readonly clickToPhoton: Micros | null;
  /** They sum to `clickToPhoton`. */
  readonly clickStages: Spans | null;
};

export type Spans = Readonly<Partial<Record<StageName, Micros>>>;

/** null without a trace: nothing is known of its way. */
export function timelineOf(passed: Passed, offset: Offset): Timeline | null {
  const { unit, submittedAt, decodedAt, presentedAt, inputAt } = passed;
  const trace = unit.trace;
  if (trace === null) return null;
  const local = (host: Micros): Micros => host - offset.micros;
  const { capture, convert, encode, packetize } = trace;
  const pacedAt = unit.capturedAt + capture + convert + encode + packetize;
  const span = (from: Micros, to: Micros): Micros => Math.max(to - from, 0);
  const parts: Spans = {
    capture,
    convert,
    encode,
    packetize,
    pace: span(pacedAt, unit.sentAt),
    network: span(local(unit.sentAt), unit.arrivedAt),
    reassemble: span(unit.arrivedAt, submittedAt),
    decode: span(submittedAt, decodedAt),
    present: span(decodedAt, presentedAt),
  };
  const glassToGlass = presentedAt - local(unit.capturedAt);
  const stages = complete(parts, glassToGlass);
  if (inputAt === null || trace.input === 0 || trace.sinceInput === UNKNOWN_SPAN) {
    return { stages, glassToGlass, clickToPhoton: null, clickStages: null };
  }
  const before: Spans = {
    input: span(inputAt, local(unit.capturedAt - trace.sinceInput - trace.inject)),
    inject: trace.inject,
    app: trace.sinceInput,
  };
  const clickToPhoton = presentedAt - inputAt;
  return { stages, glassToGlass, clickToPhoton, clickStages: complete({ ...before, ...parts }, clickToPhoton) };
}

function complete(parts: Spans, whole: Micros): Spans {
  const owned = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { ...parts, unattributed: whole - owned };
}
