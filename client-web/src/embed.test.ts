// @vitest-environment jsdom
import { describe, expect, it, vi } from 'vitest';
import { FakePlayer } from '../dev/fake-player';
import { Embedding } from './embed';

function fakePlayer(): FakePlayer {
  return new FakePlayer({
    title: 'beacon',
    video: document.createElement('video'),
    canvas: document.createElement('canvas'),
    resume: true,
  });
}

describe('window.firstlight', () => {
  it('plays nothing on a page without a player, and says so', async () => {
    const { api } = new Embedding();
    expect(api).toMatchObject({ version: 1, state: 'idle', title: null, session: null, input: null, audio: null });
    expect(api.stats()).toBeNull();
    await expect(api.start()).rejects.toThrow('this page plays no title');
  });

  it('stays one object while players come and go, and so do its listeners', () => {
    const embedding = new Embedding();
    const states: string[] = [];
    const off = embedding.api.on('state', (state) => states.push(state));
    const first = fakePlayer();
    embedding.attach('beacon', first);
    first.become('playing');
    expect(embedding.api).toMatchObject({ state: 'playing', title: 'beacon', input: first.input });
    const second = fakePlayer();
    embedding.attach('freedoom', second);
    first.become('ended');
    second.become('starting');
    off();
    second.become('playing');
    expect(states).toEqual(['playing', 'idle', 'starting']);
  });

  it('does not let a listener that throws keep the others from their event', () => {
    vi.stubGlobal('reportError', vi.fn());
    const embedding = new Embedding();
    const player = fakePlayer();
    embedding.attach('beacon', player);
    const heard = vi.fn();
    embedding.api.on('state', () => {
      throw new Error('of the embedding page');
    });
    embedding.api.on('state', heard);
    player.become('playing');
    expect(heard).toHaveBeenCalledWith('playing');
    expect(reportError).toHaveBeenCalledOnce();
    vi.unstubAllGlobals();
  });
});
