/** What a decoder has to be told about a stream, from the stream itself. */

/** The WebCodecs codec string of the first SPS in an Annex B access unit; null when there is none. */
export function codecOf(nals: Uint8Array): string | null {
  // A SPS comes first or right after an access unit delimiter.
  for (let at = 0; at + 6 < nals.length; at += 1) {
    if (nals[at] !== 0 || nals[at + 1] !== 0 || nals[at + 2] !== 1) continue;
    const type = (nals[at + 3] ?? 0) & 0x1f;
    if (type === SPS) {
      const hex = (offset: number): string => (nals[at + offset] ?? 0).toString(16).toUpperCase().padStart(2, '0');
      return `avc1.${hex(4)}${hex(5)}${hex(6)}`;
    }
    if (type === IDR_SLICE || type === SLICE) return null;
    at += 3;
  }
  return null;
}

const SLICE = 1;
const IDR_SLICE = 5;
const SPS = 7;
