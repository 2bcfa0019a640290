//! The first rule: down to what arrives as soon as a queue stands, up again by evidence.
//!
//! - A *queue* is seen in one-way delay over its minimum of the last seconds, by the smallest value of a window of 50 ms: a scheduler's
//!   hiccup delays some packets, a queue delays them all. Two windows in a row over 25 ms, not draining, are congestion; so is
//!   loss over 8 % while half of that delay stands, and loss over 20 % by itself. Loss without delay is taken for chance
//!   (a cut for random loss starves a path that could carry more).
//! - On congestion the target falls at once to 0.9 of what arrives (received-rate drop as in GCC's AIMD, draft-ietf-rmcat-gcc-02,
//!   5.5; decreases are not smoothed).
//! - Growth is slow near where congestion was met and doubles in a third of a second far from it, in the manner of CUBIC
//!   (RFC 9438, 4.1), and never over twice of what is sent: what an encoder does not use proves nothing.
//! - Silence cuts the target step by step. The first report after it tells whether a queue was the reason, which is congestion, or
//!   an outage; then half of what was before is restored.
//!
//! It is small on purpose: it keeps a game playable until the real estimator takes its place.

use super::{Arrival, RateLimits, RateRule, Report};
use crate::window::{Meter, WindowedMin};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// See the module.
#[derive(Debug)]
pub struct FirstRule {
    limits: RateLimits,
    target: Bitrate,
    sent: Meter,
    received: Meter,
    delay_min: WindowedMin<i64>,
    window: Window,
    /// Queueing delay of the window before.
    previous: Option<Micros>,
    loss: Loss,
    congested_at: Option<Timestamp>,
    grown_at: Timestamp,
    silence: Option<Silence>,
}

/// Arrivals within 50 ms of the client's clock.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    begun: Option<u64>,
    least: Option<i64>,
    packets: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    settled: u32,
    lost: u32,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    before: Bitrate,
    cut_at: Timestamp,
}

impl FirstRule {
    /// A rule that begins at `limits.start`.
    #[must_use]
    pub const fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            target: limits.start,
            sent: Meter::new(),
            received: Meter::new(),
            delay_min: WindowedMin::new(DELAY_MIN_SPAN),
            window: Window::new(),
            previous: None,
            loss: Loss { settled: 0, lost: 0 },
            congested_at: None,
            grown_at: Timestamp::from_micros(0),
            silence: None,
        }
    }

    fn set(&mut self, target: Bitrate) {
        self.target = target.clamp(self.limits.min, self.limits.max);
    }

    /// Takes the window's verdict once it is over.
    fn close_window(&mut self, now: Timestamp, at: u64) {
        let Some(least) = self
            .window
            .least
            .filter(|_| self.window.packets >= WINDOW_PACKETS_MIN)
        else {
            self.window.begun = Some(at);
            return;
        };
        let base = self.delay_min.least().unwrap_or(least);
        let queueing = Micros::new(u64::try_from(least.saturating_sub(base)).unwrap_or(0));
        let before = self.previous.replace(queueing);
        self.window = Window::new();
        self.window.begun = Some(at);
        let standing = |limit: Micros| queueing > limit && before.is_some_and(|before| before > limit);
        let draining = before.is_some_and(|before| queueing + DRAINING < before);
        let lossy = self.loss.over(LOSS_WITH_QUEUE, LOSS_PACKETS_FEW) && queueing > QUEUE_SOME;
        let torn = self.loss.over(LOSS_ALONE, LOSS_PACKETS_MANY);
        if lossy || self.loss.settled >= LOSS_PACKETS_MANY {
            self.loss = Loss::default();
        }
        if (standing(QUEUE_MUCH) && !draining) || lossy || torn {
            self.fall(now, at, queueing);
        } else if queueing > QUEUE_SOME {
            // Near the edge: neither up nor down.
            self.grown_at = now;
        } else {
            self.grow(now);
        }
    }

    fn fall(&mut self, now: Timestamp, at: u64, queueing: Micros) {
        let received = self.received.rate(at, RATE_SPAN);
        let sent = self.sent.rate(now.as_micros(), SENT_SPAN);
        let mut to = received.scale(9, 10);
        if sent < self.target.scale(1, 2) && queueing < RATE_SPAN {
            // Little was sent and the queue was not there all the time: what arrived says little of what the path carries.
            to = to.max(self.target.scale(7, 10));
        }
        if to < self.target {
            self.set(to);
        }
        self.congested_at = Some(now);
        self.grown_at = now;
    }

    /// The client speaks again: was it a queue that kept it waiting, or nothing at all?
    fn break_silence(&mut self, now: Timestamp, silence: Silence, last: &Arrival) {
        let at = last.arrived_at.as_micros();
        let delay = delay(last);
        let base = self.delay_min.least().unwrap_or(delay);
        let queueing = Micros::new(u64::try_from(delay.saturating_sub(base)).unwrap_or(0));
        if queueing > QUEUE_MUCH {
            self.fall(now, at, queueing);
        } else {
            self.set(self.target.max(silence.before.scale(1, 2)));
        }
    }

    fn grow(&mut self, now: Timestamp) {
        let span = now.since(self.grown_at).min(GROWTH_STEP_MAX);
        self.grown_at = now;
        let calm = self.congested_at.map_or(Micros::MAX, |at| now.since(at));
        // Per mille a second.
        let speed = if calm < CALM_SHORT {
            GROWTH_SLOW
        } else if calm < CALM_LONG {
            GROWTH_MIDDLE
        } else {
            GROWTH_FAST
        };
        let ceiling = self.sent.rate(now.as_micros(), SENT_SPAN).scale(2, 1);
        let grown = self
            .target
            .scale(1_000_000_000 + speed * span.as_micros(), 1_000_000_000);
        let grown = grown.min(ceiling);
        if grown > self.target {
            self.set(grown);
        }
    }
}

impl RateRule for FirstRule {
    fn attach(&mut self, now: Timestamp) {
        *self = Self::new(self.limits);
        self.grown_at = now;
    }

    fn on_sent(&mut self, now: Timestamp, bytes: ByteCount) {
        self.sent.add(now.as_micros(), bytes.as_u64());
    }

    fn on_report(&mut self, now: Timestamp, report: &Report<'_>) {
        self.loss.settled += report.settled;
        self.loss.lost += report.lost;
        let silence = self.silence.take_if(|_| !report.arrivals.is_empty());
        for arrival in report.arrivals {
            let at = arrival.arrived_at.as_micros();
            let delay = delay(arrival);
            self.received.add(at, arrival.bytes.as_u64());
            self.delay_min.update(at, delay);
            let begun = *self.window.begun.get_or_insert(at);
            self.window.least = Some(self.window.least.map_or(delay, |least| least.min(delay)));
            self.window.packets += 1;
            if at.saturating_sub(begun) >= WINDOW.as_micros() {
                self.close_window(now, at);
            }
        }
        if let Some((silence, last)) = silence.zip(report.arrivals.last()) {
            self.break_silence(now, silence, last);
        }
    }

    fn on_silence(&mut self, now: Timestamp) {
        let before = self.target;
        let silence = self.silence.get_or_insert(Silence { before, cut_at: now });
        if now.since(silence.cut_at) >= SILENCE_STEP {
            silence.cut_at = now;
            let least = silence.before.scale(1, 8);
            let cut = self.target.scale(7, 10).max(least);
            if cut < self.target {
                self.set(cut);
            }
        }
    }

    fn target(&self) -> Bitrate {
        self.target
    }
}

/// One-way delay, off by the difference of the clocks.
const fn delay(arrival: &Arrival) -> i64 {
    arrival
        .arrived_at
        .as_micros()
        .wrapping_sub(arrival.sent_at.as_micros())
        .cast_signed()
}

impl Window {
    const fn new() -> Self {
        Self {
            begun: None,
            least: None,
            packets: 0,
        }
    }
}

impl Loss {
    const fn over(self, percent: u32, packets: u32) -> bool {
        self.settled >= packets && self.lost.saturating_mul(100) > self.settled.saturating_mul(percent)
    }
}

/// Longer than a hiccup of a loaded machine's scheduler needs to let one packet through in time.
const WINDOW: Micros = Micros::from_millis(50);
/// Fewer packets say too little.
const WINDOW_PACKETS_MIN: u32 = 3;
/// Ten seconds at the most: past it a queue that never goes away counts as the path.
const DELAY_MIN_SPAN: Micros = Micros::from_secs(5);
/// More than Wi-Fi's own spread (median 4 ms, p95 8 ms) three times over.
const QUEUE_MUCH: Micros = Micros::from_millis(25);
const QUEUE_SOME: Micros = Micros::from_millis(10);
/// A queue that shrinks by this in a window has been answered already.
const DRAINING: Micros = Micros::from_millis(4);
/// Per cent. Below it loss is repaired, and says nothing (GCC holds from 2 to 10 %).
const LOSS_WITH_QUEUE: u32 = 8;
/// Per cent. More than the worst air, and what random loss of 10 % does once in thousands of samples.
const LOSS_ALONE: u32 = 20;
const LOSS_PACKETS_FEW: u32 = 20;
const LOSS_PACKETS_MANY: u32 = 100;
/// What arrives is measured over this.
const RATE_SPAN: Micros = Micros::from_millis(100);
/// What is sent is measured over this: long enough for an encoder's ups and downs.
const SENT_SPAN: Micros = Micros::from_millis(500);
const CALM_SHORT: Micros = Micros::from_millis(800);
const CALM_LONG: Micros = Micros::from_millis(1_600);
/// Per mille a second: 5 % next to the edge, 30 % in between, and e², doubling in a third of a second, far from it.
const GROWTH_SLOW: u64 = 50;
const GROWTH_MIDDLE: u64 = 300;
const GROWTH_FAST: u64 = 2_000;
/// A pause in the reports is not made up for by a leap.
const GROWTH_STEP_MAX: Micros = Micros::from_millis(100);
const SILENCE_STEP: Micros = Micros::from_millis(100);
