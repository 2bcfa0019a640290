/**
 * Round trips to the regions, measured before anybody clicks: the placement asks for them, and a click must not wait.
 *
 * A region may name a beacon; of one that names none, the gateway itself is measured. The least of some is taken: a round trip is never
 * shorter than the path, and often longer. The measuring also keeps the connection that the start will use.
 */
import type { Rtts } from '../api';
import type { Millis } from '../time';

export type RttWiring = { readonly fetch: typeof fetch; readonly now: () => Millis };

export class RttMeter {
  readonly #wiring: RttWiring;
  #known: Record<string, Millis> = {};
  #measured: Promise<void> | null = null;

  constructor(wiring: RttWiring = { fetch: fetch.bind(globalThis), now: () => performance.now() }) {
    this.#wiring = wiring;
  }

  get known(): Rtts {
    return this.#known;
  }

  /** Measures once per page; never rejects. */
  async measure(): Promise<void> {
    this.#measured ??= this.#all().catch(() => undefined);
    return this.#measured;
  }

  async #all(): Promise<void> {
    const response = await this.#wiring.fetch('/v1/regions', { signal: AbortSignal.timeout(PATIENCE_MS) });
    for (const { region, beacon } of regionsOf(await response.json()).slice(0, REGIONS_MAX)) {
      const rtt = await this.#least(beacon ?? '/healthz');
      if (rtt !== null) this.#known[region] = rtt;
    }
  }

  async #least(url: string): Promise<Millis | null> {
    let least: Millis | null = null;
    // The first pays for the connection.
    for (let n = 0; n <= SAMPLES; n++) {
      try {
        const began = this.#wiring.now();
        await this.#wiring.fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
        const took = this.#wiring.now() - began;
        if (n > 0) least = Math.min(least ?? Infinity, took);
      } catch {
        return least;
      }
    }
    return least === null ? null : Math.round(least * 10) / 10;
  }
}

type Region = { readonly region: string; readonly beacon: string | null };

function regionsOf(json: unknown): Region[] {
  const { regions } = (json ?? {}) as { regions?: unknown };
  if (!Array.isArray(regions)) return [];
  return regions.flatMap((entry: unknown) => {
    const { region, beacon } = (entry ?? {}) as { region?: unknown; beacon?: unknown };
    return typeof region === 'string' ? [{ region, beacon: typeof beacon === 'string' ? beacon : null }] : [];
  });
}

const SAMPLES = 3;
const PATIENCE_MS = 2_000;
/** As many as a player could be sent to. */
const REGIONS_MAX = 32;
