/** The player as the pages see it. Everything here is on the page's thread; media is handled in a worker. */
import type { Stats } from '../stats';

export type { Stats } from '../stats';

export type PlayerState = 'idle' | 'starting' | 'connecting' | 'playing' | 'reconnecting' | 'ended' | 'failed';

/** Why it is over, in words for the player. */
export type EndWords = {
  /** A machine's word: an end reason of the control protocol in snake_case, or a problem of the API. */
  readonly reason: string;
  readonly title: string;
  readonly message: string;
  /** A new session may be started with `start()`. */
  readonly canRestart: boolean;
  /** `start()` takes the session back from where it is played. */
  readonly canTakeBack: boolean;
  /** Origin of another gateway of the fleet, where there is room: the title's page there has the same path. */
  readonly elsewhere?: string;
};

export type CursorImage = {
  readonly width: number;
  readonly height: number;
  readonly hotX: number;
  readonly hotY: number;
  /** Straight alpha, row by row. */
  readonly rgba: Uint8ClampedArray;
};

export type TouchPhase = 'up' | 'down' | 'move' | 'cancel';

/** Whether what the title copies reaches the player, and what the player pastes the title. */
export type ClipboardUse = { readonly copies: boolean; readonly pastes: boolean };

export type PointerMode = 'absolute' | 'relative' | 'both';

/** Where a player stands who waits for room. */
export type QueuePlace = {
  readonly place: number;
  readonly estimateS: number;
  /** A region farther away that would be sooner: `Player.goFar` takes it. */
  readonly sooner?: { readonly region: string; readonly rttMs: number; readonly estimateS: number };
};

export type PlayerEvents = {
  state: PlayerState;
  stats: Stats;
  ended: EndWords;
  failed: EndWords;
  /** Countdown until the session gives up waiting; null: unknown. `unreachable`: the engine itself does not answer. */
  reconnecting: { readonly secondsLeft: number | null; readonly unreachable?: boolean };
  /** Everything is full, and this player waits: 1 is next. It goes on by itself. */
  queued: QueuePlace;
  /** null: hidden by the app. */
  cursor: CursorImage | null;
  /** 0 to 1 over the picture. */
  cursorMoved: { readonly x: number; readonly y: number };
  pointerMode: PointerMode;
  /** How many the title takes; 0: none. */
  gamepads: number;
  /** The title takes text that no key stands for. */
  text: boolean;
  /** The title is played by touch: fingers are told as such. */
  touch: boolean;
  clipboard: ClipboardUse;
  /** The title copied this text; `tooLong`: or more than reaches a player. */
  copied: { readonly text: string; readonly tooLong: boolean };
  /** What a gamepad's motors are to do, in place of what they did: 0 to 1; both 0 stops them. */
  rumble: { readonly pad: number; readonly strong: number; readonly weak: number; readonly durationMs: number };
  /** The browser wants a gesture before it plays sound: call `audio.unlock()` in one. */
  audioBlocked: boolean;
  /** Of the picture as it is drawn: it may be coded smaller, and is shown as large all the same. */
  size: { readonly width: number; readonly height: number };
};

export type PlayerOptions = {
  readonly title: string;
  readonly video: HTMLVideoElement;
  readonly canvas: HTMLCanvasElement;
  /** Go on with a session of this browser, where there is one. */
  readonly resume: boolean;
  /** Attach to no other kind of endpoint; null or left out: the best that opens. */
  readonly transport?: string | null;
  /** When the player asked for it, as `Event.timeStamp`; left out: when `start()` is called. */
  readonly clickedAt?: number;
};

/** In pixels of the picture as it is drawn. */
export type Rect = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** The luma of a part of a decoded picture; of one that was coded smaller, each sample as often as it is smaller. */
export type Sample = {
  readonly frame: number;
  /** Milliseconds since the epoch, by `performance.timeOrigin + performance.now()`. */
  readonly decodedAt: number;
  readonly luma: Uint8Array;
};

/** All of a gamepad at one moment. */
export type PadState = {
  /** 0 to 3. */
  readonly pad: number;
  /** It is there; where it is not, everything else is at rest. */
  readonly plugged: boolean;
  /** Left, right: whole numbers from 0, released, to 255, pressed to the end. */
  readonly triggers: readonly number[];
  /** Bit n: button n of the browser's standard gamepad is down; 6 and 7 are the triggers. */
  readonly buttons: number;
  /** Left x, y, right x, y: whole numbers from -32768 to 32767; positive: right, down. */
  readonly sticks: readonly number[];
};

export type PlayerInput = {
  /** A Linux input event code. */
  key(code: number, down: boolean): void;
  /** 1 left, 2 middle, 3 right, 8 back, 9 forward. */
  button(n: number, down: boolean): void;
  /** 0 to 1 over the picture. */
  moveTo(x: number, y: number): void;
  /** Pixels of the picture. */
  moveBy(dx: number, dy: number): void;
  /** 120ths of a notch; positive: right, down. */
  wheel(dx: number, dy: number): void;
  /** Finger 0 to 9, 0 to 1 over the picture. `cancel`: all of them are gone, and nothing is meant by it. */
  touch(contact: number, phase: TouchPhase, x: number, y: number): void;
  /** What the player's keys are labelled with, as xkeyboard-config calls it ("de"); before, the title has a keyboard of the United States. */
  layout(name: string): void;
  /** Types text, whatever keys there are for it. */
  text(text: string): void;
  /** A gamepad is like this. */
  pad(state: PadState): void;
  /** Puts text of at most 60 KiB on the title's clipboard; false: it is not known to be there. */
  paste(text: string): Promise<boolean>;
  /** Without focus nothing is pressed, on gamepads neither. */
  setFocused(focused: boolean): void;
  releaseAll(): void;
};

export type PlayerAudio = {
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** To be called in a gesture of the player. */
  unlock(): Promise<void>;
  readonly blocked: boolean;
};

export type Player = {
  readonly state: PlayerState;
  /** Id of the session, once there is one; no secret. */
  readonly session: string | null;
  stats(): Stats;
  on<K extends keyof PlayerEvents>(event: K, fn: (value: PlayerEvents[K]) => void): () => void;
  /** Starts, restarts, or takes back. Fails in words (`failed`), not by rejection. */
  start(): Promise<void>;
  /** While waiting: what is farther away will do, and the place in the queue stays the same. */
  goFar(): void;
  /** Goes away; the session waits for its player. */
  leave(): void;
  /** Ends the session. */
  end(): Promise<void>;
  /** Gives everything back; the player is of no use after it. */
  close(): void;
  readonly input: PlayerInput;
  readonly audio: PlayerAudio;
  /** Reports the luma of a part of every decoded picture, until the function that it returns is called. */
  observe(rect: Rect, fn: (sample: Sample) => void): () => void;
};
