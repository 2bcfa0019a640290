/** What comes back from the engine: a value, or a problem as one. */

/** What went wrong. `unreachable`: no answer at all; otherwise the last word of the problem's type. */
export type Problem = {
  readonly problem: string;
  readonly status: number;
  readonly detail: string;
  readonly retryAfterS: number | null;
  /** Origin of another gateway that has room. */
  readonly elsewhere?: string;
};

export type Answer<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Problem);
