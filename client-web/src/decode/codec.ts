/** What a decoder has to be told about a stream, from the stream itself. */

/** The WebCodecs codec string of an access unit that a decoder can start at; null when it has no parameter sets. */
export function codecOf(unit: Uint8Array): string | null {
  // Annex B begins with a start code's zeros, and no OBU does.
  return unit[0] === 0 ? ofNals(unit) : ofObus(unit);
}

/** By the first SPS. */
function ofNals(nals: Uint8Array): string | null {
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

/** By the sequence header (AV1, 5.5.1), which follows the temporal delimiter. */
function ofObus(unit: Uint8Array): string | null {
  const start = unit[1] === 0 ? 2 : 0;
  if (((unit[start] ?? 0) >> 3) !== SEQUENCE_HEADER) return null;
  // Its size has one byte: it is never that long.
  const head = unit.subarray(start + 2, start + 7);
  if (head.length < 5) return null;
  const bits = (from: number, count: number): number => {
    let value = 0;
    for (let at = from; at < from + count; at += 1) value = value * 2 + (((head[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    return value;
  };
  // No reduced header, no timing: the engine's encoders write neither.
  if (bits(4, 2) !== 0) return null;
  const level = bits(24, 5);
  const tier = level > LEVELS_WITHOUT_TIER && bits(29, 1) === 1 ? 'H' : 'M';
  return `av01.${bits(0, 3)}.${level.toString().padStart(2, '0')}${tier}.08`;
}

const SLICE = 1;
const IDR_SLICE = 5;
const SPS = 7;
const SEQUENCE_HEADER = 1;
/** Levels up to 3.3 have one tier. */
const LEVELS_WITHOUT_TIER = 7;
