// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Size, screenPixels, Viewport } from './viewport';

let resize: (entries: unknown[]) => void;
let disconnected = 0;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal(
    'ResizeObserver',
    class {
      constructor(callback: typeof resize) {
        resize = callback;
      }
      observe(_: Element, options?: { box: string }): void {
        // As browsers without that box do.
        if (options?.box === 'device-pixel-content-box') throw new TypeError('no such box');
      }
      disconnect(): void {
        disconnected += 1;
      }
    },
  );
  vi.stubGlobal('devicePixelRatio', 2);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const box = (width: number, height: number): unknown => ({ contentRect: { width, height } });

describe('a player\'s window', () => {
  it('is told at once, and again when it rests', () => {
    const told: Size[] = [];
    const viewport = new Viewport([document.createElement('video')], (size) => told.push(size));
    resize([box(640, 360)]);
    vi.advanceTimersByTime(0);
    expect(told).toEqual([{ width: 1280, height: 720 }]);
    for (let step = 1; step <= 100; step += 1) {
      resize([box(640 + step, 360)]);
      vi.advanceTimersByTime(16);
    }
    expect(told.length).toBe(1);
    vi.advanceTimersByTime(200);
    expect(told.slice(1)).toEqual([{ width: 1480, height: 720 }]);
    resize([box(700, 300)]);
    resize([box(740, 360)]);
    vi.advanceTimersByTime(1000);
    expect(told.length, 'back to what was told').toBe(2);
    viewport.close();
    expect(disconnected).toBe(1);
  });

  it('is that of the element which is seen', () => {
    const told: Size[] = [];
    const viewport = new Viewport([document.createElement('video'), document.createElement('canvas')], (size) => told.push(size));
    resize([box(640, 360), box(0, 0)]);
    vi.advanceTimersByTime(0);
    resize([box(0, 0)]);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([{ width: 1280, height: 720 }]);
    viewport.close();
  });

  it('is counted in pixels of the screen', () => {
    const contentRect = { width: 333.3, height: 200 } as DOMRectReadOnly;
    expect(screenPixels({ contentRect }, 1.5)).toEqual({ width: 500, height: 300 });
    expect(screenPixels({ contentRect: { width: 1e9, height: -1 } as DOMRectReadOnly }, 3)).toEqual({ width: 16_384, height: 0 });
  });
});
