/** Asks for the host's clock often enough to notice within about a second that nobody answers. Pure. */
import type { Micros } from '../time';

export class Liveness {
  #startedAt: Micros | null = null;
  #sent = 0;
  #nextAt: Micros = 0;
  #heardAt: Micros = 0;
  /** Since the last datagram of any kind. */
  #unanswered = 0;

  /** The link is open. */
  start(now: Micros): void {
    this.#startedAt = now;
    this.#nextAt = now;
    this.#heardAt = now;
    this.#unanswered = 0;
  }

  onHeard(now: Micros): void {
    this.#heardAt = now;
    this.#unanswered = 0;
  }

  onReply(): void {
    this.#unanswered = 0;
  }

  requestDue(now: Micros): boolean {
    return this.#startedAt !== null && now >= this.#nextAt;
  }

  onRequested(now: Micros): void {
    this.#sent += 1;
    this.#unanswered += 1;
    this.#nextAt = now + (this.#sent < FAST_COUNT ? FAST : STEADY);
  }

  nextAt(): Micros | null {
    if (this.#startedAt === null) return null;
    return Math.min(this.#nextAt, this.#unanswered >= UNANSWERED_MIN ? this.#heardAt + SILENCE : Infinity);
  }

  /** Time alone would take a page that slept for a dead host: several questions must have gone without an answer. */
  isSilent(now: Micros): boolean {
    return this.#startedAt !== null && this.#unanswered >= UNANSWERED_MIN && now - this.#heardAt >= SILENCE;
  }

  get heardAt(): Micros {
    return this.#heardAt;
  }
}

const SILENCE: Micros = 1_000_000;
const UNANSWERED_MIN = 3;
/** The first round trips are the widest; a handful finds a narrow one before the first stages are shown. */
const FAST: Micros = 40_000;
const FAST_COUNT = 8;
/** Four questions fit into the second after which the host counts as silent. */
const STEADY: Micros = 250_000;
