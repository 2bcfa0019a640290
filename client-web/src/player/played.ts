/** What this page can say of a session that it played from begin to end: `PUT /v1/sessions/{id}/account`. Pure: time comes in. */
import type { PlayerState } from './types';

export type Counts = { readonly received: number; readonly lost: number };
export type Account = { readonly seconds: number; readonly units: number };

export class Played {
  #session: string | null = null;
  #ms = 0;
  #since: number | null = null;
  #before = 0;

  /** The page has begun a session; one that it goes on with was counted by another page, too. */
  begin(session: string, frames: Counts): void {
    this.#session = session;
    this.#ms = 0;
    this.#since = null;
    this.#before = frames.received + frames.lost;
  }

  on(state: PlayerState, now: number): void {
    if (this.#since !== null) this.#ms += now - this.#since;
    this.#since = state === 'playing' ? now : null;
  }

  /** null: it cannot speak for the whole of this session. */
  account(session: string, now: number, frames: Counts): Account | null {
    if (session !== this.#session) return null;
    const ms = this.#ms + (this.#since === null ? 0 : now - this.#since);
    return { seconds: Math.round(ms / 1000), units: frames.received + frames.lost - this.#before };
  }
}
