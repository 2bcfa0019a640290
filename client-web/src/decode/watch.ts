/** Tells from what goes into a decoder and what comes out whether it still works. */
import type { Micros } from '../time';

export type Verdict = 'fine' | 'does_not_follow' | 'stuck';

type Submitted = { readonly frame: number; readonly at: Micros; readonly hole: boolean };

/**
 * A decoder that does not follow a recovery shows nothing after it (measured: Chromium, when more frames are skipped than its
 * SPS allows for). It is given two later access units and two frame times; time alone would blame a busy machine.
 */
export class Watch {
  #inside: Submitted[] = [];
  #frameTime: Micros = 16_667;

  set fps(fps: number) {
    this.#frameTime = 1_000_000 / Math.max(fps, 1);
  }

  /** `hole`: frames before it are left out. */
  onSubmitted(now: Micros, frame: number, hole: boolean): void {
    this.#inside.push({ frame, at: now, hole });
  }

  /** Everything up to `frame` is out, or never comes. */
  onOutput(frame: number): void {
    const at = this.#inside.findIndex((submitted) => submitted.frame > frame);
    this.#inside = at < 0 ? [] : this.#inside.slice(at);
  }

  clear(): void {
    this.#inside = [];
  }

  /** Access units in the decoder. */
  get count(): number {
    return this.#inside.length;
  }

  verdict(now: Micros): Verdict {
    const oldest = this.#inside[0];
    if (oldest === undefined || this.#inside.length <= LATER) return 'fine';
    const span = now - oldest.at;
    const hole = this.#inside.slice(0, -LATER).some((submitted) => submitted.hole);
    if (hole && span >= Math.max(2 * this.#frameTime, FOLLOW_MIN)) return 'does_not_follow';
    return span >= STUCK ? 'stuck' : 'fine';
  }
}

const LATER = 2;
/** Three times the p95 of decoding 1080p on two busy cores. */
const FOLLOW_MIN: Micros = 33_000;
const STUCK: Micros = 1_000_000;
