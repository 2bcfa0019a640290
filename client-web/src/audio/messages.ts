/** What is said to and by the audio worklet. */
import type { Micros } from '../time';

/** From the worker, straight into the worklet. Buffers are transferred. */
export type FromDecoder = {
  readonly type: 'samples';
  readonly frame: number;
  /** Of the first sample. Host's clock. */
  readonly capturedAt: Micros;
  /** Nothing is heard in it, and frames that do not come after it are silence. */
  readonly silent: boolean;
  readonly left: Float32Array<ArrayBuffer>;
  readonly right: Float32Array<ArrayBuffer>;
};

export type ToWorklet =
  | { readonly type: 'port'; readonly port: MessagePort }
  /** Samples to hold beyond what the network asks for, so that sound is not ahead of the picture; negative where it is too late. */
  | { readonly type: 'hold'; readonly samples: number };

/** Several times a second. */
export type FromWorklet = {
  readonly type: 'report';
  /** Of the context, at which the sample captured at `capturedAt` is played; null: nothing is. */
  readonly contextTime: number;
  readonly capturedAt: Micros | null;
  readonly bufferMs: number;
  readonly underruns: number;
  readonly concealed: number;
  /** Root mean square of the last half second, 0 to 1. */
  readonly level: number;
};

export const WORKLET_NAME = 'firstlight-sound';
