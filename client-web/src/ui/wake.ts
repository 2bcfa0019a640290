/** Keeps the screen on while a title is played: hands on a gamepad or a mouse that rests are no idle machine. */
export function keepAwake(isWanted: () => boolean): () => void {
  if (!('wakeLock' in navigator)) return () => undefined;
  let lock: WakeLockSentinel | null = null;
  let asking = false;
  const check = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      if (lock?.released === true) lock = null;
      const wanted = isWanted() && document.visibilityState === 'visible';
      if (wanted && lock === null) lock = await navigator.wakeLock.request('screen');
      else if (!wanted && lock !== null) {
        await lock.release();
        lock = null;
      }
    } catch {
      // Low battery, or a policy of the embedding page: the screen follows the system's rules.
    } finally {
      asking = false;
    }
  };
  const timer = setInterval(() => void check(), CHECK_MS);
  return () => {
    clearInterval(timer);
    void lock?.release();
  };
}

/** Well under the shortest screen timeout; the browser drops the lock whenever the page is hidden. */
const CHECK_MS = 5000;
