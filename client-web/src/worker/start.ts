/** The traced start: a mark per step from the click to the first picture shown. Pure: time comes in. */
import type { Micros } from '../time';
import type { StartParts, StartSoFar } from './messages';

/** As the control protocol has it: microseconds since the click, but for the click itself, on the host's clock. */
export type StartReport = {
  readonly clickedAtUs: bigint;
  readonly placedUs: number;
  readonly connectedUs: number;
  readonly firstFrameUs: number;
  readonly shownUs: number;
};

export class StartTrace {
  readonly #so: StartSoFar;
  #openedAt: Micros | null = null;
  #arrivedAt: Micros | null = null;
  #shownAt: Micros | null = null;
  #told = false;

  constructor(so: StartSoFar) {
    this.#so = so;
  }

  /** Of the attachment that lasted: one before it that broke is part of the connecting. */
  opened(now: Micros): void {
    if (this.#shownAt !== null) return;
    this.#openedAt = now;
    this.#arrivedAt = null;
  }

  /** The first whole access unit of the attachment. */
  arrived(at: Micros): void {
    this.#arrivedAt ??= at;
  }

  /** Its picture; true when that was the first. */
  shown(at: Micros): boolean {
    if (this.#shownAt !== null || this.#openedAt === null || this.#arrivedAt === null) return false;
    this.#shownAt = at;
    return true;
  }

  parts(): StartParts | null {
    const marks = this.#marks();
    if (marks === null) return null;
    const [placed, connected, arrived, shown] = marks;
    return {
      placed_ms: placed / 1000,
      connected_ms: (connected - placed) / 1000,
      first_frame_ms: (arrived - connected) / 1000,
      shown_ms: (shown - arrived) / 1000,
      total_ms: shown / 1000,
    };
  }

  /** What the host is told, once; null before there is anything to tell. `offset`: the host's clock minus this one. */
  takeReport(offset: Micros | null): StartReport | null {
    const marks = this.#marks();
    if (this.#told || marks === null || offset === null) return null;
    this.#told = true;
    const [placedUs, connectedUs, firstFrameUs, shownUs] = marks;
    const clicked = Math.max(Math.round(this.#so.clickedAt + offset), 0);
    return { clickedAtUs: BigInt(clicked), placedUs, connectedUs, firstFrameUs, shownUs };
  }

  /** Since the click, and in order: a mark that two clocks put before the one before it is at that. */
  #marks(): readonly [number, number, number, number] | null {
    if (this.#openedAt === null || this.#arrivedAt === null || this.#shownAt === null) return null;
    const since = (at: Micros, least: number): number => Math.max(Math.round(at - this.#so.clickedAt), least);
    const placed = since(this.#so.placedAt, 0);
    const connected = since(this.#openedAt, placed);
    const arrived = since(this.#arrivedAt, connected);
    return [placed, connected, arrived, since(this.#shownAt, arrived)];
  }
}
