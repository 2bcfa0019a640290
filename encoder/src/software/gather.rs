//! Puts an access unit's NAL units in order and hands them on.

use crate::h264::{NalType, SPS_BYTES_MAX, Sps};
use crate::{Error, Sink, Unit};

/// The NAL units of the access unit in the making.
///
/// Slices that threads of the encoder finish out of order wait here for those before them: a decoder wants them in
/// order, and they are done within a fraction of a millisecond of each other.
#[derive(Debug)]
pub(super) struct Gather {
    /// Parameter sets, and then one buffer per slice; allocated once.
    units: Vec<Pending>,
    used: usize,
    /// Whole NAL unit with start code as the library writes it, and room for a mended SPS.
    parameters: Vec<u8>,
    next_block: u32,
    index: u8,
    blocks: u32,
    first_slice: [u8; HEADER_BYTES],
    pub(super) bytes: usize,
    pub(super) error: Option<Error>,
}

#[derive(Debug)]
struct Pending {
    nals: Vec<u8>,
    first_block: u32,
    last_block: u32,
    sent: bool,
}

/// What the library says of a NAL unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) first_block: u32,
    pub(super) last_block: u32,
}

impl Gather {
    /// Room for `slices` slices of a picture of `blocks` macroblocks.
    pub(super) fn new(slices: usize, blocks: u32) -> Self {
        // Half the raw size of a slice: ten times what the VBV lets through. It is address space until it is used.
        let capacity = usize::try_from(blocks).unwrap_or(0) * 384 / slices.max(1) / 2 + 4096;
        let pending = || Pending {
            nals: Vec::with_capacity(capacity),
            first_block: 0,
            last_block: 0,
            sent: false,
        };
        Self {
            units: (0..slices).map(|_| pending()).collect(),
            used: 0,
            parameters: Vec::with_capacity(1024),
            next_block: 0,
            index: 0,
            blocks,
            first_slice: [0; HEADER_BYTES],
            bytes: 0,
            error: None,
        }
    }

    /// Ready for the next access unit.
    pub(super) fn begin(&mut self) {
        (self.used, self.next_block, self.index, self.bytes, self.error) = (0, 0, 0, 0, None);
        self.parameters.clear();
    }

    /// A buffer for a NAL unit that belongs before the first slice.
    pub(super) fn parameters(&mut self) -> &mut Vec<u8> {
        &mut self.parameters
    }

    /// The NAL unit behind `from` in [`Self::parameters`] is whole: mends an SPS, drops what is no parameter set.
    pub(super) fn end_parameters(&mut self, from: usize) {
        let nal = self.parameters.get(from + START_CODE.len()..).unwrap_or_default();
        match nal.first().map_or(NalType::Other, |&b| NalType::of(b)) {
            NalType::Sps => {
                let mut mended = [0; SPS_BYTES_MAX];
                match Sps::allow_gaps(nal, &mut mended) {
                    Ok(n) => {
                        self.parameters.truncate(from + START_CODE.len());
                        self.parameters
                            .extend_from_slice(mended.get(..n).unwrap_or_default());
                    }
                    Err(e) => self.error = Some(e),
                }
            }
            NalType::Pps => {}
            // The library's own description of its settings (SEI): 700 bytes in the first picture that nobody reads.
            NalType::Slice | NalType::SliceIdr | NalType::Other => self.parameters.truncate(from),
        }
    }

    /// A buffer for a slice, with what belongs before it; `None` when there are more slices than asked for.
    pub(super) fn slice(&mut self, slice: Slice) -> Option<&mut Vec<u8>> {
        let unit = self.units.get_mut(self.used)?;
        self.used += 1;
        (unit.first_block, unit.last_block, unit.sent) = (slice.first_block, slice.last_block, false);
        unit.nals.clear();
        if slice.first_block == 0 {
            unit.nals.extend_from_slice(&self.parameters);
        }
        Some(&mut unit.nals)
    }

    /// The newest slice's buffer is whole: hands on what is in order.
    pub(super) fn end_slice(&mut self, sink: &mut Sink<'_>) {
        if let Some(unit) = self.used.checked_sub(1).and_then(|n| self.units.get(n))
            && unit.first_block == 0
        {
            let skip = self.parameters.len() + START_CODE.len();
            let head = unit.nals.get(skip..).unwrap_or_default();
            for (to, from) in self
                .first_slice
                .iter_mut()
                .zip(head.iter().chain(std::iter::repeat(&0)))
            {
                *to = *from;
            }
        }
        loop {
            let next = self.next_block;
            let ready = self
                .units
                .iter_mut()
                .take(self.used)
                .find(|u| !u.sent && u.first_block == next);
            let Some(unit) = ready else { return };
            unit.sent = true;
            self.next_block = unit.last_block + 1;
            self.bytes += unit.nals.len();
            sink(Unit {
                nals: &unit.nals,
                index: self.index,
                last: self.next_block >= self.blocks,
            });
            self.index = self.index.saturating_add(1);
        }
    }

    /// All slices were handed on.
    pub(super) const fn is_whole(&self) -> bool {
        self.next_block >= self.blocks
    }

    /// The beginning of the first slice, without its start code.
    pub(super) const fn first_slice(&self) -> &[u8] {
        &self.first_slice
    }
}

/// The library writes four bytes before parameter sets and the first slice; `Handle` asks for them before every slice.
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// More than a slice header of the kind this crate makes has.
const HEADER_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds slices of one block each, in the order given, and says what came out: index, first byte, last.
    fn feed(order: &[u32]) -> Vec<(u8, u8, bool)> {
        let blocks = u32::try_from(order.len()).unwrap();
        let mut g = Gather::new(order.len(), blocks);
        g.begin();
        let mut out = Vec::new();
        for &n in order {
            g.slice(Slice {
                first_block: n,
                last_block: n,
            })
            .unwrap()
            .push(u8::try_from(n).unwrap());
            g.end_slice(&mut |u: Unit<'_>| out.push((u.index, u.nals[0], u.last)));
        }
        assert!(g.is_whole());
        out
    }

    #[test]
    fn slices_come_out_in_order() {
        let sorted = [(0, 0, false), (1, 1, false), (2, 2, true)];
        assert_eq!(feed(&[0, 1, 2]), sorted);
        assert_eq!(feed(&[2, 1, 0]), sorted);
        assert_eq!(feed(&[1, 0, 2]), sorted);
    }

    #[test]
    fn parameter_sets_go_with_the_first_slice_and_sei_goes_nowhere() {
        let mut g = Gather::new(2, 2);
        g.begin();
        for nal in [&[0, 0, 0, 1, 0x68, 9][..], &[0, 0, 0, 1, 6, 5, 5]] {
            let from = g.parameters().len();
            g.parameters().extend_from_slice(nal);
            g.end_parameters(from);
        }
        let mut out = Vec::new();
        for n in [1, 0] {
            g.slice(Slice {
                first_block: n,
                last_block: n,
            })
            .unwrap()
            .extend([0, 0, 0, 1, 0x65]);
            g.end_slice(&mut |u: Unit<'_>| out.push(u.nals.to_vec()));
        }
        assert_eq!(out[0], [0, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65]);
        assert_eq!(out[1], [0, 0, 0, 1, 0x65]);
        assert_eq!(g.first_slice()[0], 0x65);
    }

    #[test]
    fn one_slice_too_many_is_refused() {
        let mut g = Gather::new(1, 2);
        g.begin();
        assert!(
            g.slice(Slice {
                first_block: 0,
                last_block: 0
            })
            .is_some()
        );
        assert!(
            g.slice(Slice {
                first_block: 1,
                last_block: 1
            })
            .is_none()
        );
    }
}
