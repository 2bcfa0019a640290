/** Where pictures go. A sink takes the frame over and closes it. */

export type Sink = {
  readonly path: 'track' | 'canvas';
  /** `onShown` is called when the sink itself knows that it is drawn; a track is shown by the page's `<video>`. */
  show(frame: VideoFrame, onShown: () => void): void;
};

/** Into the track of a `<video>`. One picture is on its way, the freshest one waits; any other is let go. */
export class TrackSink implements Sink {
  readonly path = 'track';
  readonly #writer: WritableStreamDefaultWriter<VideoFrame>;
  #busy = false;
  #waiting: VideoFrame | null = null;

  constructor(writable: WritableStream<VideoFrame>) {
    this.#writer = writable.getWriter();
  }

  show(frame: VideoFrame): void {
    if (this.#busy) {
      this.#waiting?.close();
      this.#waiting = frame;
      return;
    }
    this.#busy = true;
    const done = (): void => {
      this.#busy = false;
      const next = this.#waiting;
      this.#waiting = null;
      if (next !== null) this.show(next);
    };
    this.#writer.write(frame).then(done, () => {
      frame.close();
      done();
    });
  }
}

/** Onto a canvas: for browsers without a track that frames can be written to. */
export class CanvasSink implements Sink {
  readonly path = 'canvas';
  readonly #canvas: OffscreenCanvas;
  readonly #context: OffscreenCanvasRenderingContext2D | null;

  constructor(canvas: OffscreenCanvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false, desynchronized: true });
  }

  show(frame: VideoFrame, onShown: () => void): void {
    if (this.#canvas.width !== frame.displayWidth) this.#canvas.width = frame.displayWidth;
    if (this.#canvas.height !== frame.displayHeight) this.#canvas.height = frame.displayHeight;
    this.#context?.drawImage(frame, 0, 0);
    frame.close();
    onShown();
  }
}

/** Before the page has said where: keeps the last picture, for a still screen brings no other. */
export class HeldSink implements Sink {
  readonly path = 'track';
  #held: { readonly frame: VideoFrame; readonly onShown: () => void } | null = null;

  show(frame: VideoFrame, onShown: () => void): void {
    this.#held?.frame.close();
    this.#held = { frame, onShown };
  }

  /** Shows there what was kept. */
  moveTo(sink: Sink): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) sink.show(held.frame, held.onShown);
  }
}
