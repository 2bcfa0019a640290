// The beacon's barcode: two rows of 64 blocks of 16 by 16 pixels, white is 1, most significant bit first.
// Row 0: CLOCK_REALTIME in µs. Row 1: frame number (32), input count (16), CRC-16/CCITT-FALSE over the 14 bytes before it.

/** The rectangle of the picture that holds the barcode. */
export const RECT = { x: 0, y: 0, width: 1024, height: 32 };

/** The 16 bytes of a barcode from luma samples of {@link RECT}, row by row without padding; `scale` where the picture is coded smaller. Also runs inside pages. */
export function sampleBarcode(luma, stride = 1024, scale = 1) {
  const bytes = new Array(16).fill(0);
  for (let bit = 0; bit < 128; bit++) {
    // The middle of the block; limited-range black is 16 and white 235, and the middle of these decides.
    const at = Math.floor((bit < 64 ? 8 : 24) * scale) * stride + Math.floor(((bit % 64) * 16 + 8) * scale);
    if (luma[at] > 126) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  }
  return bytes;
}

/** What the bytes say; null where the checksum does not fit: a picture without a barcode, or a damaged one. */
export function decodeBarcode(bytes) {
  if (crc16(bytes.slice(0, 14)) !== ((bytes[14] << 8) | bytes[15])) return null;
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return { drawnMs: Number(view.getBigUint64(0)) / 1000, frame: view.getUint32(8), inputs: view.getUint16(12) };
}

export const readBarcode = (luma) => decodeBarcode(sampleBarcode(luma));

/** CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xffff. */
export function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
