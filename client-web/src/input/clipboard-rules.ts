/** What is a paste, and what may be pasted: pure. */

/** `title`: the title knows the chord; `page`: only this machine does. */
export type PasteChord = 'title' | 'page';

type ChordEvent = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'altKey' | 'shiftKey' | 'metaKey'>;

/** Whether a key that goes down pastes: Ctrl+V, with Shift as terminals have it, Shift+Insert, and Command+V on a Mac. */
export function isPaste(event: ChordEvent, isMac: boolean): PasteChord | null {
  if (event.altKey) return null;
  const isV = event.key.toLowerCase() === 'v';
  if (isMac && event.metaKey && !event.ctrlKey && isV) return 'page';
  if (event.metaKey) return null;
  if (event.ctrlKey && isV) return 'title';
  return event.code === 'Insert' && event.shiftKey && !event.ctrlKey ? 'title' : null;
}

/** What is sent of a text: with a title's line ends; null: it is too long. */
export function pastedText(raw: string): string | null {
  const text = raw.replaceAll('\r\n', '\n');
  return new TextEncoder().encode(text).length > CLIPBOARD_BYTES_MAX ? null : text;
}

/** As docs/PROTOCOL.md has it. */
const CLIPBOARD_BYTES_MAX = 61_440;
