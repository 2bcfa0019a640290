/** What the stats overlay shows, worked out without a document. */
import { STAGES, type StageName, type Stats } from '../stats';

export type Segment = { readonly stage: StageName; readonly millis: number; readonly share: number };

export type Stack = { readonly total: number; readonly segments: readonly Segment[] };

/** Of a picture: from the pixels in the app's window to the screen. */
export const PICTURE_STAGES: readonly StageName[] = STAGES.slice(STAGES.indexOf('capture'));

/** Of a click: on top of the picture's stages, the way there and the app's answer. */
export const CLICK_STAGES: readonly StageName[] = STAGES;

/** The stages of a picture's age, as parts of the whole. */
export function pictureStack(stats: Stats): Stack {
  return stack(stats, PICTURE_STAGES, stats.glass_to_glass_ms.n > 0 ? stats.glass_to_glass_ms.p50 : 0);
}

/** The stages from a click to its picture, as parts of the whole. */
export function clickStack(stats: Stats): Stack {
  return stack(stats, CLICK_STAGES, stats.click_to_photon_ms.n > 0 ? stats.click_to_photon_ms.p50 : 0);
}

/**
 * Medians of parts do not sum to the median of the whole, and a bar must. The whole is the measured one; what the parts
 * leave over is unattributed, and parts that come to more than the whole are scaled to it.
 */
function stack(stats: Stats, stages: readonly StageName[], total: number): Stack {
  const named = stages.filter((stage) => stage !== 'unattributed');
  const parts = named.map((stage) => Math.max(0, stats.stages_ms[stage].p50));
  const sum = parts.reduce((a, b) => a + b, 0);
  // Under a microsecond, which is what stages are measured in, there is no whole to share out.
  if (total < 0.001) return { total: 0, segments: [] };
  const scale = sum > total ? total / sum : 1;
  const rest = Math.max(0, total - sum);
  const segments = named.map((stage, index) => segment(stage, (parts[index] ?? 0) * scale, total));
  return { total, segments: [...segments, segment('unattributed', rest, total)] };
}

function segment(stage: StageName, millis: number, total: number): Segment {
  return { stage, millis, share: millis / total };
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
