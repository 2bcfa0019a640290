//! What the player's page does with input, for tests and probes.
//!
//! Everything unacknowledged goes into every datagram, so that a loss costs no more than the gap to the next one. Moves are
//! merged as long as they have not been sent, and so are changes of a gamepad that press and release nothing; presses and releases
//! never are.

use super::contacts::Contacts;
use super::held::{Held, Key};
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::{
    Event, EventKind, INPUT_EVENTS_MAX, InputAck, PADS_MAX, Pad, Phase, Touch, WriteInput,
};
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
    /// Moves, of the pointer or of a gamepad, merged into one before them.
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
    /// The gamepads as they were told last.
    pads: [Pad; PADS_MAX],
    contacts: Contacts,
    /// The pads are to be told anew: the host may have forgotten them with an attachment.
    pads_untold: bool,
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
    /// Presses and releases nothing: it may be merged, and dropped.
    moves: bool,
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
            pads: NO_PADS,
            contacts: Contacts::default(),
            pads_untold: false,
            focused: true,
            change: Change::None,
            sequence,
            last_sent: None,
            scratch: Vec::with_capacity(INPUT_EVENTS_MAX),
            stats: InputSenderStats::default(),
        }
    }

    /// A new attachment: what was pressed and what is not acknowledged is forgotten. The gamepads are told as they are.
    pub fn attach(&mut self) {
        self.attached = true;
        self.first = None;
        self.events.clear();
        self.sent = 0;
        self.pressed.clear();
        self.contacts.clear();
        self.pads_untold = self.pads.iter().any(|pad| pad.plugged);
        self.change = Change::None;
        self.last_sent = None;
    }

    /// The player did something; `false` when it is refused: there is nothing to be told, or too much waits.
    pub fn push(&mut self, now: Timestamp, kind: EventKind) -> bool {
        let without_focus = matches!(kind, EventKind::Pad(pad) if pad.is_at_rest());
        let taken = (self.focused || without_focus)
            && match kind {
                EventKind::KeyDown(code) => self.push_press(now, Key::of_code(code), true),
                EventKind::KeyUp(code) => self.push_press(now, Key::of_code(code), false),
                EventKind::ButtonDown(number) => self.push_press(now, Key::of_button(number), true),
                EventKind::ButtonUp(number) => self.push_press(now, Key::of_button(number), false),
                EventKind::MoveTo { .. } | EventKind::MoveBy { .. } => self.push_move(now, kind),
                EventKind::Wheel { .. } | EventKind::Text(_) => self.enqueue(now, kind, false),
                EventKind::Pad(pad) => self.push_pad(now, pad),
                EventKind::Touch(touch) => self.push_touch(now, touch),
                EventKind::Unknown(_) => false,
            };
        self.stats.refused += u64::from(!taken);
        taken
    }

    /// The page got or lost the focus. Without it, nothing is pressed, and of a gamepad only that it comes or goes is taken.
    pub fn set_focused(&mut self, focused: bool) {
        if focused != self.focused {
            self.focused = focused;
            self.pressed.clear();
            self.contacts.clear();
            self.pads = self.pads.map(|pad| Pad::at_rest(pad.pad, pad.plugged));
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
        self.tell_pads(now);
        let known = self.first.is_some();
        let count = self.fitting();
        self.scratch.clear();
        self.scratch
            .extend(self.events.iter().take(count).map(|pending| Event {
                kind: pending.kind,
                age: now.since(pending.at).as_u32(),
            }));
        self.sent = self.sent.max(count);
        let (mut pads, mut plugged) = (NO_PADS, 0);
        for (place, pad) in pads.iter_mut().zip(self.pads.iter().filter(|pad| pad.plugged)) {
            // Until the numbering is known nothing is pressed, but that a pad is there holds all the while.
            *place = if known { *pad } else { Pad::at_rest(pad.pad, true) };
            plugged += 1;
        }
        WriteInput {
            focused: self.focused,
            more: known && count < self.events.len(),
            first_event: self.first.unwrap_or(0),
            sent_at: now.as_micros(),
            buttons: if known { self.pressed.buttons() } else { 0 },
            sequence: self.sequence,
            pressed: if known { self.pressed.keys() } else { &[] },
            events: &self.scratch,
            pads: pads.get(..plugged).unwrap_or_default(),
            contacts: if known { self.contacts.mask() } else { 0 },
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
        if self.change == Change::Unsent || self.pads_untold {
            return Some((Timestamp::default(), SendReason::Fresh));
        }
        let fitting = self.fitting();
        let fresh = |at: usize| self.events.get(at).filter(|_| at < fitting);
        if let Some(pending) = fresh(self.sent) {
            // A move may be joined by others; with a press behind it, it goes at once.
            let alone = pending.moves && fresh(self.sent + 1).is_none();
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
        let rests =
            self.pressed.is_empty() && self.contacts.is_empty() && self.pads.iter().all(Pad::is_at_rest);
        (!rests).then(|| (after(BEAT), SendReason::Beat))
    }

    /// Whether everything is acknowledged.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.first.is_some() && self.events.is_empty() && self.change == Change::None && !self.pads_untold
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

    /// The gamepads as they were told last, plugged in or not.
    #[must_use]
    pub const fn pads(&self) -> &[Pad; PADS_MAX] {
        &self.pads
    }

    /// Bit n: finger n is on the screen.
    #[must_use]
    pub const fn contacts(&self) -> u16 {
        self.contacts.mask()
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
            let taken = self.enqueue(now, key.down(), false);
            if !taken {
                self.pressed.release(key);
            }
            return taken;
        }
        if !self.pressed.release(key) {
            return false;
        }
        let taken = self.enqueue(now, key.up(), false);
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
        merged || self.enqueue(now, kind, true)
    }

    fn push_pad(&mut self, now: Timestamp, pad: Pad) -> bool {
        let pad = Pad {
            buttons: pad.buttons & Pad::BUTTONS,
            ..pad
        };
        let Some(told) = self
            .pads
            .get_mut(usize::from(pad.pad))
            .filter(|told| **told != pad)
        else {
            return false;
        };
        let old = std::mem::replace(told, pad);
        let moves = old.plugged == pad.plugged && old.buttons == pad.buttons;
        if self.pads_untold || (moves && self.merge_pad(pad)) || self.enqueue(now, EventKind::Pad(pad), moves)
        {
            return true;
        }
        // The event does not fit: the state has what it releases, and presses nothing.
        self.change = Change::Unsent;
        false
    }

    fn push_touch(&mut self, now: Timestamp, touch: Touch) -> bool {
        let before = self.contacts;
        if !self.contacts.take(touch) {
            return false;
        }
        let moves = touch.phase == Phase::Move;
        if (moves && self.merge_touch(touch)) || self.enqueue(now, EventKind::Touch(touch), moves) {
            return true;
        }
        if touch.phase == Phase::Down {
            self.contacts = before;
        } else if !moves {
            // The release itself does not fit; the state has it.
            self.change = Change::Unsent;
        }
        false
    }

    /// Joins a move to the newest unsent one of that finger; nothing is moved past a press or a release.
    fn merge_touch(&mut self, touch: Touch) -> bool {
        let unsent = self.events.iter_mut().skip(self.sent).rev();
        let mut moving = unsent.take_while(|pending| pending.moves);
        let last = moving
            .find(|pending| matches!(pending.kind, EventKind::Touch(old) if old.contact == touch.contact));
        let merged = last
            .map(|pending| pending.kind = EventKind::Touch(touch))
            .is_some();
        self.stats.merged += u64::from(merged);
        merged
    }

    /// Joins what moved to the newest unsent event of that pad; nothing is moved past a press or a release.
    fn merge_pad(&mut self, pad: Pad) -> bool {
        let unsent = self.events.iter_mut().skip(self.sent).rev();
        let moving = unsent.take_while(|pending| pending.moves);
        let last = moving
            .filter(|pending| matches!(pending.kind, EventKind::Pad(old) if old.pad == pad.pad))
            .take(1);
        let mut merged = false;
        for pending in last {
            pending.kind = EventKind::Pad(pad);
            self.stats.merged += 1;
            merged = true;
        }
        merged
    }

    /// After an attachment: what is plugged in, as it is.
    fn tell_pads(&mut self, now: Timestamp) {
        if self.first.is_none() || !std::mem::take(&mut self.pads_untold) {
            return;
        }
        for pad in self.pads.into_iter().filter(|pad| pad.plugged) {
            // The queue was emptied a moment ago.
            self.enqueue(now, EventKind::Pad(pad), false);
        }
    }

    /// How many of the oldest events a datagram carries.
    fn fitting(&self) -> usize {
        if self.first.is_none() {
            return 0;
        }
        let plugged = self.pads.iter().filter(|pad| pad.plugged).count();
        let kinds = self.events.iter().map(|pending| pending.kind);
        WriteInput::fitting(self.pressed.keys().len(), plugged, kinds)
    }

    /// Makes room by dropping the oldest move that was not sent; refuses when there is none.
    fn enqueue(&mut self, now: Timestamp, kind: EventKind, moves: bool) -> bool {
        if self.events.len() >= WAITING_MAX {
            let unsent = self.events.iter().enumerate().skip(self.sent);
            let Some(at) = unsent.filter(|(_, p)| p.moves).map(|(at, _)| at).next() else {
                return false;
            };
            self.events.remove(at);
            self.stats.dropped += 1;
        }
        self.events.push_back(Pending { kind, at: now, moves });
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

/// Nothing is plugged in.
const NO_PADS: [Pad; PADS_MAX] = [
    Pad::at_rest(0, false),
    Pad::at_rest(1, false),
    Pad::at_rest(2, false),
    Pad::at_rest(3, false),
];
/// The longest gap between datagrams while something is pressed.
const BEAT: Micros = Micros::from_millis(50);
/// A lost last datagram costs this much.
const REPEAT: Micros = Micros::from_millis(20);
/// Half the datagrams that the host takes, for a mouse that reports at 1000 Hz; costs a move 1 ms on average.
const MOVE_GAP: Micros = Micros::from_millis(2);
/// Half a minute of typing into a dead link; a longer queue would only be stale.
const WAITING_MAX: usize = 1_024;
