/** The operator's key: pasted once, kept for as long as the tab lives, and in no address. */

export type KeptKey = {
  read(): string | null;
  keep(key: string): void;
  forget(): void;
};

/** What is not one is not sent: a pasted password goes nowhere. */
export function isOperatorKey(text: string): boolean {
  return /^flo_[\w-]{43}$/.test(text);
}

export function keptKey(): KeptKey {
  // A browser that keeps nothing knows it as long as the page lives.
  let memory: string | null = null;
  const storage = (use: (storage: Storage) => void): void => {
    try {
      use(sessionStorage);
    } catch {
      // As above.
    }
  };
  return {
    read: () => {
      storage((kept) => (memory = kept.getItem(KEY)));
      return memory !== null && isOperatorKey(memory) ? memory : null;
    },
    keep: (key) => {
      memory = key;
      storage((kept) => kept.setItem(KEY, key));
    },
    forget: () => {
      memory = null;
      storage((kept) => kept.removeItem(KEY));
    },
  };
}

const KEY = 'firstlight.operator';
