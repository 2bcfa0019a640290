//! Tables: a stream of a title that is so hard to code, over a rate that does so, to a decoder and from a machine that are so fast.

use super::*;

const FRAME_US: u64 = 16_667;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_micros(10_000_000 + ms * 1_000)
}

fn quality(width: u16, height: u16) -> Quality {
    Quality::new(Config::builder().size(width, height).slices(1).build().unwrap())
}

/// A title whose pictures are coded as this model says, at a rate that the test sets.
struct Stream {
    quality: Quality,
    now: u64,
    /// QP of every picture as drawn, at a megabit.
    hard: i32,
    /// To code every pixel as drawn.
    took: Micros,
    changes: Vec<(u64, Choice)>,
    longest_gap: u8,
}

impl Stream {
    fn new(hard: i32) -> Self {
        let mut quality = quality(1280, 720);
        quality.attach(at(0));
        Self {
            quality,
            now: 0,
            hard,
            took: Micros::from_millis(4),
            changes: Vec::new(),
            longest_gap: 1,
        }
    }

    /// Six QP for each doubling of what each pixel gets.
    fn qp(&self, target: Bitrate) -> u8 {
        let Choice { scale, divisor } = self.quality.choice();
        let ratio = target.as_bps() as f64 * f64::from(divisor) * 1_000.0 / scale.area() as f64 / 1e6;
        let qp = f64::from(self.hard) - 6.0 * ratio.log2();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let qp = qp.clamp(20.0, 51.0) as u8;
        qp
    }

    fn play(&mut self, seconds: f64, target: impl Fn(u64) -> Bitrate, queue: impl Fn(&Self) -> u8) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few minutes"
        )]
        let end = self.now + (seconds * 1e6) as u64;
        while self.now < end {
            let before = self.quality.choice();
            self.now += FRAME_US * u64::from(before.divisor);
            let now = at(0) + Micros::new(self.now);
            let target = target(self.now / 1_000);
            self.quality.on_target(now, target, false);
            let coded = Coded {
                qp: self.qp(target),
                convert: Micros::from_millis(1),
                encode: self.took.scale(before.scale.area(), 1_000),
                still: false,
                idr: false,
            };
            self.quality.on_coded(now, target, coded);
            let queue = queue(self);
            self.quality.on_decode_queue(now, target, queue);
            let after = self.quality.choice();
            self.longest_gap = self.longest_gap.max(after.divisor);
            if after != before {
                self.changes.push((self.now / 1_000, after));
            }
        }
    }

    fn sizes(&self) -> Vec<(u64, Scale)> {
        let mut sizes: Vec<(u64, Scale)> = self.changes.iter().map(|(t, c)| (*t, c.scale)).collect();
        sizes.dedup_by_key(|s| s.1);
        sizes
    }
}

fn idle(_: &Stream) -> u8 {
    1
}

#[test]
fn what_the_rate_carries_stays_as_drawn() {
    // (QP as drawn at a megabit, kbit/s)
    for (hard, kbps) in [(38, 8_000), (38, 1_200), (30, 900), (44, 3_000)] {
        let mut stream = Stream::new(hard);
        stream.play(30.0, |_| Bitrate::kbps(kbps), idle);
        assert!(
            stream.changes.is_empty(),
            "{hard} at {kbps}: {:?}",
            stream.changes
        );
    }
}

#[test]
fn pictures_are_left_out_no_longer_than_it_takes_to_see_what_they_cost() {
    // QP as drawn at a megabit: at 300 kbit/s a size smaller will do, or none is needed.
    for (hard, sizes) in [(28, 1), (24, 0)] {
        let mut stream = Stream::new(hard);
        stream.play(10.0, |_| Bitrate::kbps(300), idle);
        assert_eq!(stream.quality.choice().divisor, 1, "{hard}: {:?}", stream.changes);
        let smaller = stream
            .sizes()
            .iter()
            .filter(|(_, scale)| *scale != Scale::Whole)
            .count();
        assert_eq!(smaller, sizes, "{hard}: {:?}", stream.changes);
        let last = stream.changes.last().map_or(0, |(at, _)| *at);
        assert!(last <= 3_000, "{hard}: {:?}", stream.changes);
    }
}

#[test]
fn a_rate_that_does_not_carry_it_ends_in_a_size_that_it_carries_at_the_full_frame_rate() {
    for (hard, kbps, most, least) in [
        (40, 400, Scale::ThreeQuarters, Scale::ThreeEighths),
        (40, 700, Scale::ThreeQuarters, Scale::Half),
        (46, 1_000, Scale::ThreeQuarters, Scale::Half),
    ] {
        let mut stream = Stream::new(hard);
        stream.play(10.0, |_| Bitrate::kbps(kbps), idle);
        let choice = stream.quality.choice();
        assert!(
            (most..=least).contains(&choice.scale),
            "{hard} at {kbps}: {choice:?}"
        );
        assert_eq!(choice.divisor, 1, "{hard} at {kbps}");
        assert!(
            stream.sizes()[0].0 <= 1_500,
            "{hard} at {kbps}: {:?}",
            stream.changes
        );
        assert!(
            stream.sizes().len() <= 2,
            "{hard} at {kbps}: {:?}",
            stream.changes
        );
    }
}

#[test]
fn a_line_that_opens_gives_the_size_back_within_seconds_and_for_good() {
    let mut stream = Stream::new(40);
    stream.play(10.0, |_| Bitrate::kbps(400), idle);
    assert_ne!(stream.quality.choice().scale, Scale::Whole);
    let before = stream.changes.len();
    stream.play(60.0, |_| Bitrate::mbps(8), idle);
    assert_eq!(stream.quality.choice(), Choice::WHOLE);
    let up = &stream.changes[before..];
    assert!(up.last().unwrap().0 <= 10_000 + 6_000, "{up:?}");
    assert!(up.len() <= 3, "{up:?}");
}

#[test]
fn a_rate_that_swings_about_the_border_does_not_flap() {
    for hard in 36..48 {
        let mut stream = Stream::new(hard);
        let swing = |ms: u64| Bitrate::kbps(if ms % 5_000 < 2_500 { 600 } else { 1_000 });
        stream.play(120.0, swing, idle);
        assert!(stream.sizes().len() <= 8, "{hard}: {:?}", stream.sizes());
    }
}

#[test]
fn what_went_up_in_vain_waits_twice_as_long() {
    let mut stream = Stream::new(40);
    // Lulls that look like an open line, and end right after it was believed.
    let lulls = |ms: u64| {
        if ms % 6_000 < 3_500 {
            Bitrate::mbps(3)
        } else {
            Bitrate::kbps(300)
        }
    };
    stream.play(120.0, lulls, idle);
    let ups = |from: u64, to: u64| {
        let sizes = stream.sizes();
        let pairs = sizes.windows(2).filter(|w| w[1].1 < w[0].1);
        pairs.filter(|w| (from..to).contains(&w[1].0)).count()
    };
    assert!(
        ups(0, 60_000) >= 1 && ups(60_000, 120_000) <= 1,
        "{:?}",
        stream.sizes()
    );
}

#[test]
fn an_idr_that_comes_anyway_takes_the_size_that_the_rate_carries() {
    for (kbps, expected) in [
        (8_000, Scale::Whole),
        (900, Scale::Whole),
        (600, Scale::ThreeQuarters),
        (400, Scale::Half),
        (150, Scale::ThreeEighths),
    ] {
        let mut quality = quality(1280, 720);
        quality.attach(at(0));
        quality.on_target(at(0), Bitrate::kbps(kbps), true);
        assert_eq!(quality.choice().scale, expected, "{kbps}");
    }
}

#[test]
fn an_idr_of_a_title_that_is_easy_to_code_stays_as_drawn() {
    let mut stream = Stream::new(26);
    stream.play(5.0, |_| Bitrate::kbps(500), idle);
    stream.quality.on_target(at(6_000), Bitrate::kbps(500), true);
    assert_eq!(stream.quality.choice().scale, Scale::Whole);
}

#[test]
fn a_decoder_with_a_queue_gets_half_the_pictures_and_then_smaller_ones() {
    let mut stream = Stream::new(30);
    // It decodes 40 whole pictures a second.
    stream.play(
        20.0,
        |_| Bitrate::mbps(8),
        |s| if s.quality.choice().divisor == 1 { 9 } else { 1 },
    );
    assert!(
        stream.changes.iter().any(|c| c.1.divisor == 2),
        "{:?}",
        stream.changes
    );
    assert!(stream.sizes().iter().all(|s| s.1 == Scale::Whole));
    // And then it is slower still.
    stream.play(
        20.0,
        |_| Bitrate::mbps(8),
        |s| {
            let Choice { scale, divisor } = s.quality.choice();
            if divisor == 2 && scale >= Scale::ThreeQuarters {
                1
            } else {
                9
            }
        },
    );
    assert!(
        stream.changes.iter().any(|c| c.1.scale == Scale::ThreeQuarters),
        "{:?}",
        stream.changes
    );
    assert!(stream.changes.len() <= 6, "{:?}", stream.changes);
}

#[test]
fn a_hardware_decoder_s_pictures_in_flight_are_no_queue() {
    let mut stream = Stream::new(30);
    stream.play(30.0, |_| Bitrate::mbps(8), |_| 3);
    assert!(stream.changes.is_empty(), "{:?}", stream.changes);
    // Nor is a hiccup of a second.
    stream.play(1.0, |_| Bitrate::mbps(8), |_| 20);
    stream.play(10.0, |_| Bitrate::mbps(8), idle);
    assert!(stream.changes.is_empty(), "{:?}", stream.changes);
}

#[test]
fn a_browser_s_own_decoder_is_judged_by_its_time() {
    let mut quality = quality(1280, 720);
    let target = Bitrate::mbps(8);
    for second in 0..10 {
        quality.on_decode_time(at(10_000 + second * 1_000), target, Micros::from_millis(60));
    }
    assert_eq!(quality.choice().divisor, 2);
    quality.attach(at(30_000));
    quality.on_target(at(30_000), target, true);
    assert_eq!(quality.choice(), Choice::WHOLE, "another client, another decoder");
}

#[test]
fn a_machine_that_cannot_keep_up_codes_fewer_pixels_and_a_fast_one_all() {
    let mut stream = Stream::new(30);
    stream.took = Micros::from_millis(22);
    stream.play(20.0, |_| Bitrate::mbps(8), idle);
    let choice = stream.quality.choice();
    assert_eq!(
        choice,
        Choice {
            scale: Scale::ThreeQuarters,
            divisor: 1
        },
        "{:?}",
        stream.changes
    );
    stream.took = Micros::from_millis(5);
    stream.play(40.0, |_| Bitrate::mbps(8), idle);
    assert_eq!(stream.quality.choice(), Choice::WHOLE, "{:?}", stream.changes);
    assert!(stream.changes.len() <= 3, "{:?}", stream.changes);
}

#[test]
fn a_sharp_still_picture_is_shown_as_drawn() {
    let mut stream = Stream::new(40);
    stream.play(10.0, |_| Bitrate::kbps(400), idle);
    assert_ne!(stream.quality.choice().scale, Scale::Whole);
    let still = Coded {
        qp: 12,
        convert: Micros::from_millis(1),
        encode: Micros::from_millis(4),
        still: true,
        idr: false,
    };
    for n in 0..60 {
        stream
            .quality
            .on_coded(at(10_000 + n * 100), Bitrate::kbps(400), still);
    }
    assert_eq!(stream.quality.choice().scale, Scale::Whole);
}

#[test]
fn pictures_of_another_size_begin_in_the_one_that_the_rate_carries() {
    let drawn = |width, height| Config::builder().size(width, height).slices(1).build().unwrap();
    for (kbps, (width, height), expected) in [
        (8_000, (2560, 1440), Scale::Whole),
        (2_000, (2560, 1440), Scale::ThreeQuarters),
        (2_000, (1280, 720), Scale::Whole),
        (400, (640, 360), Scale::Whole),
    ] {
        let target = Bitrate::kbps(kbps);
        // Of a title that was hard to code in the size before, at a rate that carried little of it.
        let mut stream = Stream::new(46);
        stream.play(10.0, |_| target, idle);
        stream.quality.on_drawn(at(10_000), target, drawn(width, height));
        let choice = stream.quality.choice();
        assert_eq!(choice.scale, expected, "{width}x{height} at {kbps}");
    }
}

#[test]
fn tiny_titles_have_one_size_and_do_not_mind() {
    let mut quality = quality(16, 16);
    quality.on_target(at(0), Bitrate::kbps(100), true);
    assert!(quality.choice().divisor >= 1);
}
