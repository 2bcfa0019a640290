/** The page's end of the picture: a `<video>` fed by a track, or a canvas where the browser has no such track. */
import { type Micros, epoch, now } from '../time';
import type { ToWorker } from '../worker/messages';

type SinkMessage = Extract<ToWorker, { type: 'sink' }>;

/** Chromium's; only the parts that are used. */
type Generator = MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
type GeneratorClass = new (init: { kind: 'video' }) => Generator;

export type Shown = {
  readonly rtp: number;
  readonly at: Micros;
  readonly receivedAt: Micros;
  readonly decodedAt: Micros;
  readonly width: number;
  readonly height: number;
};

/** `refresh`: of the screen, which took the picture; `gap`: from an earlier one to the one after it, where that was looked at. */
export type OnPresented = (timestamp: number, at: Micros, refresh: Micros, gap: Micros | null) => void;

export class Screen {
  readonly path: 'track' | 'canvas';
  /** To be posted once, with what it transfers. */
  readonly sink: { readonly message: SinkMessage; readonly transfer: Transferable[] };
  readonly #video: HTMLVideoElement;
  readonly #onPresented: OnPresented;
  readonly #canvas: HTMLCanvasElement;
  #calling = false;
  #track: MediaStreamTrack | null = null;
  #callback: number | null = null;
  #gap: Micros | null = null;

  constructor(
    video: HTMLVideoElement,
    canvas: HTMLCanvasElement,
    onPresented: OnPresented,
  ) {
    this.#video = video;
    this.#canvas = canvas;
    this.#onPresented = onPresented;
    const generatorClass = (globalThis as { MediaStreamTrackGenerator?: GeneratorClass }).MediaStreamTrackGenerator;
    if (generatorClass === undefined) {
      this.path = 'canvas';
      const offscreen = canvas.transferControlToOffscreen();
      this.sink = { message: { type: 'sink', sink: { canvas: offscreen } }, transfer: [offscreen] };
    } else {
      this.path = 'track';
      const generator = new generatorClass({ kind: 'video' });
      this.#track = generator;
      const { writable } = generator;
      this.sink = { message: { type: 'sink', sink: { track: writable } }, transfer: [writable] };
      video.muted = true;
      video.playsInline = true;
      this.#watch();
    }
    video.hidden = this.path !== 'track';
    canvas.hidden = this.path !== 'canvas';
  }

  /**
   * To be called when a stream is there. A `<video>` that waits for its first picture holds the page's load event back, so
   * a page that only shows its play button must not have one.
   */
  show(): void {
    if (this.#calling) {
      // Back from a call.
      this.#calling = false;
      this.#video.srcObject = null;
      this.#video.hidden = this.path !== 'track';
      this.#canvas.hidden = this.path !== 'canvas';
      if (this.#callback !== null) this.#video.cancelVideoFrameCallback(this.#callback);
      if (this.path === 'track') this.#watch();
    }
    if (this.#track === null || this.#video.srcObject !== null) return;
    this.#video.srcObject = new MediaStream([this.#track]);
    // It settles when the first picture is written, and not before: nobody may wait for it.
    this.#video.play().catch(() => undefined);
  }

  /** Shows a call's picture in place of the worker's. `onShown` is told of each. */
  showCall(track: MediaStreamTrack, onShown: (shown: Shown) => void): void {
    const video = this.#video;
    if (this.#callback !== null) video.cancelVideoFrameCallback(this.#callback);
    video.hidden = false;
    this.#canvas.hidden = true;
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => undefined);
    const watch = (): void => {
      this.#callback = video.requestVideoFrameCallback((time, frame) => {
        if (video.srcObject !== null && track.readyState === 'live') watch();
        const local = (millis: number): Micros => now() + Math.round(1000 * (millis - performance.now()));
        const receivedAt = local(frame.receiveTime ?? time);
        onShown({
          rtp: frame.rtpTimestamp ?? 0,
          at: local(frame.expectedDisplayTime),
          receivedAt,
          decodedAt: receivedAt + Math.round(1_000_000 * (frame.processingDuration ?? 0)),
          width: frame.width,
          height: frame.height,
        });
      });
    };
    watch();
    this.#calling = true;
  }

  close(): void {
    if (this.#callback !== null) this.#video.cancelVideoFrameCallback(this.#callback);
    this.#track?.stop();
    if (this.#track !== null) this.#video.srcObject = null;
  }

  #watch(): void {
    this.#callback = this.#video.requestVideoFrameCallback((refresh, { mediaTime, expectedDisplayTime }) => {
      // The media time of a track's picture is its frame's timestamp.
      this.#onPresented(Math.round(mediaTime * 1_000_000), epoch(expectedDisplayTime), epoch(refresh), this.#gap);
      this.#gap = null;
      // The next refresh, whether it shows another picture or this one again: what is asked for here comes with this one first.
      const look = (next: number): void => {
        if (next > refresh) this.#gap = Math.round(1000 * (next - refresh));
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
      this.#watch();
    });
  }
}
