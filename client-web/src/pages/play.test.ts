// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCatalogue } from '../../dev/fake-catalogue';
import { FakePlayer } from '../../dev/fake-player';
import { fakeDocument } from '../../tests/document';
import type { EndWords } from '../player';
import { PlayPage } from './play';

const WORDS: EndWords = { reason: 'title_crashed', title: 'The game crashed', message: 'Sorry.', canRestart: true, canTakeBack: false };

let root: HTMLElement;
let catalogue: FakeCatalogue;
let player: FakePlayer;
let page: PlayPage;
let toLibrary: number;
let wentTo: string[];

beforeEach(() => {
  vi.useFakeTimers();
  fakeDocument();
  localStorage.clear();
  document.body.replaceChildren();
  root = document.body.appendChild(document.createElement('div'));
  catalogue = new FakeCatalogue();
  toLibrary = 0;
  wentTo = [];
});

afterEach(() => {
  page.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open({ title = 'freedoom', autostart = false } = {}): Promise<void> {
  page = new PlayPage({
    root,
    title,
    autostart,
    catalogue,
    createPlayer: (options) => (player = new FakePlayer(options)),
    library: () => (toLibrary += 1),
    elsewhere: (origin) => wentTo.push(origin),
  });
  await vi.advanceTimersByTimeAsync(0);
}

function part(name: string): HTMLButtonElement {
  const found = root.querySelector<HTMLButtonElement>(`[data-part="${name}"]`);
  if (found === null) throw new Error(`no ${name}`);
  return found;
}

function status(): string | null {
  return root.querySelector('[role=status]')!.textContent;
}

function chord(code: string): void {
  window.dispatchEvent(new KeyboardEvent('keydown', { code, ctrlKey: true, altKey: true, shiftKey: true, cancelable: true }));
}

describe('the play page', () => {
  it('starts on a press of the big button', async () => {
    await open();
    expect(player.calls).toEqual([]);
    expect(part('start').getAttribute('aria-label')).toBe('Play Freedoom: Phase 1');
    part('start').click();
    expect(player.calls).toEqual(['start']);
    expect(status()).toBe('Getting a place for you…');
  });

  it('starts on its own when asked to, and offers to resume', async () => {
    await open({ autostart: true });
    expect(player.calls).toEqual(['start']);
    expect(player.options).toMatchObject({ title: 'freedoom', resume: true });
  });

  it('offers what is farther away while it is sooner, and takes it on a press', async () => {
    await open({ autostart: true });
    player.emit('queued', { place: 3, estimateS: 600 });
    expect(part('far').hidden).toBe(true);
    player.emit('queued', { place: 3, estimateS: 600, sooner: { region: 'eu-2', rttMs: 95.4, estimateS: 0 } });
    expect(part('far').hidden).toBe(false);
    expect(part('far').textContent).toBe('Play sooner in eu-2, 95 ms away');
    part('far').click();
    expect(player.calls).toEqual(['start', 'goFar']);
    player.emit('queued', { place: 2, estimateS: 500 });
    expect(part('far').hidden).toBe(true);
  });

  it('says that a game waits, and for how long', async () => {
    catalogue.running = [{ session: 'a1', title: 'freedoom', state: 'waiting', waitLeft: 61 }];
    await open();
    expect(part('start').textContent).toBe('Continue');
    expect(root.querySelector('.countdown')!.textContent).toBe('1:01');
    const button = part('start');
    await vi.advanceTimersByTimeAsync(62_000);
    expect(part('start')).toBe(button);
    expect(part('start').textContent).toBe('Play');
  });

  it('knows a title that is not there', async () => {
    await open({ title: 'nothing' });
    expect(root.textContent).toContain('No such game here');
    part('library').click();
    expect(toLibrary).toBe(1);
  });

  it('shows the picture alone while playing, with the keyboard on it', async () => {
    await open({ autostart: true });
    player.become('playing');
    expect(root.querySelector<HTMLElement>('.veil')!.hidden).toBe(true);
    expect(document.activeElement).toBe(part('stage'));
    expect(player.sent.at(-1)).toEqual(['setFocused', true]);
    expect(document.title).toBe('Freedoom: Phase 1 · Firstlight');
  });

  it('says after a while that it is still starting', async () => {
    await open({ autostart: true });
    await vi.advanceTimersByTimeAsync(7000);
    expect(root.querySelector('.loading-words')!.textContent).toContain('Still at it');
  });

  it('counts down while it tries to get back', async () => {
    await open({ autostart: true });
    player.become('playing');
    player.become('reconnecting');
    player.emit('reconnecting', { secondsLeft: 112, unreachable: false });
    expect(root.querySelector('.big-countdown')!.textContent).toBe('1:52');
    expect(player.sent.at(-1)).toEqual(['setFocused', false]);
    player.become('playing');
    expect(root.querySelector<HTMLElement>('.veil')!.hidden).toBe(true);
  });

  it('ends in words, with the buttons that make sense', async () => {
    await open({ autostart: true });
    player.become('playing');
    player.over('ended', WORDS);
    expect(status()).toBe('The game crashed. Sorry.');
    part('again').click();
    expect(player.calls).toEqual(['start', 'start']);
    player.over('ended', { ...WORDS, canRestart: false, canTakeBack: true });
    expect(root.querySelector('[data-part=again]')).toBeNull();
    part('take-back').click();
    expect(player.calls).toEqual(['start', 'start', 'start']);
    player.over('failed', { ...WORDS, canRestart: false });
    expect(document.activeElement).toBe(part('library'));
  });

  it('goes on at another gateway where there is room', async () => {
    await open({ autostart: true });
    player.over('failed', { ...WORDS, elsewhere: 'https://b.example' });
    expect(wentTo).toEqual(['https://b.example']);
  });

  it('leads to the report of what was played, and to none where nothing was or it goes on elsewhere', async () => {
    await open({ autostart: true });
    player.over('failed', WORDS);
    expect(root.querySelector('[data-part=report]')).toBeNull();
    player.session = 'abc';
    player.become('playing');
    player.session = null;
    player.over('ended', WORDS);
    expect(root.querySelector('[data-part=report]')!.getAttribute('href')).toBe('/report/abc');
    player.over('ended', { ...WORDS, canTakeBack: true });
    expect(root.querySelector('[data-part=report]')).toBeNull();
  });

  it('asks before it ends a game', async () => {
    await open({ autostart: true });
    player.become('playing');
    part('end').click();
    expect(player.calls).not.toContain('end');
    part('end-confirm').click();
    expect(player.calls).toContain('end');
  });

  it('leaves a game behind waiting when the page goes', async () => {
    await open({ autostart: true });
    player.become('playing');
    page.close();
    expect(player.calls).toEqual(['start', 'leave', 'close']);
  });

  it('offers a tap where sound is blocked, and takes any press for it', async () => {
    await open({ autostart: true });
    player.become('playing');
    player.audio.blocked = true;
    player.emit('audioBlocked', true);
    expect(part('unlock-sound').hidden).toBe(false);
    window.dispatchEvent(new Event('pointerdown'));
    expect(player.calls).toContain('unlock');
    expect(part('unlock-sound').hidden).toBe(true);
  });

  it('keeps the volume for the next time', async () => {
    await open();
    chord('KeyM');
    expect(player.audio.muted).toBe(true);
    page.close();
    await open();
    expect(player.audio.muted).toBe(true);
  });

  it('shows and hides the stats with one chord, and gives the keyboard back with another', async () => {
    await open({ autostart: true });
    player.become('playing');
    const stats = root.querySelector<HTMLElement>('.stats')!;
    chord('KeyS');
    expect(stats.hidden).toBe(false);
    chord('KeyS');
    expect(stats.hidden).toBe(true);
    chord('KeyZ');
    await vi.advanceTimersByTimeAsync(0);
    expect(document.activeElement).toBe(part('stats'));
    expect(root.querySelector('.hint')!.textContent).toContain('Click the picture');
  });
});
