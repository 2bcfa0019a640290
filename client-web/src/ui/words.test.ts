import { describe, expect, it } from 'vitest';
import { bitrate, count, countdown, millis } from './format';
import { shortcutOf } from './shortcuts';

describe('words', () => {
  it('count down in minutes and seconds', () => {
    expect([119.2, 60, 9.01, 0, -3].map(countdown)).toEqual(['2:00', '1:00', '0:10', '0:00', '0:00']);
  });

  it('write figures with the digits they are worth', () => {
    expect([0.44, 8.2, 99.96, 1234].map(millis)).toEqual(['0.4', '8.2', '100', '1.2 s']);
    expect([420_000, 999_600, 8_140_000].map(bitrate)).toEqual(['420 kbit/s', '1.0 Mbit/s', '8.1 Mbit/s']);
    expect([44, 214_902].map(count)).toEqual(['44', '215k']);
  });
});

describe('shortcuts', () => {
  const chord = { ctrlKey: true, altKey: true, shiftKey: true, metaKey: false, repeat: false };

  it('take all three modifiers and one letter', () => {
    expect(shortcutOf({ ...chord, code: 'KeyS' })).toBe('stats');
    expect(shortcutOf({ ...chord, code: 'KeyS', altKey: false })).toBeNull();
    expect(shortcutOf({ ...chord, code: 'KeyS', metaKey: true })).toBeNull();
    expect(shortcutOf({ ...chord, code: 'KeyQ' })).toBeNull();
  });
});
