//! The quality model: its published vectors, and that nothing which gets worse makes a second better.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_checker::Score;
use firstlight_checker::quality::{Factor, Judged, Picture, Second, judge};
use firstlight_units::{Bitrate, Class, Micros};
use proptest::prelude::*;
use serde_json::{Value, json};

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/qoe-vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn second(of: &Value) -> Second {
    let number = |key: &str| u32::try_from(of[key].as_u64().unwrap()).unwrap();
    let pixels = |key: &str| {
        of[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|side| u32::try_from(side.as_u64().unwrap()).unwrap())
            .product()
    };
    Second {
        delay: of["delay_us"].as_u64().map(Micros::new),
        variation: Micros::new(number("variation_us").into()),
        frozen: Micros::from_millis(number("frozen_ms").into()),
        expected: number("expected"),
        shown: number("shown"),
        picture: Picture {
            pixels: pixels("size"),
            drawn: pixels("title_size"),
            fps: number("title_fps"),
            held_to: of["held_to_bps"].as_u64().map(Bitrate::bps),
        },
    }
}

fn written(judged: &Judged) -> Value {
    let mut written = json!({ "score": judged.score.get() });
    for factor in Factor::ALL {
        written[factor.name()] = json!(judged.factors.get(factor).get());
    }
    written
}

#[test]
fn the_published_vectors_hold() {
    let vectors = vectors();
    let cases = vectors["seconds"].as_array().unwrap();
    assert!(cases.len() >= 16, "{} cases", cases.len());
    for case in cases {
        let class = Class::from_name(case["class"].as_str().unwrap()).unwrap();
        let judged = judge(class, &second(&case["second"]));
        assert_eq!(written(&judged), case["judged"], "{}", case["name"]);
    }
}

fn any_second() -> impl Strategy<Value = Second> {
    let rate = proptest::option::of((100_000u64..50_000_000).prop_map(Bitrate::bps));
    (
        proptest::option::of((0u64..1_500_000).prop_map(Micros::new)),
        0u64..500_000,
        0u64..1_200_000,
        (0u32..241, 0u32..241),
        (1u32..8_300_000, 1u32..8_300_000, 1u32..241),
        rate,
    )
        .prop_map(
            |(delay, variation, frozen, (expected, shown), (pixels, drawn, fps), held_to)| Second {
                delay,
                variation: Micros::new(variation),
                frozen: Micros::new(frozen),
                expected,
                shown,
                picture: Picture {
                    pixels,
                    drawn,
                    fps,
                    held_to,
                },
            },
        )
}

fn any_class() -> impl Strategy<Value = Class> {
    proptest::sample::select(Class::ALL.to_vec())
}

proptest! {
    #[test]
    fn nothing_that_gets_worse_makes_a_second_better(class in any_class(), second in any_second(), by in 1u32..400_000) {
        let before = judge(class, &second).score;
        let later = Micros::new(by.into());
        let count = by % 60 + 1;
        let picture = second.picture;
        let worse = [
            Second { delay: Some(second.delay.unwrap_or_default() + later), ..second },
            Second { variation: second.variation + later, ..second },
            Second { frozen: second.frozen + later, ..second },
            Second { shown: second.shown.saturating_sub(count), ..second },
            Second { expected: second.expected.max(second.shown) + count, shown: second.shown, ..second },
            Second { picture: Picture { held_to: picture.held_to.map(|rate| rate.scale(9, 10)), ..picture }, ..second },
            Second { picture: Picture { held_to: picture.held_to.or(Some(Bitrate::mbps(1))), ..picture }, ..second },
        ];
        for worse in worse {
            prop_assert!(judge(class, &worse).score <= before, "{worse:?}");
        }
        let free = Second { picture: Picture { held_to: None, ..picture }, ..second };
        let coarser = Second { picture: Picture { pixels: picture.pixels / 2, ..free.picture }, ..free };
        prop_assert!(judge(class, &coarser).score <= judge(class, &free).score);
    }

    #[test]
    fn a_stricter_class_forgives_no_more_delay(us in 0u64..2_000_000) {
        let second = Second { delay: Some(Micros::new(us)), ..Second::default() };
        let score = |class| judge(class, &second).score;
        prop_assert!(score(Class::Competitive) <= score(Class::Action));
        prop_assert!(score(Class::Action) <= score(Class::Phone));
        prop_assert!(score(Class::Phone) <= score(Class::Casual));
    }

    #[test]
    fn one_picture_more_or_less_is_the_clocks_doing(class in any_class(), fps in 1u32..241) {
        let second = Second { expected: fps, shown: fps - 1, ..Second::default() };
        prop_assert_eq!(judge(class, &second).score, Score::FULL);
    }
}
