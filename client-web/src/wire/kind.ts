/** The first byte of every datagram (docs/PROTOCOL.md, section 2). */
import type { Malformed } from './bytes';

export const VERSION = 1;

export const Kind = {
  video: 1,
  audio: 2,
  padding: 3,
  clockReply: 4,
  inputAck: 5,
  parity: 6,
  sealed: 7,
  input: 8,
  feedback: 9,
  clockRequest: 10,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

export function firstByte(kind: Kind): number {
  return (VERSION << 4) | kind;
}

export function kindOf(datagram: Uint8Array): Kind | Malformed {
  const first = datagram[0];
  if (first === undefined) return 'truncated';
  if (first >> 4 !== VERSION) return 'version';
  const kind = first & 0x0f;
  return isKind(kind) ? kind : 'kind';
}

/** Why `datagram` is not one of `kind` with at least `bytes` bytes; null when it is. */
export function refuse(datagram: Uint8Array, kind: Kind, bytes: number): Malformed | null {
  const found = kindOf(datagram);
  if (typeof found === 'string') return found;
  if (found !== kind) return 'kind';
  return datagram.length < bytes ? 'truncated' : null;
}

function isKind(value: number): value is Kind {
  return value >= Kind.video && value <= Kind.clockRequest;
}
