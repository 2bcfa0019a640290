//! A report as spans for OpenTelemetry: the JSON form of an OTLP trace export, <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.
//!
//! ```text
//! session ─┬─ placed, connected, thawed, first_frame, shown     from the click on
//!          ├─ click_to_photon ─ input, inject, …, unattributed  means over the session, one after the other from its begin
//!          └─ glass_to_glass  ─ capture, …, unattributed
//! ```
//!
//! What happened are events of the session's span. Ids follow from the session's, so that a report that is sent twice is one trace.

use super::Report;
use crate::hash::digest;
use firstlight_units::Stage;
use serde_json::{Value, json};

/// The report as one export of spans.
#[must_use]
pub fn of(report: &Report) -> Value {
    let mut spans = Spans::new(report);
    let began = report.began_ms.saturating_mul(NANOS_PER_MILLI);
    let ended = began.saturating_add(report.lasted_ms.saturating_mul(NANOS_PER_MILLI));
    let root = spans.add(None, "session", (began, ended));
    starts(report, &mut spans, root, began);
    let delays = [
        ("click_to_photon", &report.click_to_photon.delay),
        ("glass_to_glass", &report.glass_to_glass),
    ];
    for (name, delay) in delays {
        let whole: i64 = delay.stages_us.iter().map(|us| i64::from(*us)).sum();
        if delay.pictures == 0 || delay.stages_us.is_empty() {
            continue;
        }
        let span = spans.add(Some(root), name, (began, after(began, whole)));
        spans.tell(
            span,
            "firstlight.pictures",
            json!({ "intValue": delay.pictures.to_string() }),
        );
        spans.tell(
            span,
            "firstlight.p50_us",
            json!({ "intValue": delay.p50_us.to_string() }),
        );
        spans.tell(
            span,
            "firstlight.p95_us",
            json!({ "intValue": delay.p95_us.to_string() }),
        );
        spans.tell(
            span,
            "firstlight.error_us",
            json!({ "intValue": delay.error_us.to_string() }),
        );
        let mut at = began;
        for (stage, us) in Stage::ALL.into_iter().zip(&delay.stages_us) {
            let end = after(at, i64::from(*us).max(0));
            if *us > 0 {
                spans.add(Some(span), stage.name(), (at, end));
            }
            at = end;
        }
    }
    about(report, &mut spans, root);
    json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "firstlight" } }] },
        "scopeSpans": [{ "scope": { "name": "firstlight.report", "version": report.version.to_string() }, "spans": spans.all }],
    }] })
}

fn starts(report: &Report, spans: &mut Spans<'_>, root: usize, began: u64) {
    let shown = report.events.iter().find(|event| event.what == "started");
    let (Some(start), Some(shown)) = (report.start, shown) else {
        return;
    };
    let end = began.saturating_add(shown.at_ms.saturating_mul(NANOS_PER_MILLI));
    let mut at = end.saturating_sub(u64::from(start.total_us).saturating_mul(NANOS_PER_MICRO));
    for (name, us) in start.steps() {
        let end = after(at, us.into());
        spans.add(Some(root), name, (at, end));
        at = end;
    }
}

fn about(report: &Report, spans: &mut Spans<'_>, root: usize) {
    let text = |value: &str| json!({ "stringValue": value });
    spans.tell(root, "firstlight.session", text(&report.session));
    spans.tell(root, "firstlight.title", text(&report.title));
    spans.tell(root, "firstlight.class", text(&report.class));
    if let Some(score) = report.scores.whole {
        spans.tell(
            root,
            "firstlight.score",
            json!({ "doubleValue": f64::from(score) / 100.0 }),
        );
    }
    if let Some(ended) = &report.ended {
        spans.tell(root, "firstlight.ended", text(&ended.reason));
    }
    let began = report.began_ms.saturating_mul(NANOS_PER_MILLI);
    let events: Vec<Value> = report
        .events
        .iter()
        .map(|event| {
            let at = began.saturating_add(event.at_ms.saturating_mul(NANOS_PER_MILLI));
            json!({ "timeUnixNano": at.to_string(), "name": event.what,
                "attributes": [{ "key": "firstlight.words", "value": text(&event.words) }] })
        })
        .collect();
    if let Some(span) = spans.all.get_mut(root) {
        span["events"] = events.into();
    }
}

struct Spans<'a> {
    report: &'a Report,
    trace: String,
    all: Vec<Value>,
}

impl<'a> Spans<'a> {
    fn new(report: &'a Report) -> Self {
        Self {
            report,
            trace: id(report, 0, 16),
            all: Vec::new(),
        }
    }

    /// `from` and `to` in nanoseconds since 1970.
    fn add(&mut self, parent: Option<usize>, name: &str, (from, to): (u64, u64)) -> usize {
        let at = self.all.len();
        let parent = parent.and_then(|parent| self.all.get(parent)?.get("spanId").cloned());
        let mut span = json!({
            "traceId": self.trace, "spanId": id(self.report, at + 1, 8), "name": name, "kind": INTERNAL,
            "startTimeUnixNano": from.to_string(), "endTimeUnixNano": to.to_string(), "attributes": [],
        });
        if let Some(parent) = parent {
            span["parentSpanId"] = parent;
        }
        self.all.push(span);
        at
    }

    fn tell(&mut self, span: usize, key: &str, value: Value) {
        let attributes = self
            .all
            .get_mut(span)
            .and_then(|span| span["attributes"].as_array_mut());
        if let Some(attributes) = attributes {
            attributes.push(json!({ "key": key, "value": value }));
        }
    }
}

/// Of so many bytes, in hexadecimal digits.
fn id(report: &Report, number: usize, bytes: usize) -> String {
    let number = u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes();
    digest(&[b"firstlight span\0", report.session.as_bytes(), &number])
        .iter()
        .take(bytes)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn after(at: u64, us: i64) -> u64 {
    at.saturating_add(us.max(0).unsigned_abs().saturating_mul(NANOS_PER_MICRO))
}

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u32 = 1;
const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::super::{Click, Delay, Happened, Started};
    use super::*;

    fn report() -> Report {
        let stages_us = vec![
            1_000, 200, 3_000, 100, 900, 4_000, 10, 20, 5_000, 30, 1_200, 8_000, -40,
        ];
        Report {
            session: "abc".to_owned(),
            title: "beacon".to_owned(),
            began_ms: 1_700_000_000_000,
            lasted_ms: 60_000,
            start: Some(Started {
                placed_us: 10_000,
                connected_us: 20_000,
                thawed_us: 0,
                first_frame_us: 30_000,
                shown_us: 5_000,
                total_us: 65_000,
                ..Started::default()
            }),
            events: vec![Happened {
                at_ms: 65,
                what: "started".to_owned(),
                words: "First picture".to_owned(),
                lasted_ms: None,
            }],
            click_to_photon: Click {
                delay: Delay {
                    pictures: 9,
                    stages_us,
                    ..Delay::default()
                },
                ..Click::default()
            },
            ..Report::default()
        }
    }

    fn spans(export: &Value) -> Vec<Value> {
        let spans = &export["resourceSpans"][0]["scopeSpans"][0]["spans"];
        spans.as_array().unwrap().clone()
    }

    #[test]
    fn its_spans_are_one_tree_and_its_stages_follow_each_other() {
        let all = spans(&of(&report()));
        let names: Vec<&str> = all.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(
            names[..7],
            [
                "session",
                "placed",
                "connected",
                "thawed",
                "first_frame",
                "shown",
                "click_to_photon"
            ]
        );
        // What no stage owns is negative here, and no span.
        assert_eq!(names.len(), 7 + 12);
        let ids: std::collections::BTreeSet<&str> =
            all.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), all.len());
        assert!(ids.iter().all(|id| id.len() == 16));
        for (at, span) in all.iter().enumerate() {
            assert_eq!(span["traceId"], all[0]["traceId"]);
            let parent = span.get("parentSpanId").and_then(Value::as_str);
            assert_eq!(parent.is_none(), at == 0);
            assert!(parent.is_none_or(|parent| ids.contains(parent)));
            let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
            assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
        }
        let shown = &all[5];
        assert_eq!(shown["endTimeUnixNano"], "1700000000065000000");
        assert_eq!(all[0]["events"][0]["name"], "started");
    }

    #[test]
    fn the_same_report_is_the_same_trace_and_an_empty_one_is_a_session() {
        assert_eq!(of(&report()), of(&report()));
        assert_eq!(spans(&of(&Report::default())).len(), 1);
    }
}
