/** What to ask the encoder for (docs/PROTOCOL.md, section 6, "Wants"): a pure function of where the receiver stands. */
import type { Micros } from '../time';

export type Want = 'nothing' | 'recovery' | 'idr';

export type Standing = {
  /** An IDR was delivered since the attach, and the decoder is whole since. */
  readonly started: boolean;
  /** The decoder failed, or shows nothing after a recovery, and no IDR was delivered since. */
  readonly broken: boolean;
  readonly firstPacketAt: Micros | null;
  /** An access unit after the newest delivered one is given up. */
  readonly givenUp: boolean;
  /** What would end the gap is arriving. */
  readonly arriving: boolean;
  /** The decoder shows pictures that predict over a hole. */
  readonly follows: boolean;
  /** Since when a recovery is wanted without a break. */
  readonly wantedSince: Micros | null;
  readonly rtt: Micros;
};

export function want(now: Micros, standing: Standing): Want {
  const { started, broken, firstPacketAt, givenUp, arriving, follows, wantedSince, rtt } = standing;
  if (firstPacketAt === null || arriving) return 'nothing';
  if (!started) return broken || givenUp || now - firstPacketAt >= START_PATIENCE ? 'idr' : 'nothing';
  if (!givenUp) return 'nothing';
  const helpless = wantedSince !== null && now - wantedSince >= RECOVERY_PATIENCE + 2 * rtt;
  return follows && !helpless ? 'recovery' : 'idr';
}

/** When `want` may change by time alone, after `now`. */
export function wantChangesAt(now: Micros, standing: Standing): Micros | null {
  const { started, firstPacketAt, wantedSince, rtt } = standing;
  const at = started
    ? wantedSince === null
      ? null
      : wantedSince + RECOVERY_PATIENCE + 2 * rtt
    : firstPacketAt === null
      ? null
      : firstPacketAt + START_PATIENCE;
  return at !== null && at > now ? at : null;
}

const START_PATIENCE: Micros = 250_000;
const RECOVERY_PATIENCE: Micros = 500_000;
