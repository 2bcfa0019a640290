/** Copies the luma of parts of decoded pictures for whoever asked. */
import type { Picture } from '../decode/decoder';
import type { Rect, Sample } from '../player/types';
import { low32 } from '../wire';

export class Observers {
  readonly #rects = new Map<number, Rect>();
  readonly #onSample: (id: number, sample: Sample) => void;

  constructor(onSample: (id: number, sample: Sample) => void) {
    this.#onSample = onSample;
  }

  add(id: number, rect: Rect): void {
    this.#rects.set(id, rect);
  }

  remove(id: number): void {
    this.#rects.delete(id);
  }

  /** The picture's frame may be closed or given away right after. */
  look(picture: Picture): void {
    for (const [id, rect] of this.#rects) void this.#copy(id, rect, picture);
  }

  async #copy(id: number, rect: Rect, { frame, unit, decodedAt }: Picture): Promise<void> {
    if (frame.format === null || !WITH_LUMA.has(frame.format)) return;
    const area = fit(rect, frame);
    if (area === null) return;
    const own = frame.clone();
    try {
      const bytes = new Uint8Array(own.allocationSize({ rect: area }));
      // Luma is the first plane in all of these formats.
      const [plane] = await own.copyTo(bytes, { rect: area });
      const luma = new Uint8Array(area.width * area.height);
      for (let row = 0; row < area.height; row += 1) {
        const from = (plane?.offset ?? 0) + row * (plane?.stride ?? area.width);
        luma.set(bytes.subarray(from, from + area.width), row * area.width);
      }
      this.#onSample(id, { frame: low32(unit.frame), decodedAt: decodedAt / 1000, luma });
    } catch {
      // A part that cannot be copied is not seen.
    } finally {
      own.close();
    }
  }
}

/** The part of the picture that is asked for, on even samples; null when there is none. */
export function fit(rect: Rect, frame: Pick<VideoFrame, 'visibleRect' | 'displayWidth' | 'displayHeight'>): Rect | null {
  const visible = frame.visibleRect ?? { x: 0, y: 0, width: frame.displayWidth, height: frame.displayHeight };
  const even = (value: number): number => 2 * Math.floor(value / 2);
  const x = even(Math.min(Math.max(rect.x, 0), visible.width));
  const y = even(Math.min(Math.max(rect.y, 0), visible.height));
  const width = even(Math.min(rect.width, visible.width - x));
  const height = even(Math.min(rect.height, visible.height - y));
  return width < 2 || height < 2 ? null : { x: visible.x + x, y: visible.y + y, width, height };
}

const WITH_LUMA: ReadonlySet<string> = new Set(['I420', 'I420A', 'I422', 'I444', 'NV12']);
