/** Numbers in and out of datagrams. All of them are big-endian. */

/**
 * A 64-bit number. Times in microseconds stay under 2^53 for 285 years, so readers give plain numbers; a larger one, which
 * only a broken peer sends, is rounded. Writers take a bigint as well, so that every value can be written.
 */
export type U64 = number | bigint;

/** Why a parser refuses bytes. Parsers return one of these words instead of throwing. */
export type Malformed = 'truncated' | 'version' | 'kind' | 'field';

export function isMalformed(result: unknown): result is Malformed {
  return typeof result === 'string';
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function readU64(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

export function writeU64(view: DataView, at: number, value: U64): void {
  if (typeof value === 'bigint') {
    view.setBigUint64(at, value);
    return;
  }
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value % 0x1_0000_0000);
}

/** The low 32 bits of a counter. */
export function low32(counter: number): number {
  return counter % 0x1_0000_0000;
}

/** The counter near `near` with these low 32 bits; never below 0. */
export function unwrap32(low: number, near: number): number {
  const behind = (low - low32(near)) | 0;
  const counter = near + behind;
  return counter < 0 ? counter + 0x1_0000_0000 : counter;
}
