/** When feedback is due (docs/PROTOCOL.md, section 6, "Feedback"). */
import type { Micros } from '../time';

export class Schedule {
  /** An IDR or a recovery is wanted: said again until it comes. */
  wanting = false;
  #lastAt: Micros | null = null;
  #news = false;
  #urgent = false;
  /** Reports that are sent after the last packet, so that each is reported more than once. */
  #tail = 0;

  /** A packet arrived or a frame was decoded. */
  onNews(): void {
    this.#news = true;
    this.#tail = TAIL_REPORTS;
  }

  /** Something is asked for that was not before. */
  onUrgent(): void {
    this.#urgent = true;
  }

  isDue(now: Micros): boolean {
    const at = this.nextAt();
    return at !== null && now >= at;
  }

  nextAt(): Micros | null {
    const after = (span: Micros): Micros => (this.#lastAt === null ? 0 : this.#lastAt + span);
    if (this.#urgent) return after(GAP_MIN);
    return this.#news || this.wanting || this.#tail > 0 ? after(INTERVAL) : null;
  }

  onSent(now: Micros): void {
    this.#lastAt = now;
    this.#urgent = false;
    if (!this.#news && this.#tail > 0) this.#tail -= 1;
    this.#news = false;
  }
}

const INTERVAL: Micros = 10_000;
/** However much is urgent. */
const GAP_MIN: Micros = 2_000;
const TAIL_REPORTS = 2;
