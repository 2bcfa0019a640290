import { describe, expect, it } from 'vitest';
import { parseRoute, playPath } from './route';

describe('addresses', () => {
  it('of the library', () => {
    for (const path of ['/', '', '/index.html']) expect(parseRoute(path)).toEqual({ page: 'library' });
  });

  it('of titles, which start on their own only when asked to', () => {
    expect(parseRoute('/play/freedoom')).toEqual({ page: 'play', title: 'freedoom', autostart: false });
    expect(parseRoute('/play/freedoom/', '?autostart=1')).toEqual({ page: 'play', title: 'freedoom', autostart: true });
    expect(parseRoute('/play/freedoom', '?autostart=0')).toMatchObject({ autostart: false });
    expect(parseRoute(playPath('a-1'))).toMatchObject({ page: 'play', title: 'a-1' });
  });

  it('that are no page', () => {
    for (const path of ['/play/', '/play', '/play/UPPER', '/play/a/b', '/play/..%2f', '/elsewhere', `/play/${'a'.repeat(65)}`]) {
      expect(parseRoute(path)).toEqual({ page: 'missing' });
    }
  });
});
