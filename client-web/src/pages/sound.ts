/** The player's volume, kept in the browser for the next time. */
export type Sound = { readonly muted: boolean; readonly volume: number };

export function loadSound(): Sound {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    if (typeof saved === 'object' && saved !== null && 'volume' in saved && 'muted' in saved) {
      const { volume, muted } = saved;
      if (typeof volume === 'number' && volume >= 0 && volume <= 1 && typeof muted === 'boolean') return { volume, muted };
    }
  } catch {
    // No storage, or not ours to read: full volume.
  }
  return { muted: false, volume: 1 };
}

export function saveSound(sound: Sound): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(sound));
  } catch {
    // Private windows may refuse; the volume is then as long-lived as the page.
  }
}

const KEY = 'firstlight.sound';
