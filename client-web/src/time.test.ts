import { describe, expect, it } from 'vitest';
import { epoch, happenedAt } from './time';

describe('the time of an input', () => {
  const current = epoch(5_000);

  it('is when its event happened, however late it is handled', () => {
    expect(happenedAt({ timeStamp: 4_970 }, current)).toBe(current - 30_000);
    expect(happenedAt({ timeStamp: 5_000 }, current)).toBe(current);
  });

  it('is now where there is no event, and where one tells what cannot be', () => {
    expect(happenedAt(null, current)).toBe(current);
    expect(happenedAt({ timeStamp: 5_001 }, current)).toBe(current);
    expect(happenedAt({ timeStamp: 0 }, current)).toBe(current);
  });
});
