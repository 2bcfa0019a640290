//! Datagrams in, whole access units and audio out in order, and feedback: the twin of what the browser client does.
//!
//! ```text
//! datagram -> Arrivals (which packet came when) ---------------------> feedback
//!         \-> Frames: slots -> whole, and its reference delivered? -> poll_unit -> decoder -> handle_decoded
//!         |      missing, late, given up -> nacks, wants ------------> feedback
//!         \-> Audio: each frame once ------------------------------> poll_audio
//! ```
//!
//! The rules are those of `docs/PROTOCOL.md`, section 6. What reaches the decoder is always whole and predicted from what
//! reached it before, so that no damaged picture is ever shown. Time is the client's own clock.
//!
//! Drain rule: after every call that takes `now`, call [`Receiver::poll_unit`] and [`Receiver::poll_audio`] until `None`,
//! [`Receiver::poll_feedback`] until `false`, then ask [`Receiver::poll_timeout`].

mod arrivals;
mod audio;
mod frames;
mod slot;
mod types;

use arrivals::Arrivals;
use audio::Audio;
use firstlight_units::{FrameId, Micros, Timestamp};
use firstlight_wire::{FEEDBACK_NACKS_MAX, FeedbackFlags, Kind, MediaHeader, Nack, WriteFeedback};
use frames::{Frames, PATIENCE_START};
use slot::{Patience, Taken};
pub use types::{AccessUnit, AudioPacket, ReceiveReason, ReceiverStats};

/// Receives one session's media, over all its attachments.
#[derive(Debug)]
pub struct Receiver {
    arrivals: Arrivals,
    frames: Frames,
    audio: Audio,
    rtt: Micros,
    guard: Guard,
    first_came_at: Option<Timestamp>,
    came_at: Option<Timestamp>,
    decoded: Decoded,
    decode_queue: u8,
    follows_recovery: bool,
    recovery_since: Option<Timestamp>,
    report: u16,
    reported_at: Option<Timestamp>,
    told: FeedbackFlags,
    /// Reports still to be sent without anything new.
    closing: u8,
    look_at: Option<Timestamp>,
    nacks: Vec<Nack>,
    stats: ReceiverStats,
}

/// How far packets overtake each other on this path.
#[derive(Clone, Copy, Debug, Default)]
struct Guard {
    learnt: Option<(Micros, Timestamp)>,
}

/// What came out of the decoder.
#[derive(Clone, Copy, Debug, Default)]
struct Decoded {
    /// 0: nothing.
    newest: u64,
    /// Bit n: `newest − 1 − n` as well.
    set: u32,
}

impl Receiver {
    /// A receiver that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arrivals: Arrivals::new(),
            frames: Frames::new(),
            audio: Audio::new(),
            rtt: RTT_UNKNOWN,
            guard: Guard::default(),
            first_came_at: None,
            came_at: None,
            decoded: Decoded::default(),
            decode_queue: 0,
            follows_recovery: true,
            recovery_since: None,
            report: 0,
            reported_at: None,
            told: FeedbackFlags::default(),
            closing: 0,
            look_at: None,
            nacks: Vec::with_capacity(FEEDBACK_NACKS_MAX),
            stats: ReceiverStats::default(),
        }
    }

    /// Reports count on from here; any number will do.
    #[must_use]
    pub const fn with_first_report(mut self, report: u16) -> Self {
        self.report = report;
        self
    }

    /// A new attachment, with a decoder that has seen nothing.
    pub fn attach(&mut self) {
        self.arrivals.restart();
        self.frames.restart();
        self.audio.restart();
        self.first_came_at = None;
        self.came_at = None;
        self.decoded = Decoded::default();
        self.recovery_since = None;
        self.reported_at = None;
        self.told = FeedbackFlags::default();
        self.closing = 0;
        self.look_at = None;
    }

    /// The smallest round trip of the last seconds, measured with [`crate::clock`].
    pub const fn set_rtt(&mut self, rtt: Micros) {
        self.rtt = rtt;
    }

    /// Access units that were handed to the decoder and have not come out.
    pub const fn set_decode_queue(&mut self, access_units: u8) {
        self.decode_queue = access_units;
    }

    /// Whether the decoder predicts from older pictures correctly; `true` until it was seen not to.
    pub const fn set_follows_recovery(&mut self, follows: bool) {
        self.follows_recovery = follows;
        self.frames.set_follows_recovery(follows);
    }

    /// Takes a datagram; `false` when it is no media packet, or not a sound one.
    pub fn handle_datagram(&mut self, now: Timestamp, datagram: &[u8]) -> bool {
        let Ok((header, payload)) = MediaHeader::parse(datagram) else {
            self.stats.malformed += 1;
            return false;
        };
        if !self.arrivals.record(now, header.packet_seq) {
            self.stats.duplicates += 1;
            return true;
        }
        self.stats.packets += 1;
        self.stats.repeats += u64::from(header.flags.repeat);
        self.stats.parity += u64::from(header.kind == Kind::Parity);
        self.first_came_at.get_or_insert(now);
        let give_up = self.patience(now).give_up;
        let stale = self.came_at.is_some_and(|at| now.since(at) > give_up);
        self.came_at = Some(now);
        self.closing = CLOSING_REPORTS;
        let sound = match header.kind {
            Kind::Video | Kind::Parity => self.handle_video(now, &header, payload, stale),
            Kind::Audio => self.audio.handle(&header, payload),
            Kind::Padding => {
                self.frames
                    .handle_newest(now, header.frame, stale, &mut self.stats);
                true
            }
            Kind::ClockReply
            | Kind::InputAck
            | Kind::Sealed
            | Kind::Input
            | Kind::Feedback
            | Kind::ClockRequest => false,
        };
        self.stats.malformed += u64::from(!sound);
        self.look(now);
        sound
    }

    fn handle_video(&mut self, now: Timestamp, header: &MediaHeader, payload: &[u8], stale: bool) -> bool {
        match self.frames.insert(now, header, payload, stale, &mut self.stats) {
            Taken::Fresh => true,
            Taken::FreshLate(by) => {
                self.guard.learn(now, by);
                true
            }
            Taken::Known => {
                self.stats.superfluous += u64::from(header.kind == Kind::Video);
                true
            }
            Taken::Contradiction => false,
        }
    }

    /// The next access unit for the decoder; its NAL units replace what is in `out`.
    pub fn poll_unit(&mut self, out: &mut Vec<u8>) -> Option<AccessUnit> {
        self.frames.poll(out, &mut self.stats)
    }

    /// The next Opus packet, which replaces what is in `out`.
    pub fn poll_audio(&mut self, out: &mut Vec<u8>) -> Option<AudioPacket> {
        let packet = self.audio.poll(out)?;
        self.stats.audio += 1;
        Some(packet)
    }

    /// An access unit came out of the decoder.
    pub fn handle_decoded(&mut self, frame: FrameId) {
        if !self.frames.is_delivered(frame.get()) {
            return;
        }
        self.closing = CLOSING_REPORTS;
        self.decoded.add(frame.get());
    }

    /// The decoder failed and was replaced: it can only start at an IDR.
    pub fn handle_decoder_broken(&mut self, now: Timestamp) {
        self.frames.break_chain();
        self.closing = CLOSING_REPORTS;
        self.look(now);
    }

    /// The time of [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.look(now);
    }

    /// Writes a report into `out` (which is cleared first) if one is due at `now`.
    pub fn poll_feedback(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        out.clear();
        if self.first_came_at.is_none() || self.due_at().is_none_or(|(at, _)| at > now) {
            return false;
        }
        let patience = self.patience(now);
        self.nacks.clear();
        let nacks = &mut self.nacks;
        let mut ask = |nack| {
            let room = nacks.len() < FEEDBACK_NACKS_MAX;
            if room {
                nacks.push(nack);
            }
            room
        };
        self.look_at = self.frames.look(now, patience, Some(&mut ask));
        self.told = self.wants(now);
        let lost = low(self.arrivals.lost);
        let list = self.arrivals.report();
        WriteFeedback {
            flags: self.told,
            report: self.report,
            base_seq: low(list.base_seq),
            base_time: list.base_time.as_micros(),
            decoded: low(self.decoded.newest),
            decoded_set: self.decoded.set,
            decode_queue: self.decode_queue,
            lost,
            late: low(self.stats.frames_late),
            dropped: low(self.stats.frames_dropped),
            arrivals: list.arrivals,
            nacks: &self.nacks,
        }
        .write(out);
        self.report = self.report.wrapping_add(1);
        self.reported_at = Some(now);
        self.closing = self.closing.saturating_sub(1);
        self.stats.reports += 1;
        self.stats.nacks += self.nacks.len() as u64;
        true
    }

    /// When to call [`Self::handle_timeout`] and [`Self::poll_feedback`] next, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, ReceiveReason)> {
        self.first_came_at.and_then(|_| self.due_at())
    }

    /// What came so far.
    #[must_use]
    pub const fn stats(&self) -> ReceiverStats {
        let mut stats = self.stats;
        stats.lost = self.arrivals.lost;
        stats.audio_dropped = self.audio.dropped;
        stats
    }

    /// Bytes of access units that are being put together.
    #[must_use]
    pub fn held(&self) -> usize {
        self.frames.held()
    }

    fn due_at(&self) -> Option<(Timestamp, ReceiveReason)> {
        let at = |span| self.reported_at.map_or_else(Timestamp::default, |at| at + span);
        let regular = (self.closing > 0 || self.told.want_idr || self.told.want_recovery)
            .then(|| (at(REPORT_INTERVAL), ReceiveReason::Report));
        let gap = self
            .look_at
            .map(|look| (look.max(at(REPORT_INTERVAL_MIN)), ReceiveReason::Gap));
        [regular, gap].into_iter().flatten().min()
    }

    /// Finds out when something will be missing, without asking for it.
    fn look(&mut self, now: Timestamp) {
        let patience = self.patience(now);
        self.look_at = self.frames.look(now, patience, None);
        let wants = self.wants(now);
        if (wants.want_idr && !self.told.want_idr) || (wants.want_recovery && !self.told.want_recovery) {
            self.look_at = Some(now);
        }
    }

    fn wants(&mut self, now: Timestamp) -> FeedbackFlags {
        let needs = self.frames.needs();
        let waiting = self
            .first_came_at
            .is_some_and(|at| now.since(at) > PATIENCE_START);
        let stuck = needs.stuck || (needs.start && waiting);
        if !stuck || needs.coming {
            if !stuck {
                self.recovery_since = None;
            }
            return FeedbackFlags::default();
        }
        let since = *self.recovery_since.get_or_insert(now);
        let in_vain = now.since(since) > RECOVERY_PATIENCE + self.rtt + self.rtt;
        let idr = needs.start || !self.follows_recovery || in_vain;
        FeedbackFlags {
            want_idr: idr,
            want_recovery: !idr,
        }
    }

    fn patience(&self, now: Timestamp) -> Patience {
        let give_up = (self.rtt + self.rtt + GIVE_UP_EXTRA).clamp(GIVE_UP_MIN, GIVE_UP_MAX);
        Patience {
            guard: self.guard.span(now),
            again: self.rtt + ASK_AGAIN_EXTRA,
            give_up,
        }
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Guard {
    fn span(self, now: Timestamp) -> Micros {
        self.learnt
            .filter(|(_, at)| now.since(*at) < GUARD_LEARNT_FOR)
            .map_or(GUARD_MIN, |(span, _)| span)
    }

    fn learn(&mut self, now: Timestamp, by: Micros) {
        let span = by.scale(5, 4).clamp(GUARD_MIN, GUARD_MAX);
        self.learnt = Some((span.max(self.span(now)), now));
    }
}

impl Decoded {
    fn add(&mut self, frame: u64) {
        if frame > self.newest {
            let shift = u32::try_from(frame - self.newest).unwrap_or(u32::MAX);
            // The old newest becomes bit `shift − 1`.
            let old = if self.newest == 0 {
                0
            } else {
                1u32.checked_shl(shift - 1).unwrap_or(0)
            };
            self.set = self.set.checked_shl(shift).unwrap_or(0) | old;
            self.newest = frame;
        } else if let Some(age) = (self.newest - frame).checked_sub(1) {
            self.set |= u32::try_from(age)
                .ok()
                .and_then(|age| 1u32.checked_shl(age))
                .unwrap_or(0);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "low bits travel")]
const fn low(n: u64) -> u32 {
    n as u32
}

// All of `docs/PROTOCOL.md`, section 6.
const RTT_UNKNOWN: Micros = Micros::from_millis(100);
const REPORT_INTERVAL: Micros = Micros::from_millis(10);
/// A burst of losses is told in a few reports, not in one for each.
const REPORT_INTERVAL_MIN: Micros = Micros::from_millis(2);
/// The newest state survives the loss of a report.
const CLOSING_REPORTS: u8 = 3;
const ASK_AGAIN_EXTRA: Micros = Micros::from_millis(10);
const GIVE_UP_EXTRA: Micros = Micros::from_millis(40);
const GIVE_UP_MIN: Micros = Micros::from_millis(60);
const GIVE_UP_MAX: Micros = Micros::from_millis(250);
const RECOVERY_PATIENCE: Micros = Micros::from_millis(500);
const GUARD_MIN: Micros = Micros::from_millis(3);
const GUARD_MAX: Micros = Micros::from_millis(30);
const GUARD_LEARNT_FOR: Micros = Micros::from_secs(10);
