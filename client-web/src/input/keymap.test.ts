import { describe, expect, it } from 'vitest';
import { evdev, KEY_CODES, LOCKED_KEYS } from './keymap';

/** `linux/input-event-codes.h`, written a second time and by its own names. */
const EVDEV: Readonly<Record<string, number>> = {
  KEY_ESC: 1, KEY_1: 2, KEY_0: 11, KEY_MINUS: 12, KEY_EQUAL: 13, KEY_BACKSPACE: 14, KEY_TAB: 15, KEY_Q: 16, KEY_P: 25,
  KEY_LEFTBRACE: 26, KEY_RIGHTBRACE: 27, KEY_ENTER: 28, KEY_LEFTCTRL: 29, KEY_A: 30, KEY_L: 38, KEY_SEMICOLON: 39,
  KEY_APOSTROPHE: 40, KEY_GRAVE: 41, KEY_LEFTSHIFT: 42, KEY_BACKSLASH: 43, KEY_Z: 44, KEY_M: 50, KEY_COMMA: 51, KEY_DOT: 52,
  KEY_SLASH: 53, KEY_RIGHTSHIFT: 54, KEY_KPASTERISK: 55, KEY_LEFTALT: 56, KEY_SPACE: 57, KEY_CAPSLOCK: 58, KEY_F1: 59,
  KEY_F10: 68, KEY_NUMLOCK: 69, KEY_SCROLLLOCK: 70, KEY_KP7: 71, KEY_KPMINUS: 74, KEY_KPPLUS: 78, KEY_KP0: 82, KEY_KPDOT: 83,
  KEY_ZENKAKUHANKAKU: 85, KEY_102ND: 86, KEY_F11: 87, KEY_F12: 88, KEY_RO: 89, KEY_HENKAN: 92, KEY_KATAKANAHIRAGANA: 93,
  KEY_MUHENKAN: 94, KEY_KPENTER: 96, KEY_RIGHTCTRL: 97, KEY_KPSLASH: 98, KEY_SYSRQ: 99, KEY_RIGHTALT: 100, KEY_HOME: 102,
  KEY_UP: 103, KEY_PAGEUP: 104, KEY_LEFT: 105, KEY_RIGHT: 106, KEY_END: 107, KEY_DOWN: 108, KEY_PAGEDOWN: 109, KEY_INSERT: 110,
  KEY_DELETE: 111, KEY_KPEQUAL: 117, KEY_PAUSE: 119, KEY_KPCOMMA: 121, KEY_HANGEUL: 122, KEY_HANJA: 123, KEY_YEN: 124,
  KEY_LEFTMETA: 125, KEY_RIGHTMETA: 126, KEY_COMPOSE: 127, KEY_BACK: 158, KEY_FORWARD: 159, KEY_F13: 183, KEY_F24: 194,
};

const SAME_KEY: Readonly<Record<string, string>> = {
  Escape: 'KEY_ESC', Digit1: 'KEY_1', Digit0: 'KEY_0', Minus: 'KEY_MINUS', Equal: 'KEY_EQUAL', Backspace: 'KEY_BACKSPACE',
  Tab: 'KEY_TAB', KeyQ: 'KEY_Q', KeyP: 'KEY_P', BracketLeft: 'KEY_LEFTBRACE', BracketRight: 'KEY_RIGHTBRACE', Enter: 'KEY_ENTER',
  ControlLeft: 'KEY_LEFTCTRL', KeyA: 'KEY_A', KeyL: 'KEY_L', Semicolon: 'KEY_SEMICOLON', Quote: 'KEY_APOSTROPHE',
  Backquote: 'KEY_GRAVE', ShiftLeft: 'KEY_LEFTSHIFT', Backslash: 'KEY_BACKSLASH', KeyZ: 'KEY_Z', KeyM: 'KEY_M', Comma: 'KEY_COMMA',
  Period: 'KEY_DOT', Slash: 'KEY_SLASH', ShiftRight: 'KEY_RIGHTSHIFT', NumpadMultiply: 'KEY_KPASTERISK', AltLeft: 'KEY_LEFTALT',
  Space: 'KEY_SPACE', CapsLock: 'KEY_CAPSLOCK', F1: 'KEY_F1', F10: 'KEY_F10', NumLock: 'KEY_NUMLOCK', ScrollLock: 'KEY_SCROLLLOCK',
  Numpad7: 'KEY_KP7', NumpadSubtract: 'KEY_KPMINUS', NumpadAdd: 'KEY_KPPLUS', Numpad0: 'KEY_KP0', NumpadDecimal: 'KEY_KPDOT',
  Lang5: 'KEY_ZENKAKUHANKAKU', IntlBackslash: 'KEY_102ND', F11: 'KEY_F11', F12: 'KEY_F12', IntlRo: 'KEY_RO', Convert: 'KEY_HENKAN',
  KanaMode: 'KEY_KATAKANAHIRAGANA', NonConvert: 'KEY_MUHENKAN', NumpadEnter: 'KEY_KPENTER', ControlRight: 'KEY_RIGHTCTRL',
  NumpadDivide: 'KEY_KPSLASH', PrintScreen: 'KEY_SYSRQ', AltRight: 'KEY_RIGHTALT', Home: 'KEY_HOME', ArrowUp: 'KEY_UP',
  PageUp: 'KEY_PAGEUP', ArrowLeft: 'KEY_LEFT', ArrowRight: 'KEY_RIGHT', End: 'KEY_END', ArrowDown: 'KEY_DOWN',
  PageDown: 'KEY_PAGEDOWN', Insert: 'KEY_INSERT', Delete: 'KEY_DELETE', NumpadEqual: 'KEY_KPEQUAL', Pause: 'KEY_PAUSE',
  NumpadComma: 'KEY_KPCOMMA', Lang1: 'KEY_HANGEUL', Lang2: 'KEY_HANJA', IntlYen: 'KEY_YEN', MetaLeft: 'KEY_LEFTMETA',
  MetaRight: 'KEY_RIGHTMETA', ContextMenu: 'KEY_COMPOSE', BrowserBack: 'KEY_BACK', BrowserForward: 'KEY_FORWARD', F13: 'KEY_F13',
  F24: 'KEY_F24',
};

describe('keymap', () => {
  it.each(Object.entries(SAME_KEY))('%s is %s', (code, name) => {
    expect(evdev(code)).toBe(EVDEV[name]);
  });

  it('gives rows of letters, digits and function keys without a gap', () => {
    const row = (codes: string[]): (number | null)[] => codes.map(evdev);
    const letters = (text: string): string[] => Array.from(text, (letter) => `Key${letter}`);
    expect(row(letters('QWERTYUIOP'))).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
    expect(row(letters('ASDFGHJKL'))).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38]);
    expect(row(letters('ZXCVBNM'))).toEqual([44, 45, 46, 47, 48, 49, 50]);
    expect(row(Array.from('1234567890', (digit) => `Digit${digit}`))).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(row(Array.from({ length: 10 }, (_, n) => `F${n + 1}`))).toEqual([59, 60, 61, 62, 63, 64, 65, 66, 67, 68]);
    expect(row(Array.from('789456123', (digit) => `Numpad${digit}`))).toEqual([71, 72, 73, 75, 76, 77, 79, 80, 81]);
  });

  it('never gives two keys one code, nor a code that X11 cannot carry', () => {
    const codes = KEY_CODES.map(([, code]) => code);
    expect(new Set(codes).size).toBe(codes.length);
    // An X11 keycode is the Linux code plus 8, in one byte.
    for (const code of codes) expect(code).toSatisfy((value: number) => value >= 1 && value <= 247);
  });

  it('leaves the keys of the machine to the machine', () => {
    for (const code of ['AudioVolumeUp', 'Power', 'MediaPlayPause', '', 'Unidentified', 'toString']) {
      expect(evdev(code)).toBeNull();
    }
  });

  it('never locks Tab or the system key in full screen', () => {
    expect(LOCKED_KEYS).toContain('Escape');
    expect(LOCKED_KEYS).toContain('KeyW');
    expect(LOCKED_KEYS.filter((code) => code === 'Tab' || code.startsWith('Meta'))).toEqual([]);
  });
});
