import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buttonChanges, cursorScale, pictureRect, staleModifiers, toPicture, wheelSteps, WholeSteps } from './capture-rules';

const size = fc.record({ width: fc.integer({ min: 1, max: 8000 }), height: fc.integer({ min: 1, max: 8000 }) });

describe('the picture in its box', () => {
  it('is whole, centred and keeps its aspect', () => {
    expect(pictureRect({ x: 0, y: 0, width: 1000, height: 1000 }, { width: 1280, height: 720 })).toEqual({
      x: 0,
      y: 218.75,
      width: 1000,
      height: 562.5,
    });
    fc.assert(
      fc.property(size, size, (box, picture) => {
        const rect = pictureRect({ x: 0, y: 0, ...box }, picture);
        expect(rect.width).toBeLessThanOrEqual(box.width + 1e-6);
        expect(rect.height).toBeLessThanOrEqual(box.height + 1e-6);
        expect(rect.width / rect.height).toBeCloseTo(picture.width / picture.height, 3);
      }),
    );
  });

  it('maps its corners to 0 and 1, and what lies beside it to its edge', () => {
    const picture = { x: 100, y: 50, width: 640, height: 360 };
    expect(toPicture({ x: 100, y: 50 }, picture)).toEqual({ x: 0, y: 0 });
    expect(toPicture({ x: 740, y: 410 }, picture)).toEqual({ x: 1, y: 1 });
    expect(toPicture({ x: 420, y: 0 }, picture)).toEqual({ x: 0.5, y: 0 });
    expect(toPicture({ x: -5, y: 9000 }, picture)).toEqual({ x: 0, y: 1 });
  });
});

describe('whole steps', () => {
  it('lose nothing, however slow the movement', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { maxLength: 200 }), (moves) => {
        const steps = new WholeSteps();
        const given = moves.reduce((sum, move) => sum + steps.add(move, 0).x, 0);
        const moved = moves.reduce((sum, move) => sum + move, 0);
        expect(Number.isInteger(given)).toBe(true);
        expect(Math.abs(given - moved)).toBeLessThan(1 + 1e-6);
      }),
    );
  });
});

describe('the wheel', () => {
  it('counts notches by wheelDelta, whatever the pixels are', () => {
    expect(wheelSteps({ deltaX: 0, deltaY: 53, deltaMode: 0, wheelDeltaY: -120 })).toEqual({ x: 0, y: 120 });
    expect(wheelSteps({ deltaX: 0, deltaY: -266, deltaMode: 0, wheelDeltaY: 240 })).toEqual({ x: 0, y: -240 });
  });

  it('turns pixels and lines into parts of a notch', () => {
    expect(wheelSteps({ deltaX: 0, deltaY: 25, deltaMode: 0, wheelDeltaY: -75 }).y).toBe(30);
    expect(wheelSteps({ deltaX: 0, deltaY: -3, deltaMode: 1 }).y).toBe(-120);
    expect(wheelSteps({ deltaX: 1, deltaY: 0, deltaMode: 2 }).x).toBe(120);
  });
});

describe('buttons', () => {
  it('are numbered as in the protocol', () => {
    expect(buttonChanges(0, 31).map(({ button }) => button)).toEqual([1, 3, 2, 8, 9]);
    expect(buttonChanges(1 | 2, 2)).toEqual([{ button: 1, down: false }]);
  });

  it('end where the mask ends, whatever happened in between', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 31 }), { maxLength: 50 }), (masks) => {
        const held = new Set<number>();
        let before = 0;
        for (const mask of [...masks, 0]) {
          for (const { button, down } of buttonChanges(before, mask)) {
            expect(held.has(button)).toBe(!down);
            if (down) held.add(button);
            else held.delete(button);
          }
          before = mask;
        }
        expect(held.size).toBe(0);
      }),
    );
  });
});

describe('modifiers', () => {
  const up = { shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, altGraph: false };

  it('that an event says are up are stale', () => {
    const held = new Set(['ShiftLeft', 'ControlRight', 'KeyW', 'AltLeft', 'MetaLeft']);
    expect(staleModifiers(held, up)).toEqual(['ShiftLeft', 'ControlRight', 'AltLeft', 'MetaLeft']);
    expect(staleModifiers(held, { ...up, shiftKey: true, ctrlKey: true, altKey: true, metaKey: true })).toEqual([]);
  });

  it('are not stale while AltGr is down', () => {
    expect(staleModifiers(new Set(['AltRight', 'ControlLeft']), { ...up, altGraph: true })).toEqual([]);
  });
});

describe('the cursor', () => {
  it('grows with the picture and stays within what browsers accept', () => {
    expect(cursorScale(1, { width: 24, height: 24 })).toBe(1);
    expect(cursorScale(1.6, { width: 24, height: 24 })).toBe(1.5);
    expect(cursorScale(9, { width: 24, height: 24 })).toBe(2);
    expect(cursorScale(2, { width: 96, height: 64 }) * 96).toBeLessThanOrEqual(128);
  });
});
