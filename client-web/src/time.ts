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

/**
 * When an input happened whose event is handled at `current`: as the browser says, which may have had it for tens of milliseconds, a wheel's
 * until the next picture. null: no event of the browser's, it happens right now. One that tells a time that cannot be is not believed.
 */
export function happenedAt(event: { readonly timeStamp: number } | null, current: Micros): Micros {
  const at = event === null ? current : epoch(event.timeStamp);
  return at <= current && current - at <= WAITED_MOST ? at : current;
}

/** A page that hung for longer has other worries, and a clock that was set says anything. */
const WAITED_MOST: Micros = 2_000_000;
