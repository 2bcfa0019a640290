/** What a tab remembers of its session: enough to attach again without asking anybody first. */
import type { Endpoint } from '../api';

export type Stored = {
  readonly session: string;
  readonly secret: string;
  readonly endpoints: readonly Endpoint[];
};

export type Store = {
  /** This tab's own: survives a reload. */
  own(): Stored | null;
  /** This browser's last one: survives a crashed tab; another tab may be playing it. */
  last(): Stored | null;
  save(stored: Stored): void;
  /** `everywhere` false: this tab alone. */
  forget(session: string, everywhere: boolean): void;
};

/** Storage that is full or forbidden is as good as empty. */
export function openStore(title: string, tab: () => Storage, browser: () => Storage): Store {
  const key = `firstlight.session.${title}`;
  const read = (storage: () => Storage): Stored | null => {
    try {
      return parse(storage().getItem(key));
    } catch {
      return null;
    }
  };
  const each = (storages: readonly (() => Storage)[], fn: (storage: Storage) => void): void => {
    for (const storage of storages) {
      try {
        fn(storage());
      } catch {
        // See above.
      }
    }
  };
  return {
    own: () => read(tab),
    last: () => read(browser),
    save: (stored) => each([tab, browser], (storage) => storage.setItem(key, JSON.stringify(stored))),
    forget: (session, everywhere) =>
      each(everywhere ? [tab, browser] : [tab], (storage) => {
        if (parse(storage.getItem(key))?.session === session) storage.removeItem(key);
      }),
  };
}

function parse(text: string | null): Stored | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    if (typeof value !== 'object' || value === null) return null;
    const { session, secret, endpoints } = value as Partial<Stored>;
    const whole = typeof session === 'string' && typeof secret === 'string';
    return whole ? { session, secret, endpoints: Array.isArray(endpoints) ? endpoints.filter(isEndpoint) : [] } : null;
  } catch {
    return null;
  }
}

function isEndpoint(value: unknown): value is Endpoint {
  const { kind, url, certSha256 } = (value ?? {}) as Partial<Endpoint>;
  return typeof kind === 'string' && typeof url === 'string' && Array.isArray(certSha256);
}
