/** What is missing, and when to ask for it (docs/PROTOCOL.md, section 6, "Missing" and "NACK"). */
import type { Micros } from '../time';

type Step = { readonly order: number; readonly at: Micros };

/** How far the packets have come in order, now and a guard ago. */
export class Frontier {
  /** Newest last; each further in order than the one before. */
  #steps: Step[] = [];
  #newest = -1;
  #settled = -1;

  /** A packet that is no repeat. */
  advance(now: Micros, order: number): void {
    if (order <= this.#newest) return;
    this.#newest = order;
    const last = this.#steps.at(-1);
    // What came together is one step, so that the list is as long as the guard and not as the burst.
    if (last !== undefined && now - last.at < STEP) this.#steps[this.#steps.length - 1] = { order, at: last.at };
    else this.#steps.push({ order, at: now });
  }

  /** Something after everything before this place came more than `guard` ago. */
  settle(now: Micros, guard: Micros): number {
    let done = 0;
    for (const step of this.#steps) {
      if (now - step.at < guard) break;
      this.#settled = step.order;
      done += 1;
    }
    if (done > 0) this.#steps.splice(0, done);
    return this.#settled;
  }

  get newest(): number {
    return this.#newest;
  }

  /** When `settle` will say more; null: nothing waits. */
  nextAt(guard: Micros): Micros | null {
    const next = this.#steps[0];
    return next === undefined ? null : next.at + guard;
  }
}

/** How long to wait for a packet that others have overtaken. */
export class Guard {
  #span: Micros = GUARD;
  #until: Micros = 0;

  /** A packet that was asked for came by itself, `late` after the one that overtook it. */
  onReordered(now: Micros, late: Micros): void {
    const wished = Math.min(late * 1.25, GUARD_MAX);
    const current = this.at(now);
    if (wished < current) return;
    this.#span = wished;
    this.#until = now + GUARD_MEMORY;
  }

  at(now: Micros): Micros {
    return now < this.#until ? this.#span : GUARD;
  }
}

/** How long an access unit is waited for after the first of it was noticed missing. */
export function patience(rtt: Micros): Micros {
  return Math.min(Math.max(2 * rtt + 40_000, 60_000), 250_000);
}

/** How long a repeat may take before it is asked for again. */
export function repeatAfter(rtt: Micros): Micros {
  return rtt + 10_000;
}

/** Packets of one send call arrive within this. */
const STEP: Micros = 250;
const GUARD: Micros = 3_000;
const GUARD_MAX: Micros = 30_000;
const GUARD_MEMORY: Micros = 10_000_000;
/** A last packet with nothing after it is missing after this. */
export const TAIL: Micros = 20_000;
