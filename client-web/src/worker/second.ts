/** A second as its player saw it, for the report of the session (docs/QOE.md). Pure: time comes in. */
import { STAGES } from '../stats';
import type { Micros } from '../time';
import type { Spans, Timeline } from '../timeline';

/** As the control protocol has it. */
export type SecondReport = {
  readonly spanMs: number;
  readonly sentFrames: number;
  readonly clicks: number;
  readonly delayUs: number;
  readonly delayVariationUs: number;
  readonly clockErrorUs: number;
  readonly stagesUs: number[];
  readonly clickStagesUs: number[];
  readonly width: number;
  readonly height: number;
  readonly receivedBps: number;
  readonly lostFrames: number;
  readonly lateFrames: number;
  readonly droppedFrames: number;
};

/** What is counted since the player began, and what is known at the end of a second. */
export type Totals = {
  readonly lost: number;
  readonly late: number;
  readonly dropped: number;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  readonly rtt: Micros;
  readonly clockError: Micros;
};

/** Seconds begin with the first picture of an attachment: what comes before it is the start, or a gap that the host sees. */
export class SecondMeter {
  #began: Micros | null = null;
  /** The newest frame decoded, and the one at the last second's end. */
  #newest = 0;
  #base = 0;
  #ages: Micros[] = [];
  #clicks: Micros[] = [];
  #pictureStages = new Means();
  #clickStages = new Means();
  #last = { lost: 0, late: 0, dropped: 0, bytes: 0 };

  /** `totals`: asked for when this is an attachment's first. */
  onDecoded(now: Micros, frame: number, totals: () => Omit<Totals, 'rtt' | 'clockError'>): void {
    if (this.#began === null) {
      this.#began = now;
      this.#base = frame - 1;
      this.#newest = frame;
      this.#last = totals();
    }
    this.#newest = Math.max(this.#newest, frame);
  }

  onTimeline({ stages, glassToGlass, clickToPhoton, clickStages }: Timeline): void {
    if (this.#began === null || this.#ages.length >= SAMPLES_MAX) return;
    this.#ages.push(glassToGlass);
    this.#pictureStages.add(stages, glassToGlass);
    if (clickToPhoton === null || clickStages === null) return;
    this.#clicks.push(clickToPhoton);
    this.#clickStages.add(clickStages, clickToPhoton);
  }

  /** The next attachment begins its seconds anew. */
  onAttachmentOver(): void {
    this.#began = null;
    this.#clear();
  }

  /** A timer that fires a little early is no reason to wait for its next turn. */
  isDue(now: Micros): boolean {
    return this.#began !== null && now - this.#began >= SECOND - EARLY;
  }

  take(now: Micros, totals: Totals): SecondReport {
    const span = Math.max(now - (this.#began ?? now), 1);
    const { lost, late, dropped, bytes } = this.#last;
    const clicked = this.#clicks.length > 0;
    const delays = (clicked ? this.#clicks : this.#ages.map((age) => age + totals.rtt)).sort((a, b) => a - b);
    const median = quantile(delays, 0.5);
    const report = {
      spanMs: Math.round(span / 1000),
      sentFrames: Math.max(this.#newest - this.#base, 0),
      clicks: this.#clicks.length,
      // 0 says that there was none.
      delayUs: delays.length === 0 ? 0 : natural(median, 1),
      delayVariationUs: natural(quantile(delays, 0.95) - median),
      clockErrorUs: natural(totals.clockError),
      stagesUs: this.#pictureStages.parts(),
      clickStagesUs: this.#clickStages.parts(),
      width: totals.width,
      height: totals.height,
      receivedBps: natural((8_000_000 * (totals.bytes - bytes)) / span),
      lostFrames: natural(totals.lost - lost),
      lateFrames: natural(totals.late - late),
      droppedFrames: natural(totals.dropped - dropped),
    };
    this.#began = now;
    this.#base = this.#newest;
    this.#last = totals;
    this.#clear();
    return report;
  }

  #clear(): void {
    this.#ages = [];
    this.#clicks = [];
    this.#pictureStages = new Means();
    this.#clickStages = new Means();
  }
}

/** The means of parts of a whole, in whole microseconds that sum to the mean of the whole. */
class Means {
  #n = 0;
  #whole = 0;
  readonly #sums = OWNED.map(() => 0);

  add(spans: Spans, whole: Micros): void {
    this.#n += 1;
    this.#whole += whole;
    OWNED.forEach((stage, at) => (this.#sums[at] = (this.#sums[at] ?? 0) + (spans[stage] ?? 0)));
  }

  /** The last is what no stage owns. */
  parts(): number[] {
    if (this.#n === 0) return [];
    const owned = this.#sums.map((sum) => int32(sum / this.#n));
    return [...owned, int32(this.#whole / this.#n - owned.reduce((sum, part) => sum + part, 0))];
  }
}

function quantile(sorted: readonly number[], p: number): number {
  return sorted[Math.max(Math.ceil(p * sorted.length) - 1, 0)] ?? 0;
}

function natural(n: number, least = 0): number {
  return Math.min(Math.max(Math.round(n), least), 0xffff_ffff);
}

function int32(n: number): number {
  return Math.min(Math.max(Math.round(n), -0x8000_0000), 0x7fff_ffff);
}

const OWNED = STAGES.slice(0, -1);
const SECOND: Micros = 1_000_000;
const EARLY: Micros = 50_000;
/** More pictures than any title draws in a second. */
const SAMPLES_MAX = 256;
