//! The access units that were sent lately, cut into fragments, and those waiting to be sent.

use super::VideoUnit;
use crate::fec;
use firstlight_units::{ByteCount, FrameId, Micros, Timestamp};
use firstlight_wire::{
    FRAGMENTS_MAX, Flags, Kind, MEDIA_HEADER_BYTES, MediaHeader, PARITY_DATA_MAX, PARITY_MAX,
    PARITY_PREFIX_BYTES, Track,
};
use std::collections::VecDeque;

#[cfg(test)]
mod tests;

#[derive(Debug)]
pub(crate) struct History {
    slots: Vec<Slot>,
    newest: FrameId,
    /// The newest IDR or recovery: what is older need not be repeated.
    newest_start: FrameId,
    /// Up to here nothing is asked for any more.
    released: FrameId,
    /// Slots that were released, the last one on top: its memory is the likeliest to be in the cache still.
    spare: Vec<Slot>,
    /// Units that wait, in order.
    queue: VecDeque<Waiting>,
    queued: usize,
    /// Payload bytes of a fragment at the most.
    payload_max: usize,
    /// The payload of the parity packet that is being sent.
    parity: Vec<u8>,
}

#[derive(Debug, Default)]
struct Slot {
    /// 0: empty.
    frame: FrameId,
    reference: FrameId,
    captured_at: Timestamp,
    pushed_at: Timestamp,
    flags: Flags,
    /// What was pushed of it cannot be sent.
    broken: bool,
    units: Vec<Unit>,
    fragments: Vec<Fragment>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    start: usize,
    end: usize,
    /// Bytes of every fragment but the last.
    step: usize,
    /// Index of its first fragment within the slot.
    first: usize,
    count: u16,
    last: bool,
    /// Parity packets that were named so far.
    parity: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Fragment {
    sent_at: Option<Timestamp>,
    queued: bool,
    /// Sent more than once.
    repeated: bool,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    frame: FrameId,
    unit: u8,
    next: u16,
    count: u16,
}

/// Names a fragment, or a parity packet from [`PARITY`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentId {
    pub(crate) frame: FrameId,
    pub(crate) unit: u8,
    pub(crate) fragment: u16,
}

/// A packet to be stamped and sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) header: MediaHeader,
    pub(crate) payload: &'a [u8],
    /// It completes the access unit's first sending; since when that waited.
    pub(crate) done: Option<Timestamp>,
}

/// The unit does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl History {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            newest: FrameId::new(0),
            newest_start: FrameId::new(0),
            released: FrameId::new(0),
            spare: Vec::with_capacity(SLOTS),
            queue: VecDeque::with_capacity(QUEUE_UNITS_MAX),
            queued: 0,
            payload_max: 0,
            parity: Vec::with_capacity(PARITY_BYTES),
        }
    }

    /// Forgets everything but the numbering.
    pub(crate) fn clear(&mut self) {
        self.slots.iter_mut().for_each(Slot::clear);
        self.queue.clear();
        self.queued = 0;
        self.newest_start = FrameId::new(0);
    }

    /// `true` when what waits is too large for the path now, and was dropped.
    pub(crate) fn set_datagram_max(&mut self, bytes: usize) -> bool {
        let payload_max = bytes.max(DATAGRAM_MIN) - MEDIA_HEADER_BYTES;
        let shrinks = payload_max < self.payload_max;
        self.payload_max = payload_max;
        if !shrinks {
            return false;
        }
        // Its fragments cannot be cut again: the client knows their count.
        self.clear();
        true
    }

    /// Cuts and queues a unit. Returns how many access units it made superfluous before they were sent.
    ///
    /// `parity` tells how many parity packets follow a unit of so many fragments.
    pub(crate) fn push(
        &mut self,
        now: Timestamp,
        unit: &VideoUnit<'_>,
        parity: impl FnOnce(u16) -> u16,
    ) -> Result<u64, Overflow> {
        let mut superseded = 0;
        let lent = self.lend(now, unit.frame);
        let slot = self.slots.get_mut(index(unit.frame)).ok_or(Overflow)?;
        if slot.frame != unit.frame {
            if let Some(lent) = lent {
                *slot = lent;
            }
            slot.begin(now, unit);
            // Its first unit was dropped with what was cut for a larger path, and a recovery was asked for then.
            slot.broken = unit.unit != 0;
            self.newest = self.newest.max(unit.frame);
            if unit.idr || unit.recovery {
                self.newest_start = self.newest_start.max(unit.frame);
                superseded = self.drop_before(unit.frame);
            }
        }
        let room = self.queue.len() < QUEUE_UNITS_MAX && self.queued + unit.nals.len() <= QUEUE_BYTES_MAX;
        let payload_max = self.payload_max;
        let slot = self.slots.get_mut(index(unit.frame)).ok_or(Overflow)?;
        if slot.broken {
            return Ok(superseded);
        }
        let (count, bytes) = match slot.cut(unit, payload_max).filter(|_| room) {
            Some(cut) => cut,
            None => {
                slot.broken = true;
                return Err(Overflow);
            }
        };
        slot.pushed_at = now;
        self.queued += bytes;
        self.queue.push_back(Waiting {
            frame: unit.frame,
            unit: unit.unit,
            next: 0,
            count,
        });
        let (frame, index) = (unit.frame, unit.unit);
        for _ in 0..parity(count) {
            let Some(id) = self.name_parity(frame, index) else {
                break;
            };
            self.queue.push_back(Waiting {
                frame,
                unit: index,
                next: id.fragment,
                count: 0,
            });
        }
        Ok(superseded)
    }

    /// Memory for a slot that has none of its own: of an access unit that was released, or is too old to be repeated. At 60 fps half
    /// of the slots are, and their memory need not be had twice.
    fn lend(&mut self, now: Timestamp, frame: FrameId) -> Option<Slot> {
        if self.slots.get(index(frame))?.bytes.capacity() > 0 {
            return None;
        }
        if let Some(spare) = self.spare.pop() {
            return Some(spare);
        }
        let waits = |slot: &Slot| self.queue.iter().any(|waiting| waiting.frame == slot.frame);
        let expired = |slot: &Slot| {
            slot.bytes.capacity() > 0
                && now.since(slot.captured_at) > REPEAT_AGE_MAX
                && now.since(slot.pushed_at) > REPEAT_AGE_MAX
                && !waits(slot)
        };
        let at = self.slots.iter().position(expired)?;
        let slot = self.slots.get_mut(at)?;
        slot.clear();
        Some(std::mem::take(slot))
    }

    /// The client has decoded this access unit: it asks for nothing up to it any more (docs/PROTOCOL.md, 6). What it took is used
    /// for the next ones, so that a path with a short round trip is served from a few of them.
    pub(crate) fn release(&mut self, decoded: FrameId) {
        let oldest = decoded.get().saturating_sub(SLOTS as u64 - 1);
        for frame in oldest.max(self.released.get() + 1)..=decoded.get() {
            let frame = FrameId::new(frame);
            if self.queue.front().is_some_and(|waiting| waiting.frame <= frame) {
                break;
            }
            if let Some(slot) = self
                .slots
                .get_mut(index(frame))
                .filter(|slot| slot.frame == frame)
            {
                slot.clear();
                self.spare.push(std::mem::take(slot));
            }
            self.released = frame;
        }
    }

    fn drop_before(&mut self, frame: FrameId) -> u64 {
        let mut dropped = 0;
        let mut last = None;
        self.queue.retain(|waiting| {
            let keep = waiting.frame >= frame;
            if !keep && last != Some(waiting.frame) {
                last = Some(waiting.frame);
                dropped += 1;
            }
            keep
        });
        if dropped > 0 {
            self.queued = 0;
        }
        dropped
    }

    /// The next fragment that has not been sent.
    pub(crate) fn take_next(&mut self, now: Timestamp) -> Option<Packet<'_>> {
        let id = loop {
            let waiting = self.queue.front_mut()?;
            let id = FragmentId {
                frame: waiting.frame,
                unit: waiting.unit,
                fragment: waiting.next,
            };
            waiting.next += 1;
            if waiting.next >= waiting.count {
                self.queue.pop_front();
            }
            // A slot that was taken over in the meantime has nothing to send any more.
            if self
                .slots
                .get(index(id.frame))
                .is_some_and(|slot| slot.frame == id.frame)
            {
                break id;
            }
        };
        let empty = self.queue.is_empty();
        let slot = self.slots.get_mut(index(id.frame))?;
        if id.fragment >= PARITY {
            return slot.parity_packet(now, id, false, &mut self.parity);
        }
        let packet = slot.packet(now, id, false)?;
        self.queued = if empty {
            0
        } else {
            self.queued.saturating_sub(packet.payload.len())
        };
        Some(packet)
    }

    /// The name of another parity packet of a unit; `None` when it cannot have one.
    pub(crate) fn name_parity(&mut self, frame: FrameId, unit: u8) -> Option<FragmentId> {
        let room = self.payload_max;
        let slot = self
            .slots
            .get_mut(index(frame))
            .filter(|slot| slot.frame == frame)?;
        let found = slot.units.get_mut(usize::from(unit))?;
        let fits = found.count <= PARITY_DATA_MAX && found.step + PARITY_PREFIX_BYTES <= room;
        if !fits || found.parity >= PARITY_MAX {
            return None;
        }
        let fragment = PARITY + found.parity;
        found.parity += 1;
        Some(FragmentId {
            frame,
            unit,
            fragment,
        })
    }

    /// A fragment that was sent before.
    pub(crate) fn take_again(&mut self, now: Timestamp, id: FragmentId) -> Option<Packet<'_>> {
        let slot = self
            .slots
            .get_mut(index(id.frame))
            .filter(|slot| slot.frame == id.frame)?;
        if id.fragment >= PARITY {
            return slot.parity_packet(now, id, true, &mut self.parity);
        }
        slot.packet(now, id, true)
    }

    /// Whether a fragment is worth repeating at `now`; marks it as waiting if so. `is_missing`: one that was sent then cannot be on its
    /// way any more. Only what was repeated already must have had its round trip since as well.
    pub(crate) fn claim_repeat(
        &mut self,
        now: Timestamp,
        rtt: Micros,
        id: FragmentId,
        is_missing: impl Fn(Timestamp) -> bool,
    ) -> bool {
        let start = self.newest_start;
        let Some(slot) = self.slots.get_mut(index(id.frame)) else {
            return false;
        };
        if slot.frame != id.frame || id.frame < start || now.since(slot.captured_at) > REPEAT_AGE_MAX {
            return false;
        }
        let Some(fragment) = slot.fragment_mut(id) else {
            return false;
        };
        let due = fragment
            .sent_at
            .is_some_and(|at| is_missing(at) && (!fragment.repeated || now.since(at) >= rtt));
        if fragment.queued || !due {
            return false;
        }
        fragment.queued = true;
        true
    }

    /// How many fragments a unit has; `None` when it was not pushed.
    pub(crate) fn fragments(&self, frame: FrameId, unit: u8) -> Option<u16> {
        let slot = self.slots.get(index(frame)).filter(|slot| slot.frame == frame)?;
        slot.units.get(usize::from(unit)).map(|unit| unit.count)
    }

    /// Bytes of a payload at the most.
    pub(crate) const fn payload_max(&self) -> usize {
        self.payload_max
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) const fn queued(&self) -> ByteCount {
        ByteCount::new(self.queued as u64)
    }

    /// The newest access unit that was pushed.
    pub(crate) const fn newest(&self) -> FrameId {
        self.newest
    }
}

impl Slot {
    fn clear(&mut self) {
        self.frame = FrameId::new(0);
        self.units.clear();
        self.fragments.clear();
        self.bytes.clear();
        // One huge IDR must not be paid for sixty-four times.
        self.bytes.shrink_to(SLOT_BYTES_KEPT);
    }

    fn begin(&mut self, now: Timestamp, unit: &VideoUnit<'_>) {
        self.clear();
        self.frame = unit.frame;
        self.reference = unit.reference;
        self.captured_at = unit.captured_at;
        self.pushed_at = now;
        self.broken = false;
        self.flags = Flags {
            idr: unit.idr,
            recovery: unit.recovery,
            still: unit.still,
            ..Flags::default()
        };
    }

    /// Appends a unit; returns its fragments and bytes.
    fn cut(&mut self, unit: &VideoUnit<'_>, payload_max: usize) -> Option<(u16, usize)> {
        if usize::from(unit.unit) != self.units.len() {
            return None;
        }
        let trace = unit.trace.filter(|_| unit.last).map(|trace| trace.to_bytes());
        let trace = trace.as_ref().map_or(&[][..], |bytes| bytes.as_slice());
        let length = 1 + trace.len() + unit.nals.len();
        let count = |room: usize| u16::try_from(length.div_ceil(room.max(1))).ok();
        // Parity is as long as a fragment, and a little more.
        let count = match count(payload_max.saturating_sub(PARITY_PREFIX_BYTES)) {
            Some(count) if count <= PARITY_DATA_MAX => count,
            _ => count(payload_max).filter(|count| *count <= FRAGMENTS_MAX)?,
        };
        let start = self.bytes.len();
        // Growing by doubling would hold twice what a session of this rate needs.
        let room = (start + length).next_multiple_of(SLOT_BYTES_STEP) - start;
        self.bytes.reserve_exact(room);
        self.bytes.push(u8::try_from(trace.len()).ok()?);
        self.bytes.extend_from_slice(trace);
        self.bytes.extend_from_slice(unit.nals);
        let first = self.fragments.len();
        self.fragments
            .resize(first + usize::from(count), Fragment::default());
        self.units.push(Unit {
            start,
            end: self.bytes.len(),
            // As even as can be, so that no fragment is a crumb.
            step: length.div_ceil(usize::from(count)),
            first,
            count,
            last: unit.last,
            parity: 0,
        });
        Some((count, length))
    }

    fn fragment_mut(&mut self, id: FragmentId) -> Option<&mut Fragment> {
        let unit = self
            .units
            .get(usize::from(id.unit))
            .filter(|unit| id.fragment < unit.count)?;
        self.fragments.get_mut(unit.first + usize::from(id.fragment))
    }

    fn packet(&mut self, now: Timestamp, id: FragmentId, repeat: bool) -> Option<Packet<'_>> {
        let unit = *self.units.get(usize::from(id.unit))?;
        let fragment = self.fragment_mut(id)?;
        fragment.repeated |= fragment.sent_at.is_some();
        fragment.sent_at = Some(now);
        fragment.queued = false;
        let from = unit.start + unit.step * usize::from(id.fragment);
        let payload = self
            .bytes
            .get(from.min(unit.end)..(from + unit.step).min(unit.end))?;
        let done = !repeat && unit.last && id.fragment + 1 == unit.count;
        let header = self.header(now, &unit, id, repeat);
        Some(Packet {
            header,
            payload,
            done: done.then_some(self.pushed_at),
        })
    }

    /// A parity packet, whose payload is written into `out`.
    fn parity_packet<'a>(
        &self,
        now: Timestamp,
        id: FragmentId,
        repeat: bool,
        out: &'a mut Vec<u8>,
    ) -> Option<Packet<'a>> {
        let unit = *self.units.get(usize::from(id.unit))?;
        let bytes = self.bytes.get(unit.start..unit.end)?;
        let number = u8::try_from(id.fragment - PARITY).ok()?;
        out.clear();
        out.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_be_bytes());
        out.resize(PARITY_PREFIX_BYTES + unit.step, 0);
        let shard = out.get_mut(PARITY_PREFIX_BYTES..)?;
        for (fragment, piece) in (0u8..).zip(bytes.chunks(unit.step.max(1))) {
            fec::add(number, fragment, piece, shard);
        }
        let header = MediaHeader {
            kind: Kind::Parity,
            fragment: number.into(),
            ..self.header(now, &unit, id, repeat)
        };
        Some(Packet {
            header,
            payload: out,
            done: None,
        })
    }

    fn header(&self, now: Timestamp, unit: &Unit, id: FragmentId, repeat: bool) -> MediaHeader {
        MediaHeader {
            kind: Kind::Video,
            flags: Flags {
                last_unit: unit.last,
                repeat,
                ..self.flags
            },
            participant: 0,
            track: Track::Video as u8,
            packet_seq: 0,
            sent_at: now.as_micros(),
            frame: self.frame.low(),
            reference: self.reference.low(),
            captured_at: self.captured_at.as_micros(),
            key_epoch: 0,
            unit: id.unit,
            fragment: id.fragment,
            fragments: unit.count,
        }
    }
}

const fn index(frame: FrameId) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "below SLOTS")]
    let index = (frame.get() % SLOTS as u64) as usize;
    index
}

/// Parity packets are named from here on, past any fragment.
pub(crate) const PARITY: u16 = 1 << 15;
/// Longer than a path's datagrams.
const PARITY_BYTES: usize = 2_048;
/// As many as a receiver keeps: a second at 60 fps.
const SLOTS: usize = 64;
/// A P frame at 50 Mbit/s; a larger slot gives back what it took.
const SLOT_BYTES_KEPT: usize = 128 << 10;
/// Units that differ by a little must not make a slot grow every time.
const SLOT_BYTES_STEP: usize = 1 << 10;
/// A path that carries less than this carries no QUIC either (RFC 9000, 14: 1200 bytes).
const DATAGRAM_MIN: usize = 256;
/// An access unit has a handful of units and `may_encode` stops the encoder long before; past it the chain is broken anyway.
const QUEUE_UNITS_MAX: usize = 256;
/// The largest unit there can be, twice.
const QUEUE_BYTES_MAX: usize = 2 << 20;
/// A receiver gives up after 250 ms at the most; what is older than twice that serves nobody.
const REPEAT_AGE_MAX: Micros = Micros::from_millis(500);
