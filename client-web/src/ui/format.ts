/** Numbers in words, as the interface writes them. */

/** `1:43`; never negative. */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** Milliseconds with as many digits as they are worth: `0.4`, `8.2`, `43`, `1.2 s`. */
export function millis(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  const size = Math.abs(ms);
  if (size >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return size >= 99.95 ? ms.toFixed(0) : ms.toFixed(1);
}

/** A bitrate: `8.1 Mbit/s`, `420 kbit/s`. */
export function bitrate(bps: number): string {
  if (bps >= 999_500) return `${(bps / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bps / 1000)} kbit/s`;
}

export function count(n: number): string {
  return n >= 100_000 ? `${Math.round(n / 1000)}k` : String(Math.round(n));
}
