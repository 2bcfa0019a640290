//! What a client reports and asks for, and what goes again because of it.

use super::history::FragmentId;
use super::recovery::{self, Conditions};
use super::{REPEATS_MAX, REPORT_INTERVAL, RTT_UNKNOWN, Sender, write};
use crate::near;
use crate::rate::Report;
use firstlight_units::{FrameId, Micros, Timestamp};
use firstlight_wire::{Feedback, Kind, MEDIA_HEADER_BYTES, Nack, Track};

impl Sender {
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
        if !self.flight.arrivals().is_empty() {
            self.flight.foresee(self.rule.waited(), self.rule.capacity());
        }
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
    pub(super) fn conditions(&self, now: Timestamp) -> Option<Conditions> {
        (self.parity && self.config.features.parity).then(|| Conditions {
            rtt: self.flight.rtt_min().unwrap_or(RTT_UNKNOWN),
            queue: self.rule.queue(),
            loss: self.losses.mean(),
            burst: self.losses.burst(now),
            plenty: self.parity_budget.fullness(now, self.parity_rate()),
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
                    if self.repeats.len() < REPEATS_MAX
                        && let Some(id) = self.history.name_parity(newest.frame, newest.unit)
                    {
                        self.repeats.push_back(id);
                    }
                }
            }
            before = self.repeats.len();
        }
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
        self.history.release(self.wishes.acknowledged());
        // A queue that has just grown is not in the smoothed round trip yet.
        let least = self.flight.rtt_min().unwrap_or(RTT_UNKNOWN) + self.rule.waited();
        let rtt = self.rtt().unwrap_or(RTT_UNKNOWN).max(least);
        let patience = rtt + self.interval() + REPORT_INTERVAL;
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
            if self.repeats.len() < REPEATS_MAX && self.claim_repeat(now, id) {
                self.repeats.push_back(id);
            } else {
                self.stats.repeats_refused += 1;
            }
        }
    }

    /// Whether a fragment is worth repeating; marks it as waiting if so.
    ///
    /// One that was sent before something that came is missing. One that was not may stand in the path's queue, where a client on a thin
    /// line gives it up too soon: it is repeated when it should have been told of. The round trip is the smallest, since one that a stalled
    /// machine has made longer would refuse what is asked for in time.
    fn claim_repeat(&mut self, now: Timestamp, id: FragmentId) -> bool {
        let rtt = self.flight.rtt_min().unwrap_or(RTT_UNKNOWN);
        let (passed, due) = (self.flight.newest_came(), rtt + self.rule.waited());
        let is_missing = |sent_at: Timestamp| sent_at <= passed || now.since(sent_at) >= due;
        self.history.claim_repeat(now, rtt, id, is_missing)
    }

    pub(super) fn take_repeat(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        let parity_rate = self.parity_rate();
        let repeat_rate = self.rule.target().scale(REPEAT_SHARE, 100);
        while let Some(id) = self.repeats.pop_front() {
            let Some(packet) = self.history.take_again(now, id) else {
                continue;
            };
            let size = packet.payload.len() + MEDIA_HEADER_BYTES;
            let parity = packet.header.kind == Kind::Parity;
            let (rate, budget) = if parity {
                (parity_rate, &mut self.parity_budget)
            } else {
                (repeat_rate, &mut self.repeat_budget)
            };
            if !budget.take(now, rate, size) {
                self.stats.repeats_refused += 1;
                continue;
            }
            write(out, packet.header, packet.payload);
            self.stats.repeated += u64::from(!parity);
            return true;
        }
        false
    }
}

/// Loss behind such a queue is a full one.
const QUEUE_LOSES: Micros = Micros::from_millis(10);
/// Per cent of the target that repeats may take: what a burst needs, at once.
const REPEAT_SHARE: u64 = 50;
