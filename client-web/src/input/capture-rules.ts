/** The arithmetic of input capture: pure, so that it is tested without a document. */
import type { Rect } from '../player';

export type Point = { readonly x: number; readonly y: number };
export type Size = { readonly width: number; readonly height: number };

/** Where a picture of `size` lies in `box` when it is shown whole and keeps its aspect. */
export function pictureRect(box: Rect, size: Size): Rect {
  if (size.width <= 0 || size.height <= 0 || box.width <= 0 || box.height <= 0) return box;
  const scale = Math.min(box.width / size.width, box.height / size.height);
  const width = size.width * scale;
  const height = size.height * scale;
  return { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height };
}

/** A point of the page as a point of the picture, 0 to 1; beside the picture: its nearest edge. */
export function toPicture(point: Point, picture: Rect): Point {
  return {
    x: clamp01((point.x - picture.x) / Math.max(picture.width, 1)),
    y: clamp01((point.y - picture.y) / Math.max(picture.height, 1)),
  };
}

/** Adds up fractions and gives out whole steps; what is left over is carried, so that slow movement is not lost. */
export class WholeSteps {
  #x = 0;
  #y = 0;

  add(dx: number, dy: number): Point {
    this.#x += dx;
    this.#y += dy;
    const x = Math.trunc(this.#x);
    const y = Math.trunc(this.#y);
    this.#x -= x;
    this.#y -= y;
    return { x, y };
  }

  reset(): void {
    this.#x = 0;
    this.#y = 0;
  }
}

export type WheelLike = {
  readonly deltaX: number;
  readonly deltaY: number;
  readonly deltaMode: number;
  readonly wheelDeltaX?: number;
  readonly wheelDeltaY?: number;
};

/**
 * A wheel event in 120ths of a notch, positive right and down.
 *
 * A wheel with notches says so in `wheelDelta` (multiples of 120 against the direction) whatever the page's zoom or the
 * system's lines per notch are. Touchpads give pixels, of which browsers make 100 a notch; Firefox gives lines, 3 a notch.
 */
export function wheelSteps(event: WheelLike): Point {
  return {
    x: axisSteps(event.deltaX, event.deltaMode, event.wheelDeltaX ?? 0),
    y: axisSteps(event.deltaY, event.deltaMode, event.wheelDeltaY ?? 0),
  };
}

function axisSteps(delta: number, mode: number, wheelDelta: number): number {
  if (wheelDelta !== 0 && wheelDelta % NOTCH === 0) return -wheelDelta;
  const perNotch = DELTAS_PER_NOTCH[mode] ?? 1;
  return (delta / perNotch) * NOTCH;
}

const NOTCH = 120;
/** By `WheelEvent.deltaMode`: pixels, lines, pages. */
const DELTAS_PER_NOTCH: readonly number[] = [100, 3, 1];

export type ButtonChange = { readonly button: number; readonly down: boolean };

/** What changed between two values of `MouseEvent.buttons`, as the protocol's button numbers. */
export function buttonChanges(before: number, after: number): ButtonChange[] {
  return BUTTONS.filter(([bit]) => (before & bit) !== (after & bit)).map(([bit, button]) => ({
    button,
    down: (after & bit) !== 0,
  }));
}

/** Bit of `MouseEvent.buttons` to left, right, middle, back, forward of the protocol. */
const BUTTONS: readonly (readonly [number, number])[] = [[1, 1], [2, 3], [4, 2], [8, 8], [16, 9]];

export type ModifierFlags = {
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
  readonly altGraph: boolean;
};

/**
 * Held modifiers that an event says are up: their keyup went elsewhere (a system shortcut, another window).
 * AltGr is reported in several ways, so it vouches for Ctrl and Alt.
 */
export function staleModifiers(held: ReadonlySet<string>, flags: ModifierFlags): string[] {
  const isDown: Readonly<Record<string, boolean>> = {
    ShiftLeft: flags.shiftKey,
    ShiftRight: flags.shiftKey,
    ControlLeft: flags.ctrlKey || flags.altGraph,
    ControlRight: flags.ctrlKey || flags.altGraph,
    AltLeft: flags.altKey || flags.altGraph,
    AltRight: flags.altKey || flags.altGraph,
    MetaLeft: flags.metaKey,
    MetaRight: flags.metaKey,
  };
  return [...held].filter((code) => isDown[code] === false);
}

/** How large to draw the app's cursor when the picture is shown at `scale`: quarter steps, within what browsers accept. */
export function cursorScale(scale: number, size: Size): number {
  const wanted = Math.round(Math.min(Math.max(scale, 0.75), 2) * 4) / 4;
  const largest = Math.max(size.width, size.height);
  return largest * wanted > CURSOR_MAX ? CURSOR_MAX / largest : wanted;
}

/** Chromium ignores cursors over 128 pixels. */
const CURSOR_MAX = 128;

function clamp01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
