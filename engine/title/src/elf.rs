//! What a program is built of, as far as a library that is loaded into it asks.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Why a library of this machine's own kind cannot be preloaded into the program; `None` where it can, or where it is no program in machine
/// code: a script's interpreter takes it.
pub(crate) fn refuses_preload(program: &Path) -> Option<&'static str> {
    // The headers of every linker's output lie in the first page.
    let mut bytes = Vec::with_capacity(PAGE);
    let page = u64::try_from(PAGE).ok()?;
    File::open(program)
        .ok()?
        .take(page)
        .read_to_end(&mut bytes)
        .ok()?;
    judge(&bytes)
}

/// `ELF(5)`: identification, then the table of segments.
fn judge(bytes: &[u8]) -> Option<&'static str> {
    let rest = bytes.strip_prefix(b"\x7fELF")?;
    let (class, order) = (rest.first()?, rest.get(1)?);
    if *class != CLASS_64 {
        return Some("is a program of 32 bits");
    }
    if *order != LITTLE_ENDIAN {
        return None;
    }
    let number = |at: usize| {
        let pair = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(pair)))
    };
    let table = usize::try_from(u64::from_le_bytes(bytes.get(32..40)?.try_into().ok()?)).ok()?;
    let (size, count) = (number(54)?, number(56)?);
    for n in 0..count {
        let at = table.checked_add(n * size)?;
        let kind = bytes.get(at..at.checked_add(4)?)?;
        if kind == INTERPRETER.to_le_bytes() {
            return None;
        }
    }
    Some("is linked statically")
}

const PAGE: usize = 4_096;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
/// `PT_INTERP`: the loader, which loads libraries.
const INTERPRETER: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// A 64-bit program with one segment of this kind.
    fn program(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    #[test]
    fn only_a_program_with_a_loader_of_64_bits_takes_a_library() {
        assert_eq!(judge(&program(INTERPRETER)), None);
        assert_eq!(judge(&program(1)), Some("is linked statically"));
        let mut small = program(INTERPRETER);
        small[4] = 1;
        assert_eq!(judge(&small), Some("is a program of 32 bits"));
        assert_eq!(judge(b"#!/bin/sh\n"), None);
        assert_eq!(refuses_preload(Path::new("/bin/sh")), None);
    }

    #[test]
    fn a_cut_or_lying_header_is_nobody_s_end() {
        let whole = program(INTERPRETER);
        for length in 0..whole.len() {
            judge(&whole[..length]);
        }
        let mut lying = whole;
        lying[32..40].copy_from_slice(&[0xff; 8]);
        lying[54..58].copy_from_slice(&[0xff; 4]);
        judge(&lying);
    }
}
