import { describe, expect, it } from 'vitest';
import { openApi } from './api';
import { missingWords, problemWords } from './player/words';
import { openStore } from './player/store';
import type { QueuePlace } from './player/types';

type Call = { url: string; method: string | undefined; headers: Record<string, string>; body: unknown; keepalive?: boolean };

const never = (): AbortSignal => new AbortController().signal;

function api(respond: () => Response | Promise<Response>) {
  const calls: Call[] = [];
  const fake: typeof fetch = (url, init) => {
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : null;
    calls.push({ url: url as string, method: init?.method, headers: init?.headers as Record<string, string>, body, keepalive: init?.keepalive === true });
    return Promise.resolve(respond());
  };
  return { calls, api: openApi({ fetch: fake, key: () => 'flp_key' }) };
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

describe('the API', () => {
  it('makes a session as this browser’s player', async () => {
    const endpoint = { kind: 'webtransport', url: 'https://h:1/v1/media', cert_sha256: ['ab'] };
    const { api: client, calls } = api(() => json({ session: 's', ticket: 't', endpoints: [endpoint], timing: {} }, 201));
    expect(await client.create('doom')).toEqual({
      ok: true,
      value: { session: 's', ticket: 't', endpoints: [{ kind: 'webtransport', url: endpoint.url, certSha256: ['ab'] }] },
    });
    expect(calls[0]).toMatchObject({ url: '/v1/sessions', method: 'POST', body: { title: 'doom' } });
    expect(calls[0]?.headers.Authorization).toBe('Bearer flp_key');
  });

  it('gives problems as values', async () => {
    const full = { type: 'urn:firstlight:problem:full', title: 'Full', detail: 'No room.' };
    const { api: client } = api(() => json(full, 503, { 'Retry-After': '30' }));
    expect(await client.create('doom')).toEqual({ ok: false, problem: 'full', status: 503, detail: 'No room.', retryAfterS: 30 });
  });

  it('tells of another gateway that has room, and of no address of another kind', async () => {
    for (const [told, elsewhere] of [['https://b.example', 'https://b.example'], ['javascript:x', undefined]]) {
      const { api: client } = api(() => json({ type: 'urn:firstlight:problem:full', detail: 'x', elsewhere: told }, 503));
      const answer = await client.create('doom');
      expect(answer.ok ? null : answer.elsewhere).toBe(elsewhere);
    }
  });

  it('waits in the queue, tells its place, and takes its turn', async () => {
    const place = (n: number) => json({ queue: 'q', place: n, estimate_s: 60 * n }, 202);
    const answers = [place(2), place(1), json({ session: 's', ticket: 't', endpoints: [] }, 201)];
    const { api: client, calls } = api(() => answers.shift() ?? json({}, 500));
    const told: number[] = [];
    const answer = await client.wait('doom', (at) => told.push(at.place), never(), never());
    expect(answer).toMatchObject({ ok: true, value: { session: 's', ticket: 't' } });
    expect(told).toEqual([2, 1]);
    expect(calls[0]).toMatchObject({ method: 'POST', body: { title: 'doom', wait: true } });
    expect(calls.slice(1).map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /v1/queue/q', 'GET /v1/queue/q']);
  });

  it('gives its place up when its player turns away', async () => {
    const answers = [json({ queue: 'q', place: 1, estimate_s: 9 }, 202), new Response(null, { status: 204 })];
    const { api: client, calls } = api(() => answers.shift() ?? json({}, 500));
    const gone = new AbortController();
    expect(await client.wait('doom', () => gone.abort(), gone.signal, never())).toMatchObject({ ok: false, problem: 'left' });
    expect(calls.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/queue/q', keepalive: true });
  });

  it('tells of a region that would be sooner', async () => {
    const sooner = { region: 'eu-2', rtt_ms: 95.5, estimate_s: 0 };
    const answers = [json({ queue: 'q', place: 3, estimate_s: 600, sooner }, 202), json({ session: 's', ticket: 't', endpoints: [] }, 201)];
    const { api: client } = api(() => answers.shift() ?? json({}, 500));
    const told: QueuePlace[] = [];
    await client.wait('doom', (at) => told.push(at), never(), never());
    expect(told[0]?.sooner).toEqual({ region: 'eu-2', rttMs: 95.5, estimateS: 0 });
  });

  it('says unreachable when nobody answers', async () => {
    const { api: client } = api(() => Promise.reject(new TypeError('Failed to fetch')));
    expect(await client.session('s')).toMatchObject({ ok: false, problem: 'unreachable', status: 0 });
  });

  it('takes an answer that is no JSON, and one without a body', async () => {
    const html = api(() => new Response('<html>', { status: 502 }));
    expect(await html.api.session('s')).toMatchObject({ ok: false, problem: '', status: 502 });
    const empty = api(() => new Response(null, { status: 204 }));
    expect(await empty.api.end('a/b')).toMatchObject({ ok: true });
    expect(empty.calls[0]?.url).toBe('/v1/sessions/a%2Fb');
  });

  it('reads a session', async () => {
    const { api: client } = api(() => json({ session: 's', title: 'doom', state: 'waiting', wait_left_s: 88, endpoints: 7 }));
    expect(await client.session('s')).toEqual({
      ok: true,
      value: { session: 's', title: 'doom', state: 'waiting', waitLeft: 88, reason: null, message: null, endpoints: [] },
    });
  });
});

describe('what a tab remembers', () => {
  class Memory {
    readonly items = new Map<string, string>();
    getItem = (key: string) => this.items.get(key) ?? null;
    setItem = (key: string, value: string) => void this.items.set(key, value);
    removeItem = (key: string) => void this.items.delete(key);
  }
  const stored = { session: 's', secret: 'x', endpoints: [{ kind: 'webtransport', url: 'u', certSha256: [] }] };
  const open = (tab: Memory, browser: Memory) =>
    openStore('doom', () => tab as unknown as Storage, () => browser as unknown as Storage);

  it('comes back, and is forgotten only by its own name', () => {
    const [tab, browser] = [new Memory(), new Memory()];
    const store = open(tab, browser);
    expect(store.own()).toBeNull();
    store.save(stored);
    expect([store.own(), store.last()]).toEqual([stored, stored]);
    store.forget('other', true);
    expect(store.own()).toEqual(stored);
    store.forget('s', false);
    expect([store.own(), store.last()]).toEqual([null, stored]);
    store.forget('s', true);
    expect(store.last()).toBeNull();
  });

  it('is nothing when it is spoilt or forbidden', () => {
    const tab = new Memory();
    for (const text of ['{', '7', '{"session":1}', '[]', 'null']) {
      tab.setItem('firstlight.session.doom', text);
      expect(open(tab, new Memory()).own()).toBeNull();
    }
    const browser = new Memory();
    const forbidden = openStore(
      'doom',
      () => {
        throw new DOMException('no', 'SecurityError');
      },
      () => browser as unknown as Storage,
    );
    expect(forbidden.own()).toBeNull();
    forbidden.save(stored);
    expect(forbidden.last()).toEqual(stored);
  });
});

describe('words', () => {
  it('explain an origin that is not secure before anything else, and nothing where there is a way', () => {
    const words = (direct: boolean, call: boolean, decoder: boolean, secure: boolean) =>
      missingWords({ direct, call, decoder, secure })?.reason ?? null;
    expect(words(true, true, true, true)).toBeNull();
    expect(words(false, false, false, false)).toBe('insecure_origin');
    expect(words(false, true, false, false), 'WebRTC wants neither').toBeNull();
    expect(words(false, false, true, true), 'a WebSocket').toBeNull();
    expect(words(true, false, false, true)).toBe('no_codec');
  });

  it('say when to try again', () => {
    const full = { problem: 'full', status: 503, detail: '', retryAfterS: 180 };
    expect(problemWords(full, false).message).toContain('3 minutes');
    expect(problemWords({ ...full, problem: 'odd', detail: 'So it is.' }, false)).toMatchObject({ message: 'So it is.' });
  });
});
