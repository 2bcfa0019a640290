/** A Player without an engine: it draws a moving picture, and tests and the dev page drive what happens to it. */
import type { EndWords, PadState, Player, PlayerEvents, PlayerOptions, PlayerState } from '../src/player';
import { STAGES, type Dist, type StageName, type Stats } from '../src/stats';

export type InputCall = readonly [name: string, ...values: readonly (number | boolean | string)[]];

type Listeners = { [K in keyof PlayerEvents]: Set<(value: PlayerEvents[K]) => void> };

export class FakePlayer implements Player {
  readonly options: PlayerOptions;
  /** What the page sent, in order. */
  readonly sent: InputCall[] = [];
  readonly calls: string[] = [];
  readonly pasted: string[] = [];
  state: PlayerState = 'idle';
  session: string | null = null;
  readonly audio = {
    muted: false,
    volume: 1,
    blocked: false,
    unlock: async (): Promise<void> => {
      this.calls.push('unlock');
      this.audio.blocked = false;
      this.emit('audioBlocked', false);
      await Promise.resolve();
    },
  };
  readonly input = {
    key: (code: number, down: boolean): void => this.#sent('key', code, down),
    button: (n: number, down: boolean): void => this.#sent('button', n, down),
    moveTo: (x: number, y: number): void => this.#sent('moveTo', x, y),
    moveBy: (dx: number, dy: number): void => this.#sent('moveBy', dx, dy),
    wheel: (dx: number, dy: number): void => this.#sent('wheel', dx, dy),
    touch: (contact: number, phase: string, x: number, y: number): void => this.#sent('touch', contact, phase, x, y),
    layout: (name: string): void => this.#sent('layout', name),
    text: (text: string): void => this.#sent('text', text),
    pad: ({ pad, plugged, buttons }: PadState): void => this.#sent('pad', pad, plugged, buttons),
    setFocused: (focused: boolean): void => this.#sent('setFocused', focused),
    releaseAll: (): void => this.#sent('releaseAll'),
    paste: (text: string): Promise<boolean> => {
      this.pasted.push(text);
      return Promise.resolve(true);
    },
  };
  readonly #listeners: Listeners = {
    state: new Set(),
    stats: new Set(),
    ended: new Set(),
    failed: new Set(),
    reconnecting: new Set(),
    queued: new Set(),
    cursor: new Set(),
    cursorMoved: new Set(),
    pointerMode: new Set(),
    gamepads: new Set(),
    rumble: new Set(),
    text: new Set(),
    touch: new Set(),
    clipboard: new Set(),
    copied: new Set(),
    audioBlocked: new Set(),
    size: new Set(),
  };

  constructor(options: PlayerOptions) {
    this.options = options;
  }

  on<K extends keyof PlayerEvents>(event: K, fn: (value: PlayerEvents[K]) => void): () => void {
    this.#listeners[event].add(fn);
    return () => this.#listeners[event].delete(fn);
  }

  emit<K extends keyof PlayerEvents>(event: K, value: PlayerEvents[K]): void {
    for (const listener of this.#listeners[event]) listener(value);
  }

  become(state: PlayerState): void {
    this.state = state;
    this.emit('state', state);
  }

  over(state: 'ended' | 'failed', words: EndWords): void {
    this.become(state);
    this.emit(state, words);
  }

  async start(): Promise<void> {
    this.calls.push('start');
    this.become('starting');
    await Promise.resolve();
  }

  goFar(): void {
    this.calls.push('goFar');
  }

  leave(): void {
    this.calls.push('leave');
    this.become('idle');
  }

  async end(): Promise<void> {
    this.calls.push('end');
    this.over('ended', {
      reason: 'by_player',
      title: 'You ended the game',
      message: 'Its place is free for somebody else.',
      canRestart: true,
      canTakeBack: false,
    });
    await Promise.resolve();
  }

  close(): void {
    this.calls.push('close');
  }

  observe(): () => void {
    return () => undefined;
  }

  stats(): Stats {
    return fakeStats(this.state);
  }

  #sent(...call: InputCall): void {
    this.sent.push(call);
  }
}

/** Milliseconds per stage, as a good home line gives them. */
const TYPICAL: Readonly<Record<StageName, number>> = {
  input: 3.1,
  inject: 0.3,
  app: 9.4,
  capture: 0.9,
  convert: 0.6,
  encode: 4.8,
  packetize: 0.1,
  pace: 1.2,
  network: 5.9,
  reassemble: 0.3,
  decode: 2.1,
  present: 6.4,
  unattributed: 0.4,
};

export function fakeStats(state: PlayerState = 'playing', wobble = Math.random): Stats {
  const dist = (p50: number): Dist => ({ p50, p95: p50 * 1.6, p99: p50 * 2.1, max: p50 * 3, mean: p50, n: 600 });
  const vary = (value: number): number => value * (0.85 + 0.3 * wobble());
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, dist(vary(TYPICAL[stage]))])) as Record<StageName, Dist>;
  const sum = (names: readonly StageName[]): number => names.reduce((total, name) => total + stages[name].p50, 0);
  return {
    version: 1,
    state,
    transport: 'webtransport',
    codec: 'avc1.42E02A',
    decoder: 'software',
    encoder: 'software (libx264)',
    path: 'track',
    width: 1280,
    drawn_width: 1280,
    drawn_height: 720,
    height: 720,
    fps: { received: 60, decoded: 60, presented: 59 },
    bitrate_bps: vary(7_400_000),
    target_bps: 9_000_000,
    rtt_ms: vary(11),
    clock: { offset_ms: 0.2, error_ms: 0.4 },
    frame_clock: { state: 'locked', refresh_hz: 60, wait_ms: dist(3.1) },
    frames: { received: 18_342, decoded: 18_340, presented: 18_101, lost: 2, late: 1, dropped: 0, idr: 1, recovery: 3, repeated_packets: 41 },
    packets: { received: 214_902, lost: 44, duplicate: 3, malformed: 0 },
    stages_ms: stages,
    click_stages_ms: stages,
    glass_to_glass_ms: dist(sum(STAGES.slice(3))),
    glass_error_ms: 0.8,
    click_to_photon_ms: dist(sum(STAGES)),
    start: null,
    first_picture_ms: 231,
    frozen_ms_total: 120,
    audio: { state: 'playing', buffer_ms: vary(28), underruns: 0, concealed: 4, av_offset_ms: vary(14), level: 0.2 },
    input: { events: 2210, unacknowledged: 0, gamepads: 0, ack_ms: dist(vary(9)) },
  };
}
