//! Audio frames, each handed on once; what was lost is taken from the frame after it.

use super::AudioPacket;
use crate::{first, near};
use firstlight_units::{FrameId, RemoteTime};
use firstlight_wire::{AudioUnit, MediaHeader};
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Audio {
    /// 0: none yet.
    newest: u64,
    /// Bit n: frame `newest − n` was handed on.
    seen: u64,
    queue: VecDeque<(AudioPacket, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    pub(crate) dropped: u64,
}

impl Audio {
    pub(crate) fn new() -> Self {
        Self {
            newest: 0,
            seen: 0,
            queue: VecDeque::with_capacity(QUEUE_MAX),
            spare: Vec::with_capacity(QUEUE_MAX),
            dropped: 0,
        }
    }

    pub(crate) fn restart(&mut self) {
        self.newest = 0;
        self.seen = 0;
    }

    /// `false` when the payload is none.
    pub(crate) fn handle(&mut self, header: &MediaHeader, payload: &[u8]) -> bool {
        let Ok(unit) = AudioUnit::parse(payload) else {
            return false;
        };
        let frame = if self.newest == 0 {
            first(header.frame)
        } else {
            near(self.newest, header.frame)
        };
        let captured_at = RemoteTime::from_micros(header.captured_at);
        let before = frame.wrapping_sub(1);
        if !unit.previous.is_empty() && self.newest != 0 && before != 0 && self.claim(before) {
            let packet = AudioPacket {
                frame: FrameId::new(before),
                captured_at,
                redundant: true,
                silent: false,
            };
            self.push(packet, unit.previous);
        }
        if self.claim(frame) {
            let packet = AudioPacket {
                frame: FrameId::new(frame),
                captured_at,
                redundant: false,
                silent: header.flags.still,
            };
            self.push(packet, unit.primary);
        }
        true
    }

    pub(crate) fn poll(&mut self, out: &mut Vec<u8>) -> Option<AudioPacket> {
        let (packet, bytes) = self.queue.pop_front()?;
        out.clear();
        out.extend_from_slice(&bytes);
        self.spare.push(bytes);
        Some(packet)
    }

    /// Marks a frame as handed on; `false` when it was, or is too old to know.
    fn claim(&mut self, frame: u64) -> bool {
        if frame > self.newest {
            let shift = frame - self.newest;
            self.seen = u32::try_from(shift)
                .ok()
                .and_then(|shift| self.seen.checked_shl(shift))
                .unwrap_or(0)
                | 1;
            self.newest = frame;
            return true;
        }
        let bit = u32::try_from(self.newest - frame)
            .ok()
            .and_then(|age| 1u64.checked_shl(age));
        match bit {
            Some(bit) if self.seen & bit == 0 => {
                self.seen |= bit;
                true
            }
            _ => false,
        }
    }

    fn push(&mut self, packet: AudioPacket, opus: &[u8]) {
        if self.queue.len() >= QUEUE_MAX
            && let Some((_, bytes)) = self.queue.pop_front()
        {
            self.spare.push(bytes);
            self.dropped += 1;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(opus);
        self.queue.push_back((packet, bytes));
    }
}

/// More than a player buffers; past it the oldest goes.
const QUEUE_MAX: usize = 32;
