/** Which keys make text, and which text is a key: pure. */

type KeyLike = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'getModifierState'>;

/** Whether the browser makes text of a key that goes down, by itself or with others; what only changes others is part of it. */
export function makesText(event: KeyLike): boolean {
  if (PART_OF_TEXT.has(event.key)) return true;
  const chord = event.ctrlKey || event.altKey || event.metaKey;
  if (chord && !event.getModifierState('AltGraph')) return false;
  // One character, whose number may take two units of UTF-16; keys that do something have longer names.
  return event.key.length === 1 || (event.key.length === 2 && (event.key.codePointAt(0) ?? 0) > 0xffff);
}

/** The keys that an edit stands for (Linux codes), in the words of the Input Events specification. */
export function keysOf(inputType: string): readonly number[] {
  return EDITS[inputType] ?? [];
}

const PART_OF_TEXT = new Set(['Dead', 'Process', 'Unidentified', 'Compose', 'Shift', 'AltGraph', 'CapsLock']);
const EDITS: Readonly<Record<string, readonly number[]>> = {
  deleteContentBackward: [14],
  deleteContentForward: [111],
  insertLineBreak: [28],
  insertParagraph: [28],
};
