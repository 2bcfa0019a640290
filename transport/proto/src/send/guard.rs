//! Whether there is room for another access unit, and how large it may be.

use super::{REPORT_INTERVAL, RTT_UNKNOWN, Reports, Sender};
use firstlight_units::{ByteCount, Micros, Timestamp};

impl Sender {
    /// Whether a picture that is encoded at `now` has a chance to arrive in time. Ask again after feedback.
    #[must_use]
    pub fn may_encode(&self, now: Timestamp) -> bool {
        let features = self.config.features;
        self.attached
            && !(features.starvation && self.is_starved(now))
            && !(features.in_flight_cap && (self.is_late(now) || self.backlog(now) > self.backlog_max()))
    }

    /// One of so many pictures is encoded from here on: each may have the time of all of them.
    pub const fn set_divisor(&mut self, divisor: u8) {
        self.divisor = if divisor == 0 { 1 } else { divisor };
    }

    /// Access units in the client's decoder, as it said last.
    #[must_use]
    pub const fn decode_queue(&self) -> u8 {
        self.stats.decode_queue
    }

    /// Most bytes that the access unit that is encoded at `now` may have, all its units together: what passes in its time, with
    /// room for the ups and downs of an encoder, less what those before it have overspent. A larger one is sent all the same, and paid
    /// for by the next ones.
    #[must_use]
    pub fn frame_max(&self, now: Timestamp) -> ByteCount {
        if !self.config.features.frame_cap {
            return ByteCount::new(u64::MAX);
        }
        let room = self.interval().scale(FRAME_ROOM * u64::from(self.divisor), 100);
        let room = self.rule.capacity().bytes_in(room);
        room.saturating_sub(self.backlog(now)).max(FRAME_LEAST)
    }

    pub(super) fn is_starved(&self, now: Timestamp) -> bool {
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
    pub(super) fn patience(&self) -> Micros {
        if self.flight.is_heard() {
            self.flight.rtt_min().unwrap_or(RTT_UNKNOWN) + STARVATION + self.report_gap()
        } else {
            FIRST_REPORT
        }
    }

    /// What the next frame would wait for: what waits here, and what the path has not carried by then.
    fn backlog(&self, now: Timestamp) -> ByteCount {
        let capacity = self.rule.capacity();
        if self.flight.is_heard() {
            return capacity.bytes_in(self.flight.wait(now)) + self.history.queued();
        }
        // Of a path that nobody has measured: what is more than it holds by itself, and the half of a frame that is being sent.
        let pipe = RTT_UNKNOWN + REPORT_INTERVAL + self.interval().scale(1, 2);
        let pipe = capacity.bytes_in(pipe);
        (self.flight.in_flight() + self.history.queued()).saturating_sub(pipe)
    }

    fn backlog_max(&self) -> ByteCount {
        self.rule.capacity().bytes_in(WAIT_MAX).max(WAIT_LEAST)
    }

    /// So much is overdue that the path carries less than it did: a frame on top of it would only wait.
    fn is_late(&self, now: Timestamp) -> bool {
        let overdue = self.flight.overdue(now, self.report_gap() + self.rule.foreign());
        overdue > self.rule.capacity().bytes_in(OVERDUE_MAX)
    }

    pub(super) fn interval(&self) -> Micros {
        Micros::new(1_000_000 / u64::from(self.config.fps.max(1)))
    }
}

/// What a report may be late by before something is stuck: it took the p99 of every tried estimator from about 800 to 130 ms at 75 ms,
/// and 45 ms takes another tenth off at the same utilisation.
const STARVATION: Micros = Micros::from_millis(45);
/// While the pacer holds packets back, less is needed to know.
const STARVATION_HELD: Micros = Micros::from_millis(35);
/// Chromium reports every 50 to 100 ms, 250 ms at the worst of rates.
const BROWSER_REPORTS: Micros = Micros::from_millis(90);
/// The wait that a frame may begin with: half a frame's time at 60 fps. What is less shortens the frame.
const WAIT_MAX: Micros = Micros::from_millis(8);
/// What is late of a path that is not filled harms nobody: less than a frame of one that is.
const OVERDUE_MAX: Micros = Micros::from_millis(10);
/// Per cent of a frame's time at what the path carries: the ups of an encoder even out with its downs.
const FRAME_ROOM: u64 = 110;
/// A packet: with less no picture can be coded.
const FRAME_LEAST: ByteCount = ByteCount::new(1_200);
/// A page may still be setting up when the first picture is on its way.
const FIRST_REPORT: Micros = Micros::from_millis(300);
/// A packet may always wait: a rate near the minimum must not round to nothing.
const WAIT_LEAST: ByteCount = ByteCount::new(1_500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::{SenderConfig, VideoUnit};
    use firstlight_units::FrameId;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn push(sender: &mut Sender, frame: u64, bytes: usize) {
        sender.push_video(
            NOW,
            VideoUnit {
                frame: FrameId::new(frame),
                reference: FrameId::new(frame.saturating_sub(1).max(1)),
                captured_at: NOW,
                idr: frame == 1,
                recovery: false,
                still: false,
                unit: 0,
                last: true,
                trace: None,
                nals: &vec![7; bytes],
            },
        );
    }

    #[test]
    fn what_is_overspent_leaves_the_next_less_room_and_then_none() {
        let mut sender = Sender::new(SenderConfig::default());
        sender.attach(NOW, 1_200);
        let whole = sender.frame_max(NOW).as_u64();
        assert!(whole > 15_000, "{whole}: a frame's time of 8 Mbit/s and a third");
        // What the path holds by itself is no debt; a round trip that nobody knows counts as 100 ms.
        let pipe = 120_000;
        push(&mut sender, 1, pipe);
        let before = sender.frame_max(NOW).as_u64();
        push(&mut sender, 2, 10_000);
        let after = sender.frame_max(NOW).as_u64();
        assert!(after < before && after + 10_000 >= before, "{before}, {after}");
        assert!(sender.may_encode(NOW));
        push(&mut sender, 3, 2 * 17_000);
        assert!(
            !sender.may_encode(NOW),
            "twice the budget: the next picture is left out"
        );
        assert_eq!(sender.frame_max(NOW), FRAME_LEAST);
    }

    #[test]
    fn of_fewer_pictures_each_may_have_more() {
        let mut sender = Sender::new(SenderConfig::default());
        sender.attach(NOW, 1_200);
        let one = sender.frame_max(NOW).as_u64();
        sender.set_divisor(3);
        assert!(sender.frame_max(NOW).as_u64().abs_diff(3 * one) < 10);
        sender.set_divisor(0);
        assert_eq!(sender.frame_max(NOW).as_u64(), one);
    }
}
