/**
 * The worker's side of a player: owns the transport, the decoders and the picture's sink over all attachments.
 *
 * ```text
 * page -> ToWorker -> Studio -> Attachment -> decoder -> sink
 * page <- FromWorker <--+          +-> sound decoder -> worklet
 * ```
 */
import { Clock } from '../clock';
import { type Picture, PictureDecoder, supportedCodecs } from '../decode/decoder';
import { CanvasSink, HeldSink, type Sink, TrackSink } from '../decode/sink';
import { exchange } from '../exchange';
import { EndReason, FrameClock, type HostReport, PointerMode, type Welcome } from '../gen/control_pb.js';
import { InputSender } from '../input/sender';
import { Rolling } from '../dist';
import type { Stats } from '../stats';
import type { Micros } from '../time';
import { VERSION, type VideoTrace } from '../wire';
import type { Transport } from '../player/ladder';
import type { FromServer } from '../wire/control';
import type { AccessUnit } from '../receive/unit';
import { transportOver } from '../rtc/port';
import { Attachment } from './attachment';
import { Close, type TransportLike } from './link';
import { firstAttach } from './begin';
import type { FromWorker, Measured, SealWith, ToWorker } from './messages';
import { Meter } from './meter';
import { Observers } from './observers';
import { ScreenMeter } from './refresh';
import { SoundDecoder } from './sound';
import { StartTrace } from './start';

type Size = { readonly width: number; readonly height: number };

export type StudioWiring = {
  readonly now: () => Micros;
  readonly post: (message: FromWorker, transfer?: Transferable[]) => void;
  readonly open: (kind: Transport, url: string, certSha256: readonly string[], seal?: SealWith) => TransportLike;
  readonly fetch?: typeof fetch;
  readonly codecs?: () => Promise<string[]>;
  readonly warm?: (codec: string | undefined) => void;
};

export class Studio {
  readonly #wiring: StudioWiring;
  readonly #input = new InputSender(Math.floor(Math.random() * 0x1_0000));
  readonly #meter = new Meter();
  readonly #screen = new ScreenMeter();
  readonly #waits = new Rolling();
  readonly #sound = new SoundDecoder();
  readonly #observers: Observers;
  readonly #decoder: PictureDecoder;
  readonly #codecs: Promise<string[]>;
  #clock = new Clock();
  readonly #held = new HeldSink();
  #sink: Sink = this.#held;
  #attachment: Attachment | null = null;
  /** On its way, while the attachment may still revive. */
  #challenger: { readonly attempt: number; readonly attachment: Attachment } | null = null;
  #attempt = 0;
  #pictureSeen = false;
  /** What the host draws: pointer and page count in its pixels, however small it is coded. */
  #shown: Size | null = null;
  /** Of a call: what is known of pictures that are not shown yet, by RTP timestamp, in order. */
  readonly #traces = new Map<number, AccessUnit>();
  #follows = true;
  #hidden = false;
  /** How large the page shows the picture. */
  #viewport: Size | null = null;
  /** Of the player's keyboard, where it is known. */
  #layout: string | null = null;
  #host: HostReport | null = null;
  /** Where this worker attached to by itself, until the page has said so, too. */
  #begun: string | null = null;
  /** Of the start that made the session. */
  #start: StartTrace | null = null;

  constructor(wiring: StudioWiring) {
    this.#wiring = wiring;
    this.#observers = new Observers((id, sample) => wiring.post({ type: 'sample', id, sample }, [sample.luma.buffer]));
    this.#decoder = new PictureDecoder(wiring.now, {
      onPicture: (picture) => this.#onPicture(picture),
      onBroken: (discarded) => this.#attachment?.onDecoderBroken(discarded),
      onDoesNotFollow: () => {
        this.#follows = false;
        this.#attachment?.onDoesNotFollow();
      },
    });
    this.#codecs = (wiring.codecs ?? supportedCodecs)();
    void this.#codecs.then((codecs) => {
      if (codecs.length === 0) wiring.post({ type: 'unsupported', what: 'codec' });
      // The first decoder of a page takes longer to open than those after it: not while a picture waits.
      else wiring.warm?.(codecs[0]);
    });
    setInterval(() => this.#tick(), MEASURE_MS);
  }

  handle(message: ToWorker): void {
    switch (message.type) {
      case 'sink':
        this.#sink = 'track' in message.sink ? new TrackSink(message.sink.track) : new CanvasSink(message.sink.canvas);
        this.#held.moveTo(this.#sink);
        break;
      case 'begin':
        void this.#begin(message);
        break;
      case 'sound':
        this.#sound.port = message.port;
        break;
      case 'attach':
        this.#attach(message);
        break;
      case 'detach':
        this.#detach(message.leave, message.only);
        break;
      case 'secretStored':
        this.#attachment?.send({ case: 'resumeAck', value: { generation: message.generation } });
        break;
      case 'input':
        if (this.#input.push(message.at, message.event)) this.#attachment?.pump();
        break;
      case 'focus':
        this.#input.setFocused(message.focused);
        this.#attachment?.pump();
        break;
      case 'releaseAll':
        this.#input.releaseAll();
        this.#attachment?.pump();
        break;
      case 'layout':
        this.#layout = message.name;
        this.#attachment?.send({ case: 'layout', value: { name: message.name } });
        break;
      case 'paste':
        this.#attachment?.send({ case: 'clipboard', value: { serial: message.serial, text: message.text } });
        break;
      case 'presented':
        this.#onPresented(message.timestamp, message.at);
        this.#onRefresh(message);
        break;
      case 'shown':
        this.#onShown(message);
        break;
      case 'counted':
        if (message.attempt === this.#attempt) this.#attachment?.onCounts(message.counts);
        break;
      case 'visibility':
        this.#hidden = message.hidden;
        this.#screen.clear();
        this.#attachment?.send({ case: 'visibility', value: { hidden: message.hidden } });
        break;
      case 'viewport':
        this.#viewport = { width: message.width, height: message.height };
        this.#attachment?.send({ case: 'viewport', value: this.#viewport });
        break;
      case 'observe':
        this.#observers.add(message.id, message.rect);
        break;
      case 'unobserve':
        this.#observers.remove(message.id);
        break;
    }
  }

  async #begin(wish: Extract<ToWorker, { type: 'begin' }>): Promise<void> {
    const { now, post, fetch } = this.#wiring;
    if (fetch === undefined) return;
    const raw = await exchange(fetch, wish.request);
    const at = now();
    post({ type: 'created', raw, at });
    const attach = firstAttach(raw, wish.direct, { clickedAt: wish.clickedAt, placedAt: at });
    if (attach === null) return;
    this.handle(attach);
    this.#begun = attach.url;
  }

  #attach(message: Extract<ToWorker, { type: 'attach' }>): void {
    // The page says what was done already, once it has heard of it.
    const begun = this.#begun;
    this.#begun = null;
    if (message.url !== begun) this.#attachAnew(message);
  }

  #attachAnew({ attempt, kind, url, certSha256, seal, race = false, port, start }: Extract<ToWorker, { type: 'attach' }>): void {
    this.#challenger?.attachment.close(Close.cut, 'another attempt');
    this.#challenger = null;
    if (!race) {
      this.#attachment?.close(Close.cut, 'another attempt');
      this.#attachment = null;
    }
    if (start !== undefined) this.#start ??= new StartTrace(start);
    let transport: TransportLike;
    try {
      transport = port === undefined ? this.#wiring.open(kind, url, certSha256, seal) : transportOver(port);
    } catch (error) {
      const reason = error instanceof Error ? error.message : '';
      this.#wiring.post({ type: 'closed', attempt, opened: false, code: null, reason });
      return;
    }
    const clock = new Clock();
    const attachment = this.#attachmentOver(transport, attempt, clock, port !== undefined);
    if (this.#attachment === null) this.#attachment = attachment;
    else this.#challenger = { attempt, attachment };
  }

  #attachmentOver(transport: TransportLike, attempt: number, clock: Clock, isCall: boolean): Attachment {
    const { post, now } = this.#wiring;
    const parts = {
      now,
      clock,
      input: this.#input,
      decoder: this.#decoder,
      meter: this.#meter,
      onSound: (packet: Parameters<SoundDecoder['decode']>[0]) => this.#sound.decode(packet),
      ...(isCall ? { onTrace: (unit: AccessUnit) => this.#onTrace(unit) } : {}),
    };
    const attachment: Attachment = new Attachment(transport, parts, {
      onOpened: () => {
        this.#adopt(attachment, attempt, clock);
        post({ type: 'opened', attempt });
        void this.#greet(attachment);
      },
      onSilent: () => post({ type: 'silent', attempt }),
      onRevived: () => post({ type: 'revived', attempt }),
      onControl: (control) => this.#onControl(attempt, control),
      onClosed: (opened, code, reason) => {
        if (this.#attachment === attachment) this.#attachment = null;
        if (this.#challenger?.attachment === attachment) this.#challenger = null;
        post({ type: 'closed', attempt, opened, code, reason });
      },
    });
    return attachment;
  }

  /** It is open: everything is its from here on. */
  #adopt(attachment: Attachment, attempt: number, clock: Clock): void {
    if (this.#attachment !== attachment) this.#attachment?.close(Close.cut, 'another path');
    this.#attachment = attachment;
    this.#challenger = null;
    this.#attempt = attempt;
    this.#pictureSeen = false;
    this.#start?.opened(this.#wiring.now());
    this.#clock = clock;
    this.#sound.reset();
    this.#screen.clear();
  }

  async #greet(attachment: Attachment): Promise<void> {
    const codecs = await this.#codecs;
    attachment.greet({
      version: VERSION,
      versionOldest: VERSION,
      codecs,
      referenceRecovery: this.#follows,
      userAgent: typeof navigator === 'undefined' ? '' : navigator.userAgent,
    });
    if (this.#viewport !== null) attachment.send({ case: 'viewport', value: this.#viewport });
    if (this.#layout !== null) attachment.send({ case: 'layout', value: { name: this.#layout } });
    if (this.#hidden) attachment.send({ case: 'visibility', value: { hidden: true } });
  }

  #detach(leave: 'wait' | 'end' | 'abandon', only: number | undefined): void {
    const code = leave === 'abandon' ? Close.cut : Close.bye;
    if (only === undefined || this.#challenger?.attempt === only) {
      this.#challenger?.attachment.close(code, leave);
      this.#challenger = null;
      if (only !== undefined) return;
    }
    const attachment = this.#attachment;
    if (attachment === null || (only !== undefined && only !== this.#attempt)) return;
    this.#attachment = null;
    if (leave !== 'abandon') attachment.send({ case: 'leave', value: { endSession: leave === 'end' } });
    attachment.close(code, leave);
  }

  #onControl(attempt: number, message: FromServer): void {
    const { post } = this.#wiring;
    switch (message.case) {
      case 'welcome':
        this.#onWelcome(attempt, message.value);
        break;
      case 'resumeSecret':
        post({ type: 'secret', attempt, generation: message.value.generation, secret: message.value.secret });
        break;
      case 'cursorShape': {
        const { width, height, hotX, hotY, rgba } = message.value;
        const whole = width > 0 && height > 0 && rgba.length === 4 * width * height;
        const cursor = whole ? { width, height, hotX, hotY, rgba: new Uint8ClampedArray(rgba) } : null;
        if (whole || width === 0) post({ type: 'cursor', cursor });
        break;
      }
      case 'cursorPosition':
        post({ type: 'cursorMoved', x: message.value.x / 65_535, y: message.value.y / 65_535 });
        break;
      case 'rumble': {
        const { pad, strong, weak, durationMs } = message.value;
        // No motor runs on when the line breaks, whatever was asked for.
        const rumble = { pad, strong: part(strong), weak: part(weak), durationMs: Math.min(durationMs, RUMBLE_MS_MAX) };
        post({ type: 'rumble', rumble });
        break;
      }
      case 'clipboard':
        post({ type: 'copied', copied: { text: message.value.text, tooLong: message.value.tooLong } });
        break;
      case 'clipboardTaken':
        post({ type: 'pasted', serial: message.value.serial });
        break;
      case 'ended': {
        const reason = END_REASONS[message.value.reason] ?? 'unknown';
        post({ type: 'ended', attempt, reason, message: message.value.message });
        break;
      }
      case 'report':
        this.#host = message.value;
        break;
      case undefined:
        break;
    }
  }

  #onWelcome(attempt: number, welcome: Welcome): void {
    const { session, video, audio, pointer, gamepads, copies, pastes, text, touch, waitSeconds, resume } = welcome;
    if (audio !== undefined) {
      this.#sound.frameUs = audio.frameUs > 0 ? audio.frameUs : 10_000;
      this.#sound.sampleRate = audio.sampleRate > 0 ? audio.sampleRate : 48_000;
      this.#sound.channels = audio.channels > 0 ? audio.channels : 2;
      if (this.#attachment !== null) this.#attachment.receiver.audio.frameUs = this.#sound.frameUs;
    }
    if (video !== undefined && video.fps > 0) this.#decoder.watch.fps = video.fps;
    // A call's pictures come with no size but their own.
    if (video !== undefined && video.width > 0 && video.height > 0) this.#shown ??= { width: video.width, height: video.height };
    this.#wiring.post({
      type: 'welcome',
      attempt,
      welcome: {
        session,
        codec: video?.codec ?? '',
        width: video?.width ?? 0,
        height: video?.height ?? 0,
        fps: video?.fps ?? 0,
        audio: audio !== undefined,
        pointer: pointer === PointerMode.RELATIVE ? 'relative' : pointer === PointerMode.BOTH ? 'both' : 'absolute',
        gamepads,
        text,
        touch,
        clipboard: { copies, pastes },
        waitS: waitSeconds,
      },
    });
    if (resume !== undefined && resume.secret !== '') {
      this.#wiring.post({ type: 'secret', attempt, generation: resume.generation, secret: resume.secret });
    }
  }

  #onPicture(picture: Picture): void {
    const { frame, unit, decodedAt } = picture;
    const { displayWidth: width, displayHeight: height, timestamp } = frame;
    this.#seen(decodedAt, { width, height }, unit.trace);
    this.#meter.onDecoded(timestamp, picture, this.#attachment?.counts);
    this.#screen.onDecoded(timestamp, unit, decodedAt);
    this.#start?.arrived(unit.arrivedAt);
    this.#observers.look(picture, this.#shown ?? { width, height });
    this.#sink.show(frame, () => this.#onPresented(timestamp, this.#wiring.now()));
    this.#attachment?.onDecoded(unit.frame, this.#decoder.watch.count);
  }

  #onPresented(timestamp: number, at: Micros): void {
    if (this.#start?.shown(at) === true) {
      const start = this.#start.parts();
      if (start !== null) this.#wiring.post({ type: 'started', start });
    }
    this.#meter.onPresented(timestamp, at, this.#clock.offset(at), (id) => this.#input.happenedAt(id));
  }

  #onRefresh({ timestamp, refresh, gap }: Extract<ToWorker, { type: 'presented' }>): void {
    const wait = this.#screen.onShown(timestamp, refresh, gap);
    if (wait !== null) this.#waits.add(refresh, wait);
  }

  #onTrace(unit: AccessUnit): void {
    this.#traces.set(rtpOf(unit.capturedAt), unit);
    const oldest = this.#traces.keys().next();
    if (this.#traces.size > TRACES_MAX && oldest.done !== true) this.#traces.delete(oldest.value);
  }

  /** A picture that the browser decoded by itself. */
  #onShown({ rtp, at, receivedAt, decodedAt, width, height }: Extract<ToWorker, { type: 'shown' }>): void {
    const unit = this.#traces.get(rtp);
    this.#seen(decodedAt, { width, height }, unit?.trace ?? null);
    if (unit === undefined) return;
    for (const older of this.#traces.keys()) {
      this.#traces.delete(older);
      if (older === rtp) break;
    }
    this.#meter.onReceived(receivedAt);
    const passed = { unit, submittedAt: Math.max(receivedAt, unit.arrivedAt), decodedAt };
    this.#meter.onDecoded(unit.capturedAt, passed, this.#attachment?.counts);
    this.#start?.arrived(receivedAt);
    this.#onPresented(unit.capturedAt, at);
  }

  /** A picture came out of a decoder in this size, which may be smaller than the one it is shown in. */
  #seen(at: Micros, coded: Size, trace: VideoTrace | null): void {
    if (!this.#pictureSeen) {
      this.#pictureSeen = true;
      this.#wiring.post({ type: 'picture', attempt: this.#attempt, at });
    }
    this.#meter.width = coded.width;
    this.#meter.height = coded.height;
    const said = trace !== null && trace.width > 0 && trace.height > 0 ? trace : (this.#shown ?? coded);
    if (said.width === this.#shown?.width && said.height === this.#shown.height) return;
    this.#shown = { width: said.width, height: said.height };
    this.#wiring.post({ type: 'size', ...this.#shown });
  }

  #tick(): void {
    const now = this.#wiring.now();
    this.#wiring.post({ type: 'measured', measured: this.#measure(now) });
    const attachment = this.#attachment;
    const offset = this.#clock.offset(now);
    const start = this.#start?.takeReport(offset?.micros ?? null) ?? null;
    if (start !== null) attachment?.send({ case: 'start', value: start });
    if (attachment === null || !this.#meter.isSecondOver(now)) return;
    const rtt = this.#clock.latestRtt ?? 0;
    const known = { rtt, clockError: offset?.error ?? 0 };
    const { decoded, presented, ...second } = this.#meter.takeSecond(now, attachment.counts, known);
    const value = { ...second, decodedFrames: decoded, presentedFrames: presented, rttUs: Math.round(rtt) };
    attachment.send({ case: 'report', value });
    // A call's browser shows pictures by a timetable of its own, a canvas at no time that anybody tells.
    if (!attachment.isCall && this.#sink.path === 'track' && !this.#hidden) {
      attachment.send({ case: 'screen', value: this.#screen.takeReport() });
    }
  }

  #measure(now: Micros): Measured {
    const offset = this.#clock.offset(now);
    const measured = this.#meter.measure(now, this.#attachment?.counts ?? null);
    const clockError = (offset?.error ?? 0) / 1000;
    return {
      codec: this.#decoder.codec,
      decoder: this.#decoder.name,
      encoder: this.#host?.encoder ?? '',
      path: this.#sink.path,
      drawn_width: this.#shown?.width ?? 0,
      drawn_height: this.#shown?.height ?? 0,
      target_bps: Number(this.#host?.targetBps ?? 0n),
      rtt_ms: (this.#clock.latestRtt ?? 0) / 1000,
      frame_clock: {
        state: FRAME_CLOCKS[this.#host?.frameClock ?? FrameClock.UNSPECIFIED] ?? 'off',
        refresh_hz: 1_000_000 / (this.#screen.refresh.period ?? Infinity),
        wait_ms: this.#waits.dist(now, 0.001),
      },
      clock: { offset_ms: (offset?.micros ?? 0) / 1000, error_ms: clockError },
      glass_error_ms: clockError + measured.stages_ms.capture.p50,
      input: {
        events: this.#input.stats.events,
        unacknowledged: this.#input.unacknowledged,
        gamepads: this.#input.pads.length,
        ack_ms: this.#meter.ackAges.dist(now, 0.001),
      },
      ...measured,
    };
  }
}

/** As the host's: 90 kHz, of which the low 32 bits go. */
function rtpOf(capturedAt: Micros): number {
  return Number(((BigInt(capturedAt) * 9n) / 100n) & 0xffff_ffffn);
}

const END_REASONS: Partial<Record<EndReason, string>> = {
  [EndReason.TITLE_EXITED]: 'title_exited',
  [EndReason.TITLE_CRASHED]: 'title_crashed',
  [EndReason.BY_PLAYER]: 'by_player',
  [EndReason.BY_OPERATOR]: 'by_operator',
  [EndReason.TAKEN_OVER]: 'taken_over',
  [EndReason.ENGINE_STOPPING]: 'engine_stopping',
  [EndReason.ENGINE_FAULT]: 'engine_fault',
  [EndReason.GAVE_WAY]: 'gave_way',
  [EndReason.NOT_RESUMED]: 'not_resumed',
};

const FRAME_CLOCKS: Partial<Record<FrameClock, Stats['frame_clock']['state']>> = {
  [FrameClock.UNKNOWN]: 'unknown',
  [FrameClock.APART]: 'apart',
  [FrameClock.LOOSE]: 'loose',
  [FrameClock.OWN]: 'own',
  [FrameClock.TURNING]: 'turning',
  [FrameClock.LOCKED]: 'locked',
};

/** Two seconds at 60 a second. */
const TRACES_MAX = 120;
/** The overlay is read by eye. */
const MEASURE_MS = 250;
/** As docs/PROTOCOL.md has it. */
const RUMBLE_MS_MAX = 2_000;

/** 0 to 65535 as a part of one. */
function part(value: number): number {
  return Math.min(value, 65_535) / 65_535;
}
