import { describe, expect, it } from 'vitest';
import { codecOf } from './codec';
import { Watch } from './watch';

const ms = (n: number) => n * 1000;

describe('the codec string', () => {
  it('is that of the SPS, also after a delimiter and with short start codes', () => {
    expect(codecOf(Uint8Array.of(0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x20, 0xaa))).toBe('avc1.42C020');
    expect(codecOf(Uint8Array.of(0, 0, 0, 1, 9, 0x10, 0, 0, 1, 0x67, 0x64, 0, 0x2a, 1))).toBe('avc1.64002A');
  });

  it('is that of the sequence header, with its tier where the level has two', () => {
    const unit = (level: number): Uint8Array => Uint8Array.of(0x12, 0, 0x0a, 0x0b, 0, 0, 0, level, 0xa7, 0xbf, 0xe4, 0xef, 0xfe, 0x40, 0);
    expect(codecOf(unit(0x42))).toBe('av01.0.08M.08');
    expect(codecOf(unit(0x4c))).toBe('av01.0.09H.08');
    expect(codecOf(unit(0x2c))).toBe('av01.0.05M.08');
  });

  it('is none without one', () => {
    expect(codecOf(Uint8Array.of(0x12, 0, 0x32, 2, 0x30, 0xff))).toBeNull();
    expect(codecOf(Uint8Array.of(0x12, 0, 0x0a, 0x0b, 0))).toBeNull();
    expect(codecOf(Uint8Array.of(0, 0, 0, 1, 0x65, 1, 2, 3, 4))).toBeNull();
    expect(codecOf(new Uint8Array(0))).toBeNull();
    expect(codecOf(Uint8Array.of(0, 0, 1, 0x67))).toBeNull();
  });
});

describe('a decoder', () => {
  it('that shows nothing after a hole does not follow', () => {
    const watch = new Watch();
    watch.onSubmitted(ms(0), 9, true);
    watch.onSubmitted(ms(17), 10, false);
    expect(watch.verdict(ms(40))).toBe('fine');
    watch.onSubmitted(ms(34), 11, false);
    expect(watch.verdict(ms(33))).toBe('fine');
    expect(watch.verdict(ms(34))).toBe('does_not_follow');
    watch.onOutput(9);
    expect(watch.verdict(ms(34))).toBe('fine');
  });

  it('that is slow follows', () => {
    const watch = new Watch();
    watch.onSubmitted(ms(0), 9, true);
    expect(watch.verdict(ms(900))).toBe('fine');
    watch.onSubmitted(ms(901), 10, false);
    watch.onSubmitted(ms(902), 11, false);
    watch.onOutput(10);
    expect(watch.count).toBe(1);
    expect(watch.verdict(ms(5000))).toBe('fine');
  });

  it('that keeps everything for a second is stuck', () => {
    const watch = new Watch();
    for (let n = 0; n < 5; n += 1) watch.onSubmitted(ms(17 * n), n, false);
    expect(watch.verdict(ms(999))).toBe('fine');
    expect(watch.verdict(ms(1000))).toBe('stuck');
  });
});
