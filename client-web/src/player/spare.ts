/**
 * A worker that is up before a player wants it: its script is loaded and compiled, its decoder has been opened once. It takes longer than
 * a round trip, and the page that shows the titles has the time. On a press it begins by itself, before there is a player.
 */
import type { FromWorker, Wish } from '../worker/messages';

/** `said`: what it said when nobody listened, in order. `begun`: it makes a session already, of this title. */
export type Taken = { readonly worker: Worker; readonly said: FromWorker[]; readonly begun: string | null };

export class Spare {
  readonly #make: () => Worker;
  #worker: Worker | null = null;
  #said: FromWorker[] = [];
  #begun: string | null = null;

  constructor(make: () => Worker) {
    this.#make = make;
  }

  /** Makes one, if there is none. */
  prepare(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#make();
    this.#said = [];
    this.#begun = null;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      // Statistics come again.
      if (data.type !== 'measured' && this.#said.length < SAID_MAX) this.#said.push(data);
    };
    this.#worker = worker;
    return worker;
  }

  /** Has it make a session. Whoever takes it goes on with that. */
  begin(title: string, wish: Wish): void {
    const worker = this.prepare();
    if (this.#begun !== null) return;
    this.#begun = title;
    worker.postMessage({ type: 'begin', ...wish });
  }

  /** The spare one, or a new one; one that makes a session of another title is of no use. */
  take(title: string): Taken {
    if (this.#begun !== null && this.#begun !== title) {
      this.#worker?.terminate();
      this.#worker = null;
    }
    const worker = this.prepare();
    const taken = { worker, said: this.#said, begun: this.#begun };
    this.#worker = null;
    this.#said = [];
    this.#begun = null;
    worker.onmessage = null;
    return taken;
  }
}

/** A start says some ten things until its page is there. */
const SAID_MAX = 256;
