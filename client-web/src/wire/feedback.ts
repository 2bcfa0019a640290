/** Feedback datagrams (docs/PROTOCOL.md, section 4). */
import { type Malformed, type U64, readU64, viewOf, writeU64 } from './bytes';
import { Kind, firstByte, refuse } from './kind';

export const FEEDBACK_PACKETS_MAX = 512;
/** With as many, and every nack, a report fits a browser's datagram. */
const FEEDBACK_PACKETS_WISE = 300;
export const FEEDBACK_NACKS_MAX = 64;
/** In a nack: the whole access unit. */
export const ALL_UNITS = 255;
/** In a nack: the whole unit. */
export const ALL_FRAGMENTS = 65535;
const HEADER_BYTES = 40;
const TICK_US = 32;
const NOT_ARRIVED = 65535;

export type Nack = {
  /** Low 32 bits of the access unit or audio frame. */
  readonly frame: number;
  readonly unit: number;
  readonly track: number;
  readonly fragment: number;
};

export type Feedback = {
  readonly wantIdr: boolean;
  readonly wantRecovery: boolean;
  readonly report: number;
  readonly baseSeq: number;
  readonly baseTime: U64;
  readonly decoded: number;
  readonly decodedSet: number;
  readonly decodeQueue: number;
  readonly lost: number;
  readonly late: number;
  readonly dropped: number;
  /** Microseconds from `baseTime`; null: not arrived. At most 512; over 2.09 s is written as 2.09 s. */
  readonly arrivals: readonly (number | null)[];
  /** At most 64. */
  readonly nacks: readonly Nack[];
};

/** How many packets a report may list that fits a datagram of `bytes`. */
export function feedbackPackets(bytes: number, nacks: number): number {
  return Math.max(Math.min(Math.floor((bytes - HEADER_BYTES - 8 * nacks) / 2), FEEDBACK_PACKETS_WISE), 0);
}

export function writeFeedback(feedback: Feedback): Uint8Array {
  const packets = Math.min(feedback.arrivals.length, FEEDBACK_PACKETS_MAX);
  const nacks = Math.min(feedback.nacks.length, FEEDBACK_NACKS_MAX);
  const out = new Uint8Array(HEADER_BYTES + 2 * packets + 8 * nacks);
  const view = viewOf(out);
  out[0] = firstByte(Kind.feedback);
  out[1] = Number(feedback.wantIdr) | (Number(feedback.wantRecovery) << 1);
  view.setUint16(2, feedback.report);
  view.setUint32(4, feedback.baseSeq);
  writeU64(view, 8, feedback.baseTime);
  view.setUint32(16, feedback.decoded);
  view.setUint32(20, feedback.decodedSet);
  view.setUint16(24, packets);
  out[26] = nacks;
  out[27] = feedback.decodeQueue;
  view.setUint32(28, feedback.lost);
  view.setUint32(32, feedback.late);
  view.setUint32(36, feedback.dropped);
  for (let n = 0; n < packets; n += 1) {
    const us = feedback.arrivals[n] ?? null;
    const ticks = us === null ? NOT_ARRIVED : Math.min(Math.max(Math.floor(us / TICK_US), 0), NOT_ARRIVED - 1);
    view.setUint16(HEADER_BYTES + 2 * n, ticks);
  }
  let at = HEADER_BYTES + 2 * packets;
  for (const nack of feedback.nacks.slice(0, nacks)) {
    view.setUint32(at, nack.frame);
    view.setUint8(at + 4, nack.unit);
    view.setUint8(at + 5, nack.track);
    view.setUint16(at + 6, nack.fragment);
    at += 8;
  }
  return out;
}

/** Reads feedback, for tests and simulations: the client never receives it. */
export function parseFeedback(datagram: Uint8Array): (Feedback & { readonly baseTime: number }) | Malformed {
  const refused = refuse(datagram, Kind.feedback, HEADER_BYTES);
  if (refused !== null) return refused;
  const view = viewOf(datagram);
  const packets = view.getUint16(24);
  const nacks = view.getUint8(26);
  if (packets > FEEDBACK_PACKETS_MAX || nacks > FEEDBACK_NACKS_MAX) return 'field';
  const nacksAt = HEADER_BYTES + 2 * packets;
  if (datagram.length < nacksAt + 8 * nacks) return 'truncated';
  return {
    wantIdr: (view.getUint8(1) & 1) !== 0,
    wantRecovery: (view.getUint8(1) & 2) !== 0,
    report: view.getUint16(2),
    baseSeq: view.getUint32(4),
    baseTime: readU64(view, 8),
    decoded: view.getUint32(16),
    decodedSet: view.getUint32(20),
    decodeQueue: view.getUint8(27),
    lost: view.getUint32(28),
    late: view.getUint32(32),
    dropped: view.getUint32(36),
    arrivals: Array.from({ length: packets }, (_, n) => {
      const ticks = view.getUint16(HEADER_BYTES + 2 * n);
      return ticks === NOT_ARRIVED ? null : ticks * TICK_US;
    }),
    nacks: Array.from({ length: nacks }, (_, n) => ({
      frame: view.getUint32(nacksAt + 8 * n),
      unit: view.getUint8(nacksAt + 8 * n + 4),
      track: view.getUint8(nacksAt + 8 * n + 5),
      fragment: view.getUint16(nacksAt + 8 * n + 6),
    })),
  };
}
