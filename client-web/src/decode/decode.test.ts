import { describe, expect, it } from 'vitest';
import { codecOf } from './sps';
import { Watch } from './watch';

const ms = (n: number) => n * 1000;

describe('the codec string', () => {
  it('is that of the SPS, also after a delimiter and with short start codes', () => {
    expect(codecOf(Uint8Array.of(0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x20, 0xaa))).toBe('avc1.42C020');
    expect(codecOf(Uint8Array.of(0, 0, 0, 1, 9, 0x10, 0, 0, 1, 0x67, 0x64, 0, 0x2a, 1))).toBe('avc1.64002A');
  });

  it('is none without one', () => {
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
