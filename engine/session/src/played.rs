//! A second as its player saw it: what is believed of what the client says, and what this side adds. Pure.

use crate::tally::MediaTally;
use firstlight_link::Played;
use firstlight_units::{Bitrate, ByteCount, Micros, Stage, Timestamp};
use firstlight_wire::control::ClientReport;

/// What happened on this side since the client last told of a second.
#[derive(Debug, Default)]
pub(crate) struct Seconds {
    attached: Timestamp,
    taken: u64,
    skipped: u32,
    video_bytes: u64,
    hidden: bool,
}

/// What holds on this side when a second is told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) hidden: bool,
    pub(crate) divisor: u8,
    pub(crate) target: Bitrate,
    /// What the display has.
    pub(crate) drawn: (u16, u16),
}

/// What becomes of a client's word.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A second.
    Played(Box<Played>),
    /// An older client's: nothing to judge by.
    Nothing,
    /// More seconds than have passed.
    TooMany,
}

impl Seconds {
    /// A client attached: its seconds begin.
    pub(crate) fn attach(&mut self, now: Timestamp) {
        *self = Self {
            attached: now,
            ..Self::default()
        };
    }

    pub(crate) fn on_media(&mut self, media: &MediaTally) {
        self.skipped = self.skipped.saturating_add(media.skipped);
        self.video_bytes = self.video_bytes.saturating_add(media.video_bytes);
    }

    /// The page cannot be seen.
    pub(crate) fn on_hidden(&mut self) {
        self.hidden = true;
    }

    /// The client told of a second.
    pub(crate) fn take(&mut self, now: Timestamp, report: &ClientReport, own: Own) -> Told {
        if report.span_ms == 0 {
            return Told::Nothing;
        }
        let passed = now.since(self.attached).as_micros() / 1_000_000;
        if self.taken >= passed + HELD_UP_MAX {
            return Told::TooMany;
        }
        self.taken += 1;
        let span = Micros::from_millis(report.span_ms.min(SPAN_MAX_MS).into());
        let video = ByteCount::new(std::mem::take(&mut self.video_bytes)).per(span);
        let hidden = std::mem::replace(&mut self.hidden, own.hidden) || own.hidden;
        let few = |n: u32| n.min(FRAMES_MAX);
        let short = |us: u32| us.min(DELAY_MAX_US);
        Told::Played(Box::new(Played {
            span_us: span.as_micros(),
            hidden,
            sent: few(report.sent_frames),
            skipped: few(std::mem::take(&mut self.skipped)),
            divisor: own.divisor,
            shown: few(report.presented_frames),
            clicks: few(report.clicks),
            delay_us: short(report.delay_us),
            variation_us: short(report.delay_variation_us),
            // No more of the second stood still than there was of it.
            frozen_us: Micros::from_millis(report.frozen_ms.into())
                .as_u32()
                .min(span.as_u32()),
            rtt_us: short(report.rtt_us),
            clock_error_us: short(report.clock_error_us),
            stages_us: parts(&report.stages_us),
            click_stages_us: parts(&report.click_stages_us),
            width: report.width.min(SIDE_MAX),
            height: report.height.min(SIDE_MAX),
            drawn_width: own.drawn.0.into(),
            drawn_height: own.drawn.1.into(),
            received_bps: report.received_bps.into(),
            video_bps: video.as_bps(),
            target_bps: own.target.as_bps(),
            lost: few(report.lost_frames),
            late: few(report.late_frames),
            dropped: few(report.dropped_frames),
        }))
    }
}

/// One for each stage, or none.
fn parts(told: &[i32]) -> Vec<i32> {
    if told.len() != Stage::ALL.len() {
        return Vec::new();
    }
    let most = i32::try_from(DELAY_MAX_US).unwrap_or(i32::MAX);
    told.iter().map(|us| (*us).clamp(-most, most)).collect()
}

/// A client that was held up tells of what it missed at once.
const HELD_UP_MAX: u64 = 2;
/// Nobody plays with more than ten seconds.
const DELAY_MAX_US: u32 = 9_999_999;
/// A timer of a page that slept.
const SPAN_MAX_MS: u32 = 60_000;
/// More than any title draws in that time.
const FRAMES_MAX: u32 = 20_000;
/// As large as a picture can be: 16 bits in the trace.
const SIDE_MAX: u32 = 65_535;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: Own = Own {
        hidden: false,
        divisor: 1,
        target: Bitrate::kbps(8_000),
        drawn: (1280, 720),
    };

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(1_000 * ms)
    }

    fn report() -> ClientReport {
        ClientReport {
            span_ms: 1_000,
            presented_frames: 60,
            stages_us: vec![1; 13],
            ..ClientReport::default()
        }
    }

    fn played(told: Told) -> Played {
        match told {
            Told::Played(played) => *played,
            other @ (Told::Nothing | Told::TooMany) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_this_side_did_counts_in_one_second_only() {
        let mut seconds = Seconds::default();
        seconds.attach(at(0));
        seconds.on_media(&MediaTally {
            skipped: 3,
            video_bytes: 1_000_000,
            ..MediaTally::default()
        });
        let first = played(seconds.take(at(1_000), &report(), OWN));
        assert_eq!((first.skipped, first.video_bps), (3, 8_000_000));
        let second = played(seconds.take(at(2_000), &report(), OWN));
        assert_eq!((second.skipped, second.video_bps), (0, 0));
    }

    #[test]
    fn a_second_in_which_the_page_was_hidden_for_a_moment_is_hidden() {
        let mut seconds = Seconds::default();
        seconds.attach(at(0));
        seconds.on_hidden();
        assert!(played(seconds.take(at(1_000), &report(), OWN)).hidden);
        assert!(!played(seconds.take(at(2_000), &report(), OWN)).hidden);
        let hidden = Own { hidden: true, ..OWN };
        assert!(played(seconds.take(at(3_000), &report(), hidden)).hidden);
        assert!(played(seconds.take(at(4_000), &report(), OWN)).hidden);
    }

    #[test]
    fn no_client_tells_of_more_seconds_than_passed() {
        let mut seconds = Seconds::default();
        seconds.attach(at(0));
        let taken = (0..100)
            .filter(|n| matches!(seconds.take(at(30 * n), &report(), OWN), Told::Played(_)))
            .count();
        assert_eq!(taken, 4);
        assert_eq!(seconds.take(at(2_999), &report(), OWN), Told::TooMany);
        seconds.attach(at(3_000));
        assert!(matches!(seconds.take(at(3_000), &report(), OWN), Told::Played(_)));
    }

    #[test]
    fn an_older_clients_report_is_nothing_to_judge_by() {
        let older = ClientReport {
            span_ms: 0,
            ..report()
        };
        assert_eq!(Seconds::default().take(at(0), &older, OWN), Told::Nothing);
    }

    proptest! {
        #[test]
        fn whatever_a_client_says_is_within_bounds(
            counts in any::<[u32; 8]>(), spans in any::<[u32; 5]>(), stages in proptest::collection::vec(any::<i32>(), 0..20)
        ) {
            let [sent_frames, presented_frames, clicks, width, height, lost_frames, late_frames, dropped_frames] = counts;
            let [span_ms, delay_us, delay_variation_us, frozen_ms, clock_error_us] = spans;
            let said = ClientReport {
                span_ms: span_ms.max(1), sent_frames, presented_frames, clicks, width, height, lost_frames, late_frames, dropped_frames,
                delay_us, delay_variation_us, frozen_ms, clock_error_us, click_stages_us: stages.clone(), ..ClientReport::default()
            };
            let mut seconds = Seconds::default();
            let played = played(seconds.take(at(5_000), &said, OWN));
            prop_assert!(u64::from(played.frozen_us) <= played.span_us && played.span_us <= 60_000_000);
            prop_assert!(played.sent <= FRAMES_MAX && played.delay_us <= DELAY_MAX_US && played.width <= SIDE_MAX);
            prop_assert_eq!(played.click_stages_us.len(), if stages.len() == 13 { 13 } else { 0 });
            prop_assert!(played.click_stages_us.iter().all(|us| us.unsigned_abs() <= DELAY_MAX_US));
        }
    }
}
