/** Copies the luma of parts of decoded pictures for whoever asked, in pixels of the picture as it is drawn. */
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
  look(picture: Picture, drawn: Size): void {
    for (const [id, rect] of this.#rects) void this.#copy(id, rect, picture, drawn);
  }

  async #copy(id: number, rect: Rect, { frame, unit, decodedAt }: Picture, drawn: Size): Promise<void> {
    if (frame.format === null || !WITH_LUMA.has(frame.format)) return;
    const asked = fit(rect, drawn);
    const area = asked === null ? null : fit(scaled(asked, drawn, frame), frame);
    if (asked === null || area === null) return;
    const own = frame.clone();
    try {
      const bytes = new Uint8Array(own.allocationSize({ rect: area }));
      // Luma is the first plane in all of these formats.
      const [plane] = await own.copyTo(bytes, { rect: area });
      const luma = spread(bytes, plane ?? { offset: 0, stride: area.width }, area, asked);
      this.#onSample(id, { frame: low32(unit.frame), decodedAt: decodedAt / 1000, luma });
    } catch {
      // A part that cannot be copied is not seen.
    } finally {
      own.close();
    }
  }
}

type Size = { readonly width: number; readonly height: number };
type Framed = Pick<VideoFrame, 'visibleRect' | 'displayWidth' | 'displayHeight'>;

/** The part of a picture that is asked for, on even samples; null when there is none. */
export function fit(rect: Rect, picture: Framed | Size): Rect | null {
  const visible = 'width' in picture ? { x: 0, y: 0, ...picture } : visibleOf(picture);
  const even = (value: number): number => 2 * Math.floor(value / 2);
  const x = even(Math.min(Math.max(rect.x, 0), visible.width));
  const y = even(Math.min(Math.max(rect.y, 0), visible.height));
  const width = even(Math.min(rect.width, visible.width - x));
  const height = even(Math.min(rect.height, visible.height - y));
  return width < 2 || height < 2 ? null : { x: visible.x + x, y: visible.y + y, width, height };
}

/** Where a part of the picture as drawn is in the picture as coded. */
export function scaled(rect: Rect, drawn: Size, frame: Framed): Rect {
  const coded = visibleOf(frame);
  const [across, down] = [coded.width / drawn.width, coded.height / drawn.height];
  const round = (value: number): number => 2 * Math.round(value / 2);
  return { x: round(rect.x * across), y: round(rect.y * down), width: round(rect.width * across), height: round(rect.height * down) };
}

/** The samples of a plane, each as often as the picture is larger than it was coded. */
export function spread(bytes: Uint8Array, plane: { readonly offset: number; readonly stride: number }, from: Size, to: Size): Uint8Array {
  const luma = new Uint8Array(to.width * to.height);
  for (let row = 0; row < to.height; row += 1) {
    const start = plane.offset + Math.floor((row * from.height) / to.height) * plane.stride;
    if (from.width === to.width) {
      luma.set(bytes.subarray(start, start + to.width), row * to.width);
      continue;
    }
    for (let column = 0; column < to.width; column += 1) {
      luma[row * to.width + column] = bytes[start + Math.floor((column * from.width) / to.width)] ?? 0;
    }
  }
  return luma;
}

function visibleOf(frame: Framed): Rect {
  return frame.visibleRect ?? { x: 0, y: 0, width: frame.displayWidth, height: frame.displayHeight };
}

const WITH_LUMA: ReadonlySet<string> = new Set(['I420', 'I420A', 'I422', 'I444', 'NV12']);
