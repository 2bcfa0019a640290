/** Adds up what happens to pictures, over all attachments of a player. Pure: time comes in. */
import type { Offset } from '../clock';
import { Rolling } from '../dist';
import type { Picture } from '../decode/decoder';
import type { ReceiverCounts } from '../receive/receiver';
import { type Dist, STAGES, type StageName } from '../stats';
import type { Micros } from '../time';
import { type Spans, timelineOf } from '../timeline';
import { SecondMeter, type SecondReport, type Totals } from './second';

type Shown = Pick<Picture, 'unit' | 'submittedAt' | 'decodedAt'>;

export type Second = {
  readonly decoded: number;
  readonly presented: number;
  readonly decodeUs: number;
  readonly glassToGlassUs: number;
  readonly clickToPhotonUs: number;
  readonly frozenMs: number;
} & SecondReport;

export class Meter {
  readonly ackAges = new Rolling();
  decoded = 0;
  presented = 0;
  idr = 0;
  recovery = 0;
  width = 0;
  height = 0;
  #stages = new StageDists();
  #clickStages = new StageDists();
  #glass = new Rolling();
  #click = new Rolling();
  #received = new Rolling(RATE_WINDOW);
  #decodedRate = new Rolling(RATE_WINDOW);
  #presentedRate = new Rolling(RATE_WINDOW);
  /** Bytes received so far, at each of the last measurements. */
  #bytesAt: { readonly at: Micros; readonly bytes: number }[] = [];
  #baseBytes = 0;
  /** Decoded and not presented yet, by timestamp. */
  #waiting = new Map<number, Shown>();
  #lastInput = 0;
  #lastDecodedAt: Micros | null = null;
  /** Since when a newer picture should have been seen. */
  #behindSince: Micros | null = null;
  #frozen: Micros = 0;
  #base = { received: 0, lost: 0, late: 0, dropped: 0 };
  #basePackets = { received: 0, lost: 0, duplicate: 0, malformed: 0, repeated: 0 };
  #lastSecond = { decoded: 0, presented: 0, frozen: 0 };
  readonly #second = new SecondMeter();

  onReceived(now: Micros): void {
    this.#received.add(now, 1);
  }

  /** `counts`: what the attachment received so far. */
  onDecoded(timestamp: number, picture: Shown, counts: ReceiverCounts | null = null): void {
    const now = picture.decodedAt;
    this.#second.onDecoded(now, picture.unit.frame, () => this.#totals(counts));
    this.decoded += 1;
    if (picture.unit.idr) this.idr += 1;
    if (picture.unit.recovery) this.recovery += 1;
    this.#decodedRate.add(now, 1);
    if (this.#behindSince !== null && this.#lastDecodedAt !== null && now - this.#lastDecodedAt > FROZEN) {
      this.#frozen += now - this.#behindSince;
    }
    this.#behindSince = null;
    this.#lastDecodedAt = now;
    this.#waiting.set(timestamp, picture);
    if (this.#waiting.size > WAITING_MAX) {
      const oldest = this.#waiting.keys().next();
      if (oldest.done !== true) this.#waiting.delete(oldest.value);
    }
  }

  /** A newer picture exists than the newest shown, or nothing comes from the host at all. */
  onBehind(now: Micros): void {
    this.#behindSince ??= now;
  }

  onPresented(timestamp: number, at: Micros, offset: Offset | null, inputAt: (id: number) => Micros | null): void {
    const shown = this.#waiting.get(timestamp);
    if (shown === undefined) return;
    for (const waiting of this.#waiting.keys()) {
      if (waiting <= timestamp) this.#waiting.delete(waiting);
    }
    this.presented += 1;
    this.#presentedRate.add(at, 1);
    if (offset === null) return;
    const id = shown.unit.trace?.input ?? 0;
    const fresh = id !== 0 && id !== this.#lastInput;
    if (fresh) this.#lastInput = id;
    const timeline = timelineOf({ ...shown, presentedAt: at, inputAt: fresh ? inputAt(id) : null }, offset);
    if (timeline === null) return;
    this.#second.onTimeline(timeline);
    this.#glass.add(at, timeline.glassToGlass);
    this.#stages.add(at, timeline.stages);
    const { clickToPhoton, clickStages } = timeline;
    if (clickToPhoton === null || clickStages === null) return;
    this.#click.add(at, clickToPhoton);
    this.#clickStages.add(at, clickStages);
  }

  /** An attachment is over: its counts stay in the sums. */
  onAttachmentOver(counts: ReceiverCounts): void {
    this.#base = sum(this.#base, counts.frames);
    this.#basePackets = sum(this.#basePackets, counts.packets);
    this.#baseBytes += counts.bytes;
    this.#waiting.clear();
    this.#lastInput = 0;
    this.#second.onAttachmentOver();
  }

  measure(now: Micros, counts: ReceiverCounts | null) {
    const frames = counts === null ? this.#base : sum(this.#base, counts.frames);
    const packets = counts === null ? this.#basePackets : sum(this.#basePackets, counts.packets);
    const perSecond = (rate: Rolling): number => (rate.dist(now).n * 1_000_000) / RATE_WINDOW;
    const { repeated, ...packetCounts } = packets;
    const clickStages = this.#clickStages.dists(now);
    // Only pictures that answer an input have these.
    const { input, inject, app } = clickStages;
    return {
      width: this.width,
      height: this.height,
      fps: {
        received: perSecond(this.#received),
        decoded: perSecond(this.#decodedRate),
        presented: perSecond(this.#presentedRate),
      },
      bitrate_bps: this.#bitrate(now, this.#baseBytes + (counts?.bytes ?? 0)),
      frames: {
        ...frames,
        decoded: this.decoded,
        presented: this.presented,
        idr: this.idr,
        recovery: this.recovery,
        repeated_packets: repeated,
      },
      packets: packetCounts,
      stages_ms: { ...this.#stages.dists(now), input, inject, app },
      click_stages_ms: clickStages,
      glass_to_glass_ms: this.#glass.dist(now, 0.001),
      click_to_photon_ms: this.#click.dist(now, 0.001),
      frozen_ms_total: this.#frozenMs(now),
    };
  }

  /** A second of pictures is over. */
  isSecondOver(now: Micros): boolean {
    return this.#second.isDue(now);
  }

  /** What happened since the last call, for the report of the session and the operator's statistics. */
  takeSecond(now: Micros, counts: ReceiverCounts | null, known: Pick<Totals, 'rtt' | 'clockError'>): Second {
    const frozen = this.#frozenMs(now);
    const second = {
      ...this.#second.take(now, { ...this.#totals(counts), ...known }),
      decoded: this.decoded - this.#lastSecond.decoded,
      presented: this.presented - this.#lastSecond.presented,
      decodeUs: Math.round(this.#stages.p50('decode', now)),
      glassToGlassUs: Math.max(Math.round(this.#glass.dist(now).p50), 0),
      clickToPhotonUs: Math.max(Math.round(this.#click.dist(now).p50), 0),
      frozenMs: Math.max(Math.round(frozen - this.#lastSecond.frozen), 0),
    };
    this.#lastSecond = { decoded: this.decoded, presented: this.presented, frozen };
    return second;
  }

  #totals(counts: ReceiverCounts | null): Omit<Totals, 'rtt' | 'clockError'> {
    const { lost, late, dropped } = counts === null ? this.#base : sum(this.#base, counts.frames);
    return { lost, late, dropped, bytes: this.#baseBytes + (counts?.bytes ?? 0), width: this.width, height: this.height };
  }

  #bitrate(now: Micros, bytes: number): number {
    this.#bytesAt = this.#bytesAt.filter(({ at }) => now - at <= RATE_WINDOW);
    const oldest = this.#bytesAt[0];
    this.#bytesAt.push({ at: now, bytes });
    if (oldest === undefined || now <= oldest.at) return 0;
    return Math.round((8_000_000 * (bytes - oldest.bytes)) / (now - oldest.at));
  }

  #frozenMs(now: Micros): number {
    const last = this.#lastDecodedAt;
    const still = this.#behindSince !== null && last !== null && now - last > FROZEN ? now - this.#behindSince : 0;
    return (this.#frozen + still) / 1000;
  }
}

/** A distribution for each stage, over the same pictures. */
class StageDists {
  #rolling = new Map<StageName, Rolling>(STAGES.map((stage) => [stage, new Rolling()]));

  add(at: Micros, spans: Spans): void {
    for (const [stage, rolling] of this.#rolling) {
      const span = spans[stage];
      if (span !== undefined) rolling.add(at, span);
    }
  }

  p50(stage: StageName, now: Micros): Micros {
    return this.#rolling.get(stage)?.dist(now).p50 ?? 0;
  }

  /** Milliseconds. */
  dists(now: Micros): Record<StageName, Dist> {
    const dists = [...this.#rolling].map(([stage, rolling]) => [stage, rolling.dist(now, 0.001)]);
    return Object.fromEntries(dists) as Record<StageName, Dist>;
  }
}

function sum<T extends Record<string, number>>(a: T, b: T): T {
  return Object.fromEntries(Object.entries(a).map(([key, value]) => [key, value + (b[key] ?? 0)])) as T;
}

const RATE_WINDOW: Micros = 2_000_000;
/** A pause that a player notices as a hang. */
const FROZEN: Micros = 100_000;
/** Two seconds at 60 a second: pictures that the browser skipped are forgotten. */
const WAITING_MAX = 120;
