/** Percentiles over a rolling window. */
import type { Dist } from './stats';
import type { Micros } from './time';

/** Keeps what came in the last `window`, at most `SAMPLES_MAX`. */
export class Rolling {
  readonly #window: Micros;
  #samples: { readonly at: Micros; readonly value: number }[] = [];

  constructor(window: Micros = WINDOW) {
    this.#window = window;
  }

  add(at: Micros, value: number): void {
    this.#samples.push({ at, value });
    if (this.#samples.length > 2 * SAMPLES_MAX) this.#samples = this.#samples.slice(-SAMPLES_MAX);
  }

  /** `scale` is multiplied in: 0.001 makes milliseconds of microseconds. */
  dist(now: Micros, scale = 1): Dist {
    this.#samples = this.#samples.filter(({ at }) => now - at <= this.#window).slice(-SAMPLES_MAX);
    const sorted = Float64Array.from(this.#samples, ({ value }) => value * scale).sort();
    const n = sorted.length;
    const mean = n === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / n;
    const rank = (p: number): number => sorted[Math.max(Math.ceil(p * n) - 1, 0)] ?? 0;
    return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1), mean, n };
  }

  clear(): void {
    this.#samples = [];
  }
}

/** Long enough for a p95 of 15 samples at 60 a second, short enough to follow what the player feels. */
const WINDOW: Micros = 5_000_000;
/** Five seconds at 200 a second. */
const SAMPLES_MAX = 1_000;
