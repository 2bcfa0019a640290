/**
 * How the player's screen stands to the pictures: when it refreshes, and how long each decoded picture waited for that. Pure: time
 * comes in.
 *
 * ```text
 * rVFC, rAF -> Refresh (period) --+
 * decoded, shown -> waits --------+-> ScreenReport, once a second
 * ```
 */
import type { AccessUnit } from '../receive/unit';
import type { Micros } from '../time';

/** The span between two refreshes, from the moments of some and from pairs that are neighbours. */
export class Refresh {
  #gaps: Micros[] = [];
  #anchor: Micros = 0;
  /** Refreshes from the anchor to the last one. */
  #count = 0;
  #last: Micros | null = null;
  /** Finer than any gap: the clock of a page reads tenths of a millisecond. It takes a row of `#least` refreshes to tell a better one. */
  #fine: Micros | null = null;
  #least = FINE_MIN;

  /** `gap`: to the refresh after it, where that was looked at. */
  add(at: Micros, gap: Micros | null): void {
    if (gap !== null && gap > 0) {
      this.#gaps.push(gap);
      if (this.#gaps.length > GAPS_MAX) this.#gaps.shift();
    }
    const last = this.#last;
    const period = this.period;
    this.#last = at;
    const steps = period === null || last === null ? 0 : (at - last) / period;
    const whole = Math.round(steps);
    // A pause, an other screen, or one that waits for pictures: from the beginning.
    if (whole < 1 || whole > PAUSE_MAX || Math.abs(steps - whole) > CROOKED) {
      this.#begin(at, null);
      return;
    }
    this.#count += whole;
    if (this.#count >= this.#least) this.#fine = (at - this.#anchor) / this.#count;
    if (this.#count >= FINE_MAX) this.#begin(at, this.#fine);
  }

  /** null while it is not known, and where it is not steady. */
  get period(): Micros | null {
    if (this.#gaps.length < GAPS_MIN) return null;
    const sorted = [...this.#gaps].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? 0;
    const near = sorted.filter((gap) => Math.abs(gap - median) <= STEADY * median);
    if (near.length < 0.75 * sorted.length) return null;
    const rough = near.reduce((sum, gap) => sum + gap, 0) / near.length;
    return this.#fine !== null && Math.abs(this.#fine - rough) <= STEADY * rough ? this.#fine : rough;
  }

  #begin(at: Micros, fine: Micros | null): void {
    this.#anchor = at;
    this.#count = 0;
    this.#fine = fine;
    this.#least = fine === null ? FINE_MIN : FINE_MAX / 2;
  }
}

/** As the control protocol has it. */
export type ScreenReport = {
  readonly refreshNs: number;
  readonly capturedAtUs: bigint;
  readonly beforeUs: number[];
  readonly waitsUs: number[];
};

type Waited = { readonly capturedAt: Micros; readonly wait: Micros };

export class ScreenMeter {
  readonly refresh = new Refresh();
  /** Decoded and not shown yet, oldest first. */
  #decoded: { readonly timestamp: number; readonly capturedAt: Micros; readonly decodedAt: Micros }[] = [];
  #waited: Waited[] = [];

  /** A picture that was only taken again was not drawn for any refresh. */
  onDecoded(timestamp: number, unit: Pick<AccessUnit, 'capturedAt' | 'still'>, decodedAt: Micros): void {
    if (unit.still) return;
    this.#decoded.push({ timestamp, capturedAt: unit.capturedAt, decodedAt });
    if (this.#decoded.length > PICTURES_MAX) this.#decoded.shift();
  }

  /** The screen took this picture at the refresh `at`, and no older one will be seen. Returns how long it waited, where that is known. */
  onShown(timestamp: number, at: Micros, gap: Micros | null): Micros | null {
    this.refresh.add(at, gap);
    const period = this.refresh.period;
    const taken = this.#decoded.findLastIndex((picture) => picture.timestamp <= timestamp) + 1;
    let wait: Micros | null = null;
    for (const picture of this.#decoded.splice(0, taken)) {
      // The browser tells of some while a refresh is under way that they just missed: they wait for the next.
      const late = at - picture.decodedAt;
      const waited = late < 0 && period !== null ? late + period : late;
      if (waited < 0 || waited > WAIT_MAX) continue;
      if (picture.timestamp === timestamp) wait = waited;
      this.#waited.push({ capturedAt: picture.capturedAt, wait: waited });
    }
    if (this.#waited.length > PICTURES_MAX) this.#waited.splice(0, this.#waited.length - PICTURES_MAX);
    return wait;
  }

  /** What was on its way is of another attachment, or was never seen. */
  clear(): void {
    this.#decoded = [];
    this.#waited = [];
  }

  /** What happened since the last call. */
  takeReport(): ScreenReport {
    const newest = this.#waited.reduce((most, { capturedAt }) => Math.max(most, capturedAt), 0);
    const fresh = this.#waited.filter(({ capturedAt }) => newest - capturedAt <= AGE_MAX);
    this.#waited = [];
    return {
      refreshNs: Math.round(1000 * (this.refresh.period ?? 0)),
      capturedAtUs: BigInt(newest),
      beforeUs: fresh.map(({ capturedAt }) => newest - capturedAt),
      waitsUs: fresh.map(({ wait }) => Math.round(wait)),
    };
  }
}

/** A quarter of a second of pictures is enough to begin with; the newest second is enough to notice another screen. */
const GAPS_MIN = 15;
const GAPS_MAX = 60;
/** Gaps of one screen differ by less: by a tenth of a millisecond of the clock, of 4 ms. */
const STEADY = 0.04;
/** Two seconds at 60 a second; what a picture waits for that long is no part of a motion. */
const PAUSE_MAX = 120;
/** The part of a period by which a refresh may be off before it is none of this row. */
const CROOKED = 0.25;
/** Half a second: from there on a row of refreshes tells more than its gaps. */
const FINE_MIN = 30;
/** Ten seconds: a thousandth of a tenth of a millisecond, and the drift of the clock is not yet in it. */
const FINE_MAX = 600;
/** As docs/PROTOCOL.md has them. */
const PICTURES_MAX = 256;
const WAIT_MAX: Micros = 1_000_000;
const AGE_MAX: Micros = 10_000_000;
