/**
 * The buffer between sound that comes when it likes and a card that wants it every 2.7 ms.
 *
 * ```text
 * frames, by number -> ring -> resampled by at most 2 % -> quanta
 *              gaps: the last frame again, fading     dry: silence, then filled up again
 * ```
 *
 * It holds as little as the arrivals of the last seconds allow. Too much is played a little faster, and skipped when it is
 * far too much; too little a little slower. Pure: positions are samples, time is the count of samples that were pulled.
 */
import type { Micros } from '../time';

export type JitterCounts = { underruns: number; concealed: number; skipped: number };

export class JitterBuffer {
  readonly counts: JitterCounts = { underruns: 0, concealed: 0, skipped: 0 };
  /** Samples beyond what arrivals ask for; negative: less than that. */
  hold = 0;
  readonly #rate: number;
  readonly #left = new Float32Array(RING);
  readonly #right = new Float32Array(RING);
  /** Where the next frame goes, and where the next sample is read: absolute positions. */
  #write = 0;
  #read = 0;
  #next: number | null = null;
  #frameSamples = 480;
  #filling = true;
  /** Gain of what is played, for fades. */
  #gain = 0;
  /** How late each of the last frames came against an even clock, in samples. */
  #delays: number[] = [];
  /** The card's count at the last frame, and the frame at which it began to stand there. */
  #clock = -1;
  #stoodAt = 0;
  #slept = false;
  #spread = 0;
  /** The spread from before a long silence: it holds until enough is learned again. */
  #carried = 0;
  /** The newest frame was silent: what does not come after it is silence, not loss. */
  #quiet = false;
  /** Frames of silence that were played in the place of frames to come. */
  #assumed = 0;
  /** Frames that were not sent since two came in a row. */
  #rested = 0;
  /** Position and capture time of the newest frame. */
  #newest: { readonly at: number; readonly frame: number; readonly capturedAt: Micros } | null = null;

  constructor(sampleRate: number) {
    this.#rate = sampleRate;
  }

  /** `clock`: samples pulled so far, by the card's own count. `silent`: nothing is heard in it, and perhaps nothing follows. */
  push(clock: number, frame: number, capturedAt: Micros, left: Float32Array, right: Float32Array, silent = false): void {
    const samples = Math.min(left.length, right.length);
    if (samples === 0 || samples > RING / 4) return;
    if (this.#isElsewhere(frame, capturedAt, samples)) this.#restart();
    if (this.#next !== null && frame < this.#next) return;
    this.#frameSamples = samples;
    const missing = this.#next === null ? 0 : frame - this.#next;
    if (this.#quiet && missing + this.#assumed > 0) this.#endGap(missing);
    else for (let n = 0; n < missing; n += 1) this.#conceal(n);
    if (!this.#quiet || missing === 0) this.#learn(clock - frame * samples);
    else this.#rested += missing;
    this.#newest = { at: this.#write, frame, capturedAt };
    this.#append(left, right, samples);
    this.#next = frame + 1;
    this.#quiet = silent;
    this.#assumed = 0;
    if (clock !== this.#clock) this.#stoodAt = frame;
    this.#clock = clock;
    this.#slept ||= frame - this.#stoodAt > ASLEEP;
  }

  /** Fills a quantum; gives when its first sample was captured, null for silence. */
  pull(left: Float32Array, right: Float32Array): Micros | null {
    const count = left.length;
    this.#wake();
    if (this.#filling && this.level >= this.target) this.#filling = false;
    if (this.#filling) return this.#silence(left, right);
    this.#skipExcess();
    const speed = this.#speed();
    const needed = Math.ceil(count * speed) + 1;
    if (this.#quiet && this.level < needed) this.#assumeSilence();
    if (this.level < needed) return this.#runDry(left, right);
    const capturedAt = this.#capturedAt();
    const step = 1 / FADE;
    for (let n = 0; n < count; n += 1) {
      const at = Math.floor(this.#read);
      const part = this.#read - at;
      const a = at % RING;
      const b = (at + 1) % RING;
      this.#gain = Math.min(this.#gain + step, 1);
      left[n] = this.#gain * ((this.#left[a] ?? 0) * (1 - part) + (this.#left[b] ?? 0) * part);
      right[n] = this.#gain * ((this.#right[a] ?? 0) * (1 - part) + (this.#right[b] ?? 0) * part);
      this.#read += speed;
    }
    return capturedAt;
  }

  /** Samples that can be played. */
  get level(): number {
    return this.#write - this.#read;
  }

  /** Samples to hold. */
  get target(): number {
    const needed = Math.max(this.#spread, this.#frameSamples) + MARGIN;
    return Math.max(Math.min(needed + this.hold, this.#rate * TARGET_MAX_S), this.#frameSamples + MARGIN);
  }

  /** Another session, a long hole, or a host that stood still in between: numbers and times do not go on as they should. */
  #isElsewhere(frame: number, capturedAt: Micros, samples: number): boolean {
    if (this.#next === null || this.#newest === null) return false;
    if (frame < this.#next - REORDER || (!this.#quiet && frame > this.#next + GAP_MAX)) return true;
    const due = this.#newest.capturedAt + ((frame - this.#newest.frame) * samples * 1_000_000) / this.#rate;
    return Math.abs(capturedAt - due) > JUMP;
  }

  #learn(delay: number): void {
    if (this.#rested > LONG_REST) {
      // Two clocks part by milliseconds in a minute: what is older says nothing about what comes.
      this.#carried = this.#spread;
      this.#delays = [];
    }
    this.#rested = 0;
    this.#delays.push(delay);
    if (this.#delays.length > DELAYS) this.#delays.shift();
    const sorted = Float64Array.from(this.#delays).sort();
    const spread = (sorted[Math.floor(USUAL * (sorted.length - 1))] ?? 0) - (sorted[0] ?? 0);
    this.#spread = this.#delays.length < DELAYS / 2 ? Math.max(spread, this.#carried) : spread;
  }

  /**
   * Silence took the place of `missing` frames that were not sent. In time, the frame goes where it belongs. Where playing has not
   * begun, or has gone past that, silence is made as long as is needed for the frame to start at once with the usual delay.
   */
  #endGap(missing: number): void {
    const due = (missing - this.#assumed) * this.#frameSamples;
    const late = this.#filling || due < 0;
    const short = Math.ceil(this.target - this.level) - this.#frameSamples;
    // In silence nobody hears a correction: a part of it each time, as one arrival alone says little.
    const zeros = late ? short : due + Math.trunc((short - due) / 4);
    this.#silent(Math.min(Math.max(zeros, 0), RING / 4));
  }

  /** As the card goes on while nothing is sent, so does the silence. */
  #assumeSilence(): void {
    this.#assumed += 1;
    this.#silent(this.#frameSamples);
  }

  #silent(samples: number): void {
    for (let n = 0; n < samples; n += 1) {
      const at = (this.#write + n) % RING;
      this.#left[at] = 0;
      this.#right[at] = 0;
    }
    this.#advance(samples);
  }

  #append(left: Float32Array, right: Float32Array, samples: number): void {
    for (let n = 0; n < samples; n += 1) {
      const at = (this.#write + n) % RING;
      this.#left[at] = left[n] ?? 0;
      this.#right[at] = right[n] ?? 0;
    }
    this.#advance(samples);
  }

  #advance(samples: number): void {
    this.#write += samples;
    // Nobody pulls: the oldest goes.
    if (this.level > RING / 2) {
      this.counts.skipped += this.level - RING / 4;
      this.#read = this.#write - RING / 4;
      this.#gain = 0;
    }
  }

  /** The frame before once more, quieter each time. */
  #conceal(n: number): void {
    this.counts.concealed += 1;
    const samples = this.#frameSamples;
    const from = this.#write - samples;
    const gain = Math.max(1 - (n + 1) / CONCEAL_MAX, 0);
    for (let k = 0; k < samples; k += 1) {
      const source = from < 0 ? -1 : (from + k) % RING;
      const fade = gain * (1 - k / samples) + Math.max(gain - 1 / CONCEAL_MAX, 0) * (k / samples);
      const at = (this.#write + k) % RING;
      this.#left[at] = source < 0 ? 0 : fade * (this.#left[source] ?? 0);
      this.#right[at] = source < 0 ? 0 : fade * (this.#right[source] ?? 0);
    }
    this.#write += samples;
  }

  /** The card was off: its clock stood still, so what was learned of arrivals is wrong, and what waits is old. */
  #wake(): void {
    if (!this.#slept) return;
    this.#slept = false;
    this.#forgetDelays();
    this.#read = Math.max(this.#read, this.#write - this.target);
    this.#gain = 0;
  }

  #speed(): number {
    // In assumed silence there is nothing to hold, and stretching it would move what comes after it.
    if (this.#quiet && this.#assumed > 0) return 1;
    const excess = (this.level - this.target) / this.#rate;
    if (Math.abs(excess) < DEAD_S) return 1;
    return 1 + Math.min(Math.max(excess * SPEED_PER_S, -SPEED_MAX), SPEED_MAX);
  }

  #skipExcess(): void {
    const excess = this.level - this.target;
    if (excess < this.#rate * SKIP_S) return;
    this.counts.skipped += Math.floor(excess);
    this.#read += excess;
    this.#gain = 0;
  }

  #runDry(left: Float32Array, right: Float32Array): null {
    this.counts.underruns += 1;
    const have = Math.max(Math.floor(this.level) - 1, 0);
    for (let n = 0; n < left.length; n += 1) {
      const at = Math.floor(this.#read) % RING;
      const gain = n < have ? 1 - n / have : 0;
      left[n] = gain * (this.#left[at] ?? 0);
      right[n] = gain * (this.#right[at] ?? 0);
      if (n < have) this.#read += 1;
    }
    this.#gain = 0;
    this.#filling = true;
    return null;
  }

  #silence(left: Float32Array, right: Float32Array): null {
    left.fill(0);
    right.fill(0);
    this.#gain = 0;
    return null;
  }

  #capturedAt(): Micros | null {
    if (this.#newest === null) return null;
    return this.#newest.capturedAt - ((this.#newest.at - this.#read) * 1_000_000) / this.#rate;
  }

  /** Another session, or a long hole: what is held is played no more. */
  #restart(): void {
    this.#read = this.#write;
    this.#next = null;
    this.#forgetDelays();
    this.#newest = null;
    this.#quiet = false;
    this.#assumed = 0;
    this.#filling = true;
    this.#gain = 0;
  }

  #forgetDelays(): void {
    this.#delays = [];
    this.#spread = 0;
    this.#carried = 0;
    this.#rested = 0;
  }
}

/** 1.4 s at 48 kHz; a power of two. */
const RING = 65_536;
/** One late frame in twenty is heard less than what it would cost to wait for it always. */
const USUAL = 0.95;
/** Two seconds of 10 ms frames decide how much is held. */
const DELAYS = 200;
/** More frames than come between two turns of a card that is on. */
const ASLEEP = 20;
/** The card takes 128 samples at a time, and messages come between two of its turns. */
const MARGIN = 256;
const TARGET_MAX_S = 0.15;
/** Frames that are older than this are of another session. */
const REORDER = 50;
const GAP_MAX = 25;
/** A host was frozen in between, or a session waited; a clock that is corrected does not jump this far. */
const JUMP: Micros = 100_000;
/** A second of 10 ms frames. */
const LONG_REST = 100;
/** After this many frames, what is repeated is silent. */
const CONCEAL_MAX = 5;
/** Within this much of the target nothing is stretched. */
const DEAD_S = 0.004;
/** 20 ms too much is played 1 % faster: gone in two seconds, and not heard. */
const SPEED_PER_S = 0.5;
const SPEED_MAX = 0.02;
/** More than this too much is not waited for. */
const SKIP_S = 0.06;
/** Samples of a fade: 2.7 ms is no click. */
const FADE = 128;
