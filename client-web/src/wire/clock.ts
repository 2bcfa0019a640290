/** Clock requests and replies (docs/PROTOCOL.md, 2.4). Times are microseconds. */
import { type Malformed, type U64, readU64, viewOf, writeU64 } from './bytes';
import { Kind, firstByte, refuse } from './kind';

const REQUEST_BYTES = 16;
const REPLY_BYTES = 32;

export type ClockRequest = { readonly id: number; readonly t0: number };
export type ClockReply = ClockRequest & { readonly t1: number; readonly t2: number };

export function writeClockRequest(request: { readonly id: number; readonly t0: U64 }): Uint8Array {
  const out = new Uint8Array(REQUEST_BYTES);
  const view = viewOf(out);
  out[0] = firstByte(Kind.clockRequest);
  view.setUint32(4, request.id);
  writeU64(view, 8, request.t0);
  return out;
}

export function parseClockRequest(datagram: Uint8Array): ClockRequest | Malformed {
  const refused = refuse(datagram, Kind.clockRequest, REQUEST_BYTES);
  if (refused !== null) return refused;
  const view = viewOf(datagram);
  return { id: view.getUint32(4), t0: readU64(view, 8) };
}

export function parseClockReply(datagram: Uint8Array): ClockReply | Malformed {
  const refused = refuse(datagram, Kind.clockReply, REPLY_BYTES);
  if (refused !== null) return refused;
  const view = viewOf(datagram);
  return { id: view.getUint32(4), t0: readU64(view, 8), t1: readU64(view, 16), t2: readU64(view, 24) };
}

/** A reply, for tests and simulations. */
export function writeClockReply(reply: {
  readonly id: number;
  readonly t0: U64;
  readonly t1: U64;
  readonly t2: U64;
}): Uint8Array {
  const out = new Uint8Array(REPLY_BYTES);
  const view = viewOf(out);
  out[0] = firstByte(Kind.clockReply);
  view.setUint32(4, reply.id);
  writeU64(view, 8, reply.t0);
  writeU64(view, 16, reply.t1);
  writeU64(view, 24, reply.t2);
  return out;
}
