/** The page's end of the picture: a `<video>` fed by a track, or a canvas where the browser has no such track. */
import { type Micros, now } from '../time';
import type { ToWorker } from '../worker/messages';

type SinkMessage = Extract<ToWorker, { type: 'sink' }>;

/** Chromium's; only the parts that are used. */
type Generator = MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
type GeneratorClass = new (init: { kind: 'video' }) => Generator;

export class Screen {
  readonly path: 'track' | 'canvas';
  /** To be posted once, with what it transfers. */
  readonly sink: { readonly message: SinkMessage; readonly transfer: Transferable[] };
  readonly #video: HTMLVideoElement;
  readonly #onPresented: (timestamp: number, at: Micros) => void;
  #track: MediaStreamTrack | null = null;
  #callback: number | null = null;

  constructor(
    video: HTMLVideoElement,
    canvas: HTMLCanvasElement,
    onPresented: (timestamp: number, at: Micros) => void,
  ) {
    this.#video = video;
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
    if (this.#track === null || this.#video.srcObject !== null) return;
    this.#video.srcObject = new MediaStream([this.#track]);
    // It settles when the first picture is written, and not before: nobody may wait for it.
    this.#video.play().catch(() => undefined);
  }

  close(): void {
    if (this.#callback !== null) this.#video.cancelVideoFrameCallback(this.#callback);
    this.#track?.stop();
    if (this.#track !== null) this.#video.srcObject = null;
  }

  #watch(): void {
    this.#callback = this.#video.requestVideoFrameCallback((_, { mediaTime, expectedDisplayTime }) => {
      // The media time of a track's picture is its frame's timestamp.
      const at = now() + Math.round(1000 * (expectedDisplayTime - performance.now()));
      this.#onPresented(Math.round(mediaTime * 1_000_000), at);
      this.#watch();
    });
  }
}
