/** Which of a session's endpoints to try next: the best first, and the next one down when it does not open. Pure. */
import type { Endpoint } from '../api';
import type { Abilities } from './words';

export class Ladder {
  readonly #only: string | null;
  readonly #can: Abilities;
  #rung = 0;

  /** `only`: no other kind is tried; `webrtc` is another name of `whep`. `can`: what this browser has. */
  constructor(only: string | null = null, can: Abilities = ALL) {
    this.#only = only === 'webrtc' ? 'whep' : only;
    this.#can = can;
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
    return endpoints.filter(({ kind, url }) => (this.#only === null || kind === this.#only) && opens(kind, url, this.#can));
  }
}

function opens(kind: string, url: string, { direct, call, decoder, secure }: Abilities): boolean {
  switch (kind) {
    case 'webtransport':
      return direct && decoder;
    case 'whep':
      return call;
    // What others carry is sealed, and keys are to be had at a secure address only.
    case 'relay':
      return decoder && secure && (direct || isSocket(url));
    case 'websocket':
      return decoder && secure;
    default:
      return false;
  }
}

/** A relay is reached over WebTransport, or over TCP. */
export function isSocket(url: string): boolean {
  return /^wss?:/.test(url);
}

/** Whether somebody else carries the packets, who must not read them. WebRTC encrypts from end to end by itself. */
export function isCarried(kind: string): boolean {
  return kind === 'relay' || kind === 'websocket';
}

/** Kinds of endpoint that this client attaches to. */
export const TRANSPORTS = ['webtransport', 'whep', 'relay', 'websocket'] as const;

export type Transport = (typeof TRANSPORTS)[number];

export function isTransport(kind: string): kind is Transport {
  return TRANSPORTS.some((known) => known === kind);
}

const ALL: Abilities = { direct: true, call: true, decoder: true, secure: true };
