//! The simulator says of known paths what is known of them.

use firstlight_bench_abr::cases::{Options, measure, read_folder};
use firstlight_bench_abr::metrics::Case;
use firstlight_bench_abr::scenarios;
use firstlight_bench_abr::summary;
use firstlight_netem::{Chance, Trace};
use firstlight_units::{Bitrate, Micros};
use std::path::Path;
use std::sync::Arc;

const OPTIONS: Options = Options {
    seeds: 1,
    loss_up: false,
};

fn constant(loss: Chance) -> Arc<Trace> {
    let rtt = Micros::from_millis(20);
    Arc::new(Trace::constant(
        Bitrate::mbps(30),
        rtt,
        loss,
        Micros::from_secs(20),
    ))
}

fn case(trace: &Arc<Trace>, algorithm: &str, seed: u64) -> Case {
    let measured = measure(trace, algorithm, seed, OPTIONS).expect("the path can be replayed");
    measured.case("path", algorithm, trace.mean_loss())
}

#[test]
fn the_bound_uses_a_constant_path_as_far_as_its_encoder_does() {
    for seed in 0..3 {
        let bound = case(&constant(Chance::NEVER), "bound", seed);
        assert!((0.85..1.0).contains(&bound.utilisation), "{bound:?}");
        assert!(bound.frame_delay_ms.p99 < 40.0, "{bound:?}");
        assert!(bound.age_over_100ms < 0.001, "{bound:?}");
    }
}

#[test]
fn goog_cc_fares_on_a_constant_path_as_it_is_known_to() {
    let trace = Trace::constant(
        Bitrate::mbps(30),
        Micros::from_millis(20),
        Chance::NEVER,
        Micros::from_secs(60),
    );
    let goog = case(&Arc::new(trace), "goog_cc", 2);
    assert!((0.7..0.95).contains(&goog.utilisation), "{goog:?}");
    assert!(
        goog.frame_delay_ms.p99 < 60.0 && goog.frames_missed < 0.001,
        "{goog:?}"
    );
}

#[test]
fn a_fixed_rate_survives_what_its_parity_covers_and_no_congestion() {
    let few = case(&constant(Chance::percent(1)), "fixed-rs", 2);
    assert!(few.frames_missed < 0.01, "{few:?}");
    assert!((0.14..0.25).contains(&few.overhead), "{few:?}");
    let narrow = Trace::constant(
        Bitrate::mbps(10),
        Micros::from_millis(20),
        Chance::NEVER,
        Micros::from_secs(20),
    );
    let narrow = case(&Arc::new(narrow), "fixed-rs", 2);
    assert!(narrow.age_over_100ms > 0.5, "{narrow:?}");
}

#[test]
fn ours_is_decodable_all_the_time_where_nothing_is_in_its_way() {
    let ours = case(&constant(Chance::NEVER), "firstlight", 2);
    assert!(
        ours.frames_missed < 0.001 && ours.age_over_100ms < 0.01,
        "{ours:?}"
    );
    assert!(ours.utilisation > 0.3, "{ours:?}");
}

#[test]
fn everything_follows_from_the_seed() {
    let trace = constant(Chance::percent(2));
    for algorithm in ["firstlight", "goog_cc+skip", "copa", "bbr"] {
        let text = |seed| serde_json::to_string(&case(&trace, algorithm, seed)).expect("numbers");
        assert_eq!(text(5), text(5), "{algorithm}");
        assert_ne!(text(5), text(8), "{algorithm}");
    }
}

#[test]
fn a_download_takes_what_is_left_and_its_queue_with_it() {
    let share = scenarios::share("fixed-rs", "cubic", Micros::from_millis(40), 1).expect("known names");
    // 24 of 30 Mbit/s whoever else wants them.
    assert!(share.share > 1.3, "{share:?}");
    assert!(share.queue_p95_ms > 20.0, "Cubic fills what there is: {share:?}");
}

#[test]
fn the_projects_own_traces_are_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let traces = read_folder(&folder).expect("they are there");
    assert_eq!(traces.len(), 5);
    for named in &traces {
        assert_eq!(named.trace.length(), Micros::from_secs(120), "{}", named.name);
    }
}

#[test]
fn bars_without_a_run_are_unknown_and_ours_are_compared_trace_by_trace() {
    assert!(summary::bars(&[], &[], &[]).iter().all(|bar| bar.holds.is_none()));
    let row = |trace: &str, algorithm: &str, use_of: f64, age: f64| {
        let mut case = Case {
            trace: trace.to_owned(),
            algorithm: algorithm.to_owned(),
            utilisation: use_of,
            ..Case::default()
        };
        case.age_ms.p99 = age;
        case
    };
    let cases = [
        row("a", "firstlight", 0.8, 100.0),
        row("a", "goog_cc", 0.3, 900.0),
        row("a", "goog_cc+skip", 0.2, 100.0),
        row("b", "firstlight", 0.8, 101.0),
        row("b", "goog_cc", 0.3, 900.0),
        row("b", "goog_cc+skip", 0.2, 100.0),
    ];
    let bars = summary::bars(&cases, &[], &[]);
    let bar = bars
        .iter()
        .find(|bar| bar.name.contains("at once"))
        .expect("it is there");
    assert_eq!(bar.value, Some(50.0));
}
