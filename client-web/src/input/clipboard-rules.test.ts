import { describe, expect, it } from 'vitest';
import { isPaste, pastedText } from './clipboard-rules';

const key = (key: string, held: readonly string[] = [], code = '') => ({
  key,
  code,
  ctrlKey: held.includes('ctrl'),
  altKey: held.includes('alt'),
  shiftKey: held.includes('shift'),
  metaKey: held.includes('meta'),
});

describe('a paste', () => {
  it('is Ctrl+V by the letter, with Shift too, and Shift+Insert', () => {
    expect(isPaste(key('v', ['ctrl']), false)).toBe('title');
    expect(isPaste(key('V', ['ctrl', 'shift']), false)).toBe('title');
    expect(isPaste(key('Insert', ['shift'], 'Insert'), false)).toBe('title');
  });

  it('is Command+V on a Mac, where the title is told another chord', () => {
    expect(isPaste(key('v', ['meta']), true)).toBe('page');
    expect(isPaste(key('v', ['ctrl']), true)).toBe('title');
  });

  it('is nothing else', () => {
    for (const other of [key('v'), key('c', ['ctrl']), key('v', ['ctrl', 'alt']), key('Insert', [], 'Insert')]) {
      expect(isPaste(other, false)).toBe(null);
    }
    expect(isPaste(key('v', ['meta']), false)).toBe(null);
  });

  it('has a title’s line ends and a bound in bytes', () => {
    expect(pastedText('a\r\nb\nc')).toBe('a\nb\nc');
    expect(pastedText('x'.repeat(61_440))).toHaveLength(61_440);
    expect(pastedText('x'.repeat(61_441))).toBe(null);
    expect(pastedText('ü'.repeat(30_721))).toBe(null);
  });
});
