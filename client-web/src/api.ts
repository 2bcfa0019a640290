/** The engine's HTTP API, as far as a player needs it. Answers and problems are values; only `AbortError` is thrown. */
import type { Answer, Problem } from './answer';
import { type Raw, type Request, exchange } from './exchange';
import { asJson, list, number, parseJson, text, words, type Json } from './json';
import type { Account } from './player/played';
import type { QueuePlace } from './player/types';
import { type Queued, waitInQueue } from './queue';

export type { Answer, Problem } from './answer';

/** As `RTCIceServer`. */
export type IceServer = { readonly urls: readonly string[]; readonly username?: string; readonly credential?: string };

export type Endpoint = {
  readonly kind: string;
  readonly url: string;
  /** Hex. */
  readonly certSha256: readonly string[];
  /** Of `whep`. */
  readonly iceServers?: readonly IceServer[];
};

export type TitleCard = {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Address of its picture. */
  readonly picture: string | null;
  readonly display: { readonly width: number; readonly height: number; readonly fps: number };
  readonly audio: boolean;
  readonly input: {
    readonly keyboard: boolean;
    readonly mouse: string;
    readonly gamepads: number;
    readonly touch: boolean;
  };
};

export type SessionState = 'starting' | 'ready' | 'attached' | 'waiting' | 'ended';

export type Session = {
  readonly session: string;
  readonly title: string;
  readonly state: SessionState;
  /** Seconds that it goes on waiting for its player; null: unknown, or it does not wait. */
  readonly waitLeft: number | null;
  readonly reason: string | null;
  readonly message: string | null;
  readonly endpoints: readonly Endpoint[];
};

export type Created = {
  readonly session: string;
  readonly ticket: string;
  readonly endpoints: readonly Endpoint[];
  /** The session's public key, where the ticket names the player's. */
  readonly sealKey?: string | null;
  /** The title had been booted before anybody asked. */
  readonly parked?: boolean;
};

export type Api = {
  titles(signal?: AbortSignal): Promise<Answer<readonly TitleCard[]>>;
  create(title: string): Promise<Answer<Created>>;
  /**
   * As `create`, but waits in the queue where there is no room, and tells the place in it, until it is this player's turn. `left` aborted:
   * he gives it up, also as his page goes. `far` aborted: a region farther away will do; the place stays the same.
   */
  wait(title: string, told: (place: QueuePlace) => void, left: AbortSignal, far: AbortSignal): Promise<Answer<Created>>;
  session(id: string): Promise<Answer<Session>>;
  /** Those of this browser's player. */
  sessions(signal?: AbortSignal): Promise<Answer<readonly Session[]>>;
  /** `key`: the player's public one, for an attachment of which everything is sealed. */
  ticket(id: string, key?: string): Promise<Answer<Created>>;
  /** What the player got, on a way that the host is not on. */
  account(id: string, account: Account): Promise<Answer<null>>;
  end(id: string): Promise<Answer<null>>;
};

export type Wiring = { readonly fetch: typeof fetch; readonly key: () => string; readonly rtts?: () => Rtts };

/** Round trips to regions, in milliseconds, as far as they were measured. */
export type Rtts = Readonly<Record<string, number>>;

type Asked = { body?: unknown; signal?: AbortSignal | undefined; key?: string; keepalive?: true };

function requestOf(wiring: Wiring, method: string, path: string, options: Asked): Request {
  const headers: Record<string, string> = { Authorization: `Bearer ${wiring.key()}` };
  if (options.key !== undefined) headers['Idempotency-Key'] = options.key;
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  const body = options.body === undefined ? {} : { body: JSON.stringify(options.body) };
  return { url: `/v1${path}`, init: { method, headers, cache: 'no-store', keepalive: options.keepalive === true, ...body } };
}

/** What `read` makes of an answer. */
function answerOf<T>(raw: Raw | null, read: (json: Json) => T | null): Answer<T> {
  if (raw === null) return { ok: false, problem: 'unreachable', status: 0, detail: '', retryAfterS: null };
  const json = parseJson(raw.text);
  const { status } = raw;
  if (status < 200 || status > 299) return { ok: false, ...problemOf(raw, json) };
  const value = read(json);
  if (value !== null || status === 204) return { ok: true, value: value as T };
  return { ok: false, problem: 'engine', status, detail: 'an answer without sense', retryAfterS: null };
}

function createdOf(json: Json): Created {
  const session = text(json, 'session');
  const parked = asJson(json.timing).parked === true;
  return { session, ticket: text(json, 'ticket'), endpoints: endpointsOf(json), ...(parked ? { parked } : {}) };
}

function wishFor(wiring: Wiring, title: string): object {
  return { title, client: { transports: ['webtransport', 'whep', 'relay', 'websocket'], ...rttOf(wiring.rtts?.()) } };
}

/** What `Api.create` asks, for whoever asks it in its place. */
export function createRequest(wiring: Wiring, title: string): Request {
  return requestOf(wiring, 'POST', '/sessions', { body: wishFor(wiring, title), key: crypto.randomUUID() });
}

/** And what it makes of the answer. */
export function createAnswer(raw: Raw | null): Answer<Created> {
  return answerOf(raw, createdOf);
}

export function openApi(wiring: Wiring = { fetch: fetch.bind(globalThis), key: playerKey }): Api {
  const request = async <T>(method: string, path: string, read: (json: Json) => T | null, options: Asked = {}): Promise<Answer<T>> =>
    answerOf(await exchange(wiring.fetch, requestOf(wiring, method, path, options), options.signal), read);
  const at = (id: string): string => `/sessions/${encodeURIComponent(id)}`;
  return {
    titles: (signal) => request('GET', '/titles', (json) => list(json, 'titles').map(titleOf), { signal }),
    create: async (title) => createAnswer(await exchange(wiring.fetch, createRequest(wiring, title))),
    wait: (title, told, left, far) => {
      const placed = (json: Json): Created | Queued | null => (words(json, 'queue') === null ? createdOf(json) : queuedOf(json));
      return waitInQueue({
        enter: () => request('POST', '/sessions', placed, { body: { ...wishFor(wiring, title), wait: true }, key: crypto.randomUUID() }),
        // The engine holds the answer back for some seconds while nothing changes.
        ask: (queue, farther, signal) => request('GET', `${queueAt(queue)}${farther ? '?far=true' : ''}`, placed, { signal }),
        // It outlives the page.
        leave: (queue) => request('DELETE', queueAt(queue), () => null, { keepalive: true }),
        told,
        left,
        far,
      });
    },
    session: (id) => request('GET', at(id), sessionOf),
    sessions: (signal) => request('GET', '/sessions', (json) => list(json, 'sessions').map(sessionOf), { signal }),
    ticket: (id, key) =>
      request(
        'POST',
        `${at(id)}/tickets`,
        (json) => ({ ...createdOf(json), session: id, ...(key === undefined ? {} : { sealKey: words(json, 'seal_key') }) }),
        key === undefined ? {} : { body: { client: { key } } },
      ),
    account: (id, account) => request('PUT', `${at(id)}/account`, () => null, { body: account, keepalive: true }),
    end: (id) => request('DELETE', at(id), () => null),
  };
}

function queueAt(queue: string): string {
  return `/queue/${encodeURIComponent(queue)}`;
}

function rttOf(rtts: Rtts | undefined): { rtt_ms?: Rtts } {
  return rtts === undefined || Object.keys(rtts).length === 0 ? {} : { rtt_ms: rtts };
}

/** An anonymous player is a secret that the page makes itself and keeps. */
export function playerKey(): string {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept !== null && /^flp_[\w-]{43}$/.test(kept)) return kept;
    const made = makeKey();
    localStorage.setItem(KEY, made);
    return made;
  } catch {
    // A browser that keeps nothing plays as long as the page lives.
    memory ??= makeKey();
    return memory;
  }
}

let memory: string | null = null;

function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const base64 = btoa(String.fromCharCode(...bytes));
  return `flp_${base64.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')}`;
}

function problemOf(raw: Raw, json: Json): Problem {
  const retry = Number(raw.retryAfter ?? NaN);
  const elsewhere = words(json, 'elsewhere');
  return {
    problem: text(json, 'type').split(':').at(-1) ?? '',
    status: raw.status,
    detail: words(json, 'detail') ?? text(json, 'title'),
    retryAfterS: Number.isFinite(retry) && retry >= 0 ? retry : null,
    ...(elsewhere !== null && /^https?:/.test(elsewhere) ? { elsewhere } : {}),
  };
}

function endpointsOf(json: Json): Endpoint[] {
  return list(json, 'endpoints').map((endpoint) => {
    const hashes = endpoint.cert_sha256;
    const certSha256 = Array.isArray(hashes) ? hashes.filter((hash) => typeof hash === 'string') : [];
    const kind = text(endpoint, 'kind');
    const plain = { kind, url: text(endpoint, 'url'), certSha256 };
    return kind === 'whep' ? { ...plain, iceServers: list(endpoint, 'ice_servers').map(iceServerOf) } : plain;
  });
}

function queuedOf(json: Json): Queued {
  const place = { queue: text(json, 'queue'), place: number(json, 'place'), estimateS: number(json, 'estimate_s') };
  const sooner = asJson(json.sooner);
  const region = words(sooner, 'region');
  if (region === null) return place;
  return { ...place, sooner: { region, rttMs: number(sooner, 'rtt_ms'), estimateS: number(sooner, 'estimate_s') } };
}

function iceServerOf(json: Json): IceServer {
  const urls = Array.isArray(json.urls) ? json.urls.filter((url) => typeof url === 'string') : [];
  const [username, credential] = [words(json, 'username'), words(json, 'credential')];
  return username === null || credential === null ? { urls } : { urls, username, credential };
}

function sessionOf(json: Json): Session {
  const state = STATES.find((known) => known === json.state) ?? 'ended';
  return {
    session: text(json, 'session'),
    title: text(json, 'title'),
    state,
    waitLeft: typeof json.wait_left_s === 'number' ? json.wait_left_s : null,
    reason: words(json, 'reason'),
    message: words(json, 'message'),
    endpoints: endpointsOf(json),
  };
}

function titleOf(json: Json): TitleCard {
  const display = asJson(json.display);
  const input = asJson(json.input);
  return {
    id: text(json, 'id'),
    name: text(json, 'name'),
    version: text(json, 'version'),
    picture: words(json, 'picture'),
    display: { width: number(display, 'width'), height: number(display, 'height'), fps: number(display, 'fps') },
    audio: json.audio === true,
    input: {
      keyboard: input.keyboard === true,
      mouse: text(input, 'mouse'),
      gamepads: number(input, 'gamepads'),
      touch: input.touch === true,
    },
  };
}

const STATES: readonly SessionState[] = ['starting', 'ready', 'attached', 'waiting', 'ended'];
const KEY = 'firstlight.player';
