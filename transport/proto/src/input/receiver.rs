//! The host's side of input.
//!
//! Events are taken exactly once and in order, whatever the network does to the datagrams that repeat them. The pressed
//! state of the newest datagram releases what it does not name; it never presses what no event pressed. The app sees
//! neither a press of what is down nor a release of what is up.
//!
//! It refuses to guess: events past a gap are dropped, and the acknowledgement tells the page where to go on.

use super::bucket::Bucket;
use super::contacts::Contacts;
use super::held::{Held, Key};
use super::owed::Owed;
use super::pads::Pads;
use firstlight_units::{InputId, Micros, Timestamp};
use firstlight_wire::{Event, EventKind, INPUT_EVENTS_MAX, Input, InputAck, PADS_MAX, Pad, Touch};
use std::collections::VecDeque;

/// Something to be done to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The player's event; 0 when it is none, see [`Cause`]. Of merged moves, the newest.
    pub id: InputId,
    /// What to inject; never [`EventKind::Unknown`].
    pub event: Event,
    /// When its datagram arrived, or when it was decided here.
    pub arrived: Timestamp,
    /// Why.
    pub cause: Cause,
}

/// Why something is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The player did it.
    Player,
    /// Released: the newest pressed state does not name it, or it is pressed once more.
    State,
    /// Released: nothing came for 400 ms.
    Silence,
    /// Released: the page lost the focus.
    Unfocused,
    /// Released: the client is gone, or another one came.
    Detached,
    /// Pressed again: it was released by silence, and the newest pressed state still names it.
    Restored,
}

/// Why [`InputReceiver::handle_timeout`] is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Something is held and the client has been silent for 400 ms.
    Silence,
}

/// What came, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputStats {
    /// Datagrams, all of them.
    pub datagrams: u64,
    /// Datagrams past 1000 a second, unread.
    pub refused: u64,
    /// Datagrams that are no input datagrams.
    pub malformed: u64,
    /// Datagrams that came while no client was attached.
    pub detached: u64,
    /// Datagrams that came after a newer one; their state was ignored.
    pub stale: u64,
    /// Datagrams whose events were dropped because events before them are missing.
    pub gaps: u64,
    /// Events of the player handed on for injection.
    pub injected: u64,
    /// Events that came again.
    pub repeated: u64,
    /// Events of an unknown type.
    pub unknown: u64,
    /// Releases of what is up; keys, buttons and gamepads that do not exist or are too many; a gamepad that is as it was.
    pub void: u64,
    /// Moves that were merged because there were too many.
    pub merged: u64,
    /// Datagrams with events that were left for later because there were too many.
    pub held_back: u64,
    /// Keys and buttons released, gamepads put to rest, and touches cancelled, without an event of the player.
    pub released: u64,
    /// Keys, buttons and gamepads pressed again after silence.
    pub restored: u64,
}

/// Takes a session's input datagrams, over all its attachments.
///
/// Call [`Self::attach`] first. After every `handle_`, [`Self::attach`] and [`Self::detach`], take everything from
/// [`Self::poll_injection`], then [`Self::poll_ack`], then ask [`Self::poll_timeout`].
#[derive(Debug)]
pub struct InputReceiver {
    attached: bool,
    /// Every event up to this one was handed on or skipped.
    acknowledged: InputId,
    queue: VecDeque<Injection>,
    held: Held,
    /// Released by silence alone.
    lapsed: Held,
    pads: Pads,
    contacts: Contacts,
    owed: Owed,
    sequence: Option<u16>,
    /// When the datagram with the newest sequence came.
    heard: Timestamp,
    echo: u64,
    ack_due: bool,
    injected_at: Timestamp,
    injected_since_ack: bool,
    datagram_budget: Bucket,
    event_budget: Bucket,
    stats: InputStats,
}

impl InputReceiver {
    /// For a session whose input starts after `last`; [`InputId::new`]`(0)` for a fresh one.
    #[must_use]
    pub fn new(last: InputId) -> Self {
        Self {
            attached: false,
            acknowledged: last,
            queue: VecDeque::with_capacity(QUEUE_START),
            held: Held::default(),
            lapsed: Held::default(),
            pads: Pads::default(),
            contacts: Contacts::default(),
            owed: Owed::default(),
            sequence: None,
            heard: Timestamp::default(),
            echo: 0,
            ack_due: false,
            injected_at: Timestamp::default(),
            injected_since_ack: false,
            datagram_budget: Bucket::new(DATAGRAMS_PER_SECOND, DATAGRAM_BURST),
            event_budget: Bucket::new(EVENTS_PER_SECOND, EVENT_BURST),
            stats: InputStats::default(),
        }
    }

    /// A client attached, instead of the one before if there is one. It is told where the numbering stands.
    pub fn attach(&mut self, now: Timestamp) {
        self.detach(now);
        self.attached = true;
        self.ack_due = true;
    }

    /// The client is gone: everything is released.
    pub fn detach(&mut self, now: Timestamp) {
        self.release_all(now, Cause::Detached);
        self.lapsed.clear();
        self.pads.forget_lapsed();
        self.owed = Owed::default();
        self.sequence = None;
        self.echo = 0;
        self.ack_due = false;
        self.attached = false;
    }

    /// Takes a datagram of the attached client. Whatever it holds, it is used or counted.
    pub fn handle_datagram(&mut self, now: Timestamp, datagram: &[u8]) {
        self.assert_drained();
        self.stats.datagrams += 1;
        if !self.attached {
            self.stats.detached += 1;
            return;
        }
        if !self.datagram_budget.take(now) {
            self.stats.refused += 1;
            return;
        }
        let Ok(input) = Input::parse(datagram) else {
            self.stats.malformed += 1;
            return;
        };
        let complete = self.take_events(now, &input);
        if !self.owed.is_empty() && self.event_budget.take_leaving(now, MOVE_RESERVE) {
            self.push_owed();
        }
        self.ack_due = true;
        if self.is_newest(now, input.sequence) {
            self.sequence = Some(input.sequence);
            self.heard = now;
            self.echo = input.sent_at;
            self.apply_state(now, &input, complete);
        } else {
            self.stats.stale += 1;
        }
    }

    /// To be called when [`Self::poll_timeout`] has passed; harmless at any other time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.assert_drained();
        if self.poll_timeout().is_none_or(|(at, _)| now < at) {
            return;
        }
        while let Some(key) = self.held.pop_where(|_| true) {
            self.lapsed.press(key);
            self.push_release(now, key, Cause::Silence);
        }
        self.rest_pads(now, Cause::Silence);
        self.cancel_touch(now, Cause::Silence);
    }

    /// The next thing to do to the app.
    pub fn poll_injection(&mut self) -> Option<Injection> {
        let injection = self.queue.pop_front()?;
        self.injected_since_ack |= injection.cause == Cause::Player;
        Some(injection)
    }

    /// What to tell the client, once everything from [`Self::poll_injection`] is in the app, which is `now`.
    pub fn poll_ack(&mut self, now: Timestamp) -> Option<InputAck> {
        if !self.ack_due || !self.queue.is_empty() {
            return None;
        }
        self.ack_due = false;
        if std::mem::take(&mut self.injected_since_ack) {
            self.injected_at = now;
        }
        Some(InputAck {
            acknowledged: self.acknowledged.low(),
            at: self.injected_at.as_micros(),
            echo: self.echo,
        })
    }

    /// When to call [`Self::handle_timeout`], and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Reason)> {
        self.is_holding().then(|| (self.heard + SILENCE, Reason::Silence))
    }

    /// The newest event such that it and all before it were handed on or skipped.
    #[must_use]
    pub const fn acknowledged(&self) -> InputId {
        self.acknowledged
    }

    /// Whether the app sees a key, button or finger down, or a gamepad out of its rest.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty() || !self.pads.are_at_rest() || !self.contacts.is_empty()
    }

    /// What came so far.
    #[must_use]
    pub const fn stats(&self) -> InputStats {
        self.stats
    }

    /// Takes the events that are new; `false` when there are or may be more, so that the state is ahead of them.
    fn take_events(&mut self, now: Timestamp, input: &Input<'_>) -> bool {
        // How many of them were taken before; past half the circle, how many are missing.
        let behind = self.acknowledged.next().low().wrapping_sub(input.first_event);
        if input.event_count > 0 && behind > u32::MAX / 2 {
            self.stats.gaps += 1;
            return true;
        }
        let repeated = behind.min(input.event_count.into());
        self.stats.repeated += u64::from(repeated);
        for event in input
            .events()
            .skip(usize::try_from(repeated).unwrap_or(usize::MAX))
        {
            let id = self.acknowledged.next();
            let injection = Injection {
                id,
                event,
                arrived: now,
                cause: Cause::Player,
            };
            if !self.take_event(now, injection) {
                self.stats.held_back += 1;
                return false;
            }
            self.acknowledged = id;
        }
        usize::from(input.event_count) < INPUT_EVENTS_MAX && !input.more
    }

    /// `false` when there is no budget for it.
    fn take_event(&mut self, now: Timestamp, injection: Injection) -> bool {
        if self.queue.len() >= QUEUE_MAX {
            return false;
        }
        match injection.event.kind {
            EventKind::MoveTo { .. } | EventKind::MoveBy { .. } => {
                self.stats.merged += u64::from(self.owed.add(injection));
                if self.event_budget.take_leaving(now, MOVE_RESERVE) {
                    self.push_owed();
                }
                return true;
            }
            EventKind::Unknown(_) => {
                self.stats.unknown += 1;
                return true;
            }
            EventKind::KeyDown(_)
            | EventKind::KeyUp(_)
            | EventKind::ButtonDown(_)
            | EventKind::ButtonUp(_)
            | EventKind::Pad(_)
            | EventKind::Touch(_)
            | EventKind::Text(_)
            | EventKind::Wheel { .. } => {}
        }
        let enough = self.event_budget.take(now);
        if enough {
            // What happened before a click has to be in the app before the click.
            self.push_owed();
            self.take_action(injection);
        }
        enough
    }

    fn take_action(&mut self, injection: Injection) {
        let (key, down) = match injection.event.kind {
            EventKind::KeyDown(code) => (Key::of_code(code), true),
            EventKind::KeyUp(code) => (Key::of_code(code), false),
            EventKind::ButtonDown(number) => (Key::of_button(number), true),
            EventKind::ButtonUp(number) => (Key::of_button(number), false),
            EventKind::Pad(pad) => return self.take_pad(pad, injection),
            EventKind::Touch(touch) => return self.take_touch(touch, injection),
            EventKind::Wheel { .. }
            | EventKind::Text(_)
            | EventKind::MoveTo { .. }
            | EventKind::MoveBy { .. }
            | EventKind::Unknown(_) => return self.push_player(injection),
        };
        let Some(key) = key else {
            self.stats.void += 1;
            return;
        };
        let was_down = self.held.release(key);
        if was_down && down {
            // A page presses what is down only after a release that was in a lost state alone.
            self.push_release(injection.arrived, key, Cause::State);
        }
        if (down && self.held.press(key)) || (was_down && !down) {
            self.push_player(injection);
        } else {
            self.stats.void += 1;
        }
    }

    fn take_pad(&mut self, pad: Pad, injection: Injection) {
        if self.pads.take(pad) {
            self.push_player(injection);
        } else {
            self.stats.void += 1;
        }
    }

    fn take_touch(&mut self, touch: Touch, injection: Injection) {
        if self.contacts.take(touch) {
            self.push_player(injection);
        } else {
            self.stats.void += 1;
        }
    }

    fn apply_state(&mut self, now: Timestamp, input: &Input<'_>, complete: bool) {
        if !input.focused {
            self.lapsed.clear();
            self.pads.forget_lapsed();
            self.release_all(now, Cause::Unfocused);
        } else if complete {
            self.release_where(now, Cause::State, |key| !key.is_down_in(input));
            while let Some(key) = self.lapsed.pop_first() {
                if key.is_down_in(input) && self.held.press(key) {
                    self.stats.restored += 1;
                    self.push_synthetic(now, key.down(), Cause::Restored);
                }
            }
            if !self.contacts.are_in(input.contacts) {
                self.cancel_touch(now, Cause::State);
            }
            while let Some((pad, cause)) = self.pads.poll_state(input) {
                self.stats.restored += u64::from(cause == Cause::Restored);
                self.push_synthetic(now, EventKind::Pad(pad), cause);
            }
        }
    }

    fn is_newest(&self, now: Timestamp, sequence: u16) -> bool {
        let ahead = |newest: u16| (1..0x8000).contains(&sequence.wrapping_sub(newest));
        self.sequence.is_none_or(ahead) || now.since(self.heard) > SEQUENCE_FORGET
    }

    fn release_all(&mut self, now: Timestamp, cause: Cause) {
        self.release_where(now, cause, |_| true);
        self.rest_pads(now, cause);
        self.cancel_touch(now, cause);
    }

    /// Where one finger's end is unknown, no gesture of the others means what it seems to.
    fn cancel_touch(&mut self, now: Timestamp, cause: Cause) {
        if self.contacts.take(Touch::CANCEL) {
            self.stats.released += 1;
            self.push_synthetic(now, EventKind::Touch(Touch::CANCEL), cause);
        }
    }

    fn rest_pads(&mut self, now: Timestamp, cause: Cause) {
        while let Some(pad) = self.pads.poll_rest(cause) {
            self.stats.released += 1;
            self.push_synthetic(now, EventKind::Pad(pad), cause);
        }
    }

    fn release_where(&mut self, now: Timestamp, cause: Cause, release: impl Fn(Key) -> bool) {
        while let Some(key) = self.held.pop_where(&release) {
            self.push_release(now, key, cause);
        }
    }

    fn push_release(&mut self, now: Timestamp, key: Key, cause: Cause) {
        self.stats.released += 1;
        self.push_synthetic(now, key.up(), cause);
    }

    fn push_synthetic(&mut self, now: Timestamp, kind: EventKind, cause: Cause) {
        let event = Event { kind, age: 0 };
        self.queue.push_back(Injection {
            id: InputId::new(0),
            event,
            arrived: now,
            cause,
        });
    }

    fn push_owed(&mut self) {
        for injection in self.owed.take() {
            self.push_player(injection);
        }
    }

    fn push_player(&mut self, injection: Injection) {
        self.stats.injected += 1;
        self.queue.push_back(injection);
    }

    fn assert_drained(&self) {
        debug_assert!(
            self.queue.is_empty(),
            "invariant: poll_injection is drained after every mutation"
        );
    }
}

/// Eight of a client's 50 ms beats may be lost or late before what it held is released.
const SILENCE: Micros = Micros::from_millis(400);
/// A sequence of 16 bits goes half round in 33 s at 1000 datagrams a second; well before that, anything is newer.
const SEQUENCE_FORGET: Micros = Micros::from_secs(10);
/// A mouse that reports at 1000 Hz, each report in a datagram of its own.
const DATAGRAMS_PER_SECOND: u32 = 1_000;
/// What piles up in a network that stalls for a quarter of a second.
const DATAGRAM_BURST: u32 = 250;
/// A mouse at 1000 Hz and as much again.
const EVENTS_PER_SECOND: u32 = 2_000;
/// Eight full datagrams.
const EVENT_BURST: u32 = 512;
/// Moves leave this much of the burst to keys, so that no flood of moves delays one.
const MOVE_RESERVE: u32 = 128;
/// A full datagram of second presses, and everything released and pressed again: no more comes of one step.
const QUEUE_START: usize = 2 * INPUT_EVENTS_MAX + 2 + 2 * 48 + 2 * PADS_MAX + 1;
/// A driver that does not drain gets no further events; they stay with the client.
const QUEUE_MAX: usize = 4 * QUEUE_START;
