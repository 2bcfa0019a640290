//! A report as a trace that Perfetto opens: JSON trace events, <https://ui.perfetto.dev>.
//!
//! Times are microseconds since the session began. Seconds are told by their means: a slice of a stage is as long as the
//! stage was on the mean of that second, and slices follow each other from the second's begin on.

use super::Report;
use firstlight_units::Stage;
use serde::Serialize;
use serde_json::{Value, json};

/// A trace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    trace_events: Vec<Value>,
    display_time_unit: &'static str,
    other_data: Value,
}

/// The report as a trace.
#[must_use]
pub fn of(report: &Report) -> Trace {
    let mut events = vec![json!({
        "ph": "M", "pid": PID, "name": "process_name",
        "args": { "name": format!("{}, session {}", report.title, report.session) },
    })];
    for track in Track::ALL {
        let (tid, name) = (track as u32, track.name());
        events.push(
            json!({ "ph": "M", "pid": PID, "tid": tid, "name": "thread_name", "args": { "name": name } }),
        );
    }
    start(report, &mut events);
    happened(report, &mut events);
    counters(report, &mut events);
    let timeline = &report.timeline;
    stages(
        &timeline.at_s,
        &timeline.click_stages_us,
        Track::Click,
        &mut events,
    );
    stages(
        &timeline.at_s,
        &timeline.picture_stages_us,
        Track::Picture,
        &mut events,
    );
    Trace {
        trace_events: events,
        display_time_unit: "ms",
        other_data: json!({
            "session": report.session, "title": report.title, "class": report.class, "score": report.scores.whole,
        }),
    }
}

#[derive(Clone, Copy)]
#[repr(u32)]
enum Track {
    Start = 1,
    Events = 2,
    Click = 3,
    Picture = 4,
}

impl Track {
    const ALL: [Self; 4] = [Self::Start, Self::Events, Self::Click, Self::Picture];

    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start, from the click",
            Self::Events => "events",
            Self::Click => "click to photon, means",
            Self::Picture => "age of a picture, means",
        }
    }
}

/// The steps end where the first picture was shown.
fn start(report: &Report, events: &mut Vec<Value>) {
    let shown = report.events.iter().find(|event| event.what == "started");
    let (Some(start), Some(shown)) = (report.start, shown) else {
        return;
    };
    let mut at = micros(shown.at_ms) - i64::from(start.total_us);
    for (name, us) in start.steps() {
        events.push(slice(Track::Start, name, at, us.into()));
        at = at.saturating_add(us.into());
    }
}

fn happened(report: &Report, events: &mut Vec<Value>) {
    for event in report.events.iter().filter(|event| event.what != "started") {
        let at = micros(event.at_ms);
        let mut value = match event.lasted_ms {
            Some(ms) => slice(Track::Events, &event.what, at - micros(ms), micros(ms)),
            None => json!({
                "ph": "i", "s": "p", "pid": PID, "tid": Track::Events as u32, "ts": at, "name": event.what,
            }),
        };
        value["args"] = json!({ "words": event.words });
        events.push(value);
    }
}

fn counters(report: &Report, events: &mut Vec<Value>) {
    let timeline = &report.timeline;
    let per_second = |n: u32| f64::from(n) / f64::from(timeline.step_s.max(1));
    let kilobits = |bps: u64| bps / 1_000;
    for (at, second) in timeline.at_s.iter().enumerate() {
        let mut count = |name: &str, args: Option<Value>| {
            if let Some(args) = args {
                let ts = i64::from(*second) * 1_000_000;
                events.push(json!({ "ph": "C", "pid": PID, "ts": ts, "name": name, "args": args }));
            }
        };
        let score = timeline.score.get(at).copied().flatten();
        count("score", score.map(|n| json!({ "score": f64::from(n) / 100.0 })));
        let delay = timeline.delay_us.get(at).copied().flatten();
        count(
            "delay_ms",
            delay.map(|us| json!({ "delay": f64::from(us) / 1e3 })),
        );
        let shown = timeline.shown.get(at);
        count("shown_per_s", shown.map(|n| json!({ "shown": per_second(*n) })));
        let frozen = timeline.frozen_ms.get(at);
        count("frozen_ms", frozen.map(|ms| json!({ "frozen": ms })));
        let received = timeline.received_bps.get(at);
        count(
            "received_kbps",
            received.map(|bps| json!({ "received": kilobits(*bps) })),
        );
        let target = timeline.target_bps.get(at);
        count(
            "target_kbps",
            target.map(|bps| json!({ "target": kilobits(*bps) })),
        );
        let rtt = timeline.rtt_us.get(at);
        count("rtt_ms", rtt.map(|us| json!({ "rtt": f64::from(*us) / 1e3 })));
    }
}

fn stages(at_s: &[u32], seconds: &[Vec<i32>], track: Track, events: &mut Vec<Value>) {
    for (second, parts) in at_s.iter().zip(seconds) {
        let mut at = i64::from(*second) * 1_000_000;
        // A part less than nothing has no length.
        let parts = Stage::ALL.iter().zip(parts).filter(|(_, us)| **us > 0);
        for (stage, us) in parts {
            events.push(slice(track, stage.name(), at, (*us).into()));
            at += i64::from(*us);
        }
    }
}

fn slice(track: Track, name: &str, at: i64, us: i64) -> Value {
    json!({ "ph": "X", "pid": PID, "tid": track as u32, "ts": at, "dur": us, "name": name })
}

fn micros(ms: u64) -> i64 {
    i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

const PID: u32 = 1;

#[cfg(test)]
mod tests {
    use super::super::{Happened, STAGES, Started, Timeline};
    use super::*;

    #[test]
    fn slices_are_as_long_as_the_stages_and_end_with_the_start() {
        let mut parts = vec![1_000; STAGES];
        parts[12] = -300;
        let report = Report {
            start: Some(Started {
                placed_us: 10_000,
                shown_us: 30_000,
                total_us: 40_000,
                ..Started::default()
            }),
            events: vec![Happened {
                at_ms: 100,
                what: "started".into(),
                words: String::new(),
                lasted_ms: None,
            }],
            timeline: Timeline {
                step_s: 1,
                at_s: vec![3],
                click_stages_us: vec![parts],
                score: vec![Some(9_000)],
                ..Timeline::default()
            },
            ..Report::default()
        };
        let trace = serde_json::to_value(of(&report)).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let of_track = |tid: u32| events.iter().filter(move |e| e["ph"] == "X" && e["tid"] == tid);
        assert_eq!(
            of_track(1).map(|e| e["dur"].as_i64().unwrap()).sum::<i64>(),
            40_000
        );
        assert_eq!(of_track(1).next().unwrap()["ts"], 60_000);
        let names: Vec<_> = of_track(3).map(|e| e["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 12);
        assert_eq!((names[0], names[11]), ("input", "present"));
        assert_eq!(of_track(3).next().unwrap()["ts"], 3_000_000);
        assert!(
            events
                .iter()
                .any(|e| e["ph"] == "C" && e["args"]["score"] == 90.0)
        );
        for event in events {
            assert!(event["ph"].is_string() && event["pid"] == 1, "{event}");
        }
    }
}
