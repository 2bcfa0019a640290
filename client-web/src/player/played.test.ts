import { expect, it } from 'vitest';
import { Played } from './played';

it('counts seconds of play and frames since the begin, and only of a session that the page began', () => {
  const played = new Played();
  played.begin('a', { received: 90, lost: 10 });
  played.on('connecting', 1_000);
  played.on('playing', 3_000);
  played.on('reconnecting', 9_000);
  played.on('playing', 20_000);
  const frames = { received: 680, lost: 20 };
  expect(played.account('a', 24_000, frames)).toEqual({ seconds: 10, units: 600 });
  expect(played.account('b', 24_000, frames)).toBeNull();
  played.begin('b', frames);
  expect(played.account('b', 30_000, frames)).toEqual({ seconds: 0, units: 0 });
});
