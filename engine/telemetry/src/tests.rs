//! What is recorded is what is documented.

use crate::{
    Attach, Carrier, End, Kind, METRICS, Metric, Placed, RelayRefused, RelayTraffic, Second, Stream, Unit,
    buckets, case_closed, catalogue, copies_asked, engine, first_picture_seconds, host_checked, host_lost,
    http_request, message_refused, placed_seconds, placement, queue_waiting, relay_attached, relay_refused,
    relay_sessions, relay_traffic, sent_elsewhere, session_attached, session_ended, session_refused,
    session_started, sessions_active, sessions_waiting, stage_seconds,
};
use firstlight_units::{Bitrate, ByteCount, Micros, Pacing, Stage};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[test]
fn the_documented_list_is_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = documented
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = METRICS.iter().map(row).collect();
    assert_eq!(
        rows,
        expected,
        "docs/metrics.md should hold:\n{}",
        expected.join("\n")
    );
}

#[test]
fn the_documented_label_values_are_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let list = |values: &mut dyn Iterator<Item = &'static str>| {
        values
            .map(|value| format!("`{value}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for line in [
        format!("- `reason`: {}", list(&mut End::ALL.into_iter().map(End::name))),
        format!(
            "- `reason` of a relay: {}",
            list(&mut RelayRefused::ALL.into_iter().map(RelayRefused::name))
        ),
        format!(
            "- `outcome`: {}",
            list(&mut Placed::ALL.into_iter().map(Placed::name))
        ),
        format!(
            "- `transport`: {}",
            list(&mut Carrier::ALL.into_iter().map(Carrier::name))
        ),
        format!(
            "- `stage`: {}",
            list(&mut Stage::ALL.into_iter().map(Stage::name))
        ),
        format!(
            "- `pacing`: {}",
            list(&mut Pacing::ALL.into_iter().map(Pacing::name))
        ),
        format!(
            "- `class`: {}",
            list(
                &mut firstlight_units::Class::ALL
                    .into_iter()
                    .map(firstlight_units::Class::name)
            )
        ),
        format!(
            "- `lacking`: {}",
            list(&mut crate::Lacking::ALL.into_iter().map(crate::Lacking::name))
        ),
        format!(
            "- `step`: {}",
            list(&mut crate::StartStep::ALL.into_iter().map(crate::StartStep::name))
        ),
        format!(
            "- `how`: {}",
            list(&mut crate::SaveBrought::ALL.into_iter().map(crate::SaveBrought::name))
        ),
        format!(
            "- `outcome` of saves: {}",
            list(&mut crate::SavePut::ALL.into_iter().map(crate::SavePut::name))
        ),
        format!(
            "- `route`: {}",
            list(&mut engine::ROUTES.into_iter().chain(["other"]))
        ),
    ] {
        assert!(
            documented.lines().any(|found| found == line),
            "docs/metrics.md should hold:\n{line}"
        );
    }
}

#[test]
fn names_follow_prometheus() {
    for metric in METRICS {
        let name = metric.name;
        assert!(
            ["host_", "gateway_", "stream_", "cell_", "relay_"]
                .iter()
                .any(|room| name.starts_with(room)),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert_eq!(
            metric.buckets.is_empty(),
            metric.kind != Kind::Histogram,
            "{name}"
        );
        assert!(metric.buckets.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        let bare = name.trim_end_matches("_total");
        let suffix = match metric.unit {
            Unit::Count => "",
            Unit::Seconds => "_seconds",
            Unit::Bytes => "_bytes",
            Unit::BytesPerSecond => "_bytes_per_second",
        };
        assert!(bare.ends_with(suffix), "{name}");
        assert!(metric.description.ends_with('.'), "{name}");
    }
    assert_eq!(
        buckets().count(),
        METRICS
            .iter()
            .filter(|metric| metric.kind == Kind::Histogram)
            .count()
    );
}

#[test]
fn every_metric_is_recorded_with_its_labels_and_no_other() {
    let seen = record_everything();
    for metric in METRICS {
        let labels = &seen
            .get(metric.name)
            .unwrap_or_else(|| panic!("{} is never recorded", metric.name))
            .0;
        assert_eq!(labels, &metric.labels.join(","), "{}", metric.name);
    }
    assert_eq!(seen.len(), METRICS.len(), "{seen:?}");
}

#[test]
fn totals_of_a_stream_are_added_once() {
    let recorder = Recorded::default();
    metrics::with_local_recorder(&recorder, || {
        let mut stream = Stream::new();
        for idr_total in [3, 3, 5, 4, 6] {
            stream.record(&Second {
                idr_total,
                ..Second::default()
            });
        }
        Stream::new().record(&Second {
            idr_total: 1,
            ..Second::default()
        });
    });
    assert!((recorder.sum("stream_idr_total") - 7.0).abs() < 1e-9);
}

#[test]
fn unknown_routes_and_reasons_are_other() {
    let recorder = Recorded::default();
    metrics::with_local_recorder(&recorder, || http_request("/v1/sessions/s3cret", 404, 0.1));
    assert!(
        recorder
            .keys()
            .iter()
            .any(|key| key == "gateway_requests_total route=other status=4xx")
    );
    assert_eq!(End::from_word("gave_way"), End::GaveWay);
    assert_eq!(End::from_word("new_reason"), End::Other);
}

fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    format!(
        "| `{}` | {kind} | {} | {} |",
        metric.name,
        labels.join(", "),
        metric.description
    )
}

fn record_everything() -> BTreeMap<String, (String, f64)> {
    let recorder = Recorded::default();
    metrics::with_local_recorder(&recorder, || {
        catalogue::describe();
        sessions_active(1);
        sessions_waiting(1);
        session_started();
        session_ended(End::ByPlayer);
        session_refused();
        session_attached(Attach::Resume, Carrier::Relay);
        relay_sessions(1);
        relay_attached();
        relay_refused(RelayRefused::Full);
        relay_traffic(RelayTraffic::default());
        first_picture_seconds(0.2);
        crate::session_score(firstlight_units::Class::Action, 0.9);
        crate::second_judged(firstlight_units::Class::Action, crate::Lacking::Nothing);
        crate::click_to_photon_seconds(0.03);
        crate::session_placed(true);
        crate::copies_parked(1);
        crate::second_on(true, Micros::from_millis(200));
        for step in crate::StartStep::ALL {
            crate::start_step(step, true, Micros::from_millis(20));
        }
        crate::saves_brought(crate::SaveBrought::Fetched, 0.02);
        crate::saves_put(crate::SavePut::Stored);
        http_request("/healthz", 200, 0.001);
        stage_seconds(Stage::Capture, 0.001);
        placement(Placed::Queued);
        placed_seconds(0.005, 0.2, true);
        queue_waiting(3);
        host_lost();
        sent_elsewhere();
        message_refused("forged");
        host_checked("proven");
        case_closed("dismissed");
        copies_asked(2);
        Stream::new().record(&Second {
            target: Bitrate::mbps(8),
            sent: ByteCount::new(1),
            rtt: Some(Micros::from_millis(5)),
            refresh_wait: Some(Micros::from_millis(3)),
            stages: vec![(Stage::Encode, Micros::new(2_500))],
            ..Second::default()
        });
    });
    let mut seen = BTreeMap::new();
    for (key, value) in recorder.0.lock().unwrap().iter() {
        let (name, labels) = key.split_once(' ').unwrap();
        let labels: Vec<&str> = labels
            .split_whitespace()
            .filter_map(|l| l.split('=').next())
            .collect();
        seen.insert(name.to_owned(), (labels.join(","), *value));
    }
    seen
}

/// Keeps the sum of everything recorded under each name and labels.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<BTreeMap<String, f64>>>);

struct Cell(Recorded, String);

impl Recorded {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        self.0.lock().unwrap().entry(name.clone()).or_default();
        Arc::new(Cell(self.clone(), name))
    }

    fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    fn sum(&self, name: &str) -> f64 {
        let all = self.0.lock().unwrap();
        all.iter()
            .filter(|(key, _)| key.split(' ').next() == Some(name))
            .map(|(_, value)| value)
            .sum()
    }
}

impl Cell {
    fn add(&self, value: f64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(f64::from(u32::try_from(value).unwrap()));
    }
    fn absolute(&self, value: u64) {
        let value = f64::from(u32::try_from(value).unwrap());
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.add(value);
    }
    fn decrement(&self, value: f64) {
        self.add(-value);
    }
    fn set(&self, value: f64) {
        self.add(value);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl metrics::Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, _: Option<metrics::Unit>, _: SharedString) {
        assert!(
            METRICS
                .iter()
                .any(|metric| metric.name == name.as_str() && metric.kind == Kind::Counter)
        );
    }
    fn describe_gauge(&self, name: KeyName, _: Option<metrics::Unit>, _: SharedString) {
        assert!(
            METRICS
                .iter()
                .any(|metric| metric.name == name.as_str() && metric.kind == Kind::Gauge)
        );
    }
    fn describe_histogram(&self, name: KeyName, _: Option<metrics::Unit>, _: SharedString) {
        assert!(
            METRICS
                .iter()
                .any(|metric| metric.name == name.as_str() && metric.kind == Kind::Histogram)
        );
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}
