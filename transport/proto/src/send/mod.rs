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

mod audio;
mod budget;
mod flight;
mod history;
mod pacer;
mod recovery;
mod types;
mod wishes;

use crate::near;
use crate::rate::{RateLimits, RateRule, Report, TrainRule};
use audio::AudioQueue;
use budget::Budget;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, Timestamp};
use firstlight_wire::{Feedback, Flags, Kind, MEDIA_HEADER_BYTES, MediaHeader, Nack, Track};
use flight::Flight;
use history::{FragmentId, History};
use pacer::Pacer;
use recovery::{Conditions, Losses, Overhead};
use std::collections::VecDeque;
pub use types::{AudioFrame, IdrCause, Reports, SendEvent, SendReason, SenderConfig, SenderStats, VideoUnit};
use wishes::Wishes;

/// Sends one session's media, over all its attachments.
#[derive(Debug)]
pub struct Sender {
    config: SenderConfig,
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

/// Padding that is sent as a train.
#[derive(Clone, Copy, Debug, Default)]
struct ProbeTrain {
    count: u64,
    left: usize,
    size: usize,
    sent_at: Timestamp,
}

impl Sender {
    /// A sender without a client, with the rule of this version.
    #[must_use]
    pub fn new(config: SenderConfig) -> Self {
        // Two bits more, so that rounding down on the way back loses none.
        let on_wire = |video: Bitrate| video.scale(100, MEDIA_PERCENT) + AUDIO_RATE + Bitrate::bps(2);
        let limits = RateLimits {
            min: on_wire(config.bitrate_min),
            start: on_wire(config.bitrate_start),
            max: on_wire(config.bitrate_max),
        };
        let rule = TrainRule::new(limits, config.features);
        Self::with_rule(config, Box::new(rule))
    }

    /// A sender without a client, with another rule.
    #[must_use]
    pub fn with_rule(config: SenderConfig, rule: Box<dyn RateRule>) -> Self {
        Self {
            attached: false,
            reports: Reports::default(),
            first_seq: 1,
            pacer: Pacer::new(rule.target()),
            rule,
            flight: Flight::new(),
            history: History::new(),
            audio: AudioQueue::new(),
            repeats: VecDeque::with_capacity(REPEATS_MAX),
            repeat_budget: Budget::default(),
            parity: true,
            parity_budget: Budget::default(),
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
        self.pacer = Pacer::new(self.rule.target());
        self.wishes.attach(now);
        self.stats.idr_requests += 1;
        self.update_target(true);
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
        let (budget, share) = (
            &mut self.parity_budget,
            self.rule.target().scale(PARITY_SHARE, 100),
        );
        let size = unit.nals.len();
        let parity = |fragments: u16| {
            let wanted = conditions.map_or(0, |c| recovery::with_first(&c, fragments));
            let shard = MEDIA_HEADER_BYTES + size / usize::from(fragments.max(1));
            (0..wanted)
                .take_while(|_| budget.take(now, share, shard))
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

    /// A feedback datagram of the attached client.
    pub fn handle_feedback(&mut self, now: Timestamp, datagram: &[u8]) {
        let Ok(feedback) = Feedback::parse(datagram) else {
            self.stats.malformed += 1;
            return;
        };
        if !self.attached {
            return;
        }
        let Ok(settled) = self.flight.handle_report(now, &feedback) else {
            self.stats.forged += 1;
            return;
        };
        self.stats.feedback += 1;
        self.stats.lost += u64::from(settled.lost);
        self.pacer.on_arrivals(self.flight.arrivals());
        self.pacer.on_lost(settled.lost);
        self.rule.on_report(
            now,
            &Report {
                arrivals: self.flight.arrivals(),
                settled: settled.packets,
                lost: settled.lost,
                rtt_min: self.flight.rtt_min(),
            },
        );
        self.update_target(false);
        self.starving &= self.is_starved(now);
        let newer = self
            .report
            .is_none_or(|old| feedback.report.wrapping_sub(old).cast_signed() > 0);
        if newer {
            self.report = Some(feedback.report);
            self.handle_state(now, &feedback);
        }
        // What a standing queue loses or delays is not the air's doing.
        if self.rule.queue() < QUEUE_LOSES {
            self.losses.on_report(
                now,
                (
                    self.flight.arrivals().len() as u64,
                    feedback.nacks().count() as u64,
                ),
                (settled.packets.into(), settled.lost.into()),
            );
        }
        self.handle_nacks(now, &feedback);
    }

    /// What decides how much parity is sent; `None`: none at all.
    fn conditions(&self, now: Timestamp) -> Option<Conditions> {
        (self.parity && self.config.features.parity).then(|| Conditions {
            rtt: self.flight.rtt_min().unwrap_or(RTT_UNKNOWN),
            queue: self.rule.queue(),
            loss: self.losses.mean(),
            burst: self.losses.burst(now),
        })
    }

    /// Queues what is asked for again, each unit's parity behind it.
    fn handle_nacks(&mut self, now: Timestamp, feedback: &Feedback<'_>) {
        let mut nacks = feedback.nacks().peekable();
        let mut before = self.repeats.len();
        while let Some(nack) = nacks.next() {
            self.handle_nack(now, nack);
            let more = nacks
                .peek()
                .is_some_and(|next| (next.frame, next.unit) == (nack.frame, nack.unit));
            if more {
                continue;
            }
            let repeats = self.repeats.len().saturating_sub(before);
            if let (Some(c), Some(newest)) = (self.conditions(now), self.repeats.back().copied()) {
                let parity = recovery::with_repeats(&c, u16::try_from(repeats).unwrap_or(u16::MAX));
                for _ in 0..parity {
                    if let Some(id) = self.history.name_parity(newest.frame, newest.unit) {
                        self.repeats.push_back(id);
                    }
                }
            }
            before = self.repeats.len();
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
        } else if self.pacer.free_at() <= now
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
        self.flight.record(now, out.len(), train);
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

    /// Whether a picture that is encoded at `now` has a chance to arrive in time. Ask again after feedback.
    #[must_use]
    pub fn may_encode(&self, now: Timestamp) -> bool {
        self.attached
            && !(self.config.features.starvation && self.is_starved(now))
            && self.backlog() <= self.backlog_max()
    }

    /// Most bytes that the access unit that is encoded at `now` may have, all its units together: what passes in its time, with
    /// room for the ups and downs of an encoder, less what those before it have overspent. A larger one is sent all the same, and paid
    /// for by the next ones.
    #[must_use]
    pub fn frame_max(&self, _now: Timestamp) -> ByteCount {
        if !self.config.features.frame_cap {
            return ByteCount::new(u64::MAX);
        }
        let room = self
            .rule
            .capacity()
            .bytes_in(self.interval().scale(FRAME_ROOM, 100));
        room.saturating_sub(self.backlog()).max(FRAME_LEAST)
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

    fn handle_state(&mut self, now: Timestamp, feedback: &Feedback<'_>) {
        self.stats.client_lost = feedback.lost;
        self.stats.client_late = feedback.late;
        self.stats.client_dropped = feedback.dropped;
        self.stats.decode_queue = feedback.decode_queue;
        if !self.wishes.on_decoded(feedback.decoded, self.history.newest()) {
            self.stats.forged += 1;
            return;
        }
        let patience = self.rtt().unwrap_or(RTT_UNKNOWN) + self.interval() + REPORT_INTERVAL;
        let idr = feedback.flags.want_idr;
        if (idr || feedback.flags.want_recovery) && self.wishes.on_wanted(now, patience, idr) {
            if idr {
                self.stats.idr_requests += 1;
            } else {
                self.stats.recovery_requests += 1;
            }
        }
    }

    fn handle_nack(&mut self, now: Timestamp, nack: Nack) {
        let frame = FrameId::new(near(self.history.newest().get(), nack.frame));
        if nack.track != Track::Video as u8 {
            self.stats.repeats_refused += 1;
            return;
        }
        if nack.unit != Nack::ALL_UNITS {
            self.repeat_unit(now, frame, nack.unit, nack.fragment);
            return;
        }
        for unit in 0..Nack::ALL_UNITS {
            if self.history.fragments(frame, unit).is_none() {
                break;
            }
            self.repeat_unit(now, frame, unit, Nack::ALL_FRAGMENTS);
        }
    }

    fn repeat_unit(&mut self, now: Timestamp, frame: FrameId, unit: u8, fragment: u16) {
        let count = self.history.fragments(frame, unit).unwrap_or(0);
        let all = fragment == Nack::ALL_FRAGMENTS;
        let (from, to) = if all {
            (0, count)
        } else {
            (fragment, fragment.saturating_add(1))
        };
        if count == 0 {
            self.stats.repeats_refused += 1;
        }
        for fragment in from..to.min(count) {
            let id = FragmentId {
                frame,
                unit,
                fragment,
            };
            let rtt = self.rtt().unwrap_or(RTT_UNKNOWN);
            if self.repeats.len() < REPEATS_MAX && self.history.claim_repeat(now, rtt, id) {
                self.repeats.push_back(id);
            } else {
                self.stats.repeats_refused += 1;
            }
        }
    }

    fn take_repeat(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        while let Some(id) = self.repeats.pop_front() {
            let Some(packet) = self.history.take_again(now, id) else {
                continue;
            };
            let size = packet.payload.len() + MEDIA_HEADER_BYTES;
            let parity = packet.header.kind == Kind::Parity;
            let (budget, share) = if parity {
                (&mut self.parity_budget, PARITY_SHARE)
            } else {
                (&mut self.repeat_budget, REPEAT_SHARE)
            };
            if !budget.take(now, self.rule.target().scale(share, 100), size) {
                self.stats.repeats_refused += 1;
                continue;
            }
            write(out, packet.header, packet.payload);
            self.stats.repeated += u64::from(!parity);
            return true;
        }
        false
    }

    fn take_probe(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        if self.probe_at().is_none_or(|at| at > now) {
            return false;
        }
        self.probed_at = Some(now);
        self.write_padding(now, 0, out);
        true
    }

    /// When the next packet of a train of padding is due.
    fn train_at(&self) -> Option<Timestamp> {
        if self.reports == Reports::Browser || !self.history.is_empty() || !self.flight.is_heard() {
            return None;
        }
        if self.probe.left > 0 {
            return Some(self.pacer.free_at());
        }
        let due = self.rule.probe_at()?.max(self.probe.sent_at + PROBE_AGAIN);
        let at = due.max(self.pacer.free_at());
        // A starved path gets other probes.
        let starves = self
            .flight
            .oldest_uncovered()
            .is_some_and(|sent| sent + self.patience() <= at);
        (!starves).then_some(at)
    }

    /// A packet of a train of padding: it measures the path while pictures are too small to do so.
    fn take_train(&mut self, now: Timestamp, out: &mut Vec<u8>) -> Option<FrameId> {
        if self.train_at().is_none_or(|at| at > now) {
            return None;
        }
        if self.probe.left == 0 {
            let bytes = self.rule.capacity().bytes_in(PROBE_LENGTH).as_u64();
            let size = usize::try_from(bytes).unwrap_or(usize::MAX) / PROBE_PACKETS;
            self.probe = ProbeTrain {
                count: self.probe.count + 1,
                left: PROBE_PACKETS,
                size: size.clamp(PROBE_BYTES_MIN, self.history.payload_max().max(PROBE_BYTES_MIN)),
                sent_at: now,
            };
        }
        self.probe.left -= 1;
        self.write_padding(now, self.probe.size, out);
        Some(FrameId::new(PROBE_TRAINS + self.probe.count))
    }

    fn write_padding(&mut self, now: Timestamp, bytes: usize, out: &mut Vec<u8>) {
        self.stats.padding += 1;
        let header = MediaHeader {
            kind: Kind::Padding,
            flags: Flags::default(),
            participant: 0,
            track: Track::Video as u8,
            packet_seq: 0,
            sent_at: 0,
            frame: self.newest_sent.low(),
            reference: self.newest_sent.low(),
            captured_at: now.as_micros(),
            key_epoch: 0,
            unit: 0,
            fragment: 0,
            fragments: 1,
        };
        write(out, header, &[]);
        out.resize(out.len() + bytes, 0);
    }

    /// When the next probe is due, if no report comes.
    fn probe_at(&self) -> Option<Timestamp> {
        let starved_at = self.flight.oldest_uncovered()? + self.patience();
        let interval = match self.probed_at {
            Some(at) if at.since(starved_at) > PROBE_OFTEN => PROBE_SELDOM,
            _ => self.interval(),
        };
        Some(
            self.probed_at
                .map_or(starved_at, |at| starved_at.max(at + interval)),
        )
    }

    fn is_starved(&self, now: Timestamp) -> bool {
        let patience = if self.history.is_empty() || !self.flight.is_heard() {
            self.patience()
        } else {
            // What waits here waits for what is stuck there.
            self.flight.rtt_min().unwrap_or(RTT_UNKNOWN) + STARVATION_HELD + self.report_gap()
        };
        self.flight
            .oldest_uncovered()
            .is_some_and(|sent| now.since(sent) > patience)
    }

    /// How much longer than a client a browser may take between two reports.
    const fn report_gap(&self) -> Micros {
        match self.reports {
            Reports::Client => Micros::ZERO,
            Reports::Browser => BROWSER_REPORTS,
        }
    }

    /// How long a packet may go uncovered.
    fn patience(&self) -> Micros {
        if self.flight.is_heard() {
            self.flight.rtt_min().unwrap_or(RTT_UNKNOWN) + STARVATION + self.report_gap()
        } else {
            FIRST_REPORT
        }
    }

    /// What is on the way or waits here and is more than the path holds by itself: what the next frame would wait for.
    fn backlog(&self) -> ByteCount {
        let pipe = self.flight.rtt_min().unwrap_or(RTT_UNKNOWN) + REPORT_INTERVAL;
        (self.flight.in_flight() + self.history.queued()).saturating_sub(self.rule.capacity().bytes_in(pipe))
    }

    fn backlog_max(&self) -> ByteCount {
        let span = if self.config.features.in_flight_cap {
            BACKLOG_MAX
        } else {
            self.patience() + self.interval()
        };
        self.rule.capacity().bytes_in(span) + CAP_EXTRA
    }

    fn interval(&self) -> Micros {
        Micros::new(1_000_000 / u64::from(self.config.fps.max(1)))
    }

    /// Tells the encoder its share of the rule's target where it changed enough to matter.
    fn update_target(&mut self, always: bool) {
        let wire = self.rule.target();
        self.pacer.set_target(wire);
        let video = wire
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
/// What a report may be late by before something is stuck: it took the p99 of every tried estimator from about 800 to 130 ms at 75 ms,
/// and 45 ms takes another tenth off at the same utilisation.
const STARVATION: Micros = Micros::from_millis(45);
/// While the pacer holds packets back, less is needed to know.
const STARVATION_HELD: Micros = Micros::from_millis(35);
/// Chromium reports every 50 to 100 ms, 250 ms at the worst of rates.
const BROWSER_REPORTS: Micros = Micros::from_millis(90);
/// The wait that a frame may begin with: less than a frame's time at 60 fps.
const BACKLOG_MAX: Micros = Micros::from_millis(12);
/// Per cent of a frame's time at what the path carries.
const FRAME_ROOM: u64 = 130;
/// A packet: with less no picture can be coded.
const FRAME_LEAST: ByteCount = ByteCount::new(1_200);
/// A page may still be setting up when the first picture is on its way.
const FIRST_REPORT: Micros = Micros::from_millis(300);
/// How often a receiver reports.
const REPORT_INTERVAL: Micros = Micros::from_millis(10);
/// A few packets: a rate near the minimum must not round to nothing.
const CAP_EXTRA: ByteCount = ByteCount::new(3_000);
/// A train of padding takes about so long.
const PROBE_LENGTH: Micros = Micros::from_millis(5);
const PROBE_PACKETS: usize = 5;
/// At half a megabit five of these take 20 ms.
const PROBE_BYTES_MIN: usize = 200;
/// Its answer needs a round trip.
const PROBE_AGAIN: Micros = Micros::from_millis(150);
/// Trains of padding count from here, past any access unit's number.
const PROBE_TRAINS: u64 = 1 << 62;
/// After this long a probe per frame interval is a waste.
const PROBE_OFTEN: Micros = Micros::from_secs(3);
const PROBE_SELDOM: Micros = Micros::from_millis(100);
/// Per cent of the target that repeats may take: what a burst needs, at once.
const REPEAT_SHARE: u64 = 50;
/// Loss behind such a queue is a full one.
const QUEUE_LOSES: Micros = Micros::from_millis(10);
/// Per cent of the target that parity may take.
const PARITY_SHARE: u64 = 10;
/// The largest access unit of a playable rate; what is past it comes with the next request.
const REPEATS_MAX: usize = 512;
