//! The registry and its decisions, beside a plain scan over all hosts.

use crate::bucket::Bucket;
use crate::host::Status;
use crate::index::{FETCH_STEPS, unkey};
use crate::{
    Beat, BeatTitle, Policy, Query, Refusal, RegionId, Registry, Settings, Spec, State, TitleTerms, Warmth,
};
use firstlight_units::{Micros, Timestamp, TitleId};
use proptest::prelude::*;
use std::sync::Arc;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000 + millis * 1000)
}

fn title(name: &str) -> TitleId {
    name.parse().unwrap()
}

fn beat(host: &str, seq: u64, titles: &[(&str, u8)]) -> Beat {
    Beat {
        host: host.into(),
        boot: 1,
        seq,
        region: "here".into(),
        state: State::Open,
        slots: 4,
        free: 4,
        spec: Spec {
            kilopixels_per_s: 55_296,
            memory_mib: 2048,
        },
        stages: Micros::from_millis(10),
        load: 0,
        price: 1000,
        titles: titles
            .iter()
            .map(|(name, parked)| BeatTitle {
                title: title(name),
                parked: *parked,
            })
            .collect(),
    }
}

fn registry(hosts: &[&str]) -> Registry {
    let mut registry = Registry::new(Settings::default());
    for name in ["a", "b", "c"] {
        registry.set_title(&title(name), TitleTerms::default());
    }
    for host in hosts {
        registry.admit(at(0), host);
    }
    registry
}

fn hear(registry: &mut Registry, beat: &Beat) {
    registry.handle_beat(at(0), beat).unwrap();
}

fn ranked(registry: &Registry, name: &str) -> Vec<String> {
    let title = title(name);
    let query = Query {
        title: Some(&title),
        ..Query::default()
    };
    let ranking = registry.place(&query);
    ranking.candidates.iter().map(|c| c.host.to_string()).collect()
}

/// Each with why it is refused after beat 5 of boot 1.
fn refused() -> Vec<(Beat, Refusal)> {
    vec![
        (beat("x", 1, &[]), Refusal::Foreign),
        (beat("h", 5, &[]), Refusal::OldSeq),
        (beat("h", 4, &[]), Refusal::OldSeq),
        (
            Beat {
                boot: 0,
                ..beat("h", 9, &[])
            },
            Refusal::OldBoot,
        ),
        (
            Beat {
                free: 5,
                ..beat("h", 9, &[])
            },
            Refusal::Absurd,
        ),
        (
            Beat {
                slots: 5000,
                free: 0,
                ..beat("h", 9, &[])
            },
            Refusal::Absurd,
        ),
        (
            Beat {
                load: 1001,
                ..beat("h", 9, &[])
            },
            Refusal::Absurd,
        ),
        (
            Beat {
                region: "".into(),
                ..beat("h", 9, &[])
            },
            Refusal::Absurd,
        ),
        (beat("h", 9, &[("a", 0), ("a", 1)]), Refusal::Absurd),
    ]
}

#[test]
fn old_and_foreign_beats_change_nothing_and_are_counted() {
    let mut registry = registry(&["h"]);
    hear(&mut registry, &beat("h", 5, &[("a", 0)]));
    for (beat, refusal) in refused() {
        assert_eq!(registry.handle_beat(at(0), &beat), Err(refusal));
        assert_eq!(ranked(&registry, "a"), ["h"]);
    }
    let refusals = registry.refusals();
    assert_eq!(
        (
            refusals.foreign,
            refusals.old_seq,
            refusals.old_boot,
            refusals.absurd
        ),
        (1, 2, 1, 5)
    );
    let full = Beat {
        free: 0,
        ..beat("h", 6, &[("a", 0)])
    };
    hear(&mut registry, &full);
    assert!(ranked(&registry, "a").is_empty());
    hear(
        &mut registry,
        &Beat {
            boot: 2,
            ..beat("h", 1, &[("a", 0), ("nobody-knows", 1)])
        },
    );
    assert_eq!(ranked(&registry, "a"), ["h"]);
    assert_eq!(registry.refusals().unknown_titles, 1);
}

#[test]
fn a_host_that_misses_its_beats_is_lost_and_comes_back_with_the_next() {
    let mut registry = registry(&["h", "k"]);
    hear(&mut registry, &beat("h", 1, &[("a", 1)]));
    hear(&mut registry, &beat("k", 1, &[("a", 1)]));
    assert!(registry.expire(at(2_900)).is_empty());
    registry
        .handle_beat(at(2_900), &beat("k", 2, &[("a", 1)]))
        .unwrap();
    let lost: Vec<Arc<str>> = (2_900..3_600)
        .step_by(50)
        .flat_map(|ms| registry.expire(at(ms)))
        .collect();
    assert_eq!(lost, ["h".into()]);
    assert_eq!(ranked(&registry, "a"), ["k"]);
    assert!(registry.host("h").unwrap().lost);
    assert_eq!(
        registry.handle_beat(at(4_000), &beat("h", 1, &[("a", 1)])),
        Err(Refusal::OldSeq)
    );
    registry
        .handle_beat(at(4_000), &beat("h", 2, &[("a", 1)]))
        .unwrap();
    assert_eq!(ranked(&registry, "a").len(), 2);
    // Both are lost in the end, and forgotten.
    let lost = (4_000..700_000)
        .step_by(500)
        .flat_map(|ms| registry.expire(at(ms)))
        .count();
    assert_eq!(lost, 2);
    assert!(!registry.knows("h") && registry.hosts().count() == 0);
    assert_eq!(registry.regions().map(|region| region.hosts).sum::<u32>(), 0);
}

#[test]
fn who_drains_is_cordoned_full_weak_or_dear_is_not_asked_and_the_reason_is_counted() {
    let mut registry = registry(&["drain", "cordon", "full", "weak", "dear", "good"]);
    let terms = TitleTerms {
        need: Spec {
            kilopixels_per_s: 50_000,
            memory_mib: 1024,
        },
        price_max: Some(5_000),
        ..TitleTerms::default()
    };
    registry.set_title(&title("a"), terms);
    let has = [("a", 0)];
    hear(
        &mut registry,
        &Beat {
            state: State::Draining,
            ..beat("drain", 1, &has)
        },
    );
    hear(&mut registry, &beat("cordon", 1, &has));
    assert!(registry.cordon("cordon", true) && !registry.cordon("nobody", true));
    hear(
        &mut registry,
        &Beat {
            free: 0,
            ..beat("full", 1, &has)
        },
    );
    let weak = Spec {
        kilopixels_per_s: 10_000,
        memory_mib: 9999,
    };
    hear(
        &mut registry,
        &Beat {
            spec: weak,
            ..beat("weak", 1, &has)
        },
    );
    hear(
        &mut registry,
        &Beat {
            price: 6_000,
            ..beat("dear", 1, &has)
        },
    );
    hear(&mut registry, &beat("good", 1, &has));
    let a = title("a");
    let ranking = registry.place(&Query {
        title: Some(&a),
        ..Query::default()
    });
    let why = registry.explain(&ranking);
    assert_eq!(why.candidates.len(), 1);
    assert_eq!(why.candidates[0].host, "good");
    let filtered = why.filtered;
    assert_eq!(
        (filtered.closed, filtered.full, filtered.weak, filtered.dear),
        (2, 1, 1, 1)
    );
    let text = serde_json::to_string(&why).unwrap();
    assert_eq!(serde_json::from_str::<crate::Explanation>(&text).unwrap(), why);
    registry.cordon("cordon", false);
    assert_eq!(ranked(&registry, "a").len(), 2);
}

#[test]
fn parked_comes_before_installed_before_fetched() {
    let mut registry = registry(&["parked", "installed", "fetch"]);
    registry.set_title(
        &title("a"),
        TitleTerms {
            fetchable: true,
            ..TitleTerms::default()
        },
    );
    hear(&mut registry, &beat("fetch", 1, &[("b", 1)]));
    hear(&mut registry, &beat("installed", 1, &[("a", 0)]));
    hear(&mut registry, &beat("parked", 1, &[("a", 1)]));
    assert_eq!(ranked(&registry, "a"), ["parked", "installed", "fetch"]);
    // The parked copy is promised: it and its host's other copies are as warm as any.
    registry.promise("parked", &title("a"));
    let a = title("a");
    let ranking = registry.place(&Query {
        title: Some(&a),
        ..Query::default()
    });
    assert!(ranking.candidates.iter().all(|c| c.warmth != Warmth::Parked));
    assert_eq!(ranked(&registry, "b")[0], "fetch");
}

#[test]
fn promises_hold_a_slot_until_they_are_settled() {
    let mut registry = registry(&["h"]);
    let one = Beat {
        slots: 1,
        free: 1,
        ..beat("h", 1, &[("a", 0)])
    };
    hear(&mut registry, &one);
    registry.promise("h", &title("a"));
    assert!(ranked(&registry, "a").is_empty() && registry.could_ever(&title("a")));
    registry.settle("h", false);
    assert_eq!(ranked(&registry, "a"), ["h"]);
    registry.promise("h", &title("a"));
    registry.settle("h", true);
    assert!(ranked(&registry, "a").is_empty());
    registry.vacated("h");
    assert_eq!(ranked(&registry, "a"), ["h"]);
    assert!(!registry.could_ever(&title("b")));
}

#[test]
fn distance_decides_and_too_far_is_too_far() {
    let mut registry = registry(&["near", "far"]);
    hear(
        &mut registry,
        &Beat {
            region: "far".into(),
            stages: Micros::from_millis(5),
            ..beat("far", 1, &[("a", 0)])
        },
    );
    hear(&mut registry, &beat("near", 1, &[("a", 0)]));
    let (near, far) = (registry.region("here").unwrap(), registry.region("far").unwrap());
    let rtts = [(far, Micros::from_millis(60)), (near, Micros::from_millis(20))];
    let a = title("a");
    let query = Query {
        title: Some(&a),
        rtts: &rtts,
        ..Query::default()
    };
    let ranking = registry.place(&query);
    assert_eq!(ranking.candidates[0].host.as_ref(), "near");
    assert_eq!(ranking.candidates[0].latency, Micros::from_millis(30));
    let bounded = Query {
        rtt_max: Some(Micros::from_millis(50)),
        ..query.clone()
    };
    assert_eq!(registry.place(&bounded).candidates.len(), 1);
    assert_eq!(registry.explain(&registry.place(&bounded)).filtered.far, 1);
    let refused = [Arc::from("near")];
    let query = Query {
        refused: &refused,
        ..query
    };
    assert_eq!(registry.place(&query).candidates[0].host.as_ref(), "far");
}

#[test]
fn a_checkers_word_and_a_changed_policy_reorder() {
    let mut registry = registry(&["dear", "cheap"]);
    hear(
        &mut registry,
        &Beat {
            price: 30_000,
            ..beat("dear", 1, &[("a", 0)])
        },
    );
    hear(
        &mut registry,
        &Beat {
            stages: Micros::from_millis(14),
            ..beat("cheap", 1, &[("a", 0)])
        },
    );
    let set = |registry: &mut Registry, policy| {
        registry.set_title(
            &title("a"),
            TitleTerms {
                policy,
                ..TitleTerms::default()
            },
        );
    };
    set(&mut registry, Policy::BestExperience);
    assert_eq!(ranked(&registry, "a")[0], "dear");
    registry.set_score("dear", 700);
    assert_eq!(ranked(&registry, "a")[0], "cheap");
    registry.set_score("dear", 1000);
    set(&mut registry, Policy::Cheapest);
    assert_eq!(ranked(&registry, "a")[0], "cheap");
}

/// Buckets hold exactly what their hosts say, under the keys that they say.
fn check_filing(registry: &Registry) {
    let mut hosts = 0;
    for region in &registry.regions {
        hosts += region.hosts;
        for bucket in region.fetch.iter().flatten() {
            assert_eq!(bucket.first(), bucket.iter().next().copied());
        }
        for (policy, classes) in region.fetch.iter().enumerate() {
            for key in classes.iter().flat_map(Bucket::iter) {
                let (cost, at) = unkey(*key);
                let host = registry.hosts[at as usize].as_ref().unwrap();
                assert!(host.is_open() && host.available() > 0);
                assert_eq!(cost, host.wanted_keys()[policy] / FETCH_STEPS);
            }
        }
    }
    let there = registry
        .hosts
        .iter()
        .flatten()
        .filter(|host| host.region != RegionId::NONE);
    assert!(hosts as usize <= there.count());
    for (number, title) in (0u32..).zip(&registry.titles) {
        for region in &title.regions {
            let counted = [
                (Status::Parked, region.parked.len()),
                (Status::Installed, region.installed.len()),
            ];
            for (status, len) in counted {
                assert_eq!(region.tally[status as usize] as usize, len);
            }
            for bucket in [&region.parked, &region.installed] {
                assert_eq!(bucket.first(), bucket.iter().next().copied());
            }
            for key in region.parked.iter().chain(region.installed.iter()) {
                let (cost, at) = unkey(*key);
                let host = registry.hosts[at as usize].as_ref().unwrap();
                assert!(host.entry(number).is_some() && host.is_open() && host.available() > 0);
                assert_eq!(cost, host.wanted_keys()[title.terms.policy.index()]);
            }
        }
    }
}

fn any_beat() -> impl Strategy<Value = (usize, Beat)> {
    let titles = prop::collection::btree_map("[abc]", 0u8..3, 0..3);
    let load = prop::sample::select(vec![0u16, 500, 900]);
    let figures = (0u16..5, 5u64..40, 0u32..4, load, 1u32..5, any::<bool>());
    (
        0usize..12,
        prop::sample::select(vec!["x", "y", "z"]),
        titles,
        figures,
    )
        .prop_map(|(n, region, titles, figures)| {
            let (free, stages, price, load, strength, draining) = figures;
            let host = format!("h{n}");
            let beat = Beat {
                region: region.into(),
                free: free.min(4),
                stages: Micros::from_millis(stages),
                price: price * 4_000,
                load,
                spec: Spec {
                    kilopixels_per_s: strength * 55_296,
                    memory_mib: 4096,
                },
                state: if draining && stages > 35 {
                    State::Draining
                } else {
                    State::Open
                },
                titles: titles
                    .iter()
                    .map(|(name, parked)| BeatTitle {
                        title: title(name),
                        parked: *parked,
                    })
                    .collect(),
                ..beat(&host, 0, &[])
            };
            (n, beat)
        })
}

proptest! {
    /// After any history, the first candidate costs as little as the best that a scan over everybody finds.
    #[test]
    fn the_choice_is_the_best_there_is(
        beats in prop::collection::vec(any_beat(), 1..80),
        policies in prop::collection::vec(0usize..3, 3),
        rtts in prop::collection::vec(1u64..120, 3),
        fetchable in any::<bool>(),
        price_max in prop::option::of(0u32..12_000),
    ) {
        let names: Vec<String> = (0..12).map(|n| format!("h{n}")).collect();
        let mut registry = registry(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (name, policy) in ["a", "b", "c"].iter().zip(policies) {
            let need = Spec { kilopixels_per_s: 100_000, memory_mib: 1 };
            registry.set_title(&title(name), TitleTerms { policy: Policy::ALL[policy], fetchable, need, ..TitleTerms::default() });
        }
        for (seq, (n, beat)) in (1u64..).zip(&beats) {
            let beat = Beat { seq, ..beat.clone() };
            registry.handle_beat(at(seq * 200), &beat).unwrap();
            match seq % 5 {
                0 => drop(registry.promise(&names[*n], &title("a"))),
                1 => drop(registry.cordon(&names[*n], seq % 3 == 0)),
                2 => drop(registry.expire(at(seq * 200))),
                _ => {}
            }
            check_filing(&registry);
        }
        let rtts: Vec<(RegionId, Micros)> = ["x", "y", "z"].iter().zip(&rtts)
            .filter_map(|(name, rtt)| Some((registry.region(name)?, Micros::from_millis(*rtt)))).collect();
        for name in ["a", "b", "c"] {
            let title = title(name);
            let query = Query { title: Some(&title), rtts: &rtts, price_max, ..Query::default() };
            let ranking = registry.place(&query);
            let costs: Vec<u32> = ranking.candidates.iter().map(|c| c.terms.sum()).collect();
            prop_assert!(costs.is_sorted());
            let scanned: Vec<u32> = registry.scan(&query).candidates.iter().map(|c| c.terms.sum()).collect();
            prop_assert_eq!(costs, scanned);
        }
    }
}
