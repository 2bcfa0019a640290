/** What is inside a unit: the trace of a video unit, the packets of an audio unit (docs/PROTOCOL.md, 2.2 and 2.3). */
import { type Malformed, viewOf } from './bytes';

export const TRACE_BYTES = 34;
/** `sinceInput` when the engine doesn't know. */
export const UNKNOWN_SPAN = 0xffff_ffff;

/** What happened to a picture on the host. Spans are microseconds. */
export type VideoTrace = {
  /** Low 32 bits of the last input event injected before the picture was committed; 0: none. */
  readonly input: number;
  readonly sinceInput: number;
  readonly inject: number;
  readonly capture: number;
  readonly convert: number;
  readonly encode: number;
  readonly packetize: number;
  readonly width: number;
  readonly height: number;
  readonly qp: number;
};

export type VideoUnit = { readonly trace: VideoTrace | null; readonly nals: Uint8Array };

export function parseVideoUnit(unit: Uint8Array): VideoUnit | Malformed {
  const length = unit[0];
  if (length === undefined || unit.length < 1 + length) return 'truncated';
  const nals = unit.subarray(1 + length);
  if (length === 0) return { trace: null, nals };
  if (length < TRACE_BYTES) return 'truncated';
  const view = viewOf(unit.subarray(1));
  const trace = {
    input: view.getUint32(0),
    sinceInput: view.getUint32(4),
    inject: view.getUint32(8),
    capture: view.getUint32(12),
    convert: view.getUint32(16),
    encode: view.getUint32(20),
    packetize: view.getUint32(24),
    width: view.getUint16(28),
    height: view.getUint16(30),
    qp: view.getUint8(32),
  };
  return { trace, nals };
}

/** A video unit, for tests and simulations. */
export function writeVideoUnit(unit: VideoUnit): Uint8Array {
  const length = unit.trace === null ? 0 : TRACE_BYTES;
  const out = new Uint8Array(1 + length + unit.nals.length);
  out[0] = length;
  if (unit.trace !== null) {
    const t = unit.trace;
    const view = viewOf(out.subarray(1));
    const spans = [t.input, t.sinceInput, t.inject, t.capture, t.convert, t.encode, t.packetize];
    spans.forEach((span, n) => view.setUint32(4 * n, span));
    view.setUint16(28, t.width);
    view.setUint16(30, t.height);
    view.setUint8(32, t.qp);
  }
  out.set(unit.nals, 1 + length);
  return out;
}

export type AudioUnit = {
  readonly primary: Uint8Array;
  /** Of the frame before; may be empty. */
  readonly previous: Uint8Array;
};

export function parseAudioUnit(payload: Uint8Array): AudioUnit | Malformed {
  if (payload.length < 2) return 'truncated';
  const end = 2 + viewOf(payload).getUint16(0);
  if (payload.length < end) return 'truncated';
  return { primary: payload.subarray(2, end), previous: payload.subarray(end) };
}

/** An audio unit, for tests and simulations. */
export function writeAudioUnit(unit: AudioUnit): Uint8Array {
  const out = new Uint8Array(2 + unit.primary.length + unit.previous.length);
  viewOf(out).setUint16(0, unit.primary.length);
  out.set(unit.primary, 2);
  out.set(unit.previous, 2 + unit.primary.length);
  return out;
}
