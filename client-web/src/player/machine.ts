/**
 * What a player does next: a pure core. Events go in, actions come out; the driver carries them out and knows nothing.
 *
 * ```text
 * idle -> starting -> connecting -> playing <-> reconnecting -> ended
 *             |            |                                      ^
 *             +-> failed <-+            any end in words ---------+
 * ```
 *
 * Times are milliseconds of one clock. After every call ask `timeoutAt`, and call `handleTimeout` when it has passed.
 */
import type { Answer, Created, Endpoint, IceServer, Session } from '../api';
import type { Millis } from '../time';
import { Ladder, type Transport, isCarried, isTransport } from './ladder';
import type { Stored } from './store';
import type { EndWords, PlayerState } from './types';
import { withCredential } from './url';
import {
  type Abilities,
  MEDIA_UNREACHABLE,
  NO_TRANSPORT,
  PROTOCOL_BROKEN,
  VERSION_MISMATCH,
  endWords,
  noWayWords,
  problemWords,
} from './words';

export type Action =
  /** `wait`: in the queue, where there is no room. */
  | { readonly do: 'create'; readonly wait?: true }
  | { readonly do: 'list' }
  /** `sealed`: one that names this player's key. */
  | { readonly do: 'ticket'; readonly session: string; readonly sealed?: true }
  | { readonly do: 'status'; readonly session: string }
  /** `race`: the attachment that fell silent is kept until this one opens. */
  | {
      readonly do: 'attach';
      readonly attempt: number;
      readonly kind: Transport;
      /** The session, and its key, where everything is sealed. */
      readonly seal?: { readonly session: string; readonly hostKey: string };
      readonly url: string;
      readonly certSha256: readonly string[];
      readonly race: boolean;
      /** Over WebRTC, with these servers' help; left out: WebTransport. */
      readonly iceServers?: readonly IceServer[];
    }
  /** `only`: that attempt, and not the attachment that fell silent. */
  | { readonly do: 'detach'; readonly leave: 'wait' | 'end' | 'abandon'; readonly only?: number }
  | { readonly do: 'delete'; readonly session: string }
  | { readonly do: 'save'; readonly stored: Stored }
  | { readonly do: 'secretStored'; readonly generation: number }
  /** `everywhere` false: by this tab alone; another one goes on with it. */
  | { readonly do: 'forget'; readonly session: string; readonly everywhere: boolean }
  | { readonly do: 'over'; readonly state: 'ended' | 'failed'; readonly words: EndWords };

export type Event =
  /** `own`: this tab's session, to be taken up at once. `last`: this browser's. */
  | { readonly on: 'start'; readonly own: Stored | null; readonly last: Stored | null }
  | { readonly on: 'created'; readonly answer: Answer<Created> }
  | { readonly on: 'listed'; readonly answer: Answer<readonly Session[]> }
  | { readonly on: 'ticket'; readonly answer: Answer<Created> }
  | { readonly on: 'status'; readonly session: string; readonly answer: Answer<Session> }
  | { readonly on: 'opened'; readonly attempt: number }
  | { readonly on: 'welcome'; readonly attempt: number; readonly waitS: number }
  | { readonly on: 'secret'; readonly attempt: number; readonly generation: number; readonly secret: string }
  /** A call's ticket is spent, and this lets in next time. */
  | { readonly on: 'resume'; readonly attempt: number; readonly secret: string }
  | { readonly on: 'picture'; readonly attempt: number }
  | { readonly on: 'silent'; readonly attempt: number }
  | { readonly on: 'revived'; readonly attempt: number }
  | { readonly on: 'ended'; readonly attempt: number; readonly reason: string; readonly message: string }
  | {
      readonly on: 'closed';
      readonly attempt: number;
      readonly opened: boolean;
      readonly code: number | null;
      readonly reason: string;
    }
  | { readonly on: 'online' }
  | { readonly on: 'cannot'; readonly words: EndWords }
  | { readonly on: 'leave' }
  | { readonly on: 'end' };

type Current = {
  readonly id: string;
  endpoints: readonly Endpoint[];
  ticket: string | null;
  /** The host's key, where the ticket or the secret is one of a sealed attachment. */
  sealKey: string | null;
  secret: string | null;
};

/** An attach on its way: until it opens, then until a picture comes. */
type Attempt = { readonly id: number; opened: boolean; until: Millis };

/** An attachment that is kept, and how it came about. */
type Standing = { readonly id: number; readonly transport: Transport; readonly rung: number };

export class Machine {
  readonly #title: string;
  #state: PlayerState = 'idle';
  #session: Current | null = null;
  #attempts = 0;
  #attempt: Attempt | null = null;
  /** The attachment that fell silent. It may revive before another one opens. */
  #standing: Standing | null = null;
  /** When silence is told as such. */
  #tellAt: Millis | null = null;
  /** Until then a takeover may be the doing of an attempt that was given up on the way. */
  #rivalUntil: Millis = -Infinity;
  /** Attaches that failed in a row. */
  #tries = 0;
  /** Those among them that were given up unanswered. */
  #unanswered = 0;
  #retryAt: Millis | null = null;
  /** A picture was seen since the start. */
  #played = false;
  #waitS: number | null = null;
  /** When the session stops waiting. */
  #deadline: Millis | null = null;
  #unreachable = false;
  /** Attachments closed for breaking the protocol. */
  #misunderstandings = 0;
  /** Closed as ended; the reason is asked for. */
  #asksWhy = false;
  /** Everything was full, and it is asked whether this player plays elsewhere. */
  #full: Answer<Created> | null = null;
  #last: Stored | null = null;
  /** The session was made by this start: if it is over, that is told, and no other one made. */
  #fresh = false;
  /** Played elsewhere: `start` takes it back. */
  #takeBack: string | null = null;
  #transport: Transport = 'webtransport';
  readonly #ladder: Ladder;
  readonly #can: Abilities | undefined;
  #actions: Action[] = [];

  /** `only`: the kind of endpoint to attach to; null: the best that opens. `can`: what this browser has. */
  constructor(title: string, only: string | null = null, can?: Abilities) {
    this.#title = title;
    this.#can = can;
    this.#ladder = new Ladder(only, can);
  }

  /** Of the attachment, or of the last attempt at one. */
  get transport(): Transport {
    return this.#transport;
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** The engine itself does not answer. */
  get unreachable(): boolean {
    return this.#unreachable;
  }

  get session(): string | null {
    return this.#session?.id ?? null;
  }

  secondsLeft(now: Millis): number | null {
    if (this.#deadline === null || this.#deadline <= now) return null;
    return Math.ceil((this.#deadline - now) / 1000);
  }

  timeoutAt(): Millis | null {
    const at = Math.min(this.#attempt?.until ?? Infinity, this.#retryAt ?? Infinity, this.#tellAt ?? Infinity);
    return at === Infinity ? null : at;
  }

  handleTimeout(now: Millis): Action[] {
    if (this.#attempt !== null && now >= this.#attempt.until) {
      const { opened } = this.#attempt;
      this.#abandon(now);
      if (!opened) this.#unanswered += 1;
      this.#ladder.failed();
      this.#tryFailed(now);
      // The patience was the pause.
      if (!opened && this.#retryAt !== null) this.#retryAt = now;
    }
    if (this.#retryAt !== null && now >= this.#retryAt) this.#retry(now);
    if (this.#tellAt !== null && now >= this.#tellAt) this.#reconnecting(now);
    return this.#take();
  }

  handle(now: Millis, event: Event): Action[] {
    if ('attempt' in event && event.attempt === this.#standing?.id) this.#onStanding(now, event);
    // What an older attempt still has to say is of no interest.
    else if (!('attempt' in event) || event.attempt === this.#attempt?.id) this.#on(now, event);
    return this.#take();
  }

  #on(now: Millis, event: Event): void {
    switch (event.on) {
      case 'start':
        this.#start(now, event.own, event.last);
        break;
      case 'created':
        this.#onCreated(now, event.answer);
        break;
      case 'listed':
        this.#onListed(now, event.answer);
        break;
      case 'ticket':
        this.#onTicket(now, event.answer);
        break;
      case 'status':
        if (event.session === this.#session?.id) this.#onStatus(now, event.answer);
        break;
      case 'opened':
        this.#onOpened(now);
        break;
      case 'welcome':
        if (event.waitS > 0) this.#waitS = event.waitS;
        break;
      case 'secret':
        this.#onSecret(event.generation, event.secret);
        break;
      case 'resume':
        if (this.#session !== null) this.#session.secret = event.secret;
        break;
      case 'picture':
        this.#onPicture();
        break;
      case 'silent':
        this.#onSilent(now);
        break;
      case 'revived':
        break;
      case 'ended':
        // The close that follows tells what to do about our own rival.
        if (!this.#isRival(now, event.reason)) this.#end(event.reason, event.message);
        break;
      case 'closed':
        this.#onClosed(now, event.opened, event.code, event.reason);
        break;
      case 'online':
        if (this.#retryAt !== null) this.#retry(now);
        break;
      case 'cannot':
        this.#over('failed', event.words);
        break;
      case 'leave':
        this.#drop('wait');
        this.#state = 'idle';
        break;
      case 'end':
        if (this.#session !== null) this.#act({ do: 'delete', session: this.#session.id });
        this.#drop('end');
        this.#end('by_player', null);
        break;
    }
  }

  #start(now: Millis, own: Stored | null, last: Stored | null): void {
    if (this.#state !== 'idle' && this.#state !== 'ended' && this.#state !== 'failed') return;
    const takeBack = this.#takeBack;
    this.#reset();
    this.#last = last;
    this.#state = 'starting';
    if (takeBack !== null) {
      this.#session = { id: takeBack, endpoints: [], ticket: null, sealKey: null, secret: null };
      this.#act({ do: 'ticket', session: takeBack });
    } else if (own !== null) {
      this.#resume(now, own);
    } else if (last !== null) {
      this.#act({ do: 'list' });
    } else {
      this.#act({ do: 'create' });
    }
  }

  #resume(now: Millis, stored: Stored): void {
    // The key of a sealed attachment is gone with its page, and the secret is of no use without it.
    const secret = stored.secret === '' ? null : stored.secret;
    this.#session = { id: stored.session, endpoints: stored.endpoints, ticket: null, sealKey: null, secret };
    this.#state = 'connecting';
    // Both at once: the attach usually succeeds, and the answer is there when it does not.
    this.#attach(now);
    this.#act({ do: 'status', session: stored.session });
  }

  #onCreated(now: Millis, answer: Answer<Created>): void {
    if (this.#state !== 'starting') return;
    if (answer.ok) {
      this.#fresh = true;
      this.#use(now, answer.value);
    } else if (answer.problem === 'full' && answer.elsewhere === undefined && this.#full === null) {
      this.#full = answer;
      this.#act({ do: 'list' });
    } else {
      this.#over('failed', problemWords(answer, false));
    }
  }

  #onListed(now: Millis, answer: Answer<readonly Session[]>): void {
    if (this.#state !== 'starting') return;
    const mine = answer.ok ? answer.value.filter(({ title }) => title === this.#title) : [];
    if (this.#full !== null && !this.#full.ok) {
      const elsewhere = mine.find(({ state }) => state === 'attached');
      if (elsewhere === undefined) {
        this.#act({ do: 'create', wait: true });
        return;
      }
      this.#takeBack = elsewhere.session;
      this.#over('failed', problemWords(this.#full, true));
      return;
    }
    const waiting = mine.find(({ state }) => state === 'waiting' || state === 'ready');
    const last = this.#last;
    if (waiting === undefined) {
      this.#act({ do: 'create' });
    } else if (last?.session === waiting.session) {
      this.#resume(now, { ...last, endpoints: waiting.endpoints.length > 0 ? waiting.endpoints : last.endpoints });
    } else {
      this.#session = { id: waiting.session, endpoints: waiting.endpoints, ticket: null, sealKey: null, secret: null };
      this.#act({ do: 'ticket', session: waiting.session });
    }
  }

  #onTicket(now: Millis, answer: Answer<Created>): void {
    const open = this.#state === 'starting' || this.#state === 'connecting' || this.#state === 'reconnecting';
    if (!open || this.#attempt !== null) return;
    if (answer.ok) {
      this.#use(now, answer.value);
    } else if ((answer.problem === 'unreachable' || answer.problem === 'too-many') && this.#state === 'reconnecting') {
      // A session that does not answer is busy, or its machine is gone: its status will tell.
      this.#unreachable = answer.problem === 'unreachable';
      this.#tryFailed(now);
    } else if (answer.problem === 'unknown-session') {
      this.#gone();
    } else {
      this.#over('failed', problemWords(answer, false));
    }
  }

  #use(now: Millis, created: Created): void {
    const endpoints = created.endpoints.length > 0 ? created.endpoints : (this.#session?.endpoints ?? []);
    const { session: id, ticket, sealKey } = created;
    this.#session = { id, endpoints, ticket, sealKey: sealKey ?? null, secret: null };
    if (this.#state === 'starting') this.#state = 'connecting';
    this.#attach(now);
  }

  #attach(now: Millis): void {
    const session = this.#session;
    if (session === null) return;
    const endpoint = this.#ladder.pick(session.endpoints);
    const kindWanted = endpoint?.kind ?? '';
    const isSealed = session.sealKey !== null;
    if (isCarried(kindWanted) ? !isSealed : kindWanted === 'whep' && isSealed) {
      // Whoever carries the packets gets nothing that opens an attachment in the clear; a call takes nothing else.
      session.ticket = null;
      session.secret = null;
      session.sealKey = null;
    }
    const credential =
      session.secret !== null
        ? `resume=${encodeURIComponent(session.secret)}`
        : session.ticket !== null
          ? `ticket=${encodeURIComponent(session.ticket)}`
          : null;
    this.#retryAt = null;
    if (credential === null || (endpoint === undefined && session.endpoints.length === 0)) {
      const sealed = isCarried(kindWanted) || session.sealKey !== null;
      this.#act({ do: 'ticket', session: session.id, ...(sealed ? { sealed } : {}) });
      return;
    }
    if (endpoint === undefined || !isTransport(endpoint.kind)) {
      this.#over('failed', this.#can === undefined ? NO_TRANSPORT : noWayWords(this.#can));
      return;
    }
    // A ticket is good once.
    session.ticket = null;
    this.#attempts += 1;
    this.#attempt = { id: this.#attempts, opened: false, until: now + this.#patience() };
    const { kind, url, certSha256, iceServers = [] } = endpoint;
    // Its own checks and handshakes take some round trips more.
    if (kind === 'whep') this.#attempt.until = now + CALL_MS;
    this.#transport = kind;
    const race = this.#standing !== null;
    this.#act({
      do: 'attach',
      attempt: this.#attempts,
      kind,
      url: withCredential(url, credential),
      certSha256,
      race,
      ...(kind === 'whep' ? { iceServers } : {}),
      ...(session.sealKey === null ? {} : { seal: { session: session.id, hostKey: session.sealKey } }),
    });
  }

  /** A first attach gets more: nothing says yet that the line was cut, and a ticket is good once. */
  #patience(): Millis {
    const step = this.#unanswered + (this.#played ? 0 : 1);
    return PATIENCE[step % PATIENCE.length] ?? 0;
  }

  #onOpened(now: Millis): void {
    if (this.#attempt === null) return;
    this.#attempt.opened = true;
    this.#attempt.until = now + PICTURE_MS;
    this.#standing = null;
    this.#unreachable = false;
  }

  #onSecret(generation: number, secret: string): void {
    if (this.#session === null) return;
    this.#session.secret = secret;
    const { id, endpoints } = this.#session;
    this.#act({ do: 'save', stored: { session: id, secret: this.#session.sealKey === null ? secret : '', endpoints } });
    this.#act({ do: 'secretStored', generation });
  }

  #onPicture(): void {
    if (this.#attempt !== null) this.#attempt.until = Infinity;
    this.#played = true;
    this.#tries = 0;
    this.#unanswered = 0;
    this.#deadline = null;
    this.#tellAt = null;
    this.#state = 'playing';
  }

  /** Another attachment is tried at once; this one is kept, for the path may come back by itself. */
  #onSilent(now: Millis): void {
    if (this.#attempt === null) return;
    if (!this.#played) {
      this.#abandon(now);
      this.#tryFailed(now);
      return;
    }
    this.#standing = { id: this.#attempt.id, transport: this.#transport, rung: this.#ladder.rung };
    this.#attempt = null;
    if (this.#state === 'playing') this.#tellAt = now + TELL_MS;
    this.#retry(now);
  }

  /** What the attachment says that fell silent. */
  #onStanding(now: Millis, event: Event): void {
    const standing = this.#standing;
    if (standing === null) return;
    if (event.on === 'revived') {
      this.#abandon(now);
      this.#standing = null;
      this.#attempt = { id: standing.id, opened: true, until: Infinity };
      this.#transport = standing.transport;
      this.#ladder.goBack(standing.rung);
      this.#retryAt = null;
      this.#unreachable = false;
      this.#onPicture();
    } else if (event.on === 'ended') {
      if (event.reason !== 'taken_over') this.#end(event.reason, event.message);
    } else if (event.on === 'closed') {
      this.#standing = null;
      // Its host has said why, and no other attachment changes that. A takeover may be our own attempt's, on its way to open.
      if (event.code === CODE.ended || event.code === CODE.gaveWay) {
        this.#abandon(now);
        this.#retryAt = null;
        this.#onClosed(now, true, event.code, event.reason);
      }
    }
  }

  /** It was an attempt of ours, given up too late, that took the session over. */
  #isRival(now: Millis, reason: string): boolean {
    return reason === 'taken_over' && now < this.#rivalUntil;
  }

  /** Gives the attempt up, if there is one. */
  #abandon(now: Millis): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null) return;
    this.#rivalUntil = now + RIVAL_MS;
    if (this.#standing === null) this.#act({ do: 'detach', leave: 'abandon' });
    else this.#act({ do: 'detach', leave: 'abandon', only: attempt.id });
  }

  #onClosed(now: Millis, opened: boolean, code: number | null, reason: string): void {
    this.#attempt = null;
    if (!opened) {
      this.#ladder.failed();
      this.#tryFailed(now);
      return;
    }
    switch (code) {
      case CODE.ended:
        this.#asksWhy = true;
        if (this.#session !== null) this.#act({ do: 'status', session: this.#session.id });
        break;
      case CODE.takenOver:
        if (this.#isRival(now, 'taken_over')) this.#lost(now);
        else this.#end('taken_over', null);
        break;
      case CODE.gaveWay:
        this.#end('gave_way', null);
        break;
      case CODE.protocol:
        this.#misunderstandings += 1;
        if (/version/i.test(reason)) this.#over('failed', VERSION_MISMATCH);
        else if (this.#misunderstandings >= MISUNDERSTANDINGS_MAX) this.#over('failed', PROTOCOL_BROKEN);
        else this.#lost(now);
        break;
      default:
        this.#lost(now);
    }
  }

  /** Was attached, and is no more. */
  #lost(now: Millis): void {
    if (!this.#played) {
      this.#tryFailed(now);
      return;
    }
    this.#reconnecting(now);
    // The first attempt comes at once; if that is cut off too, the next ones wait.
    this.#tries += 1;
    if (this.#tries === 1) this.#retry(now);
    else this.#retryAt = now + backoff(this.#tries);
  }

  #reconnecting(now: Millis): void {
    this.#tellAt = null;
    if (this.#state !== 'reconnecting' && this.#waitS !== null) this.#deadline = now + 1000 * this.#waitS;
    this.#state = 'reconnecting';
  }

  #tryFailed(now: Millis): void {
    this.#tries += 1;
    if (!this.#played && this.#tries >= FIRST_TRIES) {
      this.#over('failed', this.#unreachable ? problemWords(UNREACHABLE, false) : MEDIA_UNREACHABLE);
      return;
    }
    this.#retryAt = now + backoff(this.#tries);
  }

  #retry(now: Millis): void {
    const session = this.#session;
    this.#retryAt = null;
    if (session === null || this.#attempt !== null) return;
    this.#act({ do: 'status', session: session.id });
    this.#attach(now);
  }

  #onStatus(now: Millis, answer: Answer<Session>): void {
    if (!answer.ok) {
      this.#unreachable = answer.problem === 'unreachable';
      if (this.#asksWhy) this.#end('ended', null);
      else if (answer.problem === 'unknown-session') this.#gone();
      return;
    }
    const { state, reason, message, waitLeft, endpoints } = answer.value;
    this.#unreachable = false;
    if (this.#session !== null && endpoints.length > 0) this.#session.endpoints = endpoints;
    if (state === 'ended' || this.#asksWhy) {
      if (this.#state === 'connecting' && !this.#played && !this.#fresh && !this.#asksWhy) this.#gone();
      else this.#end(reason ?? 'ended', message);
      return;
    }
    if (this.#state !== 'reconnecting' && this.#state !== 'connecting') return;
    if (waitLeft !== null && state === 'waiting') this.#deadline = now + 1000 * waitLeft;
    this.#mendSecret(now, state);
  }

  /** The engine answers and the attach does not succeed: the secret is stale, or somebody else has the session. */
  #mendSecret(now: Millis, state: Session['state']): void {
    // Silence says nothing of the secret.
    const refused = this.#tries - this.#unanswered;
    if (this.#session?.secret == null || refused < STALE_TRIES || this.#attempt?.opened === true) return;
    if (state === 'attached' && refused >= ELSEWHERE_TRIES && this.#standing === null) {
      this.#end('taken_over', null);
    } else if (state === 'waiting' || state === 'ready') {
      this.#abandon(now);
      this.#session.secret = null;
      this.#attach(now);
    }
  }

  /** The engine does not know the session, or it ended while nobody looked. */
  #gone(): void {
    const session = this.#session;
    if (session !== null) this.#act({ do: 'forget', session: session.id, everywhere: true });
    if (this.#played || this.#fresh) {
      this.#end('engine_restarted', null);
      return;
    }
    // Nothing was seen of it in this page: a fresh one is what the player wants.
    this.#drop('abandon');
    this.#reset();
    this.#state = 'starting';
    this.#act({ do: 'create' });
  }

  #end(reason: string, message: string | null): void {
    const session = this.#session;
    const elsewhere = reason === 'taken_over';
    this.#over('ended', endWords(reason, message));
    if (session === null) return;
    this.#takeBack = elsewhere ? session.id : null;
    this.#act({ do: 'forget', session: session.id, everywhere: !elsewhere });
  }

  #over(state: 'ended' | 'failed', words: EndWords): void {
    const takeBack = this.#takeBack;
    this.#drop('abandon');
    this.#reset();
    this.#takeBack = words.canTakeBack ? takeBack : null;
    this.#state = state;
    this.#act({ do: 'over', state, words });
  }

  #drop(leave: 'wait' | 'end' | 'abandon'): void {
    if (this.#attempt !== null || this.#standing !== null) this.#act({ do: 'detach', leave });
    this.#attempt = null;
    this.#standing = null;
    this.#retryAt = null;
    this.#tellAt = null;
  }

  #reset(): void {
    this.#session = null;
    this.#attempt = null;
    this.#standing = null;
    this.#tellAt = null;
    this.#rivalUntil = -Infinity;
    this.#tries = 0;
    this.#unanswered = 0;
    this.#retryAt = null;
    this.#played = false;
    this.#waitS = null;
    this.#deadline = null;
    this.#unreachable = false;
    this.#asksWhy = false;
    this.#fresh = false;
    this.#misunderstandings = 0;
    this.#full = null;
    this.#last = null;
    this.#takeBack = null;
  }

  #act(action: Action): void {
    this.#actions.push(action);
  }

  #take(): Action[] {
    return this.#actions.splice(0);
  }
}

function backoff(tries: number): Millis {
  return BACKOFF[Math.min(tries, BACKOFF.length) - 1] ?? 0;
}

const CODE = { ended: 1, takenOver: 2, protocol: 3, gaveWay: 4 } as const;
const UNREACHABLE = { problem: 'unreachable', status: 0, detail: '', retryAfterS: null };
/** After the first, second… attempt that was refused or broke. */
const BACKOFF: readonly Millis[] = [200, 500, 1000, 1000, 1500, 2000];
/**
 * How long the first, second… attempt may take to open. QUIC doubles the pause before each repeat of its first packet, so
 * that an attempt begun while the line was cut notices late that it is back, and a fresh one at once. A slow line, which
 * takes three round trips to open, needs the longer ones. Then from the start again: a long cut must not make it slow.
 */
const PATIENCE: readonly Millis[] = [700, 1_000, 1_500, 2_500, 4_000];
/** A worker that was held up may close a stale attachment so; what happens again and again is a fault. */
const MISUNDERSTANDINGS_MAX = 3;
const CALL_MS: Millis = 6_000;
const PICTURE_MS: Millis = 5_000;
/** A stall that is over by then is not worth a word: with the 300 ms until it is noticed, a second. */
const TELL_MS: Millis = 700;
/** A host that answers an attempt later than this has lost it. */
const RIVAL_MS: Millis = 5_000;
/** Before a first picture there is nothing to hold on to. */
const FIRST_TRIES = 4;
const STALE_TRIES = 2;
const ELSEWHERE_TRIES = 4;

