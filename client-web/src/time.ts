/** The client's clock, and the names of its units. Cores take time as a parameter; only drivers call `now`. */

/** Microseconds; as a point in time, of the client's clock unless its name says otherwise. */
export type Micros = number;
/** Milliseconds; as a point in time, since the epoch. */
export type Millis = number;

/** The client's clock (docs/PROTOCOL.md): the same in the page and in its workers. */
export function now(): Micros {
  return epoch(performance.now());
}

/** A point in time of this page, as `performance.now()` and `Event.timeStamp` say it. */
export function epoch(millis: number): Micros {
  return Math.round((performance.timeOrigin + millis) * 1000);
}
