//! Copa (Arun and Balakrishnan, NSDI'18) under an encoder, in the way of Vidaptive: pictures are left out while more than 33 ms wait.
//!
//! The rate aims at 1/(δ·dq) packets a second, dq being the standing queue's delay, with velocity; δ is 0.5 and the competitive mode is left
//! out. The window grows only where it is used: nothing is sent for its own sake.

use crate::control::{bits, number, number_of};
use crate::flow::Flow;
use crate::rtp::{Controller, Fate, Repair, Sending, Skip, Stream};
use crate::source::{BITRATE_MAX, BITRATE_MIN, BITRATE_START};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::collections::VecDeque;

/// The stream, as flow number `flow`.
#[must_use]
pub(super) fn open(flow: usize) -> Box<dyn Flow> {
    Box::new(Stream::new(
        flow,
        Box::new(Copa::new()),
        Skip::Queued,
        Repair::Again,
    ))
}

#[derive(Debug)]
struct Copa {
    /// In packets.
    window: f64,
    velocity: f64,
    up: Option<bool>,
    /// Round trips in which the direction stayed.
    same: u32,
    window_at_turn: f64,
    turn_at: Timestamp,
    slow_start: bool,
    srtt: f64,
    /// The smallest of the last ten seconds, and of half a round trip: rising.
    rtts: VecDeque<(Timestamp, f64)>,
    recent: VecDeque<(Timestamp, f64)>,
    /// The most in flight lately.
    used: f64,
    standing: f64,
    least: f64,
}

impl Copa {
    fn new() -> Self {
        Self {
            window: 20.0,
            velocity: 1.0,
            up: None,
            same: 0,
            window_at_turn: 20.0,
            turn_at: Timestamp::default(),
            slow_start: true,
            srtt: 0.0,
            rtts: VecDeque::new(),
            recent: VecDeque::new(),
            used: 0.0,
            standing: 0.05,
            least: 0.05,
        }
    }

    fn on_ack(&mut self, now: Timestamp, rtt: f64) {
        self.srtt = if self.srtt > 0.0 {
            self.srtt * 0.875 + rtt * 0.125
        } else {
            rtt
        };
        let lately = Micros::from_millis(10).max(seconds(self.srtt / 2.0));
        self.standing = windowed_min(&mut self.recent, now, rtt, lately);
        self.least = windowed_min(&mut self.rtts, now, rtt, RTT_SPAN);
        let queueing = (self.standing - self.least).max(0.000_1);
        let wanted = 1.0 / (DELTA * queueing);
        let have = self.window / self.standing;
        let grow = have <= wanted;
        if self.slow_start {
            if grow {
                self.window += f64::from(u8::from(self.is_used()));
                return self.clamp();
            }
            self.slow_start = false;
        }
        self.turn(now, grow);
        let step = self.velocity / (DELTA * self.window);
        if !grow {
            self.window -= step;
        } else if self.is_used() {
            self.window += step;
        }
        self.clamp();
    }

    /// Once a round trip: the velocity doubles while the direction stays, from the third on.
    fn turn(&mut self, now: Timestamp, grow: bool) {
        if now.since(self.turn_at) < seconds(self.srtt) {
            return;
        }
        self.turn_at = now;
        let went_up = self.window > self.window_at_turn;
        self.window_at_turn = self.window;
        if self.up == Some(went_up) && went_up == grow {
            self.same += 1;
            if self.same >= 3 {
                self.velocity = (self.velocity * 2.0).min(VELOCITY_MAX);
            }
        } else {
            self.same = 0;
            self.velocity = 1.0;
        }
        self.up = Some(went_up);
        self.used *= 0.7;
    }

    fn is_used(&self) -> bool {
        self.used >= 0.7 * self.window
    }

    fn clamp(&mut self) {
        let most = number(BITRATE_MAX) * 1.2 * self.standing / (PACKET * 8.0);
        self.window = self.window.clamp(WINDOW_MIN, most.max(WINDOW_MIN));
    }

    fn rate(&self) -> f64 {
        self.window * PACKET * 8.0 / self.standing
    }
}

impl Controller for Copa {
    fn on_sent(&mut self, _now: Timestamp, sending: &Sending) {
        let flying = number_of(sending.in_flight + sending.size) / PACKET;
        self.used = self.used.max(flying);
    }

    fn on_report(&mut self, now: Timestamp, fates: &[Fate], _in_flight: ByteCount) {
        for fate in fates.iter().filter(|fate| fate.arrived_at.is_some()) {
            self.on_ack(now, fate.rtt.as_secs_f64());
        }
    }

    fn on_tick(&mut self, _now: Timestamp, _queued: ByteCount) {}

    fn target(&self) -> Bitrate {
        if self.srtt <= 0.0 {
            return BITRATE_START;
        }
        bits(self.rate() * SHARE).clamp(BITRATE_MIN, BITRATE_MAX)
    }

    fn pacing(&self) -> Bitrate {
        if self.srtt <= 0.0 {
            return BITRATE_START.scale(2, 1);
        }
        bits(self.rate() * 2.0).max(BITRATE_MIN)
    }

    /// The window, and what a report's interval adds to what seems to be in flight.
    fn window(&self) -> Option<ByteCount> {
        let packets = self.window * (1.0 + REPORT / self.standing);
        Some(ByteCount::new(bits(packets * PACKET).as_bps()))
    }
}

/// Adds a value to a window whose values rise, and gives the smallest.
fn windowed_min(window: &mut VecDeque<(Timestamp, f64)>, now: Timestamp, value: f64, span: Micros) -> f64 {
    while window.pop_back_if(|(_, other)| *other >= value).is_some() {}
    window.push_back((now, value));
    while window.pop_front_if(|(at, _)| now.since(*at) > span).is_some() {}
    window.front().map_or(value, |(_, least)| *least)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and finite"
)]
fn seconds(value: f64) -> Micros {
    Micros::new((value * 1e6) as u64)
}

const DELTA: f64 = 0.5;
const RTT_SPAN: Micros = Micros::from_secs(10);
const VELOCITY_MAX: f64 = 1_024.0;
const WINDOW_MIN: f64 = 4.0;
/// Bytes, as the windows count.
const PACKET: f64 = 1_228.0;
/// Of the rate, for the encoder; the rest is for repeats.
const SHARE: f64 = 0.95;
/// Reports come each 20 ms.
const REPORT: f64 = 0.020;
