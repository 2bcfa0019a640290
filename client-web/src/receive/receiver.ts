/**
 * The receiver of one attachment: datagrams in, access units, audio and feedback out. No clock, no socket, no decoder.
 *
 * ```text
 * datagram -> header -> video, padding -> Window -> pollAccessUnit -> decoder -> onDecoded
 *                  \--> audio -> AudioReceiver -> pollAudio                         |
 *                   \-> Arrivals -> pollFeedback <----------- wants, nacks <--------+
 * ```
 *
 * After every call, poll until nothing comes, then ask `pollTimeout`. The Rust twin is `transport/proto/src/receive`; the
 * rules are those of docs/PROTOCOL.md, section 6.
 */
import { Arrivals } from '../feedback/arrivals';
import { Schedule } from '../feedback/schedule';
import type { Micros } from '../time';
import { Kind, feedbackPackets, low32, mediaHeader, parseMedia, writeFeedback } from '../wire';
import { type AudioPacket, AudioReceiver } from './audio';
import type { AccessUnit } from './unit';
import { type Standing, type Want, want, wantChangesAt } from './wants';
import { Window } from './window';

export type ReceiverCounts = {
  readonly packets: { received: number; lost: number; duplicate: number; malformed: number; repeated: number };
  readonly frames: { received: number; lost: number; late: number; dropped: number };
  readonly bytes: number;
};

export class Receiver {
  readonly audio = new AudioReceiver();
  /** Bytes of the largest datagram that can be sent. */
  datagramMax = 1_100;
  #header = mediaHeader();
  #window = new Window();
  #arrivals = new Arrivals();
  #schedule = new Schedule();
  #firstPacketAt: Micros | null = null;
  #follows = true;
  #want: Want = 'nothing';
  #wantedSince: Micros | null = null;
  #report = 0;
  #decoded = 0;
  #decodedSet = 0;
  #malformed = 0;
  #repeated = 0;
  #bytes = 0;
  #discarded = 0;
  #queue = 0;

  /** Takes a datagram of kind 1, 2 or 3. It is kept until its access unit is whole, and must not change. */
  handleDatagram(now: Micros, datagram: Uint8Array): void {
    const header = this.#header;
    if (parseMedia(datagram, header) !== null || header.keyEpoch !== 0) {
      this.#malformed += 1;
      return;
    }
    this.#bytes += datagram.length;
    this.#firstPacketAt ??= now;
    this.#schedule.onNews();
    if (!this.#arrivals.onPacket(now, header.packetSeq)) return;
    if (header.repeat) this.#repeated += 1;
    if (header.kind === Kind.audio) this.audio.handlePacket(header, datagram);
    else this.#window.handlePacket(now, header, datagram, header.kind === Kind.padding);
    this.#review(now);
  }

  handleTimeout(now: Micros): void {
    this.#window.handleTimeout(now);
    this.#review(now);
  }

  /** The next access unit, in decoding order; its references have been handed out before. */
  pollAccessUnit(): AccessUnit | null {
    return this.#window.poll();
  }

  pollAudio(): AudioPacket | null {
    return this.audio.poll();
  }

  /** The feedback that is due. */
  pollFeedback(now: Micros): Uint8Array | null {
    if (!this.#schedule.isDue(now)) return null;
    const nacks = this.#window.takeNacks();
    const datagram = writeFeedback({
      wantIdr: this.#want === 'idr',
      wantRecovery: this.#want === 'recovery',
      report: this.#report,
      ...this.#arrivals.report(feedbackPackets(this.datagramMax, nacks.length)),
      decoded: low32(this.#decoded),
      decodedSet: this.#decodedSet,
      decodeQueue: Math.min(this.#queue, 255),
      lost: low32(this.#arrivals.counts.lost),
      late: low32(this.#window.counts.late),
      dropped: low32(this.#window.counts.dropped + this.#discarded),
      nacks,
    });
    this.#report = (this.#report + 1) & 0xffff;
    this.#schedule.onSent(now);
    if (this.#window.hasNacks) this.#schedule.onUrgent();
    return datagram;
  }

  pollTimeout(now: Micros): Micros | null {
    const times = [this.#schedule.nextAt(), this.#window.pollTimeout(now), wantChangesAt(now, this.#standing())];
    const future = times.filter((at) => at !== null);
    return future.length === 0 ? null : Math.min(...future);
  }

  /** An access unit came out of the decoder, `queue` are in it still. */
  onDecoded(frame: number, queue: number): void {
    this.#queue = queue;
    this.#schedule.onNews();
    if (this.#decoded === 0) {
      this.#decoded = frame;
    } else if (frame > this.#decoded) {
      const ahead = frame - this.#decoded;
      this.#decodedSet = ahead > 32 ? 0 : (((ahead === 32 ? 0 : this.#decodedSet << ahead) | (1 << (ahead - 1))) >>> 0);
      this.#decoded = frame;
    } else if (this.#decoded - frame <= 32 && frame < this.#decoded) {
      this.#decodedSet = (this.#decodedSet | (1 << (this.#decoded - frame - 1))) >>> 0;
    }
  }

  /** The decoder failed; `discarded` access units were in it. It starts again at an IDR. */
  decoderBroke(now: Micros, discarded: number): void {
    this.#discarded += discarded;
    this.#window.decoderBroke();
    this.#review(now);
  }

  /** The decoder shows nothing after a recovery: only an IDR helps it. */
  decoderDoesNotFollow(now: Micros): void {
    this.#follows = false;
    this.decoderBroke(now, 0);
  }

  set rtt(rtt: Micros) {
    this.#window.rtt = rtt;
  }

  get want(): Want {
    return this.#want;
  }

  /** A newer picture exists than the newest that could be shown. */
  get isBehind(): boolean {
    return this.#window.isBehind;
  }

  get counts(): ReceiverCounts {
    const { received, lost, late, dropped, duplicate, malformed } = this.#window.counts;
    return {
      packets: {
        received: this.#arrivals.counts.received,
        lost: this.#arrivals.counts.lost,
        duplicate: this.#arrivals.counts.duplicate + duplicate,
        malformed: this.#malformed + malformed + this.audio.counts.malformed,
        repeated: this.#repeated,
      },
      frames: { received, lost, late, dropped: dropped + this.#discarded },
      bytes: this.#bytes,
    };
  }

  #review(now: Micros): void {
    const next = want(now, this.#standing());
    if (next === 'nothing') this.#wantedSince = null;
    else this.#wantedSince ??= now;
    if (next !== this.#want && next !== 'nothing') this.#schedule.onUrgent();
    if (this.#window.hasNacks) this.#schedule.onUrgent();
    this.#want = next;
    this.#schedule.wanting = next !== 'nothing';
  }

  #standing(): Standing {
    return {
      started: this.#window.started,
      broken: this.#window.broken,
      firstPacketAt: this.#firstPacketAt,
      givenUp: this.#window.givenUp,
      arriving: this.#window.arriving,
      follows: this.#follows,
      wantedSince: this.#wantedSince,
      rtt: this.#window.rtt,
    };
  }
}
