import { describe, expect, it } from 'vitest';
import { keysOf, makesText } from './text-rules';

const key = (key: string, held: readonly string[] = []) => ({
  key,
  ctrlKey: held.includes('ctrl'),
  altKey: held.includes('alt'),
  metaKey: held.includes('meta'),
  getModifierState: (name: string) => held.includes(name),
});

describe('text', () => {
  it('is made of letters, signs and what changes them', () => {
    for (const one of ['a', 'É', '漢', '😀', ' ', 'Dead', 'Process', 'Shift']) expect(makesText(key(one))).toBe(true);
  });

  it('is made with AltGr, which Windows tells as Ctrl and Alt', () => {
    expect(makesText(key('€', ['ctrl', 'alt', 'AltGraph']))).toBe(true);
  });

  it('is not made of chords and of keys that do something', () => {
    expect(makesText(key('c', ['ctrl']))).toBe(false);
    for (const one of ['Enter', 'ArrowLeft', 'Backspace', 'F5', 'Escape', 'Control']) expect(makesText(key(one))).toBe(false);
  });

  it('that is edited away is a key', () => {
    expect([keysOf('deleteContentBackward'), keysOf('insertLineBreak'), keysOf('insertText')]).toEqual([[14], [28], []]);
  });
});
