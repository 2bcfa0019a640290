/** What the stats overlay shows, worked out without a document. */
import { type Dist, STAGES, type StageName, type Stats } from '../stats';

export type Segment = { readonly stage: StageName; readonly millis: number; readonly share: number };

export type Stack = { readonly total: number; readonly segments: readonly Segment[] };

/** Of a picture: from the pixels in the app's window to the screen. */
export const PICTURE_STAGES: readonly StageName[] = STAGES.slice(STAGES.indexOf('capture'));

/** Of a click: on top of the picture's stages, the way there and the app's answer. */
export const CLICK_STAGES: readonly StageName[] = STAGES;

/** The stages of a picture's age, as parts of the whole. */
export function pictureStack(stats: Stats): Stack {
  return stack(PICTURE_STAGES, stats.stages_ms, stats.glass_to_glass_ms);
}

/** The stages from a click to its picture, as parts of the whole: of the pictures that answer an input. */
export function clickStack(stats: Stats): Stack {
  return stack(CLICK_STAGES, stats.click_stages_ms, stats.click_to_photon_ms);
}

/**
 * Means, because those of the parts sum to that of the whole; medians do not. A part that is less than nothing (the two
 * clocks disagree by more than it took) cannot be drawn: it is left out, and the others are scaled to the whole.
 */
function stack(stages: readonly StageName[], dists: Stats['stages_ms'], whole: Dist): Stack {
  const total = whole.n > 0 ? whole.mean : 0;
  const parts = stages.map((stage) => Math.max(0, dists[stage].mean));
  const sum = parts.reduce((a, b) => a + b, 0);
  // Under a microsecond, which is what stages are measured in, there is no whole to share out.
  if (total < 0.001 || sum < 0.001) return { total: 0, segments: [] };
  const segments = stages.map((stage, index) => {
    const share = (parts[index] ?? 0) / sum;
    return { stage, millis: share * total, share };
  });
  return { total, segments };
}

/** As it is coded, and as it is drawn where that is larger. */
export function pictureSize({ width, height, drawn_width, drawn_height }: Stats): string {
  const coded = `${width}×${height}`;
  return drawn_width > width || drawn_height > height ? `${coded} of ${drawn_width}×${drawn_height}` : coded;
}

/** The last values of a figure, oldest first; full, it forgets the oldest. */
export class Series {
  readonly #values: number[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(value: number): void {
    this.#values.push(Number.isFinite(value) ? value : 0);
    if (this.#values.length > this.#capacity) this.#values.shift();
  }

  get values(): readonly number[] {
    return this.#values;
  }

  get max(): number {
    return Math.max(0, ...this.#values);
  }

  /** `points` of an SVG polyline in a box; the newest value is at its right edge. */
  points(width: number, height: number, max = this.max): string {
    const step = width / Math.max(1, this.#capacity - 1);
    const start = width - step * (this.#values.length - 1);
    const top = Math.max(max, Number.MIN_VALUE);
    return this.#values
      .map((value, index) => {
        const x = start + step * index;
        const y = height - Math.min(value / top, 1) * height;
        return `${x.toFixed(1)},${y.toFixed(1)}`;
      })
      .join(' ');
  }
}
