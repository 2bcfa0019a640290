/** How large the picture is shown, in pixels of the screen; told when that has settled. */

export type Size = { readonly width: number; readonly height: number };

/**
 * Watches the elements that a picture is shown in, of which one is not hidden. The first size is told at once: a session that begins
 * begins with it. After that a window that is dragged says nothing until it rests.
 */
export class Viewport {
  readonly #observer: ResizeObserver;
  readonly #tell: (size: Size) => void;
  #told: Size | null = null;
  #latest: Size | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(elements: readonly Element[], tell: (size: Size) => void) {
    this.#tell = tell;
    this.#observer = new ResizeObserver((entries) => this.#onResize(entries));
    for (const element of elements) watch(this.#observer, element);
  }

  close(): void {
    this.#observer.disconnect();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #onResize(entries: readonly ResizeObserverEntry[]): void {
    // Of an element that is hidden nothing is seen.
    const size = entries.map((entry) => screenPixels(entry, devicePixelRatio)).findLast(({ width, height }) => width > 0 && height > 0);
    if (size === undefined) return;
    this.#latest = size;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), this.#told === null ? 0 : SETTLE_MS);
  }

  #settle(): void {
    this.#timer = null;
    const size = this.#latest;
    if (size === null || (size.width === this.#told?.width && size.height === this.#told.height)) return;
    this.#told = size;
    this.#tell(size);
  }
}

/** Pixels of the screen: CSS pixels times its ratio, and at most what a message may say. */
export function screenPixels({ contentRect }: Pick<ResizeObserverEntry, 'contentRect'>, ratio: number): Size {
  const whole = (pixels: number): number => Math.min(Math.max(Math.round(pixels * ratio), 0), PIXELS_MAX);
  return { width: whole(contentRect.width), height: whole(contentRect.height) };
}

function watch(observer: ResizeObserver, element: Element): void {
  try {
    // Also tells of another ratio alone: the window on another screen.
    observer.observe(element, { box: 'device-pixel-content-box' });
  } catch {
    observer.observe(element);
  }
}

/** Past the steps of a drag; the host waits as well. */
const SETTLE_MS = 150;
/** As docs/PROTOCOL.md has it. */
const PIXELS_MAX = 16_384;
