/**
 * A worker that is up before a player wants it: its script is loaded and compiled, its decoder has been opened once. It takes longer than
 * a round trip, and the page that shows the titles has the time.
 */
import type { FromWorker } from '../worker/messages';

export class Spare {
  readonly #make: () => Worker;
  #worker: Worker | null = null;
  /** What it said when nobody listened, of what must not be lost. */
  #said: FromWorker[] = [];

  constructor(make: () => Worker) {
    this.#make = make;
  }

  /** Makes one, if there is none. */
  prepare(): void {
    if (this.#worker !== null) return;
    const worker = this.#make();
    this.#said = [];
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'unsupported') this.#said = [data];
    };
    this.#worker = worker;
  }

  /** The spare one, or a new one. */
  take(): Worker {
    const worker = this.#worker;
    const said = this.#said;
    this.#worker = null;
    this.#said = [];
    if (worker === null) return this.#make();
    worker.onmessage = null;
    // Whoever takes it sets its handler first.
    if (said.length > 0) setTimeout(() => said.forEach((data) => worker.dispatchEvent(new MessageEvent('message', { data }))));
    return worker;
  }
}
