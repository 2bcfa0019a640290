import { describe, expect, it } from 'vitest';
import { fit, scaled, spread } from './observers';

const drawn = { width: 1280, height: 720 };
const coded = (width: number, height: number) => ({ visibleRect: null, displayWidth: width, displayHeight: height });

describe('a part of a picture that is coded smaller than it is drawn', () => {
  it('is where it would be in the picture as drawn', () => {
    const rect = { x: 0, y: 32, width: 1024, height: 32 };
    expect(scaled(rect, drawn, coded(1280, 720))).toEqual(rect);
    expect(scaled(rect, drawn, coded(640, 360))).toEqual({ x: 0, y: 16, width: 512, height: 16 });
    expect(scaled(rect, drawn, coded(480, 270))).toEqual({ x: 0, y: 12, width: 384, height: 12 });
  });

  it('has as many samples as were asked for', () => {
    const plane = Uint8Array.from([9, 9, 1, 2, 0, 3, 4, 0]);
    const whole = spread(plane, { offset: 2, stride: 3 }, { width: 2, height: 2 }, { width: 4, height: 4 });
    expect([...whole]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
    expect([...spread(plane, { offset: 2, stride: 3 }, { width: 2, height: 2 }, { width: 2, height: 2 })]).toEqual([1, 2, 3, 4]);
  });

  it('ends where the picture ends', () => {
    expect(fit({ x: 1200, y: 700, width: 200, height: 200 }, drawn)).toEqual({ x: 1200, y: 700, width: 80, height: 20 });
    expect(fit({ x: 1280, y: 0, width: 10, height: 10 }, drawn)).toBeNull();
  });
});
