/** Full screen, with the keys that the browser would otherwise take (Escape, Ctrl+W). */
import { LOCKED_KEYS } from '../input/keymap';

export function canFullscreen(): boolean {
  return document.fullscreenEnabled;
}

export function isFullscreen(): boolean {
  return document.fullscreenElement !== null;
}

/** Into full screen or out of it; resolves when done or refused. */
export async function toggleFullscreen(element: HTMLElement): Promise<void> {
  try {
    if (isFullscreen()) {
      await document.exitFullscreen();
      return;
    }
    await element.requestFullscreen({ navigationUI: 'hide' });
    // Only Chromium has it; elsewhere Escape leaves full screen, as the guide says.
    await keyboard()?.lock(LOCKED_KEYS);
  } catch {
    // The browser refused (no gesture, an embedding page without permission): the page stays as it is.
  }
}

/** Gives the browser its keys back. */
export function unlockKeyboard(): void {
  keyboard()?.unlock();
}

type KeyboardLock = { lock(codes: readonly string[]): Promise<void>; unlock(): void };

function keyboard(): KeyboardLock | undefined {
  return (navigator as Navigator & { keyboard?: KeyboardLock }).keyboard;
}
