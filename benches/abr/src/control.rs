//! Cubic and BBR, as they compete in the world.

use crate::rtp::{Controller, Fate, Sending};
use crate::source::{BITRATE_MAX, BITRATE_MIN, BITRATE_START};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::collections::VecDeque;

/// CUBIC (RFC 9438) with slow start, in packets.
#[derive(Debug)]
pub struct Cubic {
    window: f64,
    threshold: f64,
    before_loss: f64,
    epoch: Option<Timestamp>,
    recovery_until: u64,
    newest_sent: u64,
    srtt: f64,
}

impl Cubic {
    /// At the initial window of ten packets.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            window: 10.0,
            threshold: f64::MAX,
            before_loss: 10.0,
            epoch: None,
            recovery_until: 0,
            newest_sent: 0,
            srtt: 0.1,
        }
    }

    fn on_ack(&mut self, now: Timestamp, rtt: f64) {
        self.srtt = self.srtt * 0.875 + rtt * 0.125;
        if self.window < self.threshold {
            self.window += 1.0;
            return;
        }
        let epoch = *self.epoch.get_or_insert(now);
        let t = now.since(epoch).as_secs_f64();
        let k = (self.before_loss * (1.0 - BETA) / C).cbrt();
        let cubic = C * (t + self.srtt - k).powi(3) + self.before_loss;
        let reno = self.before_loss * BETA + 3.0 * (1.0 - BETA) / (1.0 + BETA) * t / self.srtt;
        let goal = cubic.max(reno).clamp(self.window, self.window * 1.5);
        self.window += (goal - self.window) / self.window;
    }

    fn on_loss(&mut self, seq: u64) {
        if seq <= self.recovery_until {
            return;
        }
        self.recovery_until = self.newest_sent;
        self.before_loss = self.window;
        self.window = (self.window * BETA).max(2.0);
        self.threshold = self.window;
        self.epoch = None;
    }
}

impl Default for Cubic {
    fn default() -> Self {
        Self::new()
    }
}

impl Controller for Cubic {
    fn on_sent(&mut self, _now: Timestamp, sending: &Sending) {
        self.newest_sent = sending.seq;
    }

    fn on_report(&mut self, now: Timestamp, fates: &[Fate], _in_flight: ByteCount) {
        for fate in fates {
            match fate.arrived_at {
                Some(_) => self.on_ack(now, fate.rtt.as_secs_f64()),
                None => self.on_loss(fate.seq),
            }
        }
    }

    fn on_tick(&mut self, _now: Timestamp, _queued: ByteCount) {}

    fn target(&self) -> Bitrate {
        bits(self.window * PACKET * 8.0 / self.srtt)
    }

    fn pacing(&self) -> Bitrate {
        // Slow start at twice, then 1.2 times the window each round trip, as Linux paces.
        let factor = if self.window < self.threshold { 2.0 } else { 1.2 };
        bits(self.window * PACKET * 8.0 / self.srtt * factor)
    }

    fn window(&self) -> Option<ByteCount> {
        Some(ByteCount::new(bits(self.window * PACKET).as_bps()))
    }
}

/// BBR (version 1, draft-cardwell-iccrg-bbr-congestion-control-00).
#[derive(Debug)]
pub struct Bbr {
    /// The greatest of the last rounds: falling.
    rate_filter: VecDeque<(u64, f64)>,
    rtt_min: f64,
    rtt_min_at: Timestamp,
    delivered: f64,
    delivered_at: Timestamp,
    sent: VecDeque<Snapshot>,
    round: u64,
    round_ends: f64,
    state: State,
    full: (f64, u32),
    phase_at: Timestamp,
    in_flight: f64,
    /// When little is left to send, what arrives says little.
    limited_until: f64,
}

#[derive(Clone, Copy, Debug)]
struct Snapshot {
    seq: u64,
    delivered: f64,
    /// When that was known.
    delivered_at: Timestamp,
    limited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Startup,
    Drain,
    Cruise(usize),
    ProbeRtt(Timestamp),
}

impl Bbr {
    /// In startup.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rate_filter: VecDeque::new(),
            rtt_min: 0.1,
            rtt_min_at: Timestamp::from_micros(0),
            delivered: 0.0,
            delivered_at: Timestamp::from_micros(0),
            sent: VecDeque::new(),
            round: 0,
            round_ends: 0.0,
            state: State::Startup,
            full: (0.0, 0),
            phase_at: Timestamp::from_micros(0),
            in_flight: 0.0,
            limited_until: 0.0,
        }
    }

    /// Bytes a second.
    fn rate(&self) -> f64 {
        let most = self.rate_filter.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
        if most > 0.0 {
            most
        } else {
            number(BITRATE_START) / 8.0
        }
    }

    fn product(&self) -> f64 {
        self.rate() * self.rtt_min
    }

    fn on_ack(&mut self, now: Timestamp, fate: &Fate) {
        while self
            .sent
            .pop_front_if(|snapshot| snapshot.seq < fate.seq)
            .is_some()
        {}
        let Some(snapshot) = self.sent.pop_front_if(|snapshot| snapshot.seq == fate.seq) else {
            return;
        };
        self.delivered += number_of(fate.size);
        let span = now.since(snapshot.delivered_at).as_secs_f64();
        if snapshot.delivered >= self.round_ends {
            self.round += 1;
            self.round_ends = self.delivered;
            self.check_full();
        }
        let rtt = fate.rtt.as_secs_f64();
        if rtt <= self.rtt_min || now.since(self.rtt_min_at) > RTT_SPAN {
            if rtt > self.rtt_min
                && self.rtt_min_at != Timestamp::default()
                && !matches!(self.state, State::ProbeRtt(_))
            {
                self.state = State::ProbeRtt(now + PROBE_RTT);
            }
            self.rtt_min = rtt;
            self.rtt_min_at = now;
        }
        let sample = (self.delivered - snapshot.delivered) / span.max(rtt).max(0.001);
        if !snapshot.limited || sample > self.rate() {
            while self
                .rate_filter
                .pop_back_if(|(_, other)| *other <= sample)
                .is_some()
            {}
            self.rate_filter.push_back((self.round, sample));
        }
        let oldest = self.round.saturating_sub(ROUNDS);
        while self.rate_filter.len() > 1
            && self
                .rate_filter
                .pop_front_if(|(round, _)| *round < oldest)
                .is_some()
        {}
    }

    /// Three rounds without a quarter more: the pipe is full.
    fn check_full(&mut self) {
        let rate = self.rate();
        if rate > self.full.0 * 1.25 {
            self.full = (rate, 0);
        } else {
            self.full.1 += 1;
            if self.state == State::Startup && self.full.1 >= 3 {
                self.state = State::Drain;
            }
        }
    }

    fn advance(&mut self, now: Timestamp) {
        match self.state {
            State::Drain if self.in_flight <= self.product() => {
                self.state = State::Cruise(2);
                self.phase_at = now;
            }
            State::Cruise(phase) => {
                let over = now.since(self.phase_at).as_secs_f64() > self.rtt_min;
                if over || (phase == 1 && self.in_flight <= self.product()) {
                    self.state = State::Cruise((phase + 1) % GAINS.len());
                    self.phase_at = now;
                }
            }
            State::ProbeRtt(until) if now >= until => {
                self.state = State::Cruise(2);
                self.phase_at = now;
            }
            State::Startup | State::Drain | State::ProbeRtt(_) => {}
        }
    }

    fn gain(&self) -> f64 {
        match self.state {
            State::Startup => HIGH_GAIN,
            State::Drain => 1.0 / HIGH_GAIN,
            State::Cruise(phase) => GAINS.get(phase).copied().unwrap_or(1.0),
            State::ProbeRtt(_) => 1.0,
        }
    }
}

impl Default for Bbr {
    fn default() -> Self {
        Self::new()
    }
}

impl Controller for Bbr {
    fn on_sent(&mut self, now: Timestamp, sending: &Sending) {
        self.in_flight = number_of(sending.in_flight + sending.size);
        if sending.alone {
            self.limited_until = self.delivered + self.in_flight;
        }
        self.sent.push_back(Snapshot {
            seq: sending.seq,
            delivered: self.delivered,
            delivered_at: if self.delivered_at == Timestamp::default() {
                now
            } else {
                self.delivered_at
            },
            limited: self.delivered < self.limited_until,
        });
    }

    fn on_report(&mut self, now: Timestamp, fates: &[Fate], in_flight: ByteCount) {
        for fate in fates.iter().filter(|fate| fate.arrived_at.is_some()) {
            self.on_ack(now, fate);
        }
        self.delivered_at = now;
        self.in_flight = number_of(in_flight);
        self.advance(now);
    }

    fn on_tick(&mut self, _now: Timestamp, _queued: ByteCount) {}

    fn target(&self) -> Bitrate {
        bits(self.rate() * 8.0 * 0.95).clamp(BITRATE_MIN, BITRATE_MAX)
    }

    fn pacing(&self) -> Bitrate {
        bits(self.rate() * 8.0 * self.gain()).max(BITRATE_MIN)
    }

    fn window(&self) -> Option<ByteCount> {
        let packets = match self.state {
            State::ProbeRtt(_) => 4.0 * PACKET,
            State::Startup => HIGH_GAIN * self.product(),
            State::Drain | State::Cruise(_) => 2.0 * self.product(),
        };
        Some(ByteCount::new(
            bits(packets.max(4.0 * PACKET) + number(self.target()) / 8.0 * 0.02).as_bps(),
        ))
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn number(rate: Bitrate) -> f64 {
    rate.as_bps() as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn number_of(bytes: ByteCount) -> f64 {
    bytes.as_u64() as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and finite"
)]
pub(crate) fn bits(value: f64) -> Bitrate {
    Bitrate::bps(value as u64)
}

const C: f64 = 0.4;
const BETA: f64 = 0.7;
/// Bytes, as the windows count.
const PACKET: f64 = 1_228.0;
const HIGH_GAIN: f64 = 2.885;
const GAINS: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const RTT_SPAN: Micros = Micros::from_secs(10);
const PROBE_RTT: Micros = Micros::from_millis(200);
const ROUNDS: u64 = 10;
