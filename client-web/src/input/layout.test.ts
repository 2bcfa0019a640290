import { describe, expect, it } from 'vitest';
import { layoutOf } from './layout';
import layouts from './layouts.json';

const labels = (keys: Record<string, string>): Map<string, string> => new Map(Object.entries(keys));

describe('a layout', () => {
  it('is told from every other', () => {
    for (const [name, keys] of Object.entries(layouts)) expect(layoutOf(labels(keys))).toBe(name);
  });

  it('that nobody knows is none', () => {
    expect(layoutOf(labels({}))).toBe(null);
    expect(layoutOf(labels({ ...layouts.de, Minus: '?' }))).toBe(null);
  });
});
