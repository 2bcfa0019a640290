/** What `window.firstlight.stats()` returns. Published; `version` rises when a field changes its meaning or goes. */

/** The stages of the path in order, and what no stage owns. The names are those of the engine (`units::Stage`). */
export const STAGES = [
  'input',
  'inject',
  'app',
  'capture',
  'convert',
  'encode',
  'packetize',
  'pace',
  'network',
  'reassemble',
  'decode',
  'present',
  'unattributed',
] as const;

export type StageName = (typeof STAGES)[number];

export type Dist = {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Means of parts sum to the mean of the whole; percentiles do not. */
  readonly mean: number;
  /** Samples in the window; the figures are 0 when there are none. */
  readonly n: number;
};

export type Stats = {
  readonly version: 1;
  readonly state: 'idle' | 'starting' | 'connecting' | 'playing' | 'reconnecting' | 'ended' | 'failed';
  readonly transport: 'webtransport' | 'webrtc' | 'relay' | 'websocket';
  readonly codec: string;
  readonly decoder: string;
  readonly encoder: string;
  readonly path: 'track' | 'canvas';
  /** As decoded: smaller than drawn where the line, the decoder or the host's machine does not carry that. */
  readonly width: number;
  readonly height: number;
  /** As drawn: the size of the title's display, which may follow the player's window. 0: not known yet. */
  readonly drawn_width: number;
  readonly drawn_height: number;
  readonly fps: { readonly received: number; readonly decoded: number; readonly presented: number };
  readonly bitrate_bps: number;
  readonly target_bps: number;
  readonly rtt_ms: number;
  /** The host's clock minus the page's, and the most that it can be wrong by. */
  readonly clock: { readonly offset_ms: number; readonly error_ms: number };
  /** When the title draws, and how its pictures fall on the player's screen. */
  readonly frame_clock: {
    /**
     * `locked`: for the screen's next refresh; `turning`: on its way there. Otherwise why not: `off`: the title's display has no clock that
     * could be steered; `unknown`: the page knows nothing steady of the screen; `apart`: the screen's rate is another one; `loose`: pictures
     * come too unsteadily; `own`: the title draws by a clock of its own.
     */
    readonly state: 'off' | 'unknown' | 'apart' | 'loose' | 'own' | 'turning' | 'locked';
    /** Of the screen; 0: not known. */
    readonly refresh_hz: number;
    /** From decoded to the refresh that took the picture. */
    readonly wait_ms: Dist;
  };
  readonly frames: {
    readonly received: number;
    readonly decoded: number;
    readonly presented: number;
    /** Never came whole. */
    readonly lost: number;
    /** Came whole after its turn had passed. */
    readonly late: number;
    /** Came whole and was discarded here. */
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
  /**
   * Of the frames of the last seconds. Per frame, and so in the mean, the parts from `capture` on, with `unattributed`,
   * sum to its glass-to-glass time. `input`, `inject` and `app` are of the frames that answer an input.
   */
  readonly stages_ms: Readonly<Record<StageName, Dist>>;
  /** Of the frames that answer an input, and of no others: all parts sum to the click-to-photon time. */
  readonly click_stages_ms: Readonly<Record<StageName, Dist>>;
  readonly glass_to_glass_ms: Dist;
  /** The most that it can be wrong by: the two clocks, and where in its `capture` the title committed a picture. */
  readonly glass_error_ms: number;
  readonly click_to_photon_ms: Dist;
  /** From `start()` to the first decoded picture. */
  readonly first_picture_ms: number | null;
  /**
   * Of the start that made the session: from the player's click to the first picture shown; the parts sum to `total_ms`. Null before that,
   * and where a running session was taken up. `parked`: the title had been booted before anybody asked.
   */
  readonly start: {
    readonly parked: boolean;
    /** Click to ticket. */
    readonly placed_ms: number;
    /** That to open transport. */
    readonly connected_ms: number;
    /** That to the first whole access unit. */
    readonly first_frame_ms: number;
    /** That to its presentation. */
    readonly shown_ms: number;
    readonly total_ms: number;
  } | null;
  readonly frozen_ms_total: number;
  readonly audio: {
    readonly state: 'playing' | 'blocked' | 'none' | 'muted';
    readonly buffer_ms: number;
    readonly underruns: number;
    readonly concealed: number;
    /** Positive: the sound is behind the picture. */
    readonly av_offset_ms: number;
    /** Root mean square of the last half second before volume and mute, 0 to 1. */
    readonly level: number;
  };
  readonly input: {
    readonly events: number;
    readonly unacknowledged: number;
    /** Plugged in, and known to the title. */
    readonly gamepads: number;
    readonly ack_ms: Dist;
  };
};
