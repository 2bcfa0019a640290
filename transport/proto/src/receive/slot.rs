//! One access unit that is being put together.

use crate::fec;
use firstlight_units::{Micros, RemoteTime, Timestamp};
use firstlight_wire::{Flags, Kind, MediaHeader, Nack, Parity};

/// How patient a receiver is (`docs/PROTOCOL.md`, section 6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How far packets overtake each other.
    pub(crate) guard: Micros,
    /// From one request to the next.
    pub(crate) again: Micros,
    /// From noticing a gap to giving it up.
    pub(crate) give_up: Micros,
}

#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// 0: empty.
    pub(crate) frame: u64,
    pub(crate) reference: u64,
    pub(crate) flags: Flags,
    pub(crate) captured_at: RemoteTime,
    pub(crate) sent_at: RemoteTime,
    pub(crate) began_at: Timestamp,
    pub(crate) came_at: Timestamp,
    /// Any packet came.
    pub(crate) begun: bool,
    pub(crate) whole: bool,
    /// A newer one was delivered.
    pub(crate) passed_over: bool,
    pub(crate) given_up: bool,
    /// Whole but not what it should be.
    pub(crate) broken: bool,
    /// What is missing of it is from before a silence.
    pub(crate) stale: bool,
    /// When something after all of it came first.
    overtaken_at: Option<Timestamp>,
    noticed_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
    last_unit: Option<u8>,
    units: Vec<Unit>,
    pieces: Vec<Piece>,
    parities: Vec<Shard>,
    bytes: Vec<u8>,
    /// Fragments that parity gave back.
    pub(crate) restored: u32,
}

/// A parity packet that came.
#[derive(Clone, Copy, Debug)]
struct Shard {
    unit: u8,
    number: u8,
    range: (usize, usize),
}

#[derive(Clone, Copy, Debug, Default)]
struct Unit {
    /// Index of its first piece.
    first: usize,
    /// 0: nothing came of it.
    count: u16,
    came: u16,
    /// Its bytes, where parity told.
    length: usize,
    parities: u16,
    overtaken_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    range: Option<(usize, usize)>,
    overtaken_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Fresh,
    /// It was asked for, and came by itself so long after it was overtaken.
    FreshLate(Micros),
    Known,
    Contradiction,
}

impl Slot {
    pub(crate) fn begin(&mut self, frame: u64) {
        let (mut units, mut pieces, mut parities, mut bytes) = (
            std::mem::take(&mut self.units),
            std::mem::take(&mut self.pieces),
            std::mem::take(&mut self.parities),
            std::mem::take(&mut self.bytes),
        );
        units.clear();
        pieces.clear();
        parities.clear();
        bytes.clear();
        bytes.shrink_to(BYTES_KEPT);
        *self = Self {
            frame,
            units,
            pieces,
            parities,
            bytes,
            ..Self::default()
        };
    }

    /// What it takes of the memory that all share.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.pieces.len() * size_of::<Piece>()
    }

    /// The bytes are of no use any more, only what came is.
    pub(crate) fn forget_bytes(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn insert(
        &mut self,
        now: Timestamp,
        reference: u64,
        header: &MediaHeader,
        payload: &[u8],
    ) -> Taken {
        if !self.agrees(reference, header) {
            return Taken::Contradiction;
        }
        let index = usize::from(header.unit);
        let Some((first, count)) = self.open(index, header.fragments) else {
            return Taken::Contradiction;
        };
        if header.kind == Kind::Parity {
            return self.insert_parity(now, reference, header, payload);
        }
        let at = first + usize::from(header.fragment);
        let Some(piece) = self.pieces.get_mut(at) else {
            return Taken::Contradiction;
        };
        if piece.range.is_some() {
            return Taken::Known;
        }
        let late = piece
            .overtaken_at
            .filter(|_| piece.asked_at.is_some() && !header.flags.repeat);
        let start = self.bytes.len();
        if !self.passed_over {
            self.bytes.extend_from_slice(payload);
        }
        piece.range = Some((start, self.bytes.len()));
        if let Some(unit) = self.units.get_mut(index) {
            unit.came += 1;
        }
        self.begin_with(now, reference, header);
        if !header.flags.repeat {
            self.overtake(now, index, first, at);
        }
        self.restore(index, first, count);
        self.whole = self.is_whole();
        late.map_or(Taken::Fresh, |since| Taken::FreshLate(now.since(since)))
    }

    /// Makes room for a unit of `fragments`; its first piece and their count, `None` when it is known to have another one.
    fn open(&mut self, index: usize, fragments: u16) -> Option<(usize, u16)> {
        if self.units.len() <= index {
            self.units.resize(index + 1, Unit::default());
        }
        let first = self.pieces.len();
        let unit = self.units.get_mut(index)?;
        if unit.count == 0 {
            unit.first = first;
            unit.count = fragments;
            // What was asked for as a whole is on its way as a whole.
            let asked_at = unit.asked_at.max(self.asked_at);
            let piece = Piece {
                asked_at,
                ..Piece::default()
            };
            self.pieces.resize(first + usize::from(fragments), piece);
        }
        (unit.count == fragments).then_some((unit.first, unit.count))
    }

    fn insert_parity(
        &mut self,
        now: Timestamp,
        reference: u64,
        header: &MediaHeader,
        payload: &[u8],
    ) -> Taken {
        let index = usize::from(header.unit);
        let (Ok(parity), Ok(number)) = (
            Parity::parse(payload, header.fragments),
            u8::try_from(header.fragment),
        ) else {
            return Taken::Contradiction;
        };
        let Some(unit) = self.units.get_mut(index) else {
            return Taken::Contradiction;
        };
        let length = usize::try_from(parity.unit_bytes).unwrap_or(usize::MAX);
        if unit.length != 0 && unit.length != length {
            return Taken::Contradiction;
        }
        let known = self
            .parities
            .iter()
            .any(|shard| shard.unit == header.unit && shard.number == number);
        let (first, count) = (unit.first, unit.count);
        if known || self.passed_over || unit.came == count {
            self.begin_with(now, reference, header);
            return Taken::Known;
        }
        unit.length = length;
        unit.parities += 1;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(parity.shard);
        self.parities.push(Shard {
            unit: header.unit,
            number,
            range: (start, self.bytes.len()),
        });
        self.begin_with(now, reference, header);
        if !header.flags.repeat {
            // It was sent after every fragment of its unit.
            self.overtake(now, index, first, first + usize::from(count));
        }
        self.restore(index, first, count);
        self.whole = self.is_whole();
        Taken::Fresh
    }

    /// Gives back a unit's missing fragments where enough parity came.
    fn restore(&mut self, index: usize, first: usize, count: u16) {
        let Some(unit) = self.units.get(index).copied() else {
            return;
        };
        let lacking = usize::from(count - unit.came);
        if lacking == 0 || usize::from(unit.parities) < lacking || self.passed_over {
            return;
        }
        let step = unit.length.div_ceil(usize::from(count).max(1));
        let mut missing = Vec::with_capacity(lacking);
        let shards = self
            .parities
            .iter()
            .filter(|shard| usize::from(shard.unit) == index);
        let shards: Vec<Shard> = shards.take(lacking).copied().collect();
        let numbers: Vec<u8> = shards.iter().map(|shard| shard.number).collect();
        let read = |range: (usize, usize)| self.bytes.get(range.0..range.1).unwrap_or_default();
        let mut out: Vec<Vec<u8>> = shards.iter().map(|shard| read(shard.range).to_vec()).collect();
        let pieces = self
            .pieces
            .get(first..first + usize::from(count))
            .unwrap_or_default();
        for (fragment, piece) in (0u8..).zip(pieces) {
            let Some(range) = piece.range else {
                missing.push(fragment);
                continue;
            };
            let data = read(range);
            if data.len() > step {
                return;
            }
            for (number, shard) in numbers.iter().zip(&mut out) {
                fec::add(*number, fragment, data, shard);
            }
        }
        if !fec::solve(&numbers, &missing, &mut out) {
            return;
        }
        for (fragment, shard) in missing.iter().zip(&out) {
            let from = step * usize::from(*fragment);
            let length = unit.length.saturating_sub(from).min(step);
            let start = self.bytes.len();
            self.bytes
                .extend_from_slice(shard.get(..length).unwrap_or_default());
            if let Some(piece) = self.pieces.get_mut(first + usize::from(*fragment)) {
                piece.range = Some((start, self.bytes.len()));
            }
            self.restored += 1;
        }
        if let Some(unit) = self.units.get_mut(index) {
            unit.came = count;
        }
    }

    fn agrees(&self, reference: u64, header: &MediaHeader) -> bool {
        let same = !self.begun
            || (self.reference == reference
                && self.captured_at == RemoteTime::from_micros(header.captured_at)
                && self.flags.idr == header.flags.idr
                && self.flags.recovery == header.flags.recovery);
        let ends = match self.last_unit {
            Some(last) => header.unit <= last && header.flags.last_unit == (header.unit == last),
            None => !header.flags.last_unit || self.units.len() <= usize::from(header.unit) + 1,
        };
        let refers = if header.flags.idr {
            reference == self.frame
        } else {
            reference < self.frame
        };
        same && ends && refers
    }

    fn begin_with(&mut self, now: Timestamp, reference: u64, header: &MediaHeader) {
        if !self.begun {
            self.begun = true;
            self.reference = reference;
            self.captured_at = RemoteTime::from_micros(header.captured_at);
            self.flags = header.flags;
            self.began_at = now;
        }
        self.came_at = now;
        self.sent_at = self.sent_at.max(RemoteTime::from_micros(header.sent_at));
        if header.flags.last_unit {
            self.last_unit = Some(header.unit);
        }
    }

    /// Notes what a packet came before: fragments before it in its unit, and units before that.
    fn overtake(&mut self, now: Timestamp, unit: usize, first: usize, at: usize) {
        let before = self.pieces.get_mut(first..at).unwrap_or_default();
        for piece in before.iter_mut().rev() {
            if piece.range.is_some() || piece.overtaken_at.is_some() {
                break;
            }
            piece.overtaken_at = Some(now);
        }
        for unit in self.units.iter_mut().take(unit).rev() {
            if unit.overtaken_at.is_some() {
                break;
            }
            unit.overtaken_at = Some(now);
        }
    }

    /// Something after all of this access unit came.
    pub(crate) fn overtake_all(&mut self, now: Timestamp) {
        self.overtaken_at.get_or_insert(now);
    }

    fn is_whole(&self) -> bool {
        self.last_unit.is_some_and(|last| {
            self.units.len() == usize::from(last) + 1
                && self
                    .units
                    .iter()
                    .all(|unit| unit.count > 0 && unit.came == unit.count)
        })
    }

    /// Appends the payloads of one unit; `false` when there is no such unit.
    pub(crate) fn write_unit(&self, unit: usize, out: &mut Vec<u8>) -> bool {
        let Some(unit) = self.units.get(unit) else {
            return false;
        };
        let pieces = self.pieces.get(unit.first..unit.first + usize::from(unit.count));
        for (start, end) in pieces.unwrap_or_default().iter().filter_map(|piece| piece.range) {
            out.extend_from_slice(self.bytes.get(start..end).unwrap_or_default());
        }
        true
    }

    /// Looks for what is missing at `now`: asks through `ask`, and returns when to look again.
    ///
    /// With `ask` absent nothing changes but what was noticed and given up.
    pub(crate) fn look(
        &mut self,
        now: Timestamp,
        patience: Patience,
        ask: Option<&mut dyn FnMut(Nack) -> bool>,
    ) -> Option<Timestamp> {
        if self.whole || self.passed_over || self.broken {
            return None;
        }
        let tail = self.begun.then(|| self.came_at + TAIL);
        let all = earliest(self.overtaken_at.map(|at| at + patience.guard), tail);
        let mut look = Look {
            now,
            patience,
            frame: self.frame,
            asks: !self.given_up && self.noticed_at.is_none_or(|at| now < at + patience.give_up),
            ask,
            next: None,
            noticed: false,
        };
        if !self.begun {
            look.at(all, &mut self.asked_at, Nack::ALL_UNITS, Nack::ALL_FRAGMENTS);
        }
        for (index, unit) in (0..=u8::MAX).zip(&mut self.units) {
            let due = earliest(all, unit.overtaken_at.map(|at| at + patience.guard));
            if unit.count == 0 {
                look.at(due, &mut unit.asked_at, index, Nack::ALL_FRAGMENTS);
            } else if unit.came < unit.count {
                let pieces = self
                    .pieces
                    .get_mut(unit.first..unit.first + usize::from(unit.count));
                look.pieces(due, index, pieces.unwrap_or_default());
            }
        }
        if self.begun && self.last_unit.is_none() {
            let after = u8::try_from(self.units.len()).unwrap_or(Nack::ALL_UNITS);
            look.at(all, &mut self.asked_at, after, Nack::ALL_FRAGMENTS);
        }
        let (noticed, mut next) = (look.noticed, look.next);
        if noticed {
            let until = *self.noticed_at.get_or_insert(now) + patience.give_up;
            self.given_up |= self.stale || now >= until;
            if !self.given_up {
                next = earliest(next, Some(until));
            }
        }
        next
    }
}

struct Look<'a> {
    now: Timestamp,
    patience: Patience,
    frame: u64,
    /// Nothing is asked for that was given up.
    asks: bool,
    ask: Option<&'a mut dyn FnMut(Nack) -> bool>,
    next: Option<Timestamp>,
    noticed: bool,
}

impl Look<'_> {
    fn pieces(&mut self, due: Option<Timestamp>, unit: u8, pieces: &mut [Piece]) {
        for (fragment, piece) in (0u16..).zip(pieces) {
            if piece.range.is_none() {
                let overtaken = piece.overtaken_at.map(|at| at + self.patience.guard);
                self.at(earliest(due, overtaken), &mut piece.asked_at, unit, fragment);
            }
        }
    }

    /// Something is missing from `due` on.
    fn at(&mut self, due: Option<Timestamp>, asked_at: &mut Option<Timestamp>, unit: u8, fragment: u16) {
        let Some(due) = due else { return };
        if due > self.now {
            self.next = earliest(self.next, Some(due));
            return;
        }
        self.noticed = true;
        if !self.asks {
            return;
        }
        let again = asked_at.map(|at| at + self.patience.again);
        if again.is_none_or(|at| at <= self.now) {
            #[expect(clippy::cast_possible_truncation, reason = "low bits travel")]
            let nack = Nack {
                frame: self.frame as u32,
                unit,
                track: 0,
                fragment,
            };
            if !self.ask.as_mut().is_some_and(|ask| ask(nack)) {
                self.next = earliest(self.next, Some(self.now));
                return;
            }
            *asked_at = Some(self.now);
        }
        self.next = earliest(self.next, asked_at.map(|at| at + self.patience.again));
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A P frame at 50 Mbit/s; a larger slot gives back what it took.
const BYTES_KEPT: usize = 128 << 10;
/// Nothing came after it for so long: `docs/PROTOCOL.md`, section 6.
const TAIL: Micros = Micros::from_millis(20);
