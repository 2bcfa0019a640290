// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeDocument, type FakeDocument } from '../../tests/document';
import { openOps } from './api';
import type { KeptKey } from './key';
import { OpsPage } from './page';

const KEY = `flo_${'A'.repeat(43)}`;

/** An engine that answers as the real one does, and remembers what it was told. */
class FakeEngine {
  readonly asked: string[] = [];
  readonly told: string[] = [];
  key = KEY;
  refuses = false;
  hosts: Record<string, unknown>[] = [
    { host: 'aaaaaaaaaaaaaaaa', name: 'box', region: 'eu', state: 'open', sessions: 1, slots: 2, load: 0.4, stages_ms: 5.2, position: [52.5, 13.4], parked: { doom: 2 }, titles: 3 },
    { host: 'bbbbbbbbbbbbbbbb', name: '<img src=x>', region: 'us', state: 'lost', sessions: 0, slots: 4, load: 0, stages_ms: 0, parked: {}, titles: 1 },
  ];

  readonly fetch: typeof fetch = (path, init) => {
    const url = path as string;
    this.asked.push(url);
    const headers = init?.headers as Record<string, string>;
    if (headers.Authorization !== `Bearer ${this.key}`) return this.#answer(401, { type: 'urn:firstlight:problem:unauthorized', detail: 'This key is not known here, or is not one.' });
    if (init?.method === 'POST') {
      this.told.push(`${url} ${init.body as string}`);
      if (this.refuses) return this.#answer(503, { type: 'urn:firstlight:problem:full', detail: 'The host says no.' });
      const host = this.hosts.find(({ host }) => url.includes(host as string))!;
      const { on } = JSON.parse(init.body as string) as { on: boolean };
      Object.assign(host, url.endsWith('/cordon') ? { cordoned: on, state: on ? 'cordoned' : 'open' } : { draining: on, state: on ? 'draining' : 'open' });
      return this.#answer(204, null);
    }
    if (url === '/metrics') return this.#answer(200, 'host_second_on_seconds_bucket{warmth="parked",le="0.25"} 4\nhost_second_on_seconds_bucket{warmth="parked",le="+Inf"} 4\n');
    if (url.startsWith('/v1/hosts')) return this.#answer(200, { hosts: this.hosts });
    if (url.endsWith('/decision')) {
      const terms = { latency_us: 5000 };
      return this.#answer(200, { policy: 'best-overall', candidates: [{ host: 'aaaaaaaaaaaaaaaa', region: 'eu', warmth: 'parked', terms, cost_us: 5000 }], filtered: { closed: 1 }, looked_at: 1 });
    }
    if (url.startsWith('/v1/sessions'))
      return this.#answer(200, { sessions: [{ session: 's1', title: 'doom', state: 'attached', stats: { rtt_us: 9000, sent_bps: 4e6 }, operator: { player: 'p'.repeat(32), host: 'aaaaaaaaaaaaaaaa', known_s: 61, parked: true, start: { total_us: 210_000 } } }] });
    return this.#answer(200, {
      regions: [{ region: 'eu', hosts: 1, closed: 0, slots: 2, free: 1 }],
      sessions: 1,
      queue: 1,
      waiting: [{ player: 'q'.repeat(32), title: 'doom', place: 1, waited_s: 12, estimate_s: 90 }],
      session_mean_s: 1200,
      placed_ms: { p50: 8.2, p99: 14 },
      refused: { forged: 3 },
    });
  };

  #answer(status: number, body: unknown): Promise<Response> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return Promise.resolve(new Response(status === 204 ? null : text, { status }));
  }
}

let root: HTMLElement;
let engine: FakeEngine;
let kept: string | null;
let page: OpsPage;
let tab: FakeDocument;
const key: KeptKey = { read: () => kept, keep: (text) => (kept = text), forget: () => (kept = null) };

beforeEach(() => {
  vi.useFakeTimers();
  tab = fakeDocument();
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function (this: HTMLDialogElement, value?: string) {
    this.returnValue = value ?? '';
    this.dispatchEvent(new Event('close'));
  };
  document.body.replaceChildren();
  root = document.body.appendChild(document.createElement('div'));
  engine = new FakeEngine();
  kept = null;
});

afterEach(() => {
  page.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(with_: string | null = KEY): Promise<void> {
  kept = with_;
  page = new OpsPage({ root, open: (key) => openOps(key, engine.fetch), key });
  await vi.advanceTimersByTimeAsync(0);
}

async function enter(text: string): Promise<void> {
  root.querySelector('input')!.value = text;
  root.querySelector('form')!.dispatchEvent(new Event('submit', { cancelable: true }));
  await vi.advanceTimersByTimeAsync(0);
}

async function press(part: string, within: ParentNode = root): Promise<void> {
  within.querySelector<HTMLButtonElement>(`[data-part=${part}]`)!.click();
  await vi.advanceTimersByTimeAsync(0);
}

const part = (name: string): string => root.querySelector(`[data-part=${name}]`)?.textContent ?? '';
const row = (host: string): HTMLElement => root.querySelector<HTMLElement>(`[data-host^=${host}]`)!;

describe('the operators’ page', () => {
  it('asks for the key and the engine for nothing', async () => {
    await open(null);
    expect(root.querySelector('form')).not.toBeNull();
    await enter('hunter2');
    expect(root.querySelector('[role=alert]')!.textContent).toContain('begins with flo_');
    expect(engine.asked).toEqual([]);
  });

  it('keeps a key that the engine takes, and forgets one that it does not', async () => {
    await open(null);
    await enter(`flo_${'B'.repeat(43)}`);
    expect(root.querySelector('[role=alert]')!.textContent).toContain('not known here');
    expect([kept, root.querySelector('.board')]).toEqual([null, null]);
    await enter(KEY);
    expect(kept).toBe(KEY);
    expect(part('tile-sessions')).toContain('1');
    await press('forget');
    expect([kept, root.querySelector('.board')]).toEqual([null, null]);
  });

  it('shows hosts, who waits, starts and sessions, and takes no name for markup', async () => {
    await open();
    expect(row('aaaa').textContent).toContain('1 of 2');
    expect(row('aaaa').textContent).toContain('doom 2');
    expect(row('bbbb').textContent).toContain('<img src=x>');
    expect(root.querySelector('.hosts img')).toBeNull();
    expect(part('queue')).toContain('has waited 12 s');
    expect(part('starts-words')).toContain('Parked: 4 starts');
    const session = root.querySelector('[data-session=s1]')!;
    expect(session.textContent).toContain('on box');
    expect(session.textContent).toContain('on screen in 210 ms, parked');
    expect(root.querySelectorAll('.map-place')).toHaveLength(1);
    expect(part('map')).toContain('Without a position: us (1 host)');
  });

  it('looks a decision up when it is unfolded, once', async () => {
    await open();
    const session = root.querySelector<HTMLDetailsElement>('[data-session=s1]')!;
    for (let turn = 0; turn < 2; turn += 1) {
      session.open = turn === 0;
      session.dispatchEvent(new Event('toggle'));
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(engine.asked.filter((path) => path.endsWith('/decision'))).toHaveLength(1);
    expect(part('chosen')).toContain('box in eu: a copy was parked there');
    expect(session.textContent).toContain('1 draining or cordoned');
  });

  it('cordons after a question, says so, and lifts it at once', async () => {
    await open();
    await press('cordon', row('aaaa'));
    expect(root.querySelector('dialog')!.textContent).toContain('The session on it goes on.');
    await press('cancel');
    expect(engine.told).toEqual([]);
    await press('cordon', row('aaaa'));
    await press('confirm');
    expect(engine.told).toEqual(['/v1/hosts/aaaaaaaaaaaaaaaa/cordon {"on":true}']);
    expect(part('said')).toBe('box is cordoned: nothing new is placed on it.');
    expect(row('aaaa').dataset.state).toBe('cordoned');
    await press('cordon', row('aaaa'));
    expect(engine.told).toHaveLength(2);
    expect(part('said')).toBe('box takes sessions again.');
  });

  it('says why a host was not told', async () => {
    await open();
    engine.refuses = true;
    await press('drain', row('aaaa'));
    await press('confirm');
    expect(part('said')).toBe('box was not told: The host says no.');
    expect(row('bbbb').querySelector<HTMLButtonElement>('[data-part=drain]')!.disabled).toBe(true);
  });

  it('shows the hosts of a place that is chosen on the map, by keyboard too', async () => {
    await open();
    const dot = root.querySelector('.map-place')!;
    dot.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true }));
    expect([...root.querySelectorAll('[data-host]')]).toHaveLength(1);
    expect(dot.getAttribute('aria-pressed')).toBe('true');
    await press('everywhere');
    expect([...root.querySelectorAll('[data-host]')]).toHaveLength(2);
  });

  it('asks every two seconds while it is seen, and not while it is hidden', async () => {
    await open();
    const before = engine.asked.length;
    await vi.advanceTimersByTimeAsync(2000);
    expect(engine.asked).toHaveLength(2 * before);
    tab.show(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.asked).toHaveLength(2 * before);
    tab.show(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(engine.asked).toHaveLength(3 * before);
  });

  it('keeps what it showed while the engine is away, says so, and locks when the key is changed', async () => {
    await open();
    const { fetch } = engine;
    Object.assign(engine, { fetch: () => Promise.reject(new TypeError('away')) });
    page.close();
    await open();
    expect(part('live')).toBe('The engine does not answer.');
    expect(root.querySelector<HTMLElement>('.board')!.hidden).toBe(true);
    Object.assign(engine, { fetch });
    page.close();
    await open();
    engine.key = `flo_${'C'.repeat(43)}`;
    await vi.advanceTimersByTimeAsync(2000);
    expect(root.querySelector('form')).not.toBeNull();
    expect(kept).toBeNull();
  });

  it('keeps the focus where it is while figures change', async () => {
    await open();
    const button = row('aaaa').querySelector<HTMLButtonElement>('[data-part=cordon]')!;
    button.focus();
    engine.hosts.unshift({ ...engine.hosts[1]!, host: '0000000000000000' });
    await vi.advanceTimersByTimeAsync(2000);
    expect(root.querySelectorAll('[data-host]')).toHaveLength(3);
    expect(document.activeElement).toBe(button);
  });
});
