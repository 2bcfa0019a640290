import { describe, expect, it } from 'vitest';
import { restingPad } from '../wire';
import { padState } from './pad-state';

const button = (value: number) => ({ value, pressed: value > 0.1 });

describe('a browser\u2019s gamepad', () => {
  it('is buttons by number, triggers by value and sticks of 16 bits', () => {
    const buttons = Array.from({ length: 17 }, (_, n) => button(n === 0 || n === 16 ? 1 : n === 7 ? 0.5 : 0));
    expect(padState(2, { buttons, axes: [-1, 1, 0.5, 0] })).toEqual({
      pad: 2,
      plugged: true,
      triggers: [0, 128],
      buttons: 0x10001,
      sticks: [-32_768, 32_767, 16_384, 0],
    });
  });

  it('is at rest where it says nothing, or nonsense, or trembles', () => {
    expect(padState(0, { buttons: [], axes: [] })).toEqual(restingPad(0, true));
    const axes = [NaN, 0.02, -0.029, -0];
    expect(padState(0, { buttons: [button(NaN)], axes })).toEqual(restingPad(0, true));
    expect(padState(3, null)).toEqual(restingPad(3, false));
  });

  it('never leaves its range', () => {
    const state = padState(0, { buttons: Array.from({ length: 40 }, () => button(9)), axes: [9, -9, Infinity, -Infinity, 1] });
    expect(state.sticks).toEqual([32_767, -32_768, 32_767, -32_768]);
    expect([state.triggers, state.buttons]).toEqual([[255, 255], 0x1ff3f]);
  });

  it('says the same of what differs by less than a pad can tell', () => {
    const at = (x: number) => padState(0, { buttons: [], axes: [x] });
    expect(at(0.5001)).toEqual(at(0.5));
    expect(at(0.51)).not.toEqual(at(0.5));
  });
});
