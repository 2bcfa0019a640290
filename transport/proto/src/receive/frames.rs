//! The access units that are being put together, and which of them may be decoded.

use super::slot::{Patience, Slot, Taken};
use super::{AccessUnit, ReceiverStats};
use crate::{first, near};
use firstlight_units::{FrameId, Micros, Timestamp};
use firstlight_wire::{MediaHeader, Nack, split_video_unit};

#[derive(Debug)]
pub(crate) struct Frames {
    slots: Vec<Slot>,
    /// The newest access unit that is known of; 0: none.
    newest: u64,
    /// Everything up to here was delivered or passed over.
    floor: u64,
    /// Handed to the decoder since the last IDR, newest first: bit n is `delivered_newest − n`.
    delivered: u64,
    delivered_newest: u64,
    /// Something was passed over that what comes next may need.
    broken: bool,
    follows_recovery: bool,
    unit: Vec<u8>,
}

/// What a receiver asks its sender for, besides packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Something is given up.
    pub(crate) stuck: bool,
    /// What would end the gap is arriving.
    pub(crate) coming: bool,
    /// Only an IDR can be decoded.
    pub(crate) start: bool,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..WINDOW).map(|_| Slot::default()).collect(),
            newest: 0,
            floor: 0,
            delivered: 0,
            delivered_newest: 0,
            broken: false,
            follows_recovery: true,
            unit: Vec::new(),
        }
    }

    /// A new attachment: nothing that came is of use to it.
    pub(crate) fn restart(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.begin(0));
        self.newest = 0;
        self.floor = 0;
        self.delivered = 0;
        self.broken = false;
    }

    /// The decoder has lost its references.
    pub(crate) fn break_chain(&mut self) {
        self.delivered = 0;
        self.broken = true;
    }

    pub(crate) const fn set_follows_recovery(&mut self, follows: bool) {
        self.follows_recovery = follows;
    }

    /// Takes a fragment. `stale`: before it, there was a silence longer than anybody waits.
    pub(crate) fn insert(
        &mut self,
        now: Timestamp,
        header: &MediaHeader,
        payload: &[u8],
        stale: bool,
        stats: &mut ReceiverStats,
    ) -> Taken {
        let frame = self.near(header.frame);
        let reference = near(frame, header.reference);
        if frame == 0 {
            return Taken::Contradiction;
        }
        if self.newest == 0 {
            self.floor = frame - 1;
            self.newest = self.floor;
        }
        if self.delivered == 0 && !self.broken {
            // Before the first picture: this one came, and what it needs was sent too.
            self.lower_floor(now, reference);
        }
        if frame <= self.floor {
            return self.insert_late(now, frame, reference, header, payload, stats);
        }
        self.reach(now, frame, stale, !header.flags.repeat, stats);
        let Some(slot) = self.slots.get_mut(index(frame)) else {
            return Taken::Contradiction;
        };
        if slot.broken {
            return Taken::Known;
        }
        let taken = slot.insert(now, reference, header, payload);
        stats.restored += u64::from(std::mem::take(&mut slot.restored));
        self.shed(stats);
        taken
    }

    /// Padding tells which access unit was the last.
    pub(crate) fn handle_newest(&mut self, now: Timestamp, low: u32, stale: bool, stats: &mut ReceiverStats) {
        let frame = self.near(low);
        if low == 0 {
            return;
        }
        if self.newest == 0 {
            self.floor = frame - 1;
            self.newest = self.floor;
        }
        if frame > self.floor {
            self.reach(now, frame, stale, true, stats);
            self.overtake(now, frame, stale);
        }
    }

    fn near(&self, low: u32) -> u64 {
        if self.newest == 0 {
            first(low)
        } else {
            near(self.newest, low)
        }
    }

    fn insert_late(
        &mut self,
        now: Timestamp,
        frame: u64,
        reference: u64,
        header: &MediaHeader,
        payload: &[u8],
        stats: &mut ReceiverStats,
    ) -> Taken {
        let Some(slot) = self
            .slots
            .get_mut(index(frame))
            .filter(|slot| slot.frame == frame)
        else {
            return Taken::Known;
        };
        if slot.whole || !slot.passed_over {
            return Taken::Known;
        }
        let taken = slot.insert(now, reference, header, payload);
        stats.frames_late += u64::from(slot.whole);
        taken
    }

    /// Before anything was delivered: access units from `reference` on were sent.
    fn lower_floor(&mut self, now: Timestamp, reference: u64) {
        let oldest = self.newest.saturating_sub(WINDOW - 2);
        let floor = reference.saturating_sub(1).max(oldest);
        while self.floor > floor {
            if let Some(slot) = self.slots.get_mut(index(self.floor)) {
                slot.begin(self.floor);
                slot.overtake_all(now);
            }
            self.floor -= 1;
        }
    }

    /// Opens slots up to `frame`, and notes that what is before it was overtaken.
    fn reach(
        &mut self,
        now: Timestamp,
        frame: u64,
        stale: bool,
        first_send: bool,
        stats: &mut ReceiverStats,
    ) {
        if frame <= self.newest {
            return;
        }
        if frame > self.floor + WINDOW {
            self.pass_over(frame - WINDOW, stats);
            self.broken = true;
        }
        if first_send {
            self.overtake(now, self.newest, stale);
        }
        for id in (self.newest + 1).max(self.floor + 1)..=frame {
            let Some(slot) = self.slots.get_mut(index(id)) else {
                continue;
            };
            slot.begin(id);
            if id < frame {
                slot.stale = stale;
                slot.overtake_all(now);
            }
        }
        self.newest = frame;
    }

    fn overtake(&mut self, now: Timestamp, until: u64, stale: bool) {
        for id in self.floor + 1..=until {
            if let Some(slot) = self.slots.get_mut(index(id)).filter(|slot| slot.frame == id) {
                slot.stale |= stale;
                slot.overtake_all(now);
            }
        }
    }

    /// Everything up to `until` is done with.
    fn pass_over(&mut self, until: u64, stats: &mut ReceiverStats) {
        let known = until.min(self.newest);
        for id in self.floor + 1..=known {
            let Some(slot) = self.slots.get_mut(index(id)).filter(|slot| slot.frame == id) else {
                continue;
            };
            slot.passed_over = true;
            slot.forget_bytes();
            if slot.whole {
                stats.frames_dropped += 1;
            } else {
                stats.frames_lost += 1;
            }
        }
        stats.frames_lost += until.saturating_sub(known.max(self.floor));
        self.floor = self.floor.max(until);
    }

    /// Keeps the memory of all slots bounded; the oldest goes.
    fn shed(&mut self, stats: &mut ReceiverStats) {
        while self.floor < self.newest && self.slots.iter().map(Slot::size).sum::<usize>() > BYTES_MAX {
            self.pass_over(self.floor + 1, stats);
            self.broken = true;
        }
    }

    /// The next access unit for the decoder; its NAL units replace what is in `out`.
    pub(crate) fn poll(&mut self, out: &mut Vec<u8>, stats: &mut ReceiverStats) -> Option<AccessUnit> {
        loop {
            let frame = (self.floor + 1..=self.newest).find(|frame| self.is_decodable(*frame))?;
            let Some(unit) = self.assemble(frame, out) else {
                stats.malformed += 1;
                continue;
            };
            self.pass_over(frame - 1, stats);
            if let Some(slot) = self.slots.get_mut(index(frame)) {
                slot.passed_over = true;
                slot.forget_bytes();
            }
            let age = u32::try_from(frame.saturating_sub(self.delivered_newest)).unwrap_or(u32::MAX);
            let older = if unit.idr {
                0
            } else {
                self.delivered.checked_shl(age).unwrap_or(0)
            };
            self.delivered = older | 1;
            self.delivered_newest = frame;
            self.floor = frame;
            self.broken = false;
            stats.delivered += 1;
            stats.idrs += u64::from(unit.idr);
            stats.recoveries += u64::from(unit.recovery);
            return Some(unit);
        }
    }

    fn is_decodable(&self, frame: u64) -> bool {
        let slot = self.slots.get(index(frame));
        slot.is_some_and(|slot| slot.frame == frame && slot.whole && !slot.broken && self.is_startable(slot))
    }

    /// Whether the decoder has what this one needs.
    fn is_startable(&self, slot: &Slot) -> bool {
        if slot.flags.idr {
            return true;
        }
        let Some(age) = self.delivered_newest.checked_sub(slot.reference) else {
            return false;
        };
        let has = u32::try_from(age).is_ok_and(|age| self.delivered.checked_shr(age).unwrap_or(0) & 1 != 0);
        has && (age == 0 || self.follows_recovery)
    }

    /// Puts a whole access unit together; one that is not what it should be is marked and left.
    fn assemble(&mut self, frame: u64, out: &mut Vec<u8>) -> Option<AccessUnit> {
        out.clear();
        let slot = self.slots.get_mut(index(frame))?;
        let mut trace = None;
        for index in 0.. {
            self.unit.clear();
            if !slot.write_unit(index, &mut self.unit) {
                break;
            }
            match split_video_unit(&self.unit) {
                Ok((found, nals)) => {
                    trace = found.or(trace);
                    out.extend_from_slice(nals);
                }
                Err(_) => {
                    slot.broken = true;
                    slot.given_up = true;
                    return None;
                }
            }
        }
        Some(AccessUnit {
            frame: FrameId::new(frame),
            reference: FrameId::new(slot.reference),
            idr: slot.flags.idr,
            recovery: slot.flags.recovery,
            still: slot.flags.still,
            captured_at: slot.captured_at,
            sent_at: slot.sent_at,
            began_at: slot.began_at,
            whole_at: slot.came_at,
            trace,
        })
    }

    /// Looks at every access unit that is not whole; returns when to look again.
    pub(crate) fn look(
        &mut self,
        now: Timestamp,
        patience: Patience,
        mut ask: Option<&mut dyn FnMut(Nack) -> bool>,
    ) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for id in self.floor + 1..=self.newest {
            let Some(slot) = self.slots.get_mut(index(id)).filter(|slot| slot.frame == id) else {
                continue;
            };
            let at = match ask {
                Some(ref mut ask) => slot.look(now, patience, Some(&mut **ask)),
                None => slot.look(now, patience, None),
            };
            next = match (next, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        next
    }

    pub(crate) fn needs(&self) -> Needs {
        let pending = || {
            (self.floor + 1..=self.newest)
                .filter_map(|id| self.slots.get(index(id)).filter(|slot| slot.frame == id))
        };
        Needs {
            stuck: self.broken || pending().any(|slot| slot.given_up),
            coming: pending().any(|slot| slot.begun && !slot.given_up && self.is_startable(slot)),
            start: self.delivered == 0,
        }
    }

    /// Whether the decoder got it, and no IDR after it.
    pub(crate) fn is_delivered(&self, frame: u64) -> bool {
        let age = self
            .delivered_newest
            .checked_sub(frame)
            .and_then(|age| u32::try_from(age).ok());
        age.is_some_and(|age| self.delivered.checked_shr(age).unwrap_or(0) & 1 != 0)
    }

    /// Bytes held, for tests of the bound.
    pub(crate) fn held(&self) -> usize {
        self.slots.iter().map(Slot::size).sum()
    }
}

const fn index(frame: u64) -> usize {
    (frame % WINDOW) as usize
}

/// A second at 60 fps: far longer than anything is waited for.
const WINDOW: u64 = 64;
/// A second at 64 Mbit/s.
const BYTES_MAX: usize = 8 << 20;
/// How long the first picture may take before it is asked for.
pub(crate) const PATIENCE_START: Micros = Micros::from_millis(250);
