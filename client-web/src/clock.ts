/**
 * The offset between the host's clock and the client's, and how wrong it may be: the twin of `transport/proto/src/clock.rs`.
 *
 * A reply bounds the offset to half its round trip (docs/PROTOCOL.md, 2.4). The tightest bound of the last 30 s is kept; it
 * is never smoothed: an average of bad bounds is not a better one.
 */
import type { Micros } from './time';
import type { ClockReply, ClockRequest } from './wire';

export type Offset = {
  /** To be added to a time of the client's clock to get the host's. */
  readonly micros: Micros;
  /** The true offset is at most this far away, drift since the measurement included. */
  readonly error: Micros;
  readonly rtt: Micros;
};

type Sample = { readonly at: Micros; readonly offset: Micros; readonly rtt: Micros };

export class Clock {
  #asked: ClockRequest[] = [];
  #nextId = 0;
  /** Oldest first; each has a larger round trip than the ones before it, or it would have replaced them. */
  #samples: Sample[] = [];
  #latestRtt: Micros | null = null;

  /** A request to be sent at `now`. Of more than 16 without an answer the oldest is given up. */
  request(now: Micros): ClockRequest {
    const request = { id: this.#nextId, t0: now };
    this.#nextId = (this.#nextId + 1) % 0x1_0000_0000;
    if (this.#asked.length === ASKED_MAX) this.#asked.shift();
    this.#asked.push(request);
    return request;
  }

  /** `false` when it is no use: not to a request that is open, or impossible. */
  handleReply(now: Micros, reply: ClockReply): boolean {
    const at = this.#asked.findIndex((request) => request.id === reply.id && request.t0 === reply.t0);
    if (at < 0) return false;
    this.#asked.splice(at, 1);
    const held = reply.t2 - reply.t1;
    const rtt = now - reply.t0 - held;
    if (held < 0 || rtt < 0) return false;
    const offset = Math.floor((reply.t1 - reply.t0 + reply.t2 - now) / 2);
    this.#latestRtt = rtt;
    this.#samples = this.#samples.filter((old) => old.rtt < rtt && now - old.at <= WINDOW);
    // The newest has the largest round trip; the ones before it bound tighter.
    if (this.#samples.length === SAMPLES_MAX) this.#samples.pop();
    this.#samples.push({ at: now, offset, rtt });
    return true;
  }

  /** null before the first reply. When none came for 30 s, the last one serves, its error growing. */
  offset(now: Micros): Offset | null {
    const sample = this.#samples.find(({ at }) => now - at <= WINDOW) ?? this.#samples.at(-1);
    if (sample === undefined) return null;
    const drift = ((now - sample.at) * DRIFT_PPM) / 1_000_000;
    return { micros: sample.offset, error: Math.ceil(sample.rtt / 2 + drift) + ROUNDING, rtt: sample.rtt };
  }

  /** The round trip of the newest reply. */
  get latestRtt(): Micros | null {
    return this.#latestRtt;
  }
}

/** How long a measurement is preferred to later, wider ones. */
const WINDOW: Micros = 30_000_000;
/** Two crystals of 50 parts per million each, apart in the worst direction. */
const DRIFT_PPM = 100;
/** Halving an odd sum loses half a microsecond, and each of the clocks is read in whole ones. */
const ROUNDING: Micros = 2;
const ASKED_MAX = 16;
/** A strictly rising list of round trips is short; past this the widest goes. */
const SAMPLES_MAX = 64;
