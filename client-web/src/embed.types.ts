/**
 * `window.firstlight`: the page for other scripts, versioned and published as `/assets/firstlight-1.d.ts`.
 *
 * Version 1 only grows. A field that changes its meaning or goes makes it version 2, in a file of its own.
 */
import type { Player, PlayerAudio, PlayerEvents, PlayerInput, PlayerState, Rect, Sample, Stats } from './player';

export type { Player, PlayerAudio, PlayerEvents, PlayerInput, PlayerState, Rect, Sample, Stats };

export type FirstlightEvent = keyof PlayerEvents;

export type Firstlight = {
  readonly version: 1;
  /** `idle` on pages that play nothing. */
  readonly state: PlayerState;
  /** Id of the title that this page plays; null on the library page. */
  readonly title: string | null;
  /** Id of the session, once there is one; no secret. */
  readonly session: string | null;
  /** Figures of the stream; null on pages that play nothing. */
  stats(): Stats | null;
  /** Calls `fn` on every such event, on whatever page this tab is; returns how to stop that. */
  on<K extends FirstlightEvent>(event: K, fn: (value: PlayerEvents[K]) => void): () => void;
  /** Presses the play button. */
  start(): Promise<void>;
  /** Goes away; the session waits for its player. */
  leave(): void;
  /** Ends the session. */
  end(): Promise<void>;
  /** Reports the luma of a part of every decoded picture, until the function that it returns is called. */
  observe(rect: Rect, fn: (sample: Sample) => void): () => void;
  /** Keys, buttons and movement, as if from the player; null on pages that play nothing. */
  readonly input: PlayerInput | null;
  /** Volume and mute; null on pages that play nothing. */
  readonly audio: PlayerAudio | null;
};

declare global {
  // A property of the page's global object, for scripts that do not import anything.
  var firstlight: Firstlight;
}
