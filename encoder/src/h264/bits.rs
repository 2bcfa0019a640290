//! Bits, Exp-Golomb codes and emulation prevention (H.264, 7.2, 7.4.1 and 9.1).

/// Reads bits, most significant first; `None` past the end.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits read so far.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// `n` bits as a number; `n` is at most 32.
    pub(crate) fn bits(&mut self, n: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..n {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// ue(v).
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        Some(((1u32 << zeros) - 1).wrapping_add(rest))
    }

    /// se(v).
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 1 { half } else { -half })
    }
}

/// Writes bits, most significant first.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    pub(crate) bytes: Vec<u8>,
    filled: usize,
}

#[cfg(test)]
impl BitWriter {
    pub(crate) fn bit(&mut self, bit: bool) {
        if self.filled.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (7 - self.filled % 8);
        }
        self.filled += 1;
    }

    pub(crate) fn bits(&mut self, value: u32, n: u32) {
        for i in (0..n).rev() {
            self.bit(value >> i & 1 == 1);
        }
    }

    pub(crate) fn ue(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let length = 64 - code.leading_zeros();
        for _ in 1..length {
            self.bit(false);
        }
        for i in (0..length).rev() {
            self.bit(code >> i & 1 == 1);
        }
    }

    pub(crate) fn se(&mut self, value: i32) {
        let code = value.unsigned_abs() * 2;
        self.ue(if value > 0 { code - 1 } else { code });
    }
}

/// Writes the payload of a NAL unit (without its first byte) to `rbsp`, without emulation prevention; stops when
/// `rbsp` is full. Returns the bytes written.
pub(crate) fn unescape(payload: &[u8], rbsp: &mut [u8]) -> usize {
    let (mut zeros, mut length) = (0, 0);
    for &byte in payload {
        if zeros == 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        let Some(slot) = rbsp.get_mut(length) else {
            return length;
        };
        *slot = byte;
        length += 1;
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    length
}

/// Writes `rbsp` to `out` with emulation prevention; `None` when `out` is too short. Returns the bytes written.
pub(crate) fn escape(rbsp: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mut zeros, mut length) = (0, 0);
    for &byte in rbsp {
        if zeros == 2 && byte <= 3 {
            *out.get_mut(length)? = 3;
            length += 1;
            zeros = 0;
        }
        *out.get_mut(length)? = byte;
        length += 1;
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values in prop::collection::vec((any::<u32>(), any::<i32>(), 0u32..=32), 0..50)) {
            let mut w = BitWriter::default();
            for &(u, s, n) in &values {
                w.ue(u % (u32::MAX - 1));
                w.se(s / 2);
                w.bits(u & (1u64 << n).wrapping_sub(1) as u32, n);
            }
            let mut r = BitReader::new(&w.bytes);
            for &(u, s, n) in &values {
                prop_assert_eq!(r.ue(), Some(u % (u32::MAX - 1)));
                prop_assert_eq!(r.se(), Some(s / 2));
                prop_assert_eq!(r.bits(n), Some(u & (1u64 << n).wrapping_sub(1) as u32));
            }
        }

        #[test]
        fn escaping_comes_back_and_holds_no_start_code(rbsp in prop::collection::vec(0u8..5, 0..200)) {
            let mut out = [0; 400];
            let n = escape(&rbsp, &mut out).unwrap();
            prop_assert!(!out[..n].windows(3).any(|w| w[0] == 0 && w[1] == 0 && w[2] < 3));
            let mut back = [0; 400];
            let m = unescape(&out[..n], &mut back);
            prop_assert_eq!(&back[..m], &rbsp[..]);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut r = BitReader::new(&bytes);
            while r.ue().is_some() && r.se().is_some() {}
        }
    }
}
