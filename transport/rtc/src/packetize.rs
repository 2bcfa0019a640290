//! Fragments of a unit to RTP payloads of H.264 (RFC 6184, packetization mode 1).
//!
//! ```text
//! media datagram (a piece of Annex B, cut anywhere) -> Packetizer -> single NAL units, FU-A -> RTP
//! ```
//!
//! The sender above cuts units into datagrams and paces those; what the browser gets must be NAL units. A fragment becomes
//! RTP at once: only the last few bytes are held back, since a NAL unit's end shows in what follows it. They go with the next
//! fragment, so that the sizes that the pacer and the rate rule count are right but for a few bytes.

use bytes::{BufMut, Bytes, BytesMut};
use firstlight_wire::MediaHeader;

/// One RTP payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) payload: Bytes,
    /// The last of its access unit.
    pub(crate) marker: bool,
}

/// Turns fragments, in the order they are sent, into RTP payloads. Pure.
#[derive(Debug, Default)]
pub(crate) struct Packetizer {
    /// What must come next for the unit to be whole: frame, unit, fragment.
    next: Option<(u32, u8, u16)>,
    /// The end of the fragment before.
    held: Vec<u8>,
    /// Bytes of the trace that are still to be skipped.
    skip: Skip,
    open: Open,
}

/// What stands before a unit's NAL units.
#[derive(Clone, Copy, Debug, Default)]
enum Skip {
    /// The byte that tells the trace's length.
    #[default]
    Length,
    Bytes(usize),
}

/// The NAL unit at hand.
#[derive(Clone, Copy, Debug, Default)]
enum Open {
    /// None.
    #[default]
    Nothing,
    /// Its start code was read, nothing else.
    Fresh,
    /// Its header was read, and sent with a first part where `begun`.
    Parts { header: u8, begun: bool },
}

impl Packetizer {
    /// Appends what a fragment becomes to `out`. A fragment that does not follow the one before makes nothing until the next
    /// unit begins.
    pub(crate) fn push(&mut self, header: &MediaHeader, fragment: &[u8], out: &mut Vec<Piece>) {
        let here = (header.frame, header.unit, header.fragment);
        if header.fragment == 0 {
            *self = Self::default();
        } else if self.next != Some(here) {
            self.next = None;
            return;
        }
        let last = header.fragment + 1 == header.fragments;
        self.next = (!last).then_some((header.frame, header.unit, header.fragment.saturating_add(1)));
        let fresh = self.skipped(fragment);
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(fresh);
        let cut = if last { bytes.len() } else { cut(&bytes) };
        let (now, later) = bytes.split_at(cut);
        self.take(now, last, out);
        later.clone_into(&mut self.held);
        if last
            && header.flags.last_unit
            && let Some(piece) = out.last_mut()
        {
            piece.marker = true;
        }
    }

    /// The fragment without what belongs to the trace.
    fn skipped<'a>(&mut self, mut fragment: &'a [u8]) -> &'a [u8] {
        if matches!(self.skip, Skip::Length)
            && let Some((length, rest)) = fragment.split_first()
        {
            self.skip = Skip::Bytes((*length).into());
            fragment = rest;
        }
        if let Skip::Bytes(left) = self.skip {
            let cut = left.min(fragment.len());
            self.skip = Skip::Bytes(left - cut);
            fragment = fragment.get(cut..).unwrap_or_default();
        }
        fragment
    }

    fn take(&mut self, mut bytes: &[u8], last: bool, out: &mut Vec<Piece>) {
        while let Some((before, after)) = split_at_start_code(bytes) {
            self.part(before, true, out);
            self.open = Open::Fresh;
            bytes = after;
        }
        self.part(bytes, last, out);
    }

    /// Sends a part of the NAL unit at hand, its last one where it `ends`.
    fn part(&mut self, part: &[u8], ends: bool, out: &mut Vec<Piece>) {
        let (header, begun, body) = match (self.open, part.split_first()) {
            (Open::Nothing, _) => return,
            (Open::Fresh, None) => {
                if ends {
                    self.open = Open::Nothing;
                }
                return;
            }
            (Open::Fresh, Some(_)) if ends && part.len() <= PAYLOAD_MAX => {
                out.push(piece(Bytes::copy_from_slice(part)));
                self.open = Open::Nothing;
                return;
            }
            (Open::Fresh, Some((header, body))) => (*header, false, body),
            (Open::Parts { header, begun }, _) => (header, begun, part),
        };
        self.open = Open::Parts { header, begun };
        let mut begun = begun;
        let mut body = body;
        while !body.is_empty() {
            let (now, rest) = body.split_at(body.len().min(PAYLOAD_MAX - FU_HEADER_BYTES));
            out.push(piece(fu(header, !begun, ends && rest.is_empty(), now)));
            begun = true;
            body = rest;
        }
        self.open = if ends {
            Open::Nothing
        } else {
            Open::Parts { header, begun }
        };
    }
}

fn piece(payload: Bytes) -> Piece {
    Piece {
        payload,
        marker: false,
    }
}

/// RFC 6184, 5.8.
fn fu(header: u8, start: bool, end: bool, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(FU_HEADER_BYTES + body.len());
    out.put_u8(header & 0xe0 | FU_A);
    out.put_u8(u8::from(start) << 7 | u8::from(end) << 6 | header & 0x1f);
    out.put_slice(body);
    out.freeze()
}

/// Splits at the first start code, of three bytes or four.
fn split_at_start_code(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(3).position(|three| three == [0, 0, 1])?;
    let before = bytes.get(..at)?;
    Some((before.strip_suffix(&[0]).unwrap_or(before), bytes.get(at + 3..)?))
}

/// How much of `bytes` can be sent before what follows is known: up to a byte that belongs to a NAL unit for certain.
fn cut(bytes: &[u8]) -> usize {
    let byte = |at: usize| bytes.get(at).copied();
    let mut at = bytes.len().saturating_sub(HELD_BYTES);
    while at > 0
        && (byte(at) == Some(0)
            || byte(at) == Some(1) && at >= 2 && byte(at - 1) == Some(0) && byte(at - 2) == Some(0))
    {
        at -= 1;
    }
    at
}

const FU_A: u8 = 28;
const FU_HEADER_BYTES: usize = 2;
/// A start code of four bytes.
const HELD_BYTES: usize = 4;
/// With RTP's header, its extensions and SRTP's tag below IPv6's least MTU.
const PAYLOAD_MAX: usize = 1_180;

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_wire::{Flags, Kind};
    use proptest::prelude::*;

    fn header(fragment: u16, fragments: u16) -> MediaHeader {
        MediaHeader {
            kind: Kind::Video,
            flags: Flags {
                last_unit: true,
                ..Flags::default()
            },
            participant: 0,
            track: 0,
            packet_seq: 1,
            sent_at: 0,
            frame: 7,
            reference: 7,
            captured_at: 0,
            key_epoch: 0,
            unit: 0,
            fragment,
            fragments,
        }
    }

    fn packets(unit: &[u8], size: usize) -> Vec<Piece> {
        let mut packetizer = Packetizer::default();
        let mut out = Vec::new();
        let count = u16::try_from(unit.chunks(size).count()).unwrap();
        for (n, chunk) in (0..).zip(unit.chunks(size)) {
            packetizer.push(&header(n, count), chunk, &mut out);
        }
        out
    }

    /// As a receiver would.
    fn nals(pieces: &[Piece]) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        let mut open = false;
        for piece in pieces {
            let (first, rest) = piece.payload.split_first().unwrap();
            if first & 0x1f != FU_A {
                assert!(!open, "a NAL unit without an end");
                nals.push(piece.payload.to_vec());
                continue;
            }
            let (fu, body) = rest.split_first().unwrap();
            assert_eq!(fu & 0x80 != 0, !open);
            assert!(!body.is_empty());
            if !open {
                nals.push(vec![first & 0xe0 | fu & 0x1f]);
            }
            nals.last_mut().unwrap().extend_from_slice(body);
            open = fu & 0x40 == 0;
        }
        assert!(!open);
        nals
    }

    fn unit(trace: usize, nals: &[Vec<u8>], long: bool) -> Vec<u8> {
        let mut unit = vec![u8::try_from(trace).unwrap()];
        unit.resize(1 + trace, 0);
        for nal in nals {
            let code: &[u8] = if long { &[0, 0, 0, 1] } else { &[0, 0, 1] };
            unit.extend_from_slice(code);
            unit.extend_from_slice(nal);
        }
        unit
    }

    /// No NAL unit holds a start code or ends with a zero.
    fn nal() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), 2..=255u8], 0..60).prop_map(|mut body| {
            let mut zeros = 0;
            for byte in &mut body {
                if zeros == 2 && *byte < 4 {
                    *byte = 3;
                }
                zeros = if *byte == 0 { zeros + 1 } else { 0 };
            }
            body.insert(0, 0x65);
            body.push(0x80);
            body
        })
    }

    proptest! {
        #[test]
        fn what_is_cut_anywhere_comes_out_whole(
            list in proptest::collection::vec(nal(), 1..6), size in 1usize..50, trace in 0usize..40, long: bool,
        ) {
            let unit = unit(trace, &list, long);
            let pieces = packets(&unit, size);
            prop_assert_eq!(nals(&pieces), list);
            let markers = pieces.iter().filter(|piece| piece.marker).count();
            prop_assert!(markers == 1 && pieces.last().unwrap().marker);
        }

        #[test]
        fn nothing_a_sender_could_hand_over_panics(
            bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..300), size in 1usize..40,
        ) {
            drop(packets(&bytes, size));
        }
    }

    #[test]
    fn a_large_nal_unit_is_split_to_fit() {
        let nal: Vec<u8> = std::iter::once(0x41)
            .chain(std::iter::repeat_n(0x55, 5_000))
            .collect();
        let pieces = packets(&unit(34, std::slice::from_ref(&nal), true), 4_000);
        assert!(pieces.iter().all(|piece| piece.payload.len() <= PAYLOAD_MAX));
        assert_eq!(nals(&pieces), [nal]);
    }

    #[test]
    fn after_a_gap_nothing_comes_until_the_next_unit() {
        let mut packetizer = Packetizer::default();
        let mut out = Vec::new();
        packetizer.push(&header(0, 3), &[0, 0, 0, 1, 0x65, 2, 3, 4, 5, 6, 7], &mut out);
        out.clear();
        packetizer.push(&header(2, 3), &[1, 2, 3], &mut out);
        assert!(out.is_empty());
        packetizer.push(&header(0, 1), &[0, 0, 0, 1, 0x65, 9], &mut out);
        assert_eq!(nals(&out), [vec![0x65, 9]]);
    }
}
