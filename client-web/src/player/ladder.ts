/** Which of a session's endpoints to try next: the best first, and the next one down when it does not open. Pure. */
import type { Endpoint } from '../api';

export class Ladder {
  readonly #only: string | null;
  readonly #lacks: readonly Transport[];
  #rung = 0;

  /** `only`: no other kind is tried; `webrtc` is another name of `whep`. `lacks`: what this browser does not have. */
  constructor(only: string | null = null, lacks: readonly Transport[] = []) {
    this.#only = only === 'webrtc' ? 'whep' : only;
    this.#lacks = lacks;
  }

  pick(endpoints: readonly Endpoint[]): Endpoint | undefined {
    const usable = this.#usable(endpoints);
    return usable[this.#rung % Math.max(usable.length, 1)];
  }

  /** It did not open, or nothing came over it. Past the last one it begins again: no single failure says much. */
  failed(): void {
    this.#rung += 1;
  }

  /** Where it stands, to go back to. */
  get rung(): number {
    return this.#rung;
  }

  /** What was tried meanwhile proved nothing: the one that stood there works. */
  goBack(rung: number): void {
    this.#rung = rung;
  }

  #usable(endpoints: readonly Endpoint[]): Endpoint[] {
    const usable = (kind: string): boolean =>
      isTransport(kind) && !this.#lacks.includes(kind) && (this.#only === null || kind === this.#only);
    return endpoints.filter(({ kind }) => usable(kind));
  }
}

/** Kinds of endpoint that this client attaches to. */
export const TRANSPORTS = ['webtransport', 'whep', 'websocket'] as const;

export type Transport = (typeof TRANSPORTS)[number];

export function isTransport(kind: string): kind is Transport {
  return TRANSPORTS.some((known) => known === kind);
}
