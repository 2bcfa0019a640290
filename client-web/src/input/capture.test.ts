// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakePlayer, type InputCall } from '../../dev/fake-player';
import { fakeDocument, settle, type FakeDocument } from '../../tests/document';
import { Capture } from './capture';

const W = 17;
const SHIFT = 42;
const ESCAPE = 1;

let page: FakeDocument;
let player: FakePlayer;
let stage: HTMLElement;
let capture: Capture;
let holds: string[];

beforeEach(() => {
  page = fakeDocument();
  document.body.replaceChildren();
  stage = document.body.appendChild(document.createElement('div'));
  stage.tabIndex = 0;
  stage.getBoundingClientRect = () => new DOMRect(0, 0, 640, 360);
  holds = [];
  player = new FakePlayer({
    title: 'beacon',
    video: document.createElement('video'),
    canvas: document.createElement('canvas'),
    resume: true,
  });
  capture = new Capture({
    stage,
    input: player.input,
    onShortcut: (event) => event.code === 'F12',
    onHold: (hold) => holds.push(hold),
    onCaptured: () => undefined,
    onNews: () => undefined,
    onKept: () => undefined,
    onTyping: () => undefined,
  });
  capture.setSize({ width: 1280, height: 720 });
  capture.setActive(true);
  capture.engage();
});

afterEach(() => {
  capture.close();
  page.lock(null);
  vi.unstubAllGlobals();
});

function press(code: string, init: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { code, bubbles: true, cancelable: true, ...init });
  stage.dispatchEvent(event);
  return event;
}

function lift(code: string, init: KeyboardEventInit = {}): void {
  stage.dispatchEvent(new KeyboardEvent('keyup', { code, bubbles: true, cancelable: true, ...init }));
}

function point(type: string, init: PointerEventInit & { pointerType?: string } = {}): void {
  const event = new MouseEvent(type, { bubbles: true, cancelable: true, ...init });
  Object.assign(event, { pointerType: init.pointerType ?? 'mouse', pointerId: init.pointerId ?? 1 });
  // jsdom has no movement of its own.
  Object.assign(event, { movementX: init.movementX ?? 0, movementY: init.movementY ?? 0 });
  stage.dispatchEvent(event);
}

function sent(...names: string[]): InputCall[] {
  return player.sent.filter(([name]) => names.includes(name));
}

/** Keys and buttons that went down and were never let go. */
function stuck(): string[] {
  const held = new Set<string>();
  for (const [name, value, down] of player.sent) {
    if (name !== 'key' && name !== 'button') continue;
    if (down === true) held.add(`${name} ${String(value)}`);
    else held.delete(`${name} ${String(value)}`);
  }
  return [...held];
}

describe('keys', () => {
  it('go down once and up once, and the browser does nothing with them', () => {
    expect(press('KeyW').defaultPrevented).toBe(true);
    press('KeyW', { repeat: true });
    press('KeyW');
    lift('KeyW');
    lift('KeyW');
    expect(sent('key')).toEqual([['key', W, true], ['key', W, false]]);
  });

  it('are the browser’s where the title has none', () => {
    expect(press('AudioVolumeUp').defaultPrevented).toBe(false);
    expect(sent('key')).toEqual([]);
  });

  it('do not reach the title as shortcuts of the page', () => {
    press('KeyW');
    expect(press('F12').defaultPrevented).toBe(true);
    expect(sent('key')).toEqual([['key', W, true], ['key', W, false]]);
  });

  it('lets a modifier go whose keyup went elsewhere', () => {
    press('ShiftLeft', { shiftKey: true });
    press('KeyW', { shiftKey: false });
    expect(sent('key')).toEqual([['key', SHIFT, true], ['key', SHIFT, false], ['key', W, true]]);
  });

  it('lets a modifier go that the mouse says is up', () => {
    press('ShiftLeft', { shiftKey: true });
    point('pointermove', { clientX: 10, clientY: 10 });
    expect(stuck()).toEqual([]);
  });
});

describe('no key sticks', () => {
  const losses: Record<string, () => void> = {
    'the window loses the focus': () => page.focus(false),
    'the tab is hidden': () => page.show(false),
    'the page goes away': () => window.dispatchEvent(new Event('pagehide')),
    'full screen changes': () => document.dispatchEvent(new Event('fullscreenchange')),
    'the title is over': () => capture.setActive(false),
    'the player asks for the keyboard back': () => capture.release(),
    'the capture is closed': () => capture.close(),
  };

  it.each(Object.entries(losses))('when %s', (_name, lose) => {
    press('KeyW');
    press('ShiftLeft', { shiftKey: true });
    point('pointerdown', { buttons: 1, shiftKey: true });
    expect(stuck()).toHaveLength(3);
    lose();
    expect(stuck()).toEqual([]);
    expect(sent('releaseAll').length).toBeGreaterThan(0);
  });

  it('when the focus moves to a button of the page', async () => {
    press('KeyW');
    document.body.appendChild(document.createElement('button')).focus();
    await settle();
    expect(stuck()).toEqual([]);
    expect(capture.captured).toBe(false);
    press('KeyA');
    expect(stuck()).toEqual([]);
    capture.engage();
    press('KeyA');
    expect(stuck()).toEqual(['key 30']);
  });

  it('when the pointer lock is lost', async () => {
    capture.setMode('relative');
    point('pointerdown', { buttons: 1 });
    await settle();
    point('pointerup', { buttons: 0 });
    press('KeyW');
    point('pointerdown', { buttons: 1 });
    expect(stuck()).toEqual(['key 17', 'button 1']);
    page.lock(null);
    expect(stuck()).toEqual([]);
  });

  it('and nothing is sent before the focus is back', () => {
    page.focus(false);
    const before = player.sent.length;
    press('KeyW');
    point('pointermove', { clientX: 10, clientY: 10, buttons: 1 });
    expect(player.sent.length).toBe(before);
    page.focus(true);
    expect(player.sent.at(-1)).toEqual(['setFocused', true]);
  });
});

describe('the mouse', () => {
  it('is a place on the picture in absolute mode', () => {
    point('pointermove', { clientX: 320, clientY: 90 });
    expect(sent('moveTo')).toEqual([['moveTo', 0.5, 0.25]]);
  });

  it('moves to the place before it presses there', () => {
    point('pointerdown', { clientX: 640, clientY: 360, buttons: 1 });
    point('pointermove', { clientX: 640, clientY: 360, buttons: 3 });
    point('pointerup', { clientX: 640, clientY: 360, buttons: 0 });
    expect(sent('moveTo', 'button')).toEqual([
      ['moveTo', 1, 1],
      ['button', 1, true],
      ['button', 3, true],
      ['button', 1, false],
      ['button', 3, false],
    ]);
  });

  it('notices a button that was let go outside the window', () => {
    point('pointerdown', { buttons: 1 });
    point('pointermove', { buttons: 0 });
    expect(stuck()).toEqual([]);
  });

  it('keeps the press that locks it from the title', async () => {
    capture.setMode('relative');
    expect(holds.at(-1)).toBe('offered');
    point('pointerdown', { buttons: 1 });
    await settle();
    point('pointermove', { buttons: 1, movementX: 400 });
    point('pointerup', { buttons: 0 });
    expect(holds.at(-1)).toBe('locked');
    expect(sent('button', 'moveBy', 'moveTo')).toEqual([]);
  });

  it('is movement in pixels of the picture when locked, without the first jump', async () => {
    capture.setMode('relative');
    point('pointerdown', { buttons: 1 });
    await settle();
    point('pointerup', { buttons: 0 });
    point('pointermove', { movementX: 300, movementY: 200 });
    point('pointermove', { movementX: 3, movementY: -1 });
    // Shown at half its size: each pixel of the page is two of the picture.
    expect(sent('moveBy')).toEqual([['moveBy', 6, -2]]);
  });

  it('stays a place in “both” until the app hides its cursor, and is offered as movement then', async () => {
    capture.setMode('both');
    capture.setCursor({ width: 1, height: 1, hotX: 0, hotY: 0, rgba: new Uint8ClampedArray(4) });
    expect(holds).toEqual([]);
    capture.setCursor(null);
    expect(holds).toEqual(['offered']);
    point('pointerdown', { buttons: 1 });
    await settle();
    expect(holds).toEqual(['offered', 'locked']);
    capture.setCursor({ width: 1, height: 1, hotX: 0, hotY: 0, rgba: new Uint8ClampedArray(4) });
    expect(holds.at(-1)).toBe('free');
  });

  it('goes on unlocked where the browser never locks', async () => {
    stage.requestPointerLock = () => Promise.reject(new DOMException('no', 'NotSupportedError'));
    capture.setMode('relative');
    point('pointerdown', { buttons: 1 });
    await settle();
    expect(holds.at(-1)).toBe('free');
    point('pointerup', { buttons: 0 });
    point('pointermove', { movementX: 2 });
    point('pointerdown', { buttons: 1 });
    expect(sent('moveBy', 'button')).toEqual([['moveBy', 4, 0], ['button', 1, true]]);
  });

  it('falls back to accelerated movement where there is no other', async () => {
    const asked: unknown[] = [];
    stage.requestPointerLock = (options?: unknown) => {
      asked.push(options);
      if (options !== undefined) return Promise.reject(new DOMException('no', 'NotSupportedError'));
      page.lock(stage);
      return Promise.resolve();
    };
    capture.setMode('relative');
    point('pointerdown', { buttons: 1 });
    await settle();
    expect(asked).toEqual([{ unadjustedMovement: true }, undefined]);
    expect(holds.at(-1)).toBe('locked');
  });

  it('suppresses the context menu', () => {
    const event = new MouseEvent('contextmenu', { bubbles: true, cancelable: true });
    stage.dispatchEvent(event);
    expect(event.defaultPrevented).toBe(true);
  });
});

describe('Escape', () => {
  async function lockThenTake(): Promise<void> {
    capture.setMode('relative');
    point('pointerdown', { buttons: 1 });
    await settle();
    point('pointerup', { buttons: 0 });
    vi.useFakeTimers();
  }

  afterEach(() => vi.useRealTimers());

  it('reaches the title when the browser took it to free the mouse', async () => {
    await lockThenTake();
    page.lock(null);
    vi.advanceTimersByTime(100);
    expect(sent('key')).toEqual([['key', ESCAPE, true], ['key', ESCAPE, false]]);
  });

  it('does not when the lock went with the window', async () => {
    await lockThenTake();
    page.lock(null);
    page.focus(false);
    vi.advanceTimersByTime(100);
    expect(sent('key')).toEqual([]);
  });

  it('is not sent twice where the browser also gives it to the page', async () => {
    await lockThenTake();
    press('Escape');
    lift('Escape');
    page.lock(null);
    vi.advanceTimersByTime(100);
    expect(sent('key')).toEqual([['key', ESCAPE, true], ['key', ESCAPE, false]]);
  });
});

describe('touch', () => {
  it('is the title’s own where it is played by touch, and never stays down', () => {
    capture.setTouch(true);
    const finger = (type: string, pointerId: number, clientX: number): void => point(type, { pointerType: 'touch', pointerId, clientX, clientY: 180 });
    finger('pointerdown', 7, 320);
    finger('pointerdown', 8, 0);
    finger('pointermove', 7, 640);
    finger('pointerup', 8, 0);
    expect(sent('touch', 'button', 'moveTo')).toEqual([
      ['touch', 0, 'down', 0.5, 0.5],
      ['touch', 1, 'down', 0, 0.5],
      ['touch', 0, 'move', 1, 0.5],
      ['touch', 1, 'up', 0, 0.5],
    ]);
    page.focus(false);
    expect(player.sent.at(-2)).toEqual(['releaseAll']);
    finger('pointermove', 7, 0);
    expect(sent('touch')).toHaveLength(4);
  });

  it('is the left button at a point, of the first finger alone', () => {
    point('pointerdown', { pointerType: 'touch', pointerId: 7, clientX: 320, clientY: 180, buttons: 1 });
    point('pointerdown', { pointerType: 'touch', pointerId: 8, clientX: 0, clientY: 0, buttons: 1 });
    point('pointermove', { pointerType: 'touch', pointerId: 8, clientX: 10, clientY: 10, buttons: 1 });
    point('pointermove', { pointerType: 'touch', pointerId: 7, clientX: 640, clientY: 180, buttons: 1 });
    point('pointerup', { pointerType: 'touch', pointerId: 8 });
    point('pointercancel', { pointerType: 'touch', pointerId: 7 });
    expect(sent('moveTo', 'button')).toEqual([
      ['moveTo', 0.5, 0.5],
      ['button', 1, true],
      ['moveTo', 1, 0.5],
      ['button', 1, false],
    ]);
  });
});
