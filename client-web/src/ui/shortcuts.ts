/**
 * The page's own chords while a title has the keyboard: Ctrl+Alt+Shift and a letter, by the place of the key. Games do
 * not use them, and no browser does.
 */

export type Shortcut = 'stats' | 'fullscreen' | 'mute' | 'release';

type ChordEvent = Pick<KeyboardEvent, 'code' | 'ctrlKey' | 'altKey' | 'shiftKey' | 'metaKey' | 'repeat'>;

export function shortcutOf(event: ChordEvent): Shortcut | null {
  if (!event.ctrlKey || !event.altKey || !event.shiftKey || event.metaKey) return null;
  return LETTERS.get(event.code) ?? null;
}

const LETTERS: ReadonlyMap<string, Shortcut> = new Map([
  ['KeyS', 'stats'],
  ['KeyF', 'fullscreen'],
  ['KeyM', 'mute'],
  ['KeyZ', 'release'],
]);

export const SHORTCUT_WORDS: Readonly<Record<Shortcut, string>> = {
  stats: 'Ctrl+Alt+Shift+S',
  fullscreen: 'Ctrl+Alt+Shift+F',
  mute: 'Ctrl+Alt+Shift+M',
  release: 'Ctrl+Alt+Shift+Z',
};
