//! Audio frames that wait to be sent; on any path that works, none do.

use super::AudioFrame;
use firstlight_wire::{AudioUnit, Flags, Kind, MediaHeader, Track};
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct AudioQueue {
    waiting: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl AudioQueue {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::with_capacity(WAITING_MAX),
            spare: (0..=WAITING_MAX)
                .map(|_| Vec::with_capacity(DATAGRAM_BYTES))
                .collect(),
        }
    }

    pub(crate) fn clear(&mut self) {
        while let Some(datagram) = self.waiting.pop_front() {
            self.give_back(datagram);
        }
    }

    /// `false` when the oldest one was dropped for it.
    pub(crate) fn push(&mut self, frame: &AudioFrame<'_>) -> bool {
        let full = self.waiting.len() >= WAITING_MAX;
        if full && let Some(oldest) = self.waiting.pop_front() {
            self.give_back(oldest);
        }
        let mut datagram = self.spare.pop().unwrap_or_default();
        let header = MediaHeader {
            kind: Kind::Audio,
            flags: Flags {
                last_unit: true,
                still: frame.silent,
                ..Flags::default()
            },
            participant: 0,
            track: Track::Audio as u8,
            packet_seq: 0,
            sent_at: 0,
            frame: frame.frame.low(),
            reference: frame.frame.low(),
            captured_at: frame.captured_at.as_micros(),
            key_epoch: 0,
            unit: 0,
            fragment: 0,
            fragments: 1,
        };
        datagram.extend_from_slice(&header.to_bytes());
        AudioUnit {
            primary: frame.primary,
            previous: frame.previous,
        }
        .write(&mut datagram);
        self.waiting.push_back(datagram);
        !full
    }

    /// The oldest, moved into `out`.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(datagram) = self.waiting.pop_front() else {
            return false;
        };
        out.extend_from_slice(&datagram);
        self.give_back(datagram);
        true
    }

    fn give_back(&mut self, mut datagram: Vec<u8>) {
        datagram.clear();
        self.spare.push(datagram);
    }
}

/// 160 ms of 10 ms frames; older sound is of no use to anybody.
const WAITING_MAX: usize = 16;
/// Two Opus packets of a usual rate and the header.
const DATAGRAM_BYTES: usize = 512;
