//! Access units and audio in, datagrams out, and everything that decides which, when and how often.
//!
//! ```text
//! VideoUnit -> History (fragments) -> Pacer --+
//! AudioFrame -> queue ------------------------+-> poll_transmit -> datagram, recorded in Flight
//! Feedback -> Flight -> RateRule -> target    |
//!          -> nacks -> repeats ---------------+
//!          -> Wishes -> SendEvent
//! ```
//!
//! Drain rule: after every call that takes `now`, call [`Sender::poll_transmit`] until it returns `false`, then
//! [`Sender::poll_event`] until `None`, then ask [`Sender::poll_timeout`].
//!
//! Everything is bounded: 64 access units are remembered for repeats, 8192 packets for reports, 16 audio frames wait. A
//! client that never reports stops the encoder through [`Sender::may_encode`] and gets one small probe per frame interval.
//! The sender never drops a part of an access unit silently: what cannot be sent ends in a wish for an IDR.

mod answers;
mod audio;
mod budget;
mod flight;
mod guard;
mod history;
mod pacer;
mod padding;
mod recovery;
mod types;
mod wishes;

use crate::near;
use crate::rate::{RateLimits, RateRule, TrainRule};
use audio::AudioQueue;
use budget::Budget;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, Timestamp};
use firstlight_wire::{Kind, MEDIA_HEADER_BYTES, MediaHeader};
use flight::Flight;
use history::{FragmentId, History};
use pacer::Pacer;
use padding::ProbeTrain;
use recovery::{Losses, Overhead};
use std::collections::VecDeque;
pub use types::{AudioFrame, IdrCause, Reports, SendEvent, SendReason, SenderConfig, SenderStats, VideoUnit};
use wishes::Wishes;

/// Sends one session's media, over all its attachments.
#[derive(Debug)]
pub struct Sender {
    config: SenderConfig,
    /// One of so many pictures is encoded.
    divisor: u8,
    attached: bool,
    reports: Reports,
    first_seq: u64,
    rule: Box<dyn RateRule>,
    flight: Flight,
    history: History,
    pacer: Pacer,
    audio: AudioQueue,
    repeats: VecDeque<FragmentId>,
    repeat_budget: Budget,
    parity: bool,
    parity_budget: Budget,
    losses: Losses,
    overhead: Overhead,
    wishes: Wishes,
    /// Sequence of the newest feedback datagram.
    report: Option<u16>,
    /// The video bitrate last told.
    target: Bitrate,
    /// The newest access unit of which a packet was sent.
    newest_sent: FrameId,
    probed_at: Option<Timestamp>,
    /// A train of padding that is being sent.
    probe: ProbeTrain,
    starving: bool,
    /// The newest time a caller gave.
    seen_at: Timestamp,
    stats: SenderStats,
}

impl Sender {
    /// A sender without a client, with the rule of this version.
    #[must_use]
    pub fn new(config: SenderConfig) -> Self {
        let limits = RateLimits {
            min: wire(config.bitrate_min),
            start: wire(config.bitrate_start),
            max: wire(config.bitrate_max),
        };
        let rule = TrainRule::new(limits, config.features);
        Self::with_rule(config, Box::new(rule))
    }

    /// A sender without a client, with another rule.
    #[must_use]
    pub fn with_rule(config: SenderConfig, rule: Box<dyn RateRule>) -> Self {
        Self {
            divisor: 1,
            attached: false,
            reports: Reports::default(),
            first_seq: 1,
            pacer: Pacer::new(rule.target(), wire(config.bitrate_max)),
            rule,
            flight: Flight::new(),
            history: History::new(),
            audio: AudioQueue::new(),
            repeats: VecDeque::with_capacity(REPEATS_MAX),
            repeat_budget: Budget::saving(REPEATS_SAVED),
            parity: true,
            parity_budget: Budget::saving(PARITY_SAVED),
            losses: Losses::default(),
            overhead: Overhead::default(),
            wishes: Wishes::default(),
            report: None,
            target: config.bitrate_start,
            newest_sent: FrameId::new(0),
            probed_at: None,
            probe: ProbeTrain::default(),
            starving: false,
            seen_at: Timestamp::default(),
            stats: SenderStats::default(),
            config,
        }
    }

    /// Attachments count their packets from here instead of 1, to test that wraps are harmless.
    #[must_use]
    pub const fn with_first_seq(mut self, seq: u64) -> Self {
        self.first_seq = seq;
        self
    }

    /// Says who reports in the next attachment.
    pub const fn set_reports(&mut self, reports: Reports) {
        self.reports = reports;
    }

    /// A client attached, over a path whose datagrams hold `datagram_max` bytes. Asks for an IDR.
    pub fn attach(&mut self, now: Timestamp, datagram_max: usize) {
        self.clear();
        self.attached = true;
        self.parity = true;
        self.seen_at = now;
        self.history.set_datagram_max(datagram_max);
        self.flight.restart(self.first_seq);
        self.rule.attach(now);
        self.pacer = Pacer::new(self.rule.target(), wire(self.config.bitrate_max));
        self.wishes.attach(now);
        self.stats.idr_requests += 1;
        self.update_target(true);
    }

    /// What parity may take of the path in the mean.
    fn parity_rate(&self) -> Bitrate {
        self.rule.target().scale(PARITY_SHARE, 100)
    }

    /// Whether the attached client takes parity; a transport with a repair of its own does not. `true` after every attach.
    pub const fn set_parity(&mut self, takes: bool) {
        self.parity = takes;
    }

    /// The path's datagrams hold this many bytes from here on. Where that is less than before, nothing that was cut for the
    /// larger path can be sent (again): the encoder is asked to go on from what the client has, or for an IDR where it has nothing.
    pub fn set_datagram_max(&mut self, bytes: usize) {
        if self.history.set_datagram_max(bytes) && self.attached {
            self.repeats.clear();
            self.stats.overflowed += 1;
            if self.wishes.on_cut(self.seen_at) {
                self.stats.idr_requests += 1;
            } else {
                self.stats.recovery_requests += 1;
            }
        }
    }

    /// The client's address changed, and the connection goes on: the rule may look at the path anew.
    pub fn rebound(&mut self, now: Timestamp) {
        if self.attached {
            self.seen_at = now;
            self.rule.rebound(now);
            self.update_target(false);
        }
    }

    /// The client is gone; nothing is sent until the next one.
    pub fn detach(&mut self, _now: Timestamp) {
        self.clear();
        self.attached = false;
    }

    /// Queues a unit.
    pub fn push_video(&mut self, now: Timestamp, unit: VideoUnit<'_>) {
        if !self.attached {
            return;
        }
        self.wishes.on_pushed(unit.frame, unit.idr, unit.recovery);
        let conditions = self.conditions(now);
        let (rate, budget) = (self.parity_rate(), &mut self.parity_budget);
        let size = unit.nals.len();
        let parity = |fragments: u16| {
            let wanted = conditions.map_or(0, |c| recovery::with_first(&c, fragments));
            let shard = MEDIA_HEADER_BYTES + size / usize::from(fragments.max(1));
            (0..wanted)
                .take_while(|_| budget.take(now, rate, shard))
                .fold(0, |n, _| n + 1)
        };
        match self.history.push(now, &unit, parity) {
            Ok(superseded) => self.stats.superseded += superseded,
            Err(history::Overflow) => self.overflow(now),
        }
    }

    /// Queues an audio frame. It goes before video; of too many the oldest is dropped.
    pub fn push_audio(&mut self, _now: Timestamp, frame: AudioFrame<'_>) {
        if self.attached {
            self.stats.audio_dropped += u64::from(!self.audio.push(&frame));
        }
    }

    /// The time of [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if !self.attached || !self.is_starved(now) {
            return;
        }
        if !self.starving {
            self.starving = true;
            self.stats.starvations += 1;
        }
        self.rule.on_silence(now);
        self.update_target(false);
    }

    /// Writes the next datagram into `out` (which is cleared first); `false` when nothing is to be sent at `now`.
    pub fn poll_transmit(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        out.clear();
        self.seen_at = now;
        if !self.attached {
            return false;
        }
        let train = if self.audio.take(out) || self.take_repeat(now, out) || self.take_probe(now, out) {
            FrameId::new(0)
        } else if self.pacer.may_send(now)
            && let Some(packet) = self.history.take_next(now)
        {
            write(out, packet.header, packet.payload);
            let frame = FrameId::new(near(self.newest_sent.get(), packet.header.frame));
            if let Some(since) = packet.done {
                self.stats.pace = now.since(since);
                self.wishes.on_sent(now, frame);
            }
            self.newest_sent = frame;
            frame
        } else if let Some(train) = self.take_train(now, out) {
            train
        } else {
            return false;
        };
        let seq = self.flight.next_seq();
        let kind = Kind::of(out);
        let parity = kind == Ok(Kind::Parity);
        self.stats.parity += u64::from(parity);
        let extra = parity || (train.get() == 0 && kind != Ok(Kind::Audio));
        self.overhead.on_sent(ByteCount::from(out.len()), extra);
        stamp(out, seq.low(), now);
        self.flight.record(now, out.len(), train, self.rule.capacity());
        self.pacer.on_sent(now, out.len());
        self.rule.on_sent(now, ByteCount::from(out.len()));
        self.stats.packets += 1;
        self.stats.bytes += ByteCount::from(out.len());
        true
    }

    /// The next wish.
    pub fn poll_event(&mut self) -> Option<SendEvent> {
        self.wishes.poll()
    }

    /// When to call [`Self::handle_timeout`] and [`Self::poll_transmit`] next, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, SendReason)> {
        if !self.attached {
            return None;
        }
        let pace = (!self.history.is_empty()).then(|| (self.pacer.free_at(), SendReason::Pace));
        let probe = self.probe_at().map(|at| (at, SendReason::Probe));
        let train = self.train_at().map(|at| (at, SendReason::Probe));
        [pace, probe, train].into_iter().flatten().min()
    }

    /// The video bitrate.
    #[must_use]
    pub const fn target(&self) -> Bitrate {
        self.target
    }

    /// The round trip, smoothed; it includes what the client waits before it reports.
    #[must_use]
    pub const fn rtt(&self) -> Option<Micros> {
        self.flight.rtt()
    }

    /// The newest access unit that the attached client has decoded; 0: none yet.
    #[must_use]
    pub const fn acknowledged(&self) -> FrameId {
        self.wishes.acknowledged()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> SenderStats {
        SenderStats {
            in_flight: self.flight.in_flight(),
            queued: self.history.queued(),
            rtt_min: self.flight.rtt_min(),
            ..self.stats
        }
    }

    fn clear(&mut self) {
        self.history.clear();
        self.audio.clear();
        self.repeats.clear();
        self.report = None;
        self.newest_sent = FrameId::new(0);
        self.probed_at = None;
        self.probe = ProbeTrain::default();
        self.starving = false;
    }

    fn overflow(&mut self, now: Timestamp) {
        self.stats.overflowed += 1;
        self.stats.idr_requests += 1;
        self.wishes.ask_idr(now, IdrCause::Overflow);
    }

    /// Tells the encoder its share of the rule's target where it changed enough to matter.
    fn update_target(&mut self, always: bool) {
        let target = self.rule.target();
        self.pacer.set_target(target);
        self.pacer.set_fixed(self.rule.pacing());
        let video = target
            .saturating_sub(AUDIO_RATE)
            .scale(MEDIA_PERCENT, 100)
            .scale(1_000 - self.overhead.share(), 1_000)
            .clamp(self.config.bitrate_min, self.config.bitrate_max);
        let lower = video < self.target.scale(98, 100);
        let higher = video > self.target.scale(105, 100);
        let edge =
            video != self.target && (video == self.config.bitrate_max || video == self.config.bitrate_min);
        if always || lower || higher || edge {
            self.target = video;
            self.wishes.set_target(video);
        }
    }
}

/// What a video bitrate takes on the wire, audio included; two bits more, so that rounding down on the way back loses none.
fn wire(video: Bitrate) -> Bitrate {
    video.scale(100, MEDIA_PERCENT) + AUDIO_RATE + Bitrate::bps(2)
}

fn write(out: &mut Vec<u8>, header: MediaHeader, payload: &[u8]) {
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(payload);
}

/// Fills in what is known only when the packet goes.
fn stamp(out: &mut [u8], seq: u32, now: Timestamp) {
    if let Some(slot) = out.get_mut(4..8) {
        slot.copy_from_slice(&seq.to_be_bytes());
    }
    if let Some(slot) = out.get_mut(8..16) {
        slot.copy_from_slice(&now.as_micros().to_be_bytes());
    }
}

/// Of the wire's rate, what is left for NAL units: headers take 40 of about 1,200 bytes, repeats up to 2 % on a usual path.
const MEDIA_PERCENT: u64 = 94;
/// Opus at 96 kbit/s with one frame of redundancy would be twice that; with headers of 100 packets a second.
const AUDIO_RATE: Bitrate = Bitrate::kbps(160);
/// A round trip nobody has measured yet: across a continent and back.
const RTT_UNKNOWN: Micros = Micros::from_millis(100);
/// How often a receiver reports.
const REPORT_INTERVAL: Micros = Micros::from_millis(10);
/// Per cent of the target that parity may take.
const PARITY_SHARE: u64 = 10;
/// What parity leaves is there for a while: bursts of loss are seconds apart, and want far more than their share while they last.
const PARITY_SAVED: Micros = Micros::from_secs(10);
/// A burst of loss of two receivers' patience may be repaired at once.
const REPEATS_SAVED: Micros = Micros::from_millis(500);
/// The largest access unit of a playable rate; what is past it comes with the next request.
const REPEATS_MAX: usize = 512;
