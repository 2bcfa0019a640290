/** The engine's HTTP API, as far as an operator needs it. Answers and problems are values; only `AbortError` is thrown. */
import { asJson, list, number, parseJson, text, words, type Json } from '../json';

export type HostState = 'open' | 'draining' | 'cordoned' | 'left' | 'lost';

/** Copies of a title that are nobody's. */
export type Warm = { readonly title: string; readonly wanted: number; readonly parked: number; readonly booting: number };

export type Host = {
  readonly host: string;
  readonly name: string;
  readonly region: string;
  readonly state: HostState;
  readonly cordoned: boolean;
  readonly draining: boolean;
  readonly sessions: number;
  readonly slots: number;
  /** 0 to 1. */
  readonly load: number;
  readonly stagesMs: number;
  /** Degrees. */
  readonly position: { readonly north: number; readonly east: number } | null;
  /** By title. */
  readonly parked: ReadonlyMap<string, number>;
  readonly titles: number;
  /** Only of the gateway's own host. */
  readonly warm: readonly Warm[];
};

export type Hosts = { readonly hosts: readonly Host[]; readonly more: boolean };

export type Region = {
  readonly region: string;
  readonly hosts: number;
  readonly closed: number;
  readonly slots: number;
  readonly free: number;
};

export type Waiting = {
  readonly player: string;
  readonly title: string;
  readonly place: number;
  readonly waitedS: number;
  readonly estimateS: number;
  readonly heldAt: string | null;
};

export type Overview = {
  readonly regions: readonly Region[];
  readonly sessions: number;
  readonly queue: number;
  readonly waiting: readonly Waiting[];
  readonly sessionMeanS: number;
  readonly placedMs: { readonly p50: number; readonly p99: number };
  /** Messages, by why. */
  readonly refused: ReadonlyMap<string, number>;
};

export type OpsSession = {
  readonly session: string;
  readonly title: string;
  readonly state: string;
  readonly player: string;
  readonly host: string | null;
  readonly knownS: number | null;
  readonly parked: boolean;
  /** Click to the first picture shown. */
  readonly startMs: number | null;
  readonly rttMs: number | null;
  readonly sentBps: number | null;
};

export type OpsSessions = { readonly sessions: readonly OpsSession[]; readonly leftOut: number };

/** What speaks against a candidate, in microseconds of latency or what is worth as much. */
export type Terms = {
  readonly latency: number;
  readonly price: number;
  readonly distrust: number;
  readonly start: number;
  readonly load: number;
  readonly packing: number;
};

export type Candidate = {
  readonly host: string;
  readonly region: string;
  readonly warmth: string;
  readonly terms: Terms;
  readonly cost: number;
};

export type Filter = 'full' | 'closed' | 'weak' | 'dear' | 'far' | 'refused';

export type Decision = {
  readonly policy: string;
  readonly candidates: readonly Candidate[];
  readonly filtered: Readonly<Record<Filter, number>>;
  readonly lookedAt: number;
  readonly regionsFarther: number;
};

/** `unreachable`: no answer at all; otherwise the last word of the problem's type. */
export type Problem = { readonly ok: false; readonly problem: string; readonly detail: string };
export type Answer<T> = { readonly ok: true; readonly value: T } | Problem;

export type OpsApi = {
  overview(signal: AbortSignal): Promise<Answer<Overview>>;
  /** The first thousand. */
  hosts(signal: AbortSignal): Promise<Answer<Hosts>>;
  /** Those that live, the newest first. */
  sessions(signal: AbortSignal): Promise<Answer<OpsSessions>>;
  /** As Prometheus reads it. */
  metrics(signal: AbortSignal): Promise<Answer<string>>;
  decision(session: string, signal: AbortSignal): Promise<Answer<Decision>>;
  cordon(host: string, on: boolean): Promise<Answer<null>>;
  drain(host: string, on: boolean): Promise<Answer<null>>;
};

export function openOps(key: string, ask: typeof fetch = fetch.bind(globalThis)): OpsApi {
  const request = async <T>(
    path: string,
    read: (body: string) => T,
    options: { readonly signal?: AbortSignal; readonly body?: unknown } = {},
  ): Promise<Answer<T>> => {
    const posts = options.body !== undefined;
    const timeout = AbortSignal.timeout(posts ? SAID_MS : ANSWER_MS);
    try {
      const response = await ask(path, {
        method: posts ? 'POST' : 'GET',
        headers: { Authorization: `Bearer ${key}`, ...(posts ? { 'Content-Type': 'application/json' } : {}) },
        cache: 'no-store',
        signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
        ...(posts ? { body: JSON.stringify(options.body) } : {}),
      });
      const body = await response.text();
      if (response.ok) return { ok: true, value: read(body) };
      const json = parseJson(body);
      const problem = text(json, 'type').split(':').at(-1) ?? '';
      return { ok: false, problem: problem === '' ? `http-${response.status}` : problem, detail: text(json, 'detail') };
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      return { ok: false, problem: 'unreachable', detail: 'The engine does not answer.' };
    }
  };
  const json =
    <T>(read: (json: Json) => T) =>
    (body: string): T =>
      read(parseJson(body));
  const say = (host: string, what: string, on: boolean): Promise<Answer<null>> =>
    request(`/v1/hosts/${encodeURIComponent(host)}/${what}`, () => null, { body: { on } });
  return {
    overview: (signal) => request('/v1/overview', json(overviewOf), { signal }),
    hosts: (signal) =>
      request(
        '/v1/hosts?limit=1000',
        json((page) => ({ hosts: list(page, 'hosts').map(hostOf), more: words(page, 'next') !== null })),
        { signal },
      ),
    sessions: (signal) =>
      request(
        `/v1/sessions?live=true&limit=${SESSIONS_SHOWN}`,
        json((page) => ({ sessions: list(page, 'sessions').map(sessionOf), leftOut: number(page, 'left_out') })),
        { signal },
      ),
    metrics: (signal) => request('/metrics', (body) => body, { signal }),
    decision: (session, signal) =>
      request(`/v1/sessions/${encodeURIComponent(session)}/decision`, json(decisionOf), { signal }),
    cordon: (host, on) => say(host, 'cordon', on),
    drain: (host, on) => say(host, 'drain', on),
  };
}

function overviewOf(json: Json): Overview {
  const placed = asJson(json.placed_ms);
  return {
    regions: list(json, 'regions').map((region) => ({
      region: text(region, 'region'),
      hosts: number(region, 'hosts'),
      closed: number(region, 'closed'),
      slots: number(region, 'slots'),
      free: number(region, 'free'),
    })),
    sessions: number(json, 'sessions'),
    queue: number(json, 'queue'),
    waiting: list(json, 'waiting').map((waiting) => ({
      player: text(waiting, 'player'),
      title: text(waiting, 'title'),
      place: number(waiting, 'place'),
      waitedS: number(waiting, 'waited_s'),
      estimateS: number(waiting, 'estimate_s'),
      heldAt: words(waiting, 'held_at'),
    })),
    sessionMeanS: number(json, 'session_mean_s'),
    placedMs: { p50: number(placed, 'p50'), p99: number(placed, 'p99') },
    refused: counts(asJson(json.refused)),
  };
}

function hostOf(json: Json): Host {
  const [north, east] = Array.isArray(json.position) ? (json.position as unknown[]) : [];
  return {
    host: text(json, 'host'),
    name: text(json, 'name'),
    region: text(json, 'region'),
    state: STATES.find((known) => known === json.state) ?? 'lost',
    cordoned: json.cordoned === true,
    draining: json.draining === true,
    sessions: number(json, 'sessions'),
    slots: number(json, 'slots'),
    load: number(json, 'load'),
    stagesMs: number(json, 'stages_ms'),
    position: typeof north === 'number' && typeof east === 'number' ? { north, east } : null,
    parked: counts(asJson(json.parked)),
    titles: number(json, 'titles'),
    warm: list(json, 'warm').map((warm) => ({
      title: text(warm, 'title'),
      wanted: number(warm, 'wanted'),
      parked: number(warm, 'parked'),
      booting: number(warm, 'booting'),
    })),
  };
}

function sessionOf(json: Json): OpsSession {
  const operator = asJson(json.operator);
  const start = asJson(operator.start);
  const stats = asJson(json.stats);
  const attached = json.stats !== undefined;
  return {
    session: text(json, 'session'),
    title: text(json, 'title'),
    state: text(json, 'state'),
    player: text(operator, 'player'),
    host: words(operator, 'host'),
    knownS: typeof operator.known_s === 'number' ? operator.known_s : null,
    parked: operator.parked === true,
    startMs: typeof start.total_us === 'number' ? start.total_us / 1e3 : null,
    rttMs: attached ? number(stats, 'rtt_us') / 1e3 : null,
    sentBps: attached ? number(stats, 'sent_bps') : null,
  };
}

function decisionOf(json: Json): Decision {
  const filtered = asJson(json.filtered);
  return {
    policy: text(json, 'policy'),
    candidates: list(json, 'candidates').map((candidate) => {
      const terms = asJson(candidate.terms);
      return {
        host: text(candidate, 'host'),
        region: text(candidate, 'region'),
        warmth: text(candidate, 'warmth'),
        terms: {
          latency: number(terms, 'latency_us'),
          price: number(terms, 'price_us'),
          distrust: number(terms, 'distrust_us'),
          start: number(terms, 'start_us'),
          load: number(terms, 'load_us'),
          packing: number(terms, 'packing_us'),
        },
        cost: number(candidate, 'cost_us'),
      };
    }),
    filtered: {
      full: number(filtered, 'full'),
      closed: number(filtered, 'closed'),
      weak: number(filtered, 'weak'),
      dear: number(filtered, 'dear'),
      far: number(filtered, 'far'),
      refused: number(filtered, 'refused'),
    },
    lookedAt: number(json, 'looked_at'),
    regionsFarther: number(json, 'regions_farther'),
  };
}

function counts(json: Json): ReadonlyMap<string, number> {
  return new Map(Object.entries(json).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

const STATES: readonly HostState[] = ['open', 'draining', 'cordoned', 'left', 'lost'];
/** More rows than anybody reads; what is left out is counted. */
const SESSIONS_SHOWN = 200;
const ANSWER_MS = 10_000;
/** A host is asked in the course of it, which has twelve seconds. */
const SAID_MS = 20_000;
