// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCatalogue } from '../../dev/fake-catalogue';
import { fakeDocument } from '../../tests/document';
import type { Answer } from '../answer';
import { SavesPage } from './saves';
import { openSaves, type Kept, type Saves } from './saves-api';

const ok = <T>(value: T): Answer<T> => ({ ok: true, value });
const no = (problem: string, detail = ''): Answer<never> => ({ ok: false, problem, status: 409, detail, retryAfterS: null });
const KEPT: Kept = {
  bytes: 1_520_000,
  bytesMax: 1_073_741_824,
  titles: [
    { title: 'freedoom', versions: [{ version: 7, at: 1_700_000_000_000, bytes: 1_400_000 }, { version: 4, at: 1_699_000_000_000, bytes: 900 }] },
    { title: 'gone', versions: [{ version: 1, at: 1_600_000_000_000, bytes: 120_000 }] },
  ],
};

describe('the page of saved games', () => {
  let root: HTMLElement;
  let page: SavesPage;
  let kept: Answer<Kept>;
  let did: string[];
  let refuse: Answer<never> | null;

  beforeEach(() => {
    vi.useFakeTimers();
    fakeDocument();
    document.body.replaceChildren();
    root = document.body.appendChild(document.createElement('div'));
    [kept, did, refuse] = [ok(KEPT), [], null];
  });

  afterEach(() => {
    page.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function open(): Promise<void> {
    const act = (what: string): Promise<Answer<null>> => {
      did.push(what);
      return Promise.resolve(refuse ?? ok(null));
    };
    const saves: Saves = {
      list: () => Promise.resolve(kept),
      restore: (title, version) => act(`restore ${title} ${version}`),
      take: (title) => (did.push(`take ${title}`), Promise.resolve(refuse ?? ok(new Blob(['x'])))),
      erase: (title) => act(`erase ${title}`),
    };
    page = new SavesPage({ root, saves, titles: async () => ok(await new FakeCatalogue().titles()) });
    await settle();
  }

  const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
  const title = (id: string): HTMLElement => root.querySelector(`[data-title=${id}]`)!;
  const press = async (id: string, part: string): Promise<void> => {
    title(id).querySelector<HTMLButtonElement>(`[data-part=${part}]`)!.click();
    await settle();
  };
  const said = (): string | null => root.querySelector('[role=status]')!.textContent;

  it('lists what each title keeps, also of a title that has gone, and what is played on with', async () => {
    await open();
    expect(title('freedoom').querySelector('h2')!.textContent).toBe('Freedoom: Phase 1');
    expect([...title('freedoom').querySelectorAll('li')].map((row) => row.dataset['version'])).toEqual(['7', '4']);
    expect(title('freedoom').querySelectorAll('[data-part=restore]')).toHaveLength(1);
    expect(title('freedoom').textContent).toContain('1.4 MB');
    expect(title('freedoom').textContent).toContain('1 KB');
    expect(title('gone').querySelector('h2')!.textContent).toBe('gone');
    expect(root.textContent).toContain('1.5 MB of 1.1 GB');
  });

  it('goes back to an older one', async () => {
    await open();
    await press('freedoom', 'restore');
    expect(did).toEqual(['restore freedoom 4']);
    expect(said()).toContain('Freedoom: Phase 1 goes on from');
  });

  it('removes only when it is asked twice in a row', async () => {
    await open();
    await press('freedoom', 'erase');
    await vi.advanceTimersByTimeAsync(6_000);
    await press('freedoom', 'erase');
    expect(did).toEqual([]);
    expect(title('freedoom').textContent).toContain('Remove for good?');
    await press('freedoom', 'erase');
    expect(did).toEqual(['erase freedoom']);
    expect(said()).toBe('Nothing of Freedoom: Phase 1 is kept any more.');
  });

  it('downloads the newest', async () => {
    vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: () => 'blob:x', revokeObjectURL: () => undefined }));
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined);
    await open();
    await press('gone', 'take');
    expect(did).toEqual(['take gone']);
    expect(clicked).toHaveBeenCalledOnce();
  });

  it('says why not', async () => {
    refuse = no('save-in-use', 'a session goes on');
    await open();
    await press('freedoom', 'restore');
    expect(said()).toBe('The game is running: end it first, then try again.');
    refuse = no('too-many', 'Too many at once.');
    await press('freedoom', 'take');
    expect(said()).toBe('Too many at once.');
  });

  it('says that there is nothing, and asks again where nobody answers', async () => {
    kept = ok({ bytes: 0, bytesMax: 1, titles: [] });
    await open();
    expect(root.textContent).toContain('Nothing saved yet');
    page.close();
    kept = no('not-found');
    await open();
    expect(root.textContent).toContain('Nothing is kept here');
    page.close();
    kept = no('unreachable');
    await open();
    expect(root.textContent).toContain('does not answer');
    kept = ok(KEPT);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(title('freedoom')).not.toBeNull();
  });
});

describe('what is asked of the engine', () => {
  it('carries the player’s key, and reads answers and problems', async () => {
    const asked: unknown[] = [];
    const answers = [
      new Response(JSON.stringify({ bytes: 5, bytes_max: 9, titles: [{ title: 'a', versions: [{ version: 2, session: 's', at_ms: 3, bytes: 5 }] }, { title: 'b', versions: [] }] })),
      new Response(JSON.stringify({ version: 3 })),
      new Response(JSON.stringify({ type: 'urn:firstlight:problem:save-in-use', detail: 'It is played.' }), { status: 409 }),
    ];
    const saves = openSaves({
      key: () => 'flp_x',
      fetch: (url, init) => {
        asked.push([init?.method, url, init?.body, init?.headers]);
        const next = answers.shift();
        return next === undefined ? Promise.reject(new TypeError('offline')) : Promise.resolve(next);
      },
    });
    const list = await saves.list(new AbortController().signal);
    expect(list).toEqual(ok({ bytes: 5, bytesMax: 9, titles: [{ title: 'a', versions: [{ version: 2, at: 3, bytes: 5 }] }] }));
    expect(await saves.restore('a', 1)).toEqual(ok(null));
    expect(await saves.erase('a')).toMatchObject({ ok: false, problem: 'save-in-use', detail: 'It is played.' });
    expect(await saves.take('a')).toMatchObject({ ok: false, problem: 'unreachable' });
    const bearer = { Authorization: 'Bearer flp_x' };
    expect(asked).toEqual([
      ['GET', '/v1/saves', undefined, bearer],
      ['POST', '/v1/saves/a/restore', '{"version":1}', { ...bearer, 'Content-Type': 'application/json' }],
      ['DELETE', '/v1/saves/a', undefined, bearer],
      ['GET', '/v1/saves/a', undefined, bearer],
    ]);
  });
});
