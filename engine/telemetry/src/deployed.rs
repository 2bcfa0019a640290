//! Alerts and dashboards ask for what there is.

use crate::{Kind, METRICS, Metric};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn alerts_and_dashboards_name_metrics_labels_and_values_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documented = fs::read_to_string(root.join("docs/metrics.md")).unwrap();
    for file in [
        "deploy/prometheus/alerts.yml",
        "deploy/prometheus/alerts.test.yml",
        "deploy/grafana/firstlight.json",
    ] {
        // In JSON, quotes of a query are written with a backslash.
        let text = fs::read_to_string(root.join(file)).unwrap().replace("\\\"", "\"");
        let found = selectors(&text);
        assert!(found.len() > 10, "{file} names {} metrics", found.len());
        for Selector { name, matchers } in found {
            let metric = metric(&name).unwrap_or_else(|| panic!("{file}: there is no metric {name}"));
            for (label, value) in matchers {
                let known = metric.labels.contains(&label.as_str());
                assert!(
                    known || GIVEN.contains(&label.as_str()),
                    "{file}: {name} has no label {label}"
                );
                for value in value.split('|').filter(|_| known) {
                    assert!(
                        documented.contains(&format!("`{value}`")),
                        "{file}: {label} of {name} is never {value}"
                    );
                }
            }
        }
        for label in grouped_by(&text) {
            let known = METRICS
                .iter()
                .any(|metric| metric.labels.contains(&label.as_str()));
            assert!(
                known || GIVEN.contains(&label.as_str()),
                "{file}: nothing has the label {label}"
            );
        }
    }
}

#[test]
fn what_is_asked_for_is_found_in_a_query() {
    let found =
        selectors("sum by (le, x) (rate(host_a_bucket{b=\"c\",d=~\"e|f\"}[5m])) / my_host_b > cell_c");
    let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["host_a_bucket", "cell_c"]);
    let matchers: Vec<(&str, &str)> = found[0]
        .matchers
        .iter()
        .map(|(label, value)| (label.as_str(), value.as_str()))
        .collect();
    assert_eq!(matchers, [("b", "c"), ("d", "e|f")]);
    assert_eq!(grouped_by("sum by (le, x) (rate(a)) by(y)"), ["le", "x"]);
}

#[test]
fn every_file_of_the_dashboards_folder_is_looked_at() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana"));
    let names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["firstlight.json"]);
}

struct Selector {
    name: String,
    matchers: Vec<(String, String)>,
}

/// The metrics of ours that a text asks for, and with which matchers.
fn selectors(text: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_of_name) {
        let end = rest[at..]
            .find(|c| !is_of_name(c))
            .map_or(rest.len(), |length| at + length);
        let name = &rest[at..end];
        rest = &rest[end..];
        if !ROOMS.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        let braces = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let matchers = braces.map(|(inside, _)| inside.split(',').filter_map(matcher).collect());
        found.push(Selector {
            name: name.to_owned(),
            matchers: matchers.unwrap_or_default(),
        });
    }
    found
}

fn matcher(text: &str) -> Option<(String, String)> {
    let (label, value) = text.split_once('=')?;
    let value = value.trim_start_matches('~').trim_matches('"');
    Some((label.trim_end_matches('!').trim().to_owned(), value.to_owned()))
}

fn grouped_by(text: &str) -> Vec<String> {
    let lists = text
        .split(" by (")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    lists
        .flat_map(|(list, _)| list.split(','))
        .map(|label| label.trim().to_owned())
        .collect()
}

/// A histogram is asked for by its parts.
fn metric(name: &str) -> Option<&'static Metric> {
    let plain = METRICS
        .iter()
        .find(|metric| metric.name == name && metric.kind != Kind::Histogram);
    plain.or_else(|| {
        let of = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| name.strip_suffix(part))?;
        METRICS
            .iter()
            .find(|metric| metric.name == of && metric.kind == Kind::Histogram)
    })
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

const ROOMS: [&str; 5] = ["host_", "gateway_", "stream_", "cell_", "relay_"];
/// Of Prometheus itself.
const GIVEN: [&str; 3] = ["le", "instance", "job"];
