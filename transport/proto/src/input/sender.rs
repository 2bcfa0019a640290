//! What the player's page does with input, for tests and probes.
//!
//! Everything unacknowledged goes into every datagram, so that a loss costs no more than the gap to the next one. Moves are
//! merged as long as they have not been sent; presses and releases never are.

use super::held::{Held, Key};
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::{Event, EventKind, INPUT_EVENTS_MAX, InputAck, WriteInput};
use std::collections::VecDeque;

/// Why [`InputSender::poll_transmit`] is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SendReason {
    /// It is not known yet where the numbering stands.
    Sync,
    /// There is something that has not been sent.
    Fresh,
    /// Something is not acknowledged.
    Repeat,
    /// Something is pressed, and the host releases it in silence.
    Beat,
}

/// What the sender did not send, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputSenderStats {
    /// Moves merged into one before them.
    pub merged: u64,
    /// Moves dropped because too much waits.
    pub dropped: u64,
    /// Other events refused: too much waits, too many keys are down, a press of what is down, a release of what is up.
    pub refused: u64,
    /// Acknowledgements of what was not sent.
    pub forged: u64,
}

/// Sends one page's input. Its times are those of the page's clock.
///
/// Call [`Self::attach`] first, and again for every new attachment. Call [`Self::poll_transmit`] whenever
/// [`Self::poll_timeout`] says so; both are to be asked again after every mutation.
#[derive(Debug)]
pub struct InputSender {
    attached: bool,
    /// Low bits of the id of the first of `events`; `None` until the first acknowledgement of this attachment.
    first: Option<u32>,
    events: VecDeque<Pending>,
    /// How many of `events` have been sent.
    sent: usize,
    pressed: Held,
    focused: bool,
    /// A state without an event that the host has not confirmed.
    change: Change,
    sequence: u16,
    last_sent: Option<Timestamp>,
    scratch: Vec<Event>,
    stats: InputSenderStats,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    kind: EventKind,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Unsent,
    Sent(Timestamp),
}

impl InputSender {
    /// A sender whose datagrams are counted from `sequence` on; any number will do.
    #[must_use]
    pub fn new(sequence: u16) -> Self {
        Self {
            attached: false,
            first: None,
            events: VecDeque::with_capacity(WAITING_MAX),
            sent: 0,
            pressed: Held::default(),
            focused: true,
            change: Change::None,
            sequence,
            last_sent: None,
            scratch: Vec::with_capacity(INPUT_EVENTS_MAX),
            stats: InputSenderStats::default(),
        }
    }

    /// A new attachment: what was pressed and what is not acknowledged is forgotten.
    pub fn attach(&mut self) {
        self.attached = true;
        self.first = None;
        self.events.clear();
        self.sent = 0;
        self.pressed.clear();
        self.change = Change::None;
        self.last_sent = None;
    }

    /// The player did something; `false` when it is refused: there is nothing to be told, or too much waits.
    pub fn push(&mut self, now: Timestamp, kind: EventKind) -> bool {
        let taken = self.focused
            && match kind {
                EventKind::KeyDown(code) => self.push_press(now, Key::of_code(code), true),
                EventKind::KeyUp(code) => self.push_press(now, Key::of_code(code), false),
                EventKind::ButtonDown(number) => self.push_press(now, Key::of_button(number), true),
                EventKind::ButtonUp(number) => self.push_press(now, Key::of_button(number), false),
                EventKind::MoveTo { .. } | EventKind::MoveBy { .. } => self.push_move(now, kind),
                EventKind::Wheel { .. } => self.enqueue(now, kind),
                EventKind::Unknown(_) => false,
            };
        self.stats.refused += u64::from(!taken);
        taken
    }

    /// The page got or lost the focus. Without it, nothing is pressed.
    pub fn set_focused(&mut self, focused: bool) {
        if focused != self.focused {
            self.focused = focused;
            self.pressed.clear();
            self.change = Change::Unsent;
        }
    }

    /// Takes an acknowledgement that came on this attachment.
    pub fn handle_ack(&mut self, ack: InputAck) {
        if !self.attached {
            return;
        }
        let first = *self.first.get_or_insert_with(|| ack.acknowledged.wrapping_add(1));
        // Up to the id before `first` it is nothing new; half the circle separates old from forged.
        let done = ack.acknowledged.wrapping_sub(first).wrapping_add(1);
        let count = usize::try_from(done).unwrap_or(usize::MAX);
        if count <= self.sent {
            self.events.drain(..count);
            self.sent -= count;
            self.first = Some(first.wrapping_add(done));
        } else if done <= u32::MAX / 2 {
            self.stats.forged += 1;
        }
        if matches!(self.change, Change::Sent(at) if ack.echo >= at.as_micros()) {
            self.change = Change::None;
        }
    }

    /// Appends the datagram that is due; `false` when none is.
    pub fn poll_transmit(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        if self.poll_timeout().is_none_or(|(at, _)| now < at) {
            return false;
        }
        self.scratch.clear();
        let known = if self.first.is_some() { INPUT_EVENTS_MAX } else { 0 };
        for pending in self.events.iter().take(known) {
            let age = now.since(pending.at).as_u32();
            self.scratch.push(Event {
                kind: pending.kind,
                age,
            });
        }
        self.sent = self.sent.max(self.scratch.len());
        let pressed = if self.first.is_some() {
            self.pressed.keys()
        } else {
            &[]
        };
        WriteInput {
            focused: self.focused,
            first_event: self.first.unwrap_or(0),
            sent_at: now.as_micros(),
            buttons: if self.first.is_some() {
                self.pressed.buttons()
            } else {
                0
            },
            sequence: self.sequence,
            pressed,
            events: &self.scratch,
        }
        .write(out);
        self.sequence = self.sequence.wrapping_add(1);
        self.last_sent = Some(now);
        if self.change == Change::Unsent {
            self.change = Change::Sent(now);
        }
        true
    }

    /// When [`Self::poll_transmit`] has something, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, SendReason)> {
        if !self.attached {
            return None;
        }
        let after = |span| self.last_sent.map_or_else(Timestamp::default, |at| at + span);
        if self.first.is_none() {
            return Some((after(BEAT), SendReason::Sync));
        }
        if self.change == Change::Unsent {
            return Some((Timestamp::default(), SendReason::Fresh));
        }
        let fresh = |at: usize| self.events.get(at).filter(|_| at < INPUT_EVENTS_MAX);
        if let Some(pending) = fresh(self.sent) {
            // A move may be joined by others; with a press behind it, it goes at once.
            let alone = is_move(pending.kind) && fresh(self.sent + 1).is_none();
            let at = if alone {
                after(MOVE_GAP)
            } else {
                Timestamp::default()
            };
            return Some((at, SendReason::Fresh));
        }
        if !self.events.is_empty() || self.change != Change::None {
            return Some((after(REPEAT), SendReason::Repeat));
        }
        (!self.pressed.is_empty()).then(|| (after(BEAT), SendReason::Beat))
    }

    /// Whether everything is acknowledged.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.first.is_some() && self.events.is_empty() && self.change == Change::None
    }

    /// The codes of the keys that are down, in the order in which they were pressed.
    #[must_use]
    pub fn pressed(&self) -> &[u16] {
        self.pressed.keys()
    }

    /// Bit n−1: pointer button n is down.
    #[must_use]
    pub const fn buttons(&self) -> u16 {
        self.pressed.buttons()
    }

    /// What was not sent so far.
    #[must_use]
    pub const fn stats(&self) -> InputSenderStats {
        self.stats
    }

    fn push_press(&mut self, now: Timestamp, key: Option<Key>, down: bool) -> bool {
        let Some(key) = key else { return false };
        if down {
            if !self.pressed.press(key) {
                return false;
            }
            let taken = self.enqueue(now, key.down());
            if !taken {
                self.pressed.release(key);
            }
            return taken;
        }
        if !self.pressed.release(key) {
            return false;
        }
        let taken = self.enqueue(now, key.up());
        if !taken {
            // The release itself does not fit; the state has it.
            self.change = Change::Unsent;
        }
        taken
    }

    fn push_move(&mut self, now: Timestamp, kind: EventKind) -> bool {
        let unsent = self.events.len() > self.sent;
        let merged = self
            .events
            .back_mut()
            .filter(|_| unsent)
            .and_then(|last| merge(last.kind, kind).map(|sum| last.kind = sum))
            .is_some();
        self.stats.merged += u64::from(merged);
        merged || self.enqueue(now, kind)
    }

    /// Makes room by dropping the oldest move that was not sent; refuses when there is none.
    fn enqueue(&mut self, now: Timestamp, kind: EventKind) -> bool {
        if self.events.len() >= WAITING_MAX {
            let unsent = self.events.iter().enumerate().skip(self.sent);
            let Some(at) = unsent.filter(|(_, p)| is_move(p.kind)).map(|(at, _)| at).next() else {
                return false;
            };
            self.events.remove(at);
            self.stats.dropped += 1;
        }
        self.events.push_back(Pending { kind, at: now });
        true
    }
}

/// Two moves as one; `None` where that would lose something.
fn merge(old: EventKind, new: EventKind) -> Option<EventKind> {
    if let (EventKind::MoveBy { dx: x, dy: y }, EventKind::MoveBy { dx, dy }) = (old, new) {
        return Some(EventKind::MoveBy {
            dx: x.checked_add(dx)?,
            dy: y.checked_add(dy)?,
        });
    }
    let places = matches!(old, EventKind::MoveTo { .. }) && matches!(new, EventKind::MoveTo { .. });
    places.then_some(new)
}

const fn is_move(kind: EventKind) -> bool {
    matches!(kind, EventKind::MoveTo { .. } | EventKind::MoveBy { .. })
}

/// The longest gap between datagrams while something is pressed.
const BEAT: Micros = Micros::from_millis(50);
/// A lost last datagram costs this much.
const REPEAT: Micros = Micros::from_millis(20);
/// Half the datagrams that the host takes, for a mouse that reports at 1000 Hz; costs a move 1 ms on average.
const MOVE_GAP: Micros = Micros::from_millis(2);
/// Half a minute of typing into a dead link; a longer queue would only be stale.
const WAITING_MAX: usize = 1_024;
