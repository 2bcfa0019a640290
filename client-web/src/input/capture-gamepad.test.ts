// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakePlayer, type InputCall } from '../../dev/fake-player';
import { GamepadCapture } from './capture-gamepad';
import type { News } from './news';

type Effect = { duration: number; strongMagnitude: number; weakMagnitude: number };

/** A browser's gamepad whose buttons the test presses. */
class FakePad {
  readonly effects: (Effect | 'reset')[] = [];
  readonly buttons = Array.from({ length: 17 }, () => ({ pressed: false, value: 0 }));
  readonly axes = [0, 0, 0, 0];
  readonly vibrationActuator = {
    playEffect: (_type: string, effect: Effect) => Promise.resolve(this.effects.push(effect)),
    reset: () => Promise.resolve(this.effects.push('reset')),
  };
  readonly index: number;
  readonly mapping: string;

  constructor(index: number, mapping = 'standard') {
    this.index = index;
    this.mapping = mapping;
  }

  press(n: number, pressed = true): void {
    this.buttons[n] = { pressed, value: Number(pressed) };
  }
}

let pads: (FakePad | null)[];
let frames: (() => void)[];
let player: FakePlayer;
let news: News[];
let capture: GamepadCapture;

beforeEach(() => {
  pads = [null, null, null, null, null];
  frames = [];
  news = [];
  Object.assign(navigator, { getGamepads: () => pads });
  vi.stubGlobal('requestAnimationFrame', (fn: () => void) => frames.push(fn));
  vi.stubGlobal('cancelAnimationFrame', () => (frames = []));
  player = new FakePlayer({ title: 'x', video: document.createElement('video'), canvas: document.createElement('canvas'), resume: true });
  capture = new GamepadCapture({ input: player.input, onNews: (one) => news.push(one) });
  capture.setLimit(4);
  capture.setCaptured(true);
});

afterEach(() => {
  capture.close();
  vi.unstubAllGlobals();
});

function plug(pad: FakePad): void {
  pads[pad.index] = pad;
  dispatch('gamepadconnected', pad);
}

function unplug(pad: FakePad): void {
  pads[pad.index] = null;
  dispatch('gamepaddisconnected', pad);
}

function dispatch(type: string, gamepad: FakePad): void {
  window.dispatchEvent(Object.assign(new Event(type), { gamepad }));
}

/** The display shows a picture. */
function frame(): void {
  for (const fn of frames.splice(0)) fn();
}

function words(): string[] {
  return news.map((one) => one.words);
}

/** Which buttons each told state had down; null: the pad was unplugged. */
function told(): (number | null)[] {
  return player.sent.map(([, , plugged, buttons]: InputCall) => (plugged === true ? Number(buttons) : null));
}

describe('gamepads', () => {
  it('are read once a picture, and told when they change', () => {
    const pad = new FakePad(0);
    plug(pad);
    frame();
    pad.press(3);
    frame();
    frame();
    frame();
    pad.press(3, false);
    frame();
    expect(told()).toEqual([0, 0, 8, 0]);
    expect(words()).toEqual(['Gamepad 1 is ready']);
  });

  it('cost nothing while none is there', () => {
    frame();
    expect(frames).toEqual([]);
    const pad = new FakePad(2);
    plug(pad);
    expect(frames).toHaveLength(1);
    unplug(pad);
    frame();
    expect(frames).toEqual([]);
    expect(told()).toEqual([0, null]);
    expect(words().at(-1)).toBe('Gamepad 1 is gone');
  });

  it('take the first free place, and keep it', () => {
    const [one, two, three] = [new FakePad(4), new FakePad(1), new FakePad(2)];
    plug(one);
    plug(two);
    plug(one);
    unplug(one);
    plug(three);
    expect(words().map((text) => text.slice(8))).toEqual(['1 is ready', '2 is ready', '1 is gone', '1 is ready']);
  });

  it('are no more than the title takes, and of a layout that is known', () => {
    capture.setLimit(1);
    plug(new FakePad(0, ''));
    plug(new FakePad(1));
    plug(new FakePad(2));
    expect(news.map(({ trouble }) => trouble)).toEqual([true, false, true]);
    expect(player.sent).toHaveLength(1);
  });

  it('of before this page are found when the title says that it takes some', () => {
    capture.setLimit(0);
    pads[3] = new FakePad(3);
    capture.setLimit(2);
    expect(words()).toEqual(['Gamepad 1 is ready']);
  });

  it('are not read without the capture, and told anew with it', () => {
    const pad = new FakePad(0);
    plug(pad);
    pad.press(5);
    frame();
    capture.setCaptured(false);
    frame();
    expect(frames).toEqual([]);
    expect(told()).toEqual([0, 32]);
    capture.setCaptured(true);
    frame();
    expect(told()).toEqual([0, 32, 32]);
  });

  it('rumble while captured, and stop when told to or when it is lost', () => {
    const pad = new FakePad(1);
    plug(pad);
    capture.rumble({ pad: 0, strong: 0.5, weak: 1, durationMs: 300 });
    capture.rumble({ pad: 3, strong: 1, weak: 1, durationMs: 300 });
    capture.rumble({ pad: 0, strong: 0, weak: 0, durationMs: 300 });
    expect(pad.effects).toEqual([{ duration: 300, strongMagnitude: 0.5, weakMagnitude: 1 }, 'reset']);
    capture.setCaptured(false);
    capture.rumble({ pad: 0, strong: 1, weak: 1, durationMs: 300 });
    expect(pad.effects.slice(2)).toEqual(['reset']);
  });

  it('without motors are no trouble', () => {
    const pad = new FakePad(0);
    plug(pad);
    Object.assign(pad, { vibrationActuator: null });
    capture.rumble({ pad: 0, strong: 1, weak: 1, durationMs: 300 });
    capture.setCaptured(false);
  });
});
