/** How much sound is to be held back so that it is not ahead of the picture. Pure; the picture never waits. */
import type { Millis } from '../time';

/**
 * The next hold, from the one now and how far the sound is behind the picture (negative: ahead). Sound may be 20 ms ahead to
 * 80 ms behind; it is led to the middle of what is hardly noticed, in small steps. A negative hold takes from what uneven
 * arrivals ask for: where both cannot be had, a short gap is better than sound that is always late.
 */
export function nextHold(holdMs: Millis, behindMs: Millis): Millis {
  if (behindMs < AHEAD_MAX) return Math.min(holdMs + Math.min((AIM - behindMs) / 2, STEP), HOLD_MAX);
  if (behindMs > BEHIND_MAX) return Math.max(holdMs - Math.min((behindMs - AIM) / 2, STEP), HOLD_MIN);
  return holdMs;
}

/** Corrected before the limits of -20 and +80 ms are reached. */
const AHEAD_MAX: Millis = -10;
const BEHIND_MAX: Millis = 60;
const AIM: Millis = 20;
const STEP: Millis = 15;
const HOLD_MIN: Millis = -150;
const HOLD_MAX: Millis = 120;
