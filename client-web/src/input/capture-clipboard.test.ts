// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settle } from '../../tests/document';
import { ClipboardCapture } from './capture-clipboard';
import { KeyGate } from './key-gate';

let events: string[];
let news: string[];
let kept: boolean[];
let captured: boolean;
let there: boolean;
let answer: (() => void) | null;
let clipboard: ClipboardCapture;
let board: { text: string; refuses: boolean };

function make(isMac = false): ClipboardCapture {
  const keys = new KeyGate({ key: (code, down) => events.push(`key ${code} ${down ? 'down' : 'up'}`) });
  const made = new ClipboardCapture({
    input: {
      paste: (text) => {
        events.push(`paste ${text}`);
        return new Promise((resolve) => {
          answer = () => resolve(there);
        });
      },
    },
    keys,
    isMac,
    isCaptured: () => captured,
    letGo: () => {
      events.push('let go');
      keys.drop();
    },
    onNews: ({ words }) => news.push(words),
    onKept: (waits) => kept.push(waits),
  });
  made.setPastes(true);
  gate = keys;
  return made;
}
let gate: KeyGate;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  [events, news, kept, captured, there, answer] = [[], [], [], true, true, null];
  board = { text: '', refuses: false };
  Object.defineProperty(navigator, 'clipboard', {
    configurable: true,
    value: {
      writeText: (text: string) => (board.refuses ? Promise.reject(new Error('not now')) : Promise.resolve(void (board.text = text))),
      readText: () => (board.refuses ? Promise.reject(new Error('no')) : Promise.resolve(board.text)),
    },
  });
  clipboard = make();
});

afterEach(() => {
  clipboard.close();
  Reflect.deleteProperty(navigator, 'clipboard');
  vi.useRealTimers();
});

const chord = (init: KeyboardEventInit): KeyboardEvent => new KeyboardEvent('keydown', init);

function browserPastes(text: string): Event {
  const event = Object.assign(new Event('paste', { bubbles: true, cancelable: true }), { clipboardData: { getData: () => text } });
  document.dispatchEvent(event);
  return event;
}

describe('what the player pastes', () => {
  it('is there before the key that pastes it', async () => {
    expect(clipboard.handleDown(chord({ key: 'v', ctrlKey: true }))).toBe('title');
    gate.key(47, true);
    expect(browserPastes('hello').defaultPrevented).toBe(true);
    gate.key(47, false);
    await settle();
    expect(events).toEqual(['paste hello']);
    answer?.();
    await settle();
    expect(events).toEqual(['paste hello', 'key 47 down', 'key 47 up']);
  });

  it('is nothing where the browser has nothing: the key goes on by itself', () => {
    clipboard.handleDown(chord({ key: 'v', ctrlKey: true }));
    gate.key(47, true);
    vi.advanceTimersByTime(150);
    expect(events).toEqual(['key 47 down']);
  });

  it('comes as Ctrl+V from a Mac', async () => {
    clipboard.close();
    clipboard = make(true);
    expect(clipboard.handleDown(chord({ key: 'v', metaKey: true }))).toBe('page');
    browserPastes('hello');
    answer?.();
    await settle();
    expect(events).toEqual(['paste hello', 'let go', 'key 29 down', 'key 47 down', 'key 47 up', 'key 29 up']);
  });

  it('comes from the bar as well', async () => {
    board.text = 'hello';
    void clipboard.paste();
    await settle();
    answer?.();
    await settle();
    expect(events).toEqual(['paste hello', 'let go', 'key 29 down', 'key 47 down', 'key 47 up', 'key 29 up']);
  });

  it('says so when the browser refuses, or it is too long', async () => {
    board.refuses = true;
    await clipboard.paste();
    expect(news[0]).toContain('does not let this page');
    browserPastes('x'.repeat(61_441));
    await settle();
    expect(news[1]).toContain('too long');
    expect(events).toEqual([]);
  });

  it('is nobody’s where the title takes none, or the page is not played on', () => {
    captured = false;
    expect(browserPastes('secret').defaultPrevented).toBe(false);
    captured = true;
    clipboard.setPastes(false);
    expect(clipboard.handleDown(chord({ key: 'v', ctrlKey: true }))).toBe(null);
    browserPastes('secret');
    expect(events).toEqual([]);
  });
});

describe('what the title copies', () => {
  it('is the player’s at once where the browser lets it', async () => {
    clipboard.copied({ text: 'hello', tooLong: false });
    await settle();
    expect(board.text).toBe('hello');
    expect(news).toEqual(['The game put text on your clipboard']);
  });

  it('waits for the next press where not', async () => {
    board.refuses = true;
    clipboard.copied({ text: 'hello', tooLong: false });
    await settle();
    expect([board.text, kept]).toEqual(['', [true]]);
    board.refuses = false;
    window.dispatchEvent(new Event('pointerdown'));
    await settle();
    expect([board.text, kept]).toEqual(['hello', [true, false]]);
    window.dispatchEvent(new Event('pointerdown'));
    await settle();
    expect(news).toHaveLength(1);
  });

  it('is told to be too much', () => {
    clipboard.copied({ text: '', tooLong: true });
    expect(news[0]).toContain('too much');
  });
});
