/** When the packets of an attachment arrived, and which never did. */
import type { Micros } from '../time';
import { low32, unwrap32 } from '../wire';

export type ArrivalList = {
  readonly baseSeq: number;
  readonly baseTime: Micros;
  readonly arrivals: readonly (number | null)[];
};

/** Packet seqs start at 1; everything up to the newest that did not come is missing. */
export class Arrivals {
  readonly counts = { received: 0, lost: 0, duplicate: 0 };
  #times = new Float64Array(KEPT).fill(NEVER);
  #newest = 0;
  /** Where the new part of each of the last reports started; newest last. */
  #starts: number[] = [1];
  /** The newest packet at the time of each of the last reports; oldest first. */
  #newestAt: number[] = [];
  /** Up to here it is settled what is lost. */
  #judged = 0;

  /** `false` when it came before. */
  onPacket(now: Micros, seqLow: number): boolean {
    const seq = unwrap32(seqLow, this.#newest);
    if (seq > this.#newest) {
      for (let n = Math.max(this.#newest + 1, seq - KEPT + 1); n < seq; n += 1) this.#times[n % KEPT] = NEVER;
      this.#newest = seq;
    } else if (seq <= this.#newest - KEPT || this.#times[seq % KEPT] !== NEVER) {
      this.counts.duplicate += 1;
      return false;
    }
    this.#times[seq % KEPT] = now;
    this.counts.received += 1;
    return true;
  }

  /** The list for the next report: what is new since the one before the last one, at most the newest `packetsMax`. */
  report(packetsMax: number): ArrivalList {
    let from = Math.max(this.#starts[0] ?? 1, this.#newest - packetsMax + 1, 1);
    const latest = this.#times[this.#newest % KEPT] ?? NEVER;
    for (let seq = from; seq <= this.#newest; seq += 1) {
      const at = this.#times[seq % KEPT] ?? NEVER;
      // Arrivals further apart cannot be told in one report; the older one was in the reports before the silence.
      if (at !== NEVER && latest - at > SPAN_MAX) from = seq + 1;
    }
    let base = Infinity;
    for (let seq = from; seq <= this.#newest; seq += 1) {
      const at = this.#times[seq % KEPT] ?? NEVER;
      if (at !== NEVER && at < base) base = at;
    }
    const arrivals = Array.from({ length: this.#newest - from + 1 }, (_, n) => {
      const at = this.#times[(from + n) % KEPT] ?? NEVER;
      return at === NEVER ? null : at - base;
    });
    this.#starts.push(this.#newest + 1);
    if (this.#starts.length > REPORTED) this.#starts.shift();
    this.#judge();
    return { baseSeq: low32(from), baseTime: base === Infinity ? 0 : base, arrivals };
  }

  #judge(): void {
    this.#newestAt.push(this.#newest);
    if (this.#newestAt.length <= REPORTS_UNTIL_LOST) return;
    const until = this.#newestAt.shift() ?? 0;
    for (let seq = Math.max(this.#judged + 1, this.#newest - KEPT + 1); seq <= until; seq += 1) {
      if (this.#times[seq % KEPT] === NEVER) this.counts.lost += 1;
    }
    this.#judged = Math.max(this.#judged, until);
  }
}

/** Not a time: no packet came. */
const NEVER = -1;
/** Two seconds at 16 Mbit/s. */
const KEPT = 4_096;
/** A report covers its own part and that of the one before it: a lost report hides nothing. */
const REPORTED = 2;
const REPORTS_UNTIL_LOST = 10;
/** Arrivals are told in 16 bits of 32 µs. */
const SPAN_MAX: Micros = 2_000_000;
