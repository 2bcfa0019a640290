/**
 * Carries out what the machine says: joins the API, the worker, the sound, the screen and the page's events.
 *
 * ```text
 * page -> Machine -> actions -> api, worker, store
 *            ^                    |
 *            +---- events --------+
 * ```
 */
import { type Answer, type Api, type Created, type IceServer, createAnswer } from '../api';
import { SoundOutput } from '../audio/output';
import { type Keypair, attachmentId, makeKeypair } from '../seal/keypair';
import { type Stats, STAGES } from '../stats';
import { type Micros, epoch, happenedAt, now } from '../time';
import type { FromWorker, Measured, StartParts, StartSoFar, ToWorker } from '../worker/messages';
import { type InputEvent, TEXT_BYTES_MAX } from '../wire';
import { Emitter } from './emitter';
import { Call, canCall } from '../rtc/call';
import { type Action, type Event, Machine } from './machine';
import { Played } from './played';
import { Screen } from './screen';
import { Viewport } from './viewport';
import type { Taken } from './spare';
import type { Store, Stored } from './store';
import type { EndWords, Player, PlayerAudio, PlayerEvents, PlayerInput, PlayerOptions, PlayerState, QueuePlace, Rect, Sample } from './types';
import { type Abilities, NO_CODEC, missingWords } from './words';

export type Wiring = {
  readonly api: Api;
  readonly store: Store;
  readonly worker: () => Taken;
  /** Whether this tab may take the session up: no other one holds it. */
  readonly claim: (session: string) => Promise<boolean>;
};

export class StreamPlayer implements Player {
  readonly input: PlayerInput;
  readonly audio: PlayerAudio;
  readonly #options: PlayerOptions;
  readonly #wiring: Wiring;
  readonly #emitter = new Emitter<PlayerEvents>();
  readonly #played = new Played();
  readonly #machine: Machine;
  readonly #sound: SoundOutput;
  readonly #abort = new AbortController();
  /** Of the wait in the queue, while there is one: he goes; he takes what is farther away. */
  #queue: { readonly left: AbortController; readonly far: AbortController } | null = null;
  #worker: Worker | null = null;
  #screen: Screen | null = null;
  #viewport: Viewport | null = null;
  #state: PlayerState = 'idle';
  #measured: Measured | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #countdown: ReturnType<typeof setInterval> | null = null;
  #startedAt: number | null = null;
  #firstPictureMs: number | null = null;
  /** When the ticket of a session that this start made was there. */
  #placedAt: Micros | null = null;
  #parked = false;
  #started: StartParts | null = null;
  #clickedAt: number | null;
  #observers = new Map<number, (sample: Sample) => void>();
  #nextObserver = 1;
  #rects = new Map<number, Rect>();
  #focused = true;
  #layout: string | null = null;
  #ending: Promise<unknown> = Promise.resolve();
  #undecodable = false;
  #call: Call | null = null;
  #callAttempt = 0;
  /** The attachment is a call. */
  #overCall = false;
  #keypair: Promise<Keypair> | null = null;
  /** The worker makes the session already; until `start` what it says has to wait. */
  #begun: FromWorker[] | null = null;
  #closed = false;
  /** What was pasted and is not known to be there, by its number. */
  readonly #pastes = new Map<number, (there: boolean) => void>();
  #lastPaste = 0;

  constructor(options: PlayerOptions, wiring: Wiring) {
    this.#options = options;
    this.#wiring = wiring;
    this.#clickedAt = options.clickedAt ?? null;
    this.#machine = new Machine(options.title, options.transport ?? null, abilities());
    this.#sound = new SoundOutput({
      onBlocked: (blocked) => this.#emitter.emit('audioBlocked', blocked),
      onPort: (port) => this.#post({ type: 'sound', port }, [port]),
    });
    this.input = this.#makeInput();
    this.audio = makeAudio(this.#sound);
    const { signal } = this.#abort;
    addEventListener('pagehide', () => this.#hide(), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && this.#run({ on: 'online' }), { signal });
    addEventListener('online', () => this.#run({ on: 'online' }), { signal });
    document.addEventListener('visibilitychange', () => this.#tellVisibility(), { signal });
    // Before it is asked for: the worker is up when the player clicks.
    if (this.#missing() === null) this.#open();
  }

  get state(): PlayerState {
    return this.#state;
  }

  get session(): string | null {
    return this.#machine.session;
  }

  on<K extends keyof PlayerEvents>(event: K, fn: (value: PlayerEvents[K]) => void): () => void {
    return this.#emitter.on(event, fn);
  }

  async start(): Promise<void> {
    if (this.#closed) return;
    this.#startedAt = this.#clickedAt ?? performance.now();
    this.#clickedAt = null;
    this.#firstPictureMs = null;
    this.#placedAt = null;
    this.#started = null;
    const missing = this.#missing();
    if (missing !== null) {
      this.#run({ on: 'cannot', words: missing });
      return;
    }
    const { store, claim } = this.#wiring;
    const own = this.#options.resume ? store.own() : null;
    const last = this.#options.resume ? store.last() : null;
    // What makes the session wait for nothing here: the request is on its way before the sound is opened.
    if (own === null) this.#run({ on: 'start', own: null, last });
    this.#catchUp();
    this.#sound.start();
    if (own === null) return;
    const mine = (await claim(own.session)) ? own : null;
    this.#run({ on: 'start', own: mine, last });
  }

  goFar(): void {
    this.#queue?.far.abort();
  }

  leave(): void {
    this.#queue?.left.abort();
    this.#run({ on: 'leave' });
  }

  async end(): Promise<void> {
    this.#run({ on: 'end' });
    await this.#ending;
  }

  close(): void {
    if (this.#closed) return;
    this.leave();
    this.#closed = true;
    this.#abort.abort();
    this.#sound.close();
    this.#screen?.close();
    this.#viewport?.close();
    this.#call?.close();
    // The worker gets to send its goodbye before it goes.
    const worker = this.#worker;
    setTimeout(() => worker?.terminate(), GOODBYE_MS);
    this.#worker = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#countdown !== null) clearInterval(this.#countdown);
    this.#emitter.clear();
  }

  observe(rect: Rect, fn: (sample: Sample) => void): () => void {
    const id = this.#nextObserver;
    this.#nextObserver += 1;
    this.#observers.set(id, fn);
    this.#rects.set(id, rect);
    this.#post({ type: 'observe', id, rect });
    return () => {
      this.#observers.delete(id);
      this.#rects.delete(id);
      this.#post({ type: 'unobserve', id });
    };
  }

  stats(): Stats {
    return {
      version: 1,
      state: this.#state,
      transport: this.#machine.transport === 'whep' ? 'webrtc' : this.#machine.transport,
      ...(this.#measured ?? NOTHING_MEASURED),
      first_picture_ms: this.#firstPictureMs,
      start: this.#started === null ? null : { parked: this.#parked, ...this.#started },
      audio: this.#sound.stats(),
    };
  }

  #missing(): EndWords | null {
    if (this.#undecodable) return NO_CODEC;
    return missingWords(abilities());
  }

  /** The worker and the screen live as long as the player: a track's end and a canvas can be given away only once. */
  #open(): void {
    const { worker, said, begun } = this.#wiring.worker();
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (this.#begun === null) this.#onWorker(data);
      else this.#begun.push(data);
    };
    this.#worker = worker;
    if (begun !== null) this.#begun = said;
    else for (const message of said) this.#onWorker(message);
    const { video, canvas } = this.#options;
    this.#screen = new Screen(video, canvas, (timestamp, at, refresh, gap) =>
      this.#post({ type: 'presented', timestamp, at, refresh, gap }),
    );
    const { message, transfer } = this.#screen.sink;
    this.#post(message, transfer);
    this.#viewport = new Viewport([video, canvas], (size) => this.#post({ type: 'viewport', ...size }));
    this.#post({ type: 'focus', focused: this.#focused });
    if (this.#layout !== null) this.#post({ type: 'layout', name: this.#layout });
    for (const [id, rect] of this.#rects) this.#post({ type: 'observe', id, rect });
    if (document.hidden) this.#tellVisibility();
  }

  /** Hears what the worker has done by itself, in order. */
  #catchUp(): void {
    const said = this.#begun ?? [];
    this.#begun = null;
    for (const message of said) this.#onWorker(message);
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #run(event: Event): void {
    if (this.#closed) return;
    this.#carryOut(this.#machine.handle(performance.now(), event));
  }

  #carryOut(actions: readonly Action[]): void {
    this.#setState(this.#machine.state);
    for (const action of actions) this.#do(action);
    const at = this.#machine.timeoutAt();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (at === null) return;
    const wait = Math.max(at - performance.now(), 0);
    this.#timer = setTimeout(() => this.#carryOut(this.#machine.handleTimeout(performance.now())), wait);
  }

  #create(wait: boolean): Promise<Answer<Created>> {
    const { api } = this.#wiring;
    if (!wait) return api.create(this.#options.title);
    const queue = { left: new AbortController(), far: new AbortController() };
    this.#queue = queue;
    const told = (place: QueuePlace): void => this.#emitter.emit('queued', place);
    return api.wait(this.#options.title, told, queue.left.signal, queue.far.signal).finally(() => {
      if (this.#queue === queue) this.#queue = null;
    });
  }

  /** The page goes: a session waits for its player, and a place in the queue is for the next one. */
  #hide(): void {
    if (this.#queue === null) this.#post({ type: 'detach', leave: 'wait' });
    else this.leave();
  }

  #do(action: Action): void {
    const { api, store } = this.#wiring;
    switch (action.do) {
      case 'create':
        // The worker is at it, and tells.
        if (this.#begun !== null && action.wait !== true) break;
        void this.#create(action.wait === true).then((answer) => this.#onCreated(answer, now()));
        break;
      case 'list':
        void api.sessions().then((answer) => this.#run({ on: 'listed', answer }));
        break;
      case 'ticket':
        void this.#askTicket(action.session, action.sealed === true);
        break;
      case 'status':
        void api.session(action.session).then((answer) => this.#run({ on: 'status', session: action.session, answer }));
        break;
      case 'attach':
        this.#attach(action);
        break;
      case 'detach':
        this.#post({ type: 'detach', leave: action.leave, only: action.only });
        break;
      case 'delete':
        this.#account(action.session);
        this.#ending = api.end(action.session);
        break;
      case 'save':
        this.#save(action.stored);
        break;
      case 'secretStored':
        this.#post({ type: 'secretStored', generation: action.generation });
        break;
      case 'forget':
        store.forget(action.session, action.everywhere);
        break;
      case 'over':
        this.#emitter.emit(action.state, action.words);
        break;
    }
  }

  /** What it was like here is known before the host is asked. */
  #account(session: string): void {
    const account = this.#played.account(session, performance.now(), (this.#measured ?? NOTHING_MEASURED).frames);
    if (account !== null) void this.#wiring.api.account(session, account);
  }

  #onCreated(answer: Answer<Created>, at: Micros): void {
    if (answer.ok) this.#played.begin(answer.value.session, (this.#measured ?? NOTHING_MEASURED).frames);
    this.#placedAt = at;
    this.#parked = answer.ok && answer.value.parked === true;
    this.#run({ on: 'created', answer });
  }

  #save(stored: Stored): void {
    this.#wiring.store.save(stored);
    void this.#wiring.claim(stored.session);
  }

  #onWorker(message: FromWorker): void {
    switch (message.type) {
      case 'created':
        this.#onCreated(createAnswer(message.raw), message.at);
        break;
      case 'opened':
        this.#onOpened(message.attempt);
        this.#run({ on: 'opened', attempt: message.attempt });
        break;
      case 'welcome':
        this.#sound.wanted = message.welcome.audio;
        this.#emitter.emit('pointerMode', message.welcome.pointer);
        this.#emitter.emit('gamepads', message.welcome.gamepads);
        this.#emitter.emit('text', message.welcome.text);
        this.#emitter.emit('touch', message.welcome.touch);
        this.#emitter.emit('clipboard', message.welcome.clipboard);
        this.#run({ on: 'welcome', attempt: message.attempt, waitS: message.welcome.waitS });
        break;
      case 'secret': {
        const { attempt, generation, secret } = message;
        this.#run({ on: 'secret', attempt, generation, secret });
        break;
      }
      case 'picture':
        if (this.#startedAt !== null) {
          this.#firstPictureMs ??= message.at / 1000 - performance.timeOrigin - this.#startedAt;
        }
        this.#run({ on: 'picture', attempt: message.attempt });
        break;
      case 'started':
        this.#started = message.start;
        break;
      case 'silent':
      case 'revived':
        this.#run({ on: message.type, attempt: message.attempt });
        break;
      case 'ended': {
        const { attempt, reason, message: words } = message;
        this.#run({ on: 'ended', attempt, reason, message: words });
        break;
      }
      case 'closed': {
        const { attempt, opened, code, reason } = message;
        this.#run({ on: 'closed', attempt, opened, code, reason });
        break;
      }
      case 'unsupported':
        this.#undecodable = true;
        if (this.#state !== 'idle') this.#run({ on: 'cannot', words: NO_CODEC });
        break;
      case 'size':
        this.#emitter.emit('size', { width: message.width, height: message.height });
        break;
      case 'cursor':
        this.#emitter.emit('cursor', message.cursor);
        break;
      case 'cursorMoved':
        this.#emitter.emit('cursorMoved', { x: message.x, y: message.y });
        break;
      case 'copied':
        this.#emitter.emit('copied', message.copied);
        break;
      case 'pasted':
        this.#pastes.get(message.serial)?.(true);
        break;
      case 'rumble':
        this.#emitter.emit('rumble', message.rumble);
        break;
      case 'sample':
        this.#observers.get(message.id)?.(message.sample);
        break;
      case 'measured':
        this.#measured = message.measured;
        this.#sound.align(message.measured.clock.offset_ms, message.measured.glass_to_glass_ms.p50);
        this.#emitter.emit('stats', this.stats());
        break;
    }
  }

  #attach(action: Extract<Action, { do: 'attach' }>): void {
    const { attempt, kind, url, certSha256, race, seal, iceServers } = action;
    const message = { type: 'attach', attempt, kind, url, certSha256, race, ...this.#start() } as const;
    if (iceServers !== undefined) this.#attachCall(action, iceServers);
    else if (seal === undefined) this.#post(message);
    else void this.#attachSealed(message, seal);
  }

  /** The key is there: the ticket names it. */
  async #attachSealed(message: Extract<ToWorker, { type: 'attach' }>, seal: { session: string; hostKey: string }): Promise<void> {
    const keys = await this.#keys();
    const attachment = attachmentId();
    const url = `${message.url}&attach=${attachment}`;
    this.#post({ ...message, url, seal: { ...seal, ...keys, attachment } });
  }

  #attachCall(action: Extract<Action, { do: 'attach' }>, iceServers: readonly IceServer[]): void {
    const { attempt, kind, url, certSha256, race } = action;
    this.#call?.close();
    const { port1, port2 } = new MessageChannel();
    // The page's own origin: there may be a proxy in front that the engine does not know of.
    const { pathname, search } = new URL(url, location.href);
    const call = new Call({ url: `${pathname}${search}`, iceServers }, port1, {
      onVideo: (track) => this.#screen?.showCall(track, (shown) => this.#post({ type: 'shown', ...shown })),
      onAudio: (track) => this.#sound.call(track),
      onResume: (secret) => this.#run({ on: 'resume', attempt, secret }),
      onCounts: (counts) => this.#post({ type: 'counted', attempt, counts }),
    });
    this.#call = call;
    this.#callAttempt = attempt;
    this.#post({ type: 'attach', attempt, kind, url, certSha256, race, port: port2, ...this.#start() }, [port2]);
  }

  async #askTicket(session: string, sealed: boolean): Promise<void> {
    const key = sealed ? (await this.#keys()).publicText : undefined;
    this.#run({ on: 'ticket', answer: await this.#wiring.api.ticket(session, key) });
  }

  #keys(): Promise<Keypair> {
    this.#keypair ??= makeKeypair();
    return this.#keypair;
  }

  /** Of a session that this start made: the worker traces it to the first picture. */
  #start(): { start?: StartSoFar } {
    const clickedAt = epoch(this.#startedAt ?? 0);
    return this.#placedAt === null ? {} : { start: { clickedAt, placedAt: this.#placedAt } };
  }

  #setState(state: PlayerState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#played.on(state, performance.now());
    this.#emitter.emit('state', state);
    if (this.#countdown !== null) clearInterval(this.#countdown);
    this.#countdown = null;
    if (state !== 'reconnecting') return;
    const tell = (): void =>
      this.#emitter.emit('reconnecting', {
        secondsLeft: this.#machine.secondsLeft(performance.now()),
        unreachable: this.#machine.unreachable,
      });
    tell();
    this.#countdown = setInterval(tell, COUNTDOWN_MS);
  }

  /** A call that another attachment replaced is over; one that opened stays. */
  #onOpened(attempt: number): void {
    this.#overCall = attempt === this.#callAttempt;
    if (this.#overCall) return;
    this.#call?.close();
    this.#call = null;
    this.#sound.call(null);
    this.#screen?.show();
  }

  #tellVisibility(): void {
    this.#post({ type: 'visibility', hidden: document.hidden });
  }

  #paste(text: string): Promise<boolean> {
    this.#lastPaste += 1;
    const serial = this.#lastPaste;
    return new Promise<boolean>((resolve) => {
      setTimeout(() => resolve(false), PASTE_MS);
      this.#pastes.set(serial, resolve);
      this.#post({ type: 'paste', serial, text });
    }).finally(() => this.#pastes.delete(serial));
  }

  #makeInput(): PlayerInput {
    const send = (event: InputEvent): void => this.#post({ type: 'input', event, at: happenedAt(handled(), now()) });
    const place = (part: number): number => Math.round(65_535 * Math.min(Math.max(part, 0), 1));
    const shift = (span: number): number => Math.min(Math.max(Math.round(span), -32_768), 32_767);
    return {
      key: (code, down) => send({ type: down ? 'keyDown' : 'keyUp', code }),
      button: (button, down) => send({ type: down ? 'buttonDown' : 'buttonUp', button }),
      moveTo: (x, y) => send({ type: 'moveTo', x: place(x), y: place(y) }),
      moveBy: (dx, dy) => {
        if (shift(dx) !== 0 || shift(dy) !== 0) send({ type: 'moveBy', dx: shift(dx), dy: shift(dy) });
      },
      wheel: (dx, dy) => {
        if (shift(dx) !== 0 || shift(dy) !== 0) send({ type: 'wheel', dx: shift(dx), dy: shift(dy) });
      },
      touch: (contact, phase, x, y) => send({ type: 'touch', contact, phase, x: place(x), y: place(y) }),
      layout: (name) => {
        this.#layout = name;
        this.#post({ type: 'layout', name });
      },
      text: (text) => {
        for (const piece of pieces(text)) send({ type: 'text', text: piece });
      },
      pad: (state) => send({ type: 'pad', state }),
      paste: (text) => this.#paste(text),
      setFocused: (focused) => {
        this.#focused = focused;
        this.#post({ type: 'focus', focused });
      },
      releaseAll: () => this.#post({ type: 'releaseAll' }),
    };
  }
}

/** The browser's event that is handled right now, whoever handles it: what the title is told happened when that did. */
function handled(): { readonly timeStamp: number } | null {
  // Deprecated for what it names in nested listeners; every listener here is called by the browser.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return globalThis.event ?? null;
}

/** As much of a text as an event carries, and so on; no character is cut. */
function pieces(text: string): string[] {
  const cut: string[] = [];
  let piece = '';
  let bytes = 0;
  for (const character of text) {
    const more = new TextEncoder().encode(character).length;
    if (bytes + more > TEXT_BYTES_MAX) {
      cut.push(piece);
      [piece, bytes] = ['', 0];
    }
    piece += character;
    bytes += more;
  }
  return piece === '' ? cut : [...cut, piece];
}

function abilities(): Abilities {
  return {
    direct: 'WebTransport' in globalThis,
    call: canCall(),
    decoder: 'VideoDecoder' in globalThis,
    secure: globalThis.isSecureContext,
  };
}

function makeAudio(sound: SoundOutput): PlayerAudio {
  return {
    get muted() {
      return sound.muted;
    },
    set muted(muted) {
      sound.muted = muted;
    },
    get volume() {
      return sound.volume;
    },
    set volume(volume) {
      sound.volume = volume;
    },
    get blocked() {
      return sound.blocked;
    },
    unlock: () => sound.unlock(),
  };
}

const NO_DIST = { p50: 0, p95: 0, p99: 0, max: 0, mean: 0, n: 0 };
const NO_STAGES = Object.fromEntries(STAGES.map((stage) => [stage, NO_DIST])) as Measured['stages_ms'];
const NOTHING_MEASURED: Measured = {
  codec: '',
  decoder: '',
  encoder: '',
  path: 'track',
  width: 0,
  height: 0,
  drawn_width: 0,
  drawn_height: 0,
  fps: { received: 0, decoded: 0, presented: 0 },
  bitrate_bps: 0,
  target_bps: 0,
  rtt_ms: 0,
  clock: { offset_ms: 0, error_ms: 0 },
  frame_clock: { state: 'off', refresh_hz: 0, wait_ms: NO_DIST },
  frames: {
    received: 0,
    decoded: 0,
    presented: 0,
    lost: 0,
    late: 0,
    dropped: 0,
    idr: 0,
    recovery: 0,
    repeated_packets: 0,
  },
  packets: { received: 0, lost: 0, duplicate: 0, malformed: 0 },
  stages_ms: NO_STAGES,
  click_stages_ms: NO_STAGES,
  glass_to_glass_ms: NO_DIST,
  glass_error_ms: 0,
  click_to_photon_ms: NO_DIST,
  frozen_ms_total: 0,
  input: { events: 0, unacknowledged: 0, gamepads: 0, ack_ms: NO_DIST },
};
/** A round trip over any playable line, and a busy title. */
const PASTE_MS = 1_000;
const COUNTDOWN_MS = 250;
const GOODBYE_MS = 200;
