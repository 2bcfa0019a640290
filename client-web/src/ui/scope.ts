/**
 * What a component owns: its listeners, timers and whatever else must go when it goes.
 *
 * Everything registered here dies in `close()`, in reverse order. A closed scope registers nothing.
 */
export class Scope {
  readonly #abort = new AbortController();
  readonly #cleanups: (() => void)[] = [];

  /** Aborted by `close()`: for fetches and listeners. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Runs `cleanup` when the scope closes; at once if it already has. */
  add(cleanup: () => void): void {
    if (this.isClosed()) cleanup();
    else this.#cleanups.push(cleanup);
  }

  /** Listens until the scope closes; the caller names the type of event that `type` brings. */
  on(
    target: EventTarget,
    type: string,
    listener: (event: never) => void,
    options: { capture?: boolean; passive?: boolean } = {},
  ): void {
    target.addEventListener(type, listener as (event: Event) => void, { ...options, signal: this.signal });
  }

  every(millis: number, tick: () => void): void {
    if (this.isClosed()) return;
    const timer = setInterval(tick, millis);
    this.add(() => clearInterval(timer));
  }

  close(): void {
    if (this.isClosed()) return;
    this.#abort.abort();
    for (const cleanup of this.#cleanups.reverse()) cleanup();
    this.#cleanups.length = 0;
  }
}

/** A timer that can be set again and again; holds at most one at a time. */
export class Alarm {
  readonly #scope: Scope;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(scope: Scope) {
    this.#scope = scope;
    scope.add(() => this.clear());
  }

  set(millis: number, fire: () => void): void {
    this.clear();
    if (this.#scope.isClosed()) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      fire();
    }, millis);
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
