//! The barcode in the beacon's pictures: 16 bytes as black and white blocks, at the top left.
//!
//! Blocks of 16×16 pixels, white 1 and black 0, most significant bit first, left to right, in two rows of 64:
//! - row 0: `CLOCK_REALTIME` in microseconds, 64 bits, big-endian;
//! - row 1: frame number, 32 bits; input count, 16 bits; CRC-16/CCITT-FALSE over the 14 bytes before, 16 bits.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

/// Pixels of a block's side.
pub const BLOCK: usize = 16;
/// Blocks in a row.
pub const COLUMNS: usize = 64;
/// Rows of blocks.
pub const ROWS: usize = 2;
/// Pixels the barcode covers.
pub const WIDTH: usize = BLOCK * COLUMNS;
/// Pixels the barcode covers.
pub const HEIGHT: usize = BLOCK * ROWS;

/// What a barcode says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// `CLOCK_REALTIME` in microseconds, just before the frame was put on the screen.
    pub time_us: u64,
    /// Counts from 1; wraps.
    pub frame: u32,
    /// Key presses, button presses, wheel steps and pointer moves received before the frame; wraps.
    pub inputs: u16,
}

/// The bytes of a barcode.
#[must_use]
pub fn encode(reading: Reading) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (content, check) = bytes.split_at_mut(14);
    let (time, rest) = content.split_at_mut(8);
    let (frame, inputs) = rest.split_at_mut(4);
    time.copy_from_slice(&reading.time_us.to_be_bytes());
    frame.copy_from_slice(&reading.frame.to_be_bytes());
    inputs.copy_from_slice(&reading.inputs.to_be_bytes());
    check.copy_from_slice(&crc(content).to_be_bytes());
    bytes
}

/// Reads the bytes of a barcode; nothing if the checksum does not match.
#[must_use]
pub fn decode(bytes: [u8; 16]) -> Option<Reading> {
    let (content, check) = bytes.split_at(14);
    if crc(content).to_be_bytes() != *check {
        return None;
    }
    let (time, rest) = content.split_at(8);
    let (frame, inputs) = rest.split_at(4);
    Some(Reading {
        time_us: u64::from_be_bytes(time.try_into().ok()?),
        frame: u32::from_be_bytes(frame.try_into().ok()?),
        inputs: u16::from_be_bytes(inputs.try_into().ok()?),
    })
}

/// Reads a barcode from a picture: `luma(x, y)` is the brightness of a pixel. Looks at the middle of each block.
#[must_use]
pub fn read(luma: impl Fn(usize, usize) -> u8) -> Option<Reading> {
    let mut bytes = [0_u8; 16];
    for bit in 0..COLUMNS * ROWS {
        let x = bit % COLUMNS * BLOCK + BLOCK / 2;
        let y = bit / COLUMNS * BLOCK + BLOCK / 2;
        let byte = bytes.get_mut(bit / 8)?;
        *byte = *byte << 1 | u8::from(luma(x, y) >= 128);
    }
    decode(bytes)
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, starts at 0xffff, nothing reflected.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc(b"123456789"), 0x29b1, "the check value of CRC-16/CCITT-FALSE");
        assert_eq!(crc(b""), 0xffff);
    }

    #[test]
    fn the_layout_is_fixed() {
        let reading = Reading {
            time_us: 0x0102_0304_0506_0708,
            frame: 0x090a_0b0c,
            inputs: 0x0d0e,
        };
        let bytes = encode(reading);
        assert_eq!(bytes[..14], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(bytes[14..], crc(&bytes[..14]).to_be_bytes());
    }

    proptest! {
        #[test]
        fn a_wrong_bit_is_noticed(time_us: u64, frame: u32, inputs: u16, bit in 0usize..128) {
            let mut bytes = encode(Reading { time_us, frame, inputs });
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(bytes), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: [u8; 16]) {
            if let Some(reading) = decode(bytes) {
                prop_assert_eq!(encode(reading), bytes);
            }
        }
    }
}
