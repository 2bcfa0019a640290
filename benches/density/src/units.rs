//! The recording: an H.264 stream cut into access units at its delimiters.

use anyhow::{Result, ensure};
use std::path::Path;

/// Access units, the first of which is an IDR.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) units: Vec<Vec<u8>>,
}

impl Recording {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let units = cut(&std::fs::read(path)?);
        ensure!(
            units.len() > 1,
            "{} has no access unit delimiters",
            path.display()
        );
        Ok(Self { units })
    }

    pub(crate) fn get(&self, n: u64) -> &[u8] {
        let count = self.units.len() as u64;
        usize::try_from(n % count)
            .ok()
            .and_then(|n| self.units.get(n))
            .map_or(&[], Vec::as_slice)
    }
}

fn cut(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> = stream
        .windows(DELIMITER.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == DELIMITER)
        .map(|(at, _)| at)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| stream.get(*start..end).map(<[u8]>::to_vec))
        .collect()
}

/// A start code and a NAL unit of type 9.
const DELIMITER: [u8; 5] = [0, 0, 0, 1, 9];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_at_delimiters_and_nothing_is_lost() {
        let stream = [&DELIMITER[..], &[1, 2], &DELIMITER, &[0, 0, 0, 1, 65, 3]].concat();
        let units = cut(&stream);
        assert_eq!(units.iter().map(Vec::len).collect::<Vec<_>>(), [7, 11]);
        assert_eq!(units.concat(), stream);
        assert!(cut(&[0, 0, 1, 9]).is_empty());
    }
}
