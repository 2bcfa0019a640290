/** The header of video, audio, padding and parity (docs/PROTOCOL.md, 2.1 and 2.5). */
import { type Malformed, type U64, readU64, viewOf, writeU64 } from './bytes';
import { Kind, firstByte, kindOf } from './kind';

export const MEDIA_HEADER_BYTES = 40;
export const FRAGMENTS_MAX = 1024;
/** Most fragments of a unit that has parity, and most parity packets of it: together the 255 elements of the field. */
export const PARITY_DATA_MAX = 200;
export const PARITY_MAX = 55;
export const Track = { video: 0, audio: 1 } as const;

/** Counters are the low 32 bits; times are microseconds of the sender's clock. The payload follows the header. */
export type MediaHeader = {
  kind: typeof Kind.video | typeof Kind.audio | typeof Kind.padding | typeof Kind.parity;
  idr: boolean;
  lastUnit: boolean;
  recovery: boolean;
  repeat: boolean;
  still: boolean;
  participant: number;
  track: number;
  packetSeq: number;
  sentAt: number;
  frame: number;
  reference: number;
  capturedAt: number;
  keyEpoch: number;
  unit: number;
  fragment: number;
  fragments: number;
};

/** A header to be parsed into, so that a receiver allocates none per packet. */
export function mediaHeader(): MediaHeader {
  return {
    kind: Kind.video,
    idr: false,
    lastUnit: false,
    recovery: false,
    repeat: false,
    still: false,
    participant: 0,
    track: 0,
    packetSeq: 0,
    sentAt: 0,
    frame: 0,
    reference: 0,
    capturedAt: 0,
    keyEpoch: 0,
    unit: 0,
    fragment: 0,
    fragments: 1,
  };
}

/** Fills `into`; what it holds after a refusal is of no meaning. */
export function parseMedia(datagram: Uint8Array, into: MediaHeader): Malformed | null {
  const kind = kindOf(datagram);
  if (typeof kind === 'string') return kind;
  if (kind !== Kind.video && kind !== Kind.audio && kind !== Kind.padding && kind !== Kind.parity) return 'kind';
  if (datagram.length < MEDIA_HEADER_BYTES) return 'truncated';
  const view = viewOf(datagram);
  const flags = view.getUint8(1);
  into.kind = kind;
  into.idr = (flags & 1) !== 0;
  into.lastUnit = (flags & 2) !== 0;
  into.recovery = (flags & 4) !== 0;
  into.repeat = (flags & 8) !== 0;
  into.still = (flags & 16) !== 0;
  into.participant = view.getUint8(2);
  into.track = view.getUint8(3);
  into.packetSeq = view.getUint32(4);
  into.sentAt = readU64(view, 8);
  into.frame = view.getUint32(16);
  into.reference = view.getUint32(20);
  into.capturedAt = readU64(view, 24);
  into.keyEpoch = view.getUint16(32);
  into.unit = view.getUint8(34);
  into.fragment = view.getUint16(36);
  into.fragments = view.getUint16(38);
  const parity = kind === Kind.parity;
  const countFits = into.fragments > 0 && into.fragments <= (parity ? PARITY_DATA_MAX : FRAGMENTS_MAX);
  const possible = countFits && into.fragment < (parity ? PARITY_MAX : into.fragments);
  return possible ? null : 'field';
}

/** A media datagram, for tests and simulations: the client never sends one. */
export function writeMedia(
  header: Omit<MediaHeader, 'sentAt' | 'capturedAt'> & { sentAt: U64; capturedAt: U64 },
  payload: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(MEDIA_HEADER_BYTES + payload.length);
  const view = viewOf(out);
  out[0] = firstByte(header.kind);
  out[1] =
    Number(header.idr) |
    (Number(header.lastUnit) << 1) |
    (Number(header.recovery) << 2) |
    (Number(header.repeat) << 3) |
    (Number(header.still) << 4);
  out[2] = header.participant;
  out[3] = header.track;
  view.setUint32(4, header.packetSeq);
  writeU64(view, 8, header.sentAt);
  view.setUint32(16, header.frame);
  view.setUint32(20, header.reference);
  writeU64(view, 24, header.capturedAt);
  view.setUint16(32, header.keyEpoch);
  out[34] = header.unit;
  view.setUint16(36, header.fragment);
  view.setUint16(38, header.fragments);
  out.set(payload, MEDIA_HEADER_BYTES);
  return out;
}

/** What a parity packet of a unit of `fragments` fragments holds: the length of the unit, and the shard. */
export function parseParity(payload: Uint8Array, fragments: number): { unitBytes: number; shard: Uint8Array } | Malformed {
  if (payload.length < PARITY_PREFIX_BYTES) return 'truncated';
  const unitBytes = viewOf(payload).getUint32(0);
  const shard = payload.subarray(PARITY_PREFIX_BYTES);
  return unitBytes >= fragments && Math.ceil(unitBytes / fragments) === shard.length ? { unitBytes, shard } : 'field';
}

const PARITY_PREFIX_BYTES = 4;
