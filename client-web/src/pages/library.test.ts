// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCatalogue } from '../../dev/fake-catalogue';
import { fakeDocument, type FakeDocument } from '../../tests/document';
import { LibraryPage } from './library';

let root: HTMLElement;
let catalogue: FakeCatalogue;
let played: string[];
let page: LibraryPage;
let tab: FakeDocument;

beforeEach(() => {
  vi.useFakeTimers();
  tab = fakeDocument();
  document.body.replaceChildren();
  root = document.body.appendChild(document.createElement('div'));
  catalogue = new FakeCatalogue();
  played = [];
});

afterEach(() => {
  page.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(): Promise<void> {
  page = new LibraryPage({ root, catalogue, play: (title) => played.push(title) });
  await vi.advanceTimersByTimeAsync(0);
}

describe('the library', () => {
  it('shows a card per title, a link to its play page', async () => {
    await open();
    const cards = [...root.querySelectorAll<HTMLAnchorElement>('a.card')];
    expect(cards.map((card) => card.getAttribute('href'))).toEqual(['/play/freedoom', '/play/supertux', '/play/beacon']);
    cards[0]!.click();
    expect(played).toEqual(['freedoom']);
  });

  it('leaves a click with a modifier to the browser', async () => {
    await open();
    const click = new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: true });
    root.querySelector('a.card')!.dispatchEvent(click);
    expect(click.defaultPrevented).toBe(false);
    expect(played).toEqual([]);
  });

  it('says what to do when there are no titles', async () => {
    catalogue.list = [];
    await open();
    expect(root.textContent).toContain('No games here yet');
  });

  it('says that the engine is unreachable, and goes on when it is back', async () => {
    catalogue.reachable = false;
    await open();
    expect(root.querySelector('[role=status]')!.textContent).toBe('The engine does not answer');
    catalogue.reachable = true;
    await vi.advanceTimersByTimeAsync(2500);
    expect(root.querySelectorAll('a.card')).toHaveLength(3);
  });

  it('never takes a name for markup', async () => {
    catalogue.list = [{ ...catalogue.list[0]!, name: '<img src=x onerror=alert(1)>' }];
    await open();
    expect(root.querySelector('.grid img')).toBeNull();
    expect(root.textContent).toContain('<img src=x');
  });

  it('counts down a game that waits, continues it and ends it', async () => {
    catalogue.running = [{ session: 'a1', title: 'freedoom', state: 'waiting', waitLeft: 100 }];
    await open();
    const countdown = (): string | null | undefined => root.querySelector('.countdown')?.textContent;
    expect(countdown()).toBe('1:40');
    await vi.advanceTimersByTimeAsync(2000);
    expect(countdown()).toBe('1:38');
    root.querySelector<HTMLButtonElement>('[data-part=continue]')!.click();
    expect(played).toEqual(['freedoom']);
    root.querySelector<HTMLButtonElement>('[data-part=end]')!.click();
    await vi.advanceTimersByTimeAsync(0);
    expect(root.querySelector('.session')).toBeNull();
    expect(root.querySelector('[role=status]')!.textContent).toBe('Freedoom: Phase 1 ended');
  });

  it('asks nothing while it is hidden', async () => {
    await open();
    const sessions = vi.spyOn(catalogue, 'sessions');
    tab.show(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sessions).not.toHaveBeenCalled();
    tab.show(true);
    expect(sessions).toHaveBeenCalledOnce();
  });
});
