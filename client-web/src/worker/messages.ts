/** What the page and its worker say to each other: one typed union each way. */
import type { Raw, Request } from '../exchange';
import type { Micros } from '../time';
import type { Dist, StageName, Stats } from '../stats';
import type { ReceiverCounts } from '../receive/receiver';
import type { InputEvent } from '../wire';
import type { Transport } from '../player/ladder';
import type { Agreement } from '../seal/seal';
import type { ClipboardUse, CursorImage, PlayerEvents, PointerMode, Rect, Sample } from '../player/types';

/** What everything of an attachment is sealed with. */
export type SealWith = Agreement;

export type ToWorker =
  /** A press: make a session and attach to it. Answered by `created`, then as an attach that the page asked for. */
  | ({ readonly type: 'begin' } & Wish)
  /** Transferred. Once, before the first attach. */
  | { readonly type: 'sink'; readonly sink: { readonly track: WritableStream<VideoFrame> } | { readonly canvas: OffscreenCanvas } }
  /** Where decoded sound goes. Transferred. */
  | { readonly type: 'sound'; readonly port: MessagePort }
  /**
   * Replaces the attachment before it: at once, or with `race` when it opens, for the one before may still revive. `attempt` comes back
   * in everything that is about it.
   */
  | {
      readonly type: 'attach';
      readonly attempt: number;
      readonly kind: Transport;
      readonly seal?: SealWith | undefined;
      readonly url: string;
      readonly certSha256: readonly string[];
      readonly race?: boolean;
      /** Transferred: the other end of a call, in place of the address. */
      readonly port?: MessagePort;
      /** Of a session that this start made, until its first picture was shown. */
      readonly start?: StartSoFar;
    }
  /** `only`: that attempt; without it, all there is. */
  | { readonly type: 'detach'; readonly leave: 'wait' | 'end' | 'abandon'; readonly only?: number | undefined }
  | { readonly type: 'secretStored'; readonly generation: number }
  | { readonly type: 'input'; readonly event: InputEvent; readonly at: Micros }
  | { readonly type: 'focus'; readonly focused: boolean }
  | { readonly type: 'releaseAll' }
  | { readonly type: 'layout'; readonly name: string }
  | { readonly type: 'paste'; readonly serial: number; readonly text: string }
  | {
      readonly type: 'presented';
      readonly timestamp: number;
      readonly at: Micros;
      /** Of the screen, which took the picture; `gap`: between two refreshes before, where that was looked at. */
      readonly refresh: Micros;
      readonly gap: Micros | null;
    }
  /** Of a call: the browser showed a picture. `rtp`: its RTP timestamp. */
  | {
      readonly type: 'shown';
      readonly rtp: number;
      readonly at: Micros;
      readonly receivedAt: Micros;
      readonly decodedAt: Micros;
      readonly width: number;
      readonly height: number;
    }
  /** Of the call of this attempt: what the browser received so far. */
  | { readonly type: 'counted'; readonly attempt: number; readonly counts: ReceiverCounts }
  /** In pixels of the screen. */
  | { readonly type: 'viewport'; readonly width: number; readonly height: number }
  | { readonly type: 'visibility'; readonly hidden: boolean }
  | { readonly type: 'observe'; readonly id: number; readonly rect: Rect }
  | { readonly type: 'unobserve'; readonly id: number };

/** What `begin` asks for. */
export type Wish = {
  /** What the page would ask the engine. */
  readonly request: Request;
  readonly clickedAt: Micros;
  /** The page would attach over WebTransport. */
  readonly direct: boolean;
};

/** When the player clicked, and when the ticket was there. */
export type StartSoFar = { readonly clickedAt: Micros; readonly placedAt: Micros };

/** From the click to the first picture shown, in milliseconds: the parts sum to the whole. */
export type StartParts = {
  readonly placed_ms: number;
  readonly connected_ms: number;
  readonly first_frame_ms: number;
  readonly shown_ms: number;
  readonly total_ms: number;
};

export type Welcomed = {
  readonly session: string;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly audio: boolean;
  readonly pointer: PointerMode;
  readonly gamepads: number;
  readonly text: boolean;
  readonly touch: boolean;
  readonly clipboard: ClipboardUse;
  readonly waitS: number;
};

export type FromWorker =
  /** What came of `begin`. */
  | { readonly type: 'created'; readonly raw: Raw | null; readonly at: Micros }
  | { readonly type: 'opened'; readonly attempt: number }
  | { readonly type: 'welcome'; readonly attempt: number; readonly welcome: Welcomed }
  | { readonly type: 'secret'; readonly attempt: number; readonly generation: number; readonly secret: string }
  /** The first picture of the attachment is decoded. */
  | { readonly type: 'picture'; readonly attempt: number; readonly at: Micros }
  /** It was shown: how the start went. */
  | { readonly type: 'started'; readonly start: StartParts }
  /** Nothing comes on the attachment; it is kept. */
  | { readonly type: 'silent'; readonly attempt: number }
  /** Something came again on one that was silent. */
  | { readonly type: 'revived'; readonly attempt: number }
  | { readonly type: 'ended'; readonly attempt: number; readonly reason: string; readonly message: string }
  /** `opened` false: it never was. `code` null: it broke, or nothing came for too long. */
  | {
      readonly type: 'closed';
      readonly attempt: number;
      readonly opened: boolean;
      readonly code: number | null;
      readonly reason: string;
    }
  | { readonly type: 'unsupported'; readonly what: 'codec' | 'transport' }
  | { readonly type: 'size'; readonly width: number; readonly height: number }
  | { readonly type: 'cursor'; readonly cursor: CursorImage | null }
  | { readonly type: 'cursorMoved'; readonly x: number; readonly y: number }
  | { readonly type: 'copied'; readonly copied: PlayerEvents['copied'] }
  /** What was pasted under this number is on the title's clipboard. */
  | { readonly type: 'pasted'; readonly serial: number }
  | { readonly type: 'rumble'; readonly rumble: PlayerEvents['rumble'] }
  | { readonly type: 'sample'; readonly id: number; readonly sample: Sample }
  | { readonly type: 'measured'; readonly measured: Measured };

/** What the worker knows of `Stats`; the page adds the state and the sound. */
export type Measured = {
  readonly codec: string;
  readonly decoder: string;
  readonly encoder: string;
  readonly path: 'track' | 'canvas';
  /** As decoded. */
  readonly width: number;
  readonly height: number;
  /** As the app draws it, which is coded smaller where the line or the machine asks for it. */
  readonly drawn_width: number;
  readonly drawn_height: number;
  readonly fps: { readonly received: number; readonly decoded: number; readonly presented: number };
  readonly bitrate_bps: number;
  readonly target_bps: number;
  readonly rtt_ms: number;
  readonly clock: { readonly offset_ms: number; readonly error_ms: number };
  readonly frame_clock: Stats['frame_clock'];
  readonly frames: {
    readonly received: number;
    readonly decoded: number;
    readonly presented: number;
    readonly lost: number;
    readonly late: number;
    readonly dropped: number;
    readonly idr: number;
    readonly recovery: number;
    readonly repeated_packets: number;
  };
  readonly packets: {
    readonly received: number;
    readonly lost: number;
    readonly duplicate: number;
    readonly malformed: number;
  };
  readonly stages_ms: Readonly<Record<StageName, Dist>>;
  readonly click_stages_ms: Readonly<Record<StageName, Dist>>;
  readonly glass_to_glass_ms: Dist;
  readonly glass_error_ms: number;
  readonly click_to_photon_ms: Dist;
  readonly frozen_ms_total: number;
  readonly input: { readonly events: number; readonly unacknowledged: number; readonly gamepads: number; readonly ack_ms: Dist };
};
