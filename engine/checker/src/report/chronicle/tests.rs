use super::*;
use crate::quality::{Picture, Second};
use crate::report::STAGES;
use proptest::prelude::*;

const BEGAN: Timestamp = Timestamp::from_micros(9_000_000);

fn chronicle() -> Chronicle {
    let of = Of {
        session: "s".into(),
        title: "t".into(),
        class: Class::Action,
        display: Display {
            width: 1280,
            height: 720,
            fps: 60,
            steady: false,
        },
        began: WallTime::from_micros(1_000_000),
    };
    Chronicle::new(of, BEGAN)
}

fn at(s: u64) -> Timestamp {
    BEGAN + Micros::from_secs(s)
}

fn good() -> Sample {
    let mut click = [2_000; STAGES];
    click[12] = -500;
    Sample {
        second: Second {
            delay: Some(Micros::new(23_500)),
            expected: 60,
            shown: 60,
            picture: Picture {
                pixels: 1280 * 720,
                drawn: 1280 * 720,
                fps: 60,
                held_to: None,
            },
            ..Second::default()
        },
        clicks: 4,
        clock_error: Micros::new(700),
        size: (1280, 720),
        picture: Some([1_000; STAGES]),
        click: Some(click),
        ..Sample::default()
    }
}

fn second(sample: Sample) -> Event {
    Event::Second(Box::new(sample))
}

fn ended(exit: Exit) -> Event {
    Event::Ended {
        exit,
        ended: Ended {
            reason: "by_player".into(),
            message: "You ended the session.".into(),
        },
    }
}

fn whats(report: &Report) -> Vec<&str> {
    report.events.iter().map(|event| event.what.as_str()).collect()
}

#[test]
fn a_good_session_is_told_from_begin_to_exit() {
    let mut chronicle = chronicle();
    chronicle.on(at(1), Event::Attached("webtransport".into()));
    let start = Started {
        total_us: 400_000,
        ..Started::default()
    };
    chronicle.on(at(1), Event::Started(start));
    for s in 2..=11 {
        assert!(chronicle.on(at(s), second(good())).is_some());
    }
    chronicle.on(at(12), ended(Exit::Clean));
    let report = chronicle.report(at(500));
    assert_eq!((report.lasted_ms, report.began_ms), (12_000, 1_000));
    assert_eq!(report.scores.whole, Some(10_000));
    assert_eq!((report.scores.seconds, report.scores.good), (10, 10));
    assert_eq!(whats(&report), ["attached", "started", "resized", "ended"]);
    assert_eq!(report.timeline.at_s, (1..=10).collect::<Vec<_>>());
    assert_eq!(report.frames.shown, 600);
    let click = &report.click_to_photon.delay;
    assert_eq!(click.stages_us.iter().sum::<i32>(), 23_500);
    assert_eq!(
        (click.pictures, click.error_us, click.stage_error_us),
        (40, 16_666, 700)
    );
    assert_eq!(report.glass_to_glass.stages_us.iter().sum::<i32>(), 13_000);
    // The clocks, and the capture, somewhere in which the title committed.
    assert_eq!(
        (report.glass_to_glass.error_us, report.glass_to_glass.pictures),
        (1_700, 600)
    );
    assert!((23_500..25_000).contains(&click.p50_us), "{}", click.p50_us);
}

#[test]
fn what_comes_after_the_end_changes_nothing() {
    let mut chronicle = chronicle();
    chronicle.on(at(2), second(good()));
    chronicle.on(at(3), ended(Exit::Broken));
    let before = chronicle.report(at(3));
    assert!(chronicle.on(at(4), second(good())).is_none());
    chronicle.on(at(5), ended(Exit::Clean));
    assert_eq!(chronicle.report(at(9)), before);
    assert_eq!((before.scores.exit, before.scores.whole), (0, Some(9_500)));
}

#[test]
fn a_session_without_seconds_has_no_score() {
    let mut chronicle = chronicle();
    chronicle.on(at(1), ended(Exit::Lost));
    let report = chronicle.report(at(2));
    assert_eq!(report.scores.whole, None);
    assert!(report.timeline.at_s.is_empty() && report.click_to_photon.delay.stages_us.is_empty());
}

#[test]
fn a_lost_attachment_costs_its_seconds_and_a_player_who_went_away_nothing() {
    let came_back_after = |s: u64, hidden: bool| {
        let mut chronicle = chronicle();
        chronicle.on(at(1), Event::Attached(String::new()));
        chronicle.on(at(2), second(Sample { hidden, ..good() }));
        chronicle.on(at(4), Event::Away);
        chronicle.on(at(2 + s), Event::Attached(String::new()));
        chronicle.on(at(4 + s), second(good()));
        chronicle.report(at(5 + s)).scores
    };
    let lost = came_back_after(4, false);
    assert_eq!((lost.seconds, lost.good), (6, 2));
    assert_eq!(lost.reasons[0].factor, "freezes");
    assert_eq!(came_back_after(11, false).seconds, 2);
    assert_eq!(came_back_after(4, true).seconds, 1);
}

#[test]
fn a_hidden_page_is_not_judged_and_its_seconds_are_told() {
    let mut chronicle = chronicle();
    let hidden = Sample {
        hidden: true,
        second: Second {
            frozen: Micros::from_millis(900),
            ..Second::default()
        },
        ..Sample::default()
    };
    chronicle.on(at(1), second(good()));
    assert!(chronicle.on(at(2), second(hidden)).is_none());
    chronicle.on(at(3), second(good()));
    let report = chronicle.report(at(3));
    assert_eq!((report.scores.seconds, report.frames.freezes), (2, 0));
    assert_eq!(report.timeline.score, [Some(10_000), None, Some(10_000)]);
    assert_eq!(whats(&report), ["resized", "hidden", "seen"]);
}

#[test]
fn minutes_are_counted_and_the_last_one_if_most_of_it_was_played() {
    let minutes = |seconds: u64| {
        let mut chronicle = chronicle();
        (1..=seconds).for_each(|s| {
            chronicle.on(at(s), second(good()));
        });
        chronicle.on(at(seconds), ended(Exit::Clean));
        chronicle.minutes().len()
    };
    assert_eq!([30, 31, 60, 90, 91].map(minutes), [0, 1, 1, 1, 2]);
}

#[test]
fn a_report_fits_a_record_however_long_the_session_and_whatever_happens() {
    let mut chronicle = chronicle();
    let bad = Sample {
        second: Second {
            delay: Some(Micros::new(9_999_999)),
            variation: Micros::new(9_999_999),
            frozen: Micros::from_millis(999),
            expected: 999,
            shown: 111,
            ..Second::default()
        },
        clicks: 999,
        rtt: Micros::new(9_999_999),
        clock_error: Micros::new(9_999_999),
        received: firstlight_units::Bitrate::mbps(999),
        target: firstlight_units::Bitrate::mbps(999),
        size: (3840, 2160),
        lost: 999,
        late: 999,
        dropped: 999,
        picture: Some([-9_999_999; STAGES]),
        click: Some([-9_999_999; STAGES]),
        ..Sample::default()
    };
    for s in 0..20_000 {
        chronicle.on(at(s), second(bad.clone()));
    }
    chronicle.on(at(20_000), ended(Exit::Cut));
    let json = serde_json::to_string(&chronicle.report(at(20_000))).unwrap();
    assert!(json.len() < 56_000, "{} bytes", json.len());
    let report: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(report.events.last().unwrap().what, "ended");
    assert!(report.events_left_out > 19_000);
    assert_eq!(report.timeline.lost.iter().sum::<u32>(), 999 * 20_000);
}

proptest! {
    #[test]
    fn parts_sum_to_the_whole_over_any_session(
        parts in proptest::collection::vec((proptest::array::uniform13(-5_000i32..200_000), 1u32..60), 1..40)
    ) {
        let mut chronicle = chronicle();
        let (mut weighted, mut pictures) = (0i64, 0i64);
        for (s, (click, clicks)) in (1u64..).zip(&parts) {
            let sample = Sample { click: Some(*click), clicks: *clicks, ..good() };
            chronicle.on(at(s), second(sample));
            weighted += click.iter().map(|part| i64::from(*part)).sum::<i64>() * i64::from(*clicks);
            pictures += i64::from(*clicks);
        }
        let report = chronicle.report(at(99));
        let told: i64 = report.click_to_photon.delay.stages_us.iter().map(|part| i64::from(*part)).sum();
        // Each of the thirteen parts is rounded once.
        prop_assert!((told - weighted / pictures).abs() <= 13, "{told} for {}", weighted / pictures);
        for (at, (click, _)) in parts.iter().enumerate() {
            prop_assert_eq!(report.timeline.click_stages_us[at].as_slice(), click.as_slice());
        }
    }

    #[test]
    fn a_worse_second_never_makes_a_better_report(frozen in proptest::collection::vec(0u64..1_000, 1..50), at_second: prop::sample::Index) {
        let score = |frozen: &[u64]| {
            let mut chronicle = chronicle();
            for (s, ms) in (1u64..).zip(frozen) {
                let mut sample = good();
                sample.second.frozen = Micros::from_millis(*ms);
                chronicle.on(at(s), second(sample));
            }
            chronicle.report(at(99)).scores.whole
        };
        let mut worse = frozen.clone();
        worse[at_second.index(frozen.len())] = 1_000;
        prop_assert!(score(&worse) <= score(&frozen));
    }
}
