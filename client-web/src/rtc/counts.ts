/** What the browser counts of a call, in the words of our own receiver. Pure. */
import type { ReceiverCounts } from '../receive/receiver';

/** The parts of an `inbound-rtp` report that are used; a browser may leave out any. */
type Inbound = {
  readonly type: string;
  readonly kind?: string;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly packetsDiscarded?: number;
  readonly retransmittedPacketsReceived?: number;
  readonly bytesReceived?: number;
  readonly headerBytesReceived?: number;
  readonly framesReceived?: number;
  readonly framesDropped?: number;
};

/** Video and sound together; frames are the video's. What a browser does not tell is 0. */
export function countsOf(reports: Iterable<unknown>): ReceiverCounts {
  const packets = { received: 0, lost: 0, duplicate: 0, malformed: 0, repeated: 0 };
  const frames = { received: 0, lost: 0, late: 0, dropped: 0 };
  let bytes = 0;
  for (const report of reports) {
    const inbound = report as Inbound;
    if (inbound.type !== 'inbound-rtp') continue;
    packets.received += inbound.packetsReceived ?? 0;
    // It goes below zero where repeats came twice.
    packets.lost += Math.max(inbound.packetsLost ?? 0, 0);
    packets.repeated += inbound.retransmittedPacketsReceived ?? 0;
    bytes += (inbound.bytesReceived ?? 0) + (inbound.headerBytesReceived ?? 0);
    if (inbound.kind !== 'video') continue;
    frames.received += inbound.framesReceived ?? 0;
    frames.dropped += inbound.framesDropped ?? 0;
  }
  return { packets, frames, bytes };
}
