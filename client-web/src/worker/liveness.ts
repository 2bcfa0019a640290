/**
 * Asks for the host's clock: often enough to know it, and at once when nothing comes, so that a path that went silent is noticed
 * within 300 ms. Pure.
 *
 * A path that carries media costs nothing more: each datagram is a sign of life. On a still, silent one a question goes out
 * about ten times a second, some 60 bytes each way.
 */
import type { Micros } from '../time';

export class Liveness {
  #startedAt: Micros | null = null;
  #sent = 0;
  /** The next question for the clock's own sake. */
  #clockAt: Micros = 0;
  /** The next question because nothing comes. */
  #probeAt: Micros = 0;
  #heardAt: Micros = 0;
  /** Since the last datagram of any kind. */
  #unanswered = 0;
  #silent = false;
  rtt: Micros = 0;

  /** The link is open. */
  start(now: Micros): void {
    this.#startedAt = now;
    this.#clockAt = now;
    this.onHeard(now);
  }

  /** `true` when it was silent. */
  onHeard(now: Micros): boolean {
    const revived = this.#silent;
    this.#heardAt = now;
    this.#probeAt = now + QUIET;
    this.#unanswered = 0;
    this.#silent = false;
    return revived;
  }

  /** This machine slept for so long that it proves nothing of the path. */
  onStalled(now: Micros, span: Micros): void {
    this.#heardAt = Math.min(this.#heardAt + span, now);
  }

  requestDue(now: Micros): boolean {
    return this.#startedAt !== null && now >= Math.min(this.#clockAt, this.#probeAt);
  }

  onRequested(now: Micros): void {
    this.#sent += 1;
    this.#unanswered += 1;
    this.#probeAt = Math.max(this.#heardAt + QUIET, now + PROBE_GAP);
    if (now >= this.#clockAt) this.#clockAt = now + (this.#sent < FAST_COUNT ? FAST : STEADY);
  }

  nextAt(): Micros | null {
    if (this.#startedAt === null) return null;
    const ask = Math.min(this.#clockAt, this.#probeAt);
    if (this.#silent) return Math.min(ask, this.#heardAt + DEAD);
    return Math.min(ask, this.#unanswered >= UNANSWERED_MIN ? this.#heardAt + this.#patience : Infinity);
  }

  /**
   * `true` once per silence. Time alone would take a page that slept for a dead host: several questions must have gone without an
   * answer.
   */
  fellSilent(now: Micros): boolean {
    if (this.#startedAt === null || this.#silent || this.#unanswered < UNANSWERED_MIN) return false;
    this.#silent = now - this.#heardAt >= this.#patience;
    return this.#silent;
  }

  /** The host has let go of it by this time. */
  isDead(now: Micros): boolean {
    return this.#silent && now - this.#heardAt >= DEAD;
  }

  get heardAt(): Micros {
    return this.#heardAt;
  }

  /** An answer takes a round trip, and the one to the first question is not to be missed for a little jitter. */
  get #patience(): Micros {
    return Math.max(SILENCE, QUIET + 2 * this.rtt);
  }
}

const SILENCE: Micros = 280_000;
const UNANSWERED_MIN = 3;
/** Pictures come every 17 ms, sound every 10: five missing pictures are no accident of one. */
const QUIET: Micros = 80_000;
const PROBE_GAP: Micros = 60_000;
/** The host waits 4 s for a silent player before it closes the connection. */
const DEAD: Micros = 5_000_000;
/** The first round trips are the widest; a handful finds a narrow one before the first stages are shown. */
const FAST: Micros = 40_000;
const FAST_COUNT = 8;
const STEADY: Micros = 250_000;
