// The beacon's barcode: two rows of 64 blocks of 16 by 16 pixels, white is 1, most significant bit first.
// Row 0: CLOCK_REALTIME in µs. Row 1: frame number (32), input count (16), CRC-16/CCITT-FALSE over the 14 bytes before it.

/** The rectangle of the picture that holds the barcode. */
export const RECT = { x: 0, y: 0, width: 1024, height: 32 };
const BLOCK = 16;
const ROW_BITS = 64;
/** Limited-range black is 16 and white 235; the middle decides. */
const THRESHOLD = 126;

/**
 * Reads a barcode out of luma samples of {@link RECT}, row by row without padding.
 * Returns null where the checksum does not fit: a picture without a barcode, or a damaged one.
 */
export function readBarcode(luma) {
  const bytes = new Uint8Array(16);
  for (let bit = 0; bit < 2 * ROW_BITS; bit++) {
    const row = bit < ROW_BITS ? 0 : 1;
    const x = (bit % ROW_BITS) * BLOCK + BLOCK / 2;
    const y = row * BLOCK + BLOCK / 2;
    if (luma[y * RECT.width + x] > THRESHOLD) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  }
  if (crc16(bytes.subarray(0, 14)) !== ((bytes[14] << 8) | bytes[15])) return null;
  const view = new DataView(bytes.buffer);
  return { drawnMs: Number(view.getBigUint64(0)) / 1000, frame: view.getUint32(8), inputs: view.getUint16(12) };
}

/** CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xffff. */
export function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
