/**
 * One attachment to a session: the loop that joins the link, the receiver, input and the clock. It decides nothing that a
 * core could.
 *
 * ```text
 * Link -> Receiver -> decoder, sound
 *   ^        |-> feedback
 *   +-- InputSender, Clock, control messages
 * ```
 */
import type { Clock } from '../clock';
import type { PictureDecoder } from '../decode/decoder';
import type { InputSender } from '../input/sender';
import type { AudioPacket } from '../receive/audio';
import { Receiver, type ReceiverCounts } from '../receive/receiver';
import type { Micros } from '../time';
import type { AccessUnit } from '../receive/unit';
import { Kind, MEDIA_HEADER_BYTES, kindOf, mediaHeader, parseClockReply, parseInputAck, parseMedia, parseVideoUnit, writeClockRequest } from '../wire';
import type { FromServer, ToServer } from '../wire/control';
import { Liveness } from './liveness';
import { Close, Link, type TransportLike } from './link';
import type { Meter } from './meter';

export type Parts = {
  readonly now: () => Micros;
  readonly clock: Clock;
  readonly input: InputSender;
  readonly decoder: PictureDecoder;
  readonly meter: Meter;
  readonly onSound: (packet: AudioPacket) => void;
  /** Where the browser handles media by itself: what the host tells of each picture. */
  readonly onTrace?: (unit: AccessUnit) => void;
};

export type AttachmentEvents = {
  /** Before anything of it is decoded or sent: what was attached before lets go now. */
  readonly onOpened: () => void;
  /** Nothing comes; it is kept, for it may revive. */
  readonly onSilent: () => void;
  readonly onRevived: () => void;
  readonly onControl: (message: FromServer) => void;
  readonly onClosed: (opened: boolean, code: number | null, reason: string) => void;
};

export class Attachment {
  readonly receiver = new Receiver();
  readonly #parts: Parts;
  readonly #events: AttachmentEvents;
  readonly #link: Link;
  readonly #live = new Liveness();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAt: Micros = Infinity;
  #over = false;
  #opened = false;
  #greeted = false;
  /** Of a call: what the browser received by itself. */
  #counted: ReceiverCounts | null = null;

  constructor(transport: TransportLike, parts: Parts, events: AttachmentEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#link = new Link(transport, {
      onOpened: () => this.#onOpened(),
      onDatagram: (datagram) => this.#onDatagram(datagram),
      onControl: (message) => events.onControl(message),
      onClosed: (opened, code, reason) => this.#finish(opened, code, reason),
    });
  }

  /** The browser handles its media by itself. */
  get isCall(): boolean {
    return this.#parts.onTrace !== undefined;
  }

  /** What came so far. */
  get counts(): ReceiverCounts {
    return this.#counted ?? this.receiver.counts;
  }

  /** What the browser received by itself. */
  onCounts(counts: ReceiverCounts): void {
    if (this.#parts.onTrace !== undefined) this.#counted = counts;
  }

  /** The first message, and the only one that may be it. */
  greet(hello: Extract<ToServer, { case: 'hello' }>['value']): void {
    this.#greeted = true;
    this.#link.sendControl({ case: 'hello', value: hello });
  }

  /** Not before the greeting: what is said then is left out. */
  send(message: ToServer): void {
    if (this.#greeted) this.#link.sendControl(message);
  }

  /** Something was pushed into the input sender, or decoded. */
  pump(): void {
    if (this.#over) return;
    const now = this.#parts.now();
    this.#drain(now);
    this.#arm(now);
  }

  onDecoded(frame: number, queue: number): void {
    this.receiver.onDecoded(frame, queue);
    this.pump();
  }

  onDecoderBroken(discarded: number): void {
    this.receiver.decoderBroke(this.#parts.now(), discarded);
    // Called from within `#drain`, at times; the timer comes right after.
    this.#armAt(this.#parts.now());
  }

  onDoesNotFollow(): void {
    this.receiver.decoderDoesNotFollow(this.#parts.now());
    this.send({ case: 'videoLimits', value: { referenceRecovery: false } });
    this.#armAt(this.#parts.now());
  }

  /** Ends it; `onClosed` is not called any more. */
  close(code: number, reason: string): void {
    if (this.#over) return;
    this.#stop();
    this.#link.close(code, reason);
  }

  #onOpened(): void {
    if (this.#over) return;
    this.#opened = true;
    this.#events.onOpened();
    this.#parts.decoder.reset();
    this.receiver.datagramMax = this.#link.datagramMax;
    this.#parts.input.attach();
    this.#live.start(this.#parts.now());
    this.pump();
  }

  #onDatagram(datagram: Uint8Array): void {
    const { clock, input, meter, now: read } = this.#parts;
    const now = read();
    if (this.#live.onHeard(now)) this.#events.onRevived();
    const kind = kindOf(datagram);
    if (kind === Kind.clockReply) {
      const reply = parseClockReply(datagram);
      if (typeof reply !== 'string' && clock.handleReply(now, reply)) {
        this.#live.rtt = clock.latestRtt ?? 0;
        this.receiver.rtt = clock.offset(now)?.rtt ?? 0;
      }
    } else if (kind === Kind.inputAck) {
      const ack = parseInputAck(datagram);
      if (typeof ack !== 'string') for (const age of input.handleAck(now, ack)) meter.ackAges.add(now, age);
    } else if (this.#parts.onTrace !== undefined) {
      const unit = traceOf(now, datagram);
      if (unit !== null) this.#parts.onTrace(unit);
    } else {
      this.receiver.handleDatagram(now, datagram);
    }
    this.#drain(now);
    this.#arm(now);
  }

  #drain(now: Micros): void {
    const { decoder, input, meter, clock, onSound } = this.#parts;
    for (let unit = this.receiver.pollAccessUnit(); unit !== null; unit = this.receiver.pollAccessUnit()) {
      meter.onReceived(now);
      decoder.decode(unit);
    }
    for (let packet = this.receiver.pollAudio(); packet !== null; packet = this.receiver.pollAudio()) onSound(packet);
    if (this.receiver.want !== 'nothing') meter.onBehind(now);
    for (let sent = input.pollTransmit(now); sent !== null; sent = input.pollTransmit(now)) {
      this.#link.sendDatagram(sent, true);
    }
    const { onTrace } = this.#parts;
    // The browser reports by itself what it handles by itself.
    for (let sent = onTrace === undefined ? this.receiver.pollFeedback(now) : null; sent !== null; sent = this.receiver.pollFeedback(now)) {
      this.#link.sendDatagram(sent, false);
    }
    if (this.#live.requestDue(now)) {
      this.#live.onRequested(now);
      this.#link.sendDatagram(writeClockRequest(clock.request(now)), false);
    }
  }

  #onTimer(): void {
    const now = this.#parts.now();
    const late = now - this.#timerAt;
    if (late > STALL) this.#live.onStalled(now, late);
    this.#timer = null;
    this.#timerAt = Infinity;
    if (this.#live.fellSilent(now)) {
      this.#parts.meter.onBehind(this.#live.heardAt);
      this.#events.onSilent();
      // Whoever hears that may have closed it.
      if (this.#over) return;
    }
    if (this.#live.isDead(now)) {
      this.#link.close(Close.cut, 'nothing came');
      this.#finish(true, null, 'silence');
      return;
    }
    this.receiver.handleTimeout(now);
    this.#drain(now);
    this.#arm(now);
  }

  #arm(now: Micros): void {
    const next = [
      this.receiver.pollTimeout(now),
      this.#parts.input.pollTimeout()?.at ?? null,
      this.#live.nextAt(),
    ].reduce<Micros>((least, at) => (at === null ? least : Math.min(least, at)), Infinity);
    this.#armAt(next);
  }

  /** An alarm that is earlier already stays: it asks again when it goes off. */
  #armAt(at: Micros): void {
    if (this.#over || at >= this.#timerAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const wait = Math.max(Math.ceil((at - this.#parts.now()) / 1000), 0);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#onTimer(), wait);
  }

  #finish(opened: boolean, code: number | null, reason: string): void {
    if (this.#over) return;
    this.#stop();
    this.#events.onClosed(opened, code, reason);
  }

  #stop(): void {
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // What never opened leaves input and figures to the one that is open.
    if (!this.#opened) return;
    this.#parts.input.detach();
    this.#parts.meter.onAttachmentOver(this.counts);
  }
}

/** A picture's header and trace, without the picture. */
function traceOf(now: Micros, datagram: Uint8Array): AccessUnit | null {
  const header = mediaHeader();
  if (kindOf(datagram) !== Kind.video || parseMedia(datagram, header) !== null) return null;
  const unit = parseVideoUnit(datagram.subarray(MEDIA_HEADER_BYTES));
  if (typeof unit === 'string') return null;
  return {
    frame: header.frame,
    idr: header.idr,
    recovery: header.recovery,
    still: header.still,
    capturedAt: header.capturedAt,
    nals: unit.nals,
    trace: unit.trace,
    sentAt: header.sentAt,
    arrivedAt: now,
    skipped: 0,
  };
}

/** A timer that is later than this was held up by a busy machine. */
const STALL: Micros = 30_000;
