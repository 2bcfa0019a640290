//! An SVG that needs nothing to be looked at: utilisation against stale time, and the delays.

use crate::metrics::Case;
use crate::summary::Summary;
use std::fmt::Write;

/// Draws the summaries, with a small dot for each case.
#[must_use]
pub fn svg(cases: &[Case], summaries: &[Summary]) -> String {
    let height = 520.0 + 26.0 * count(summaries.len()) + 40.0;
    let mut out = String::new();
    add(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" viewBox=\"0 0 900 {height}\">\n\
         <style>text{{font:13px system-ui,sans-serif;fill:#d7deea}}.t{{font-size:17px;font-weight:600}}.l{{fill:#9aa7bd}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#10141c\"/>\n\
         <text x=\"16\" y=\"28\" class=\"t\">Time with a picture older than 100 ms, against use of the path</text>\n"
        ),
    );
    scatter(&mut out, cases, summaries);
    delays(&mut out, summaries);
    out.push_str("</svg>\n");
    out
}

fn scatter(out: &mut String, cases: &[Case], summaries: &[Summary]) {
    for percent in [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0] {
        let y = y_of(percent / 100.0);
        add(
            out,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#2a3242\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" class=\"l\">{percent} %</text>\n",
                LEFT - 8.0,
                y + 4.0
            ),
        );
    }
    for tenth in 0..=5 {
        let value = f64::from(tenth) / 5.0;
        let x = x_of(value);
        add(
            out,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" class=\"l\">{value:.1}</text>\n",
                BOTTOM + 18.0
            ),
        );
    }
    add(
        out,
        format_args!(
            "<text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\" class=\"l\">utilisation; small: one trace, large: mean</text>\n",
            BOTTOM + 36.0
        ),
    );
    for (summary, color) in summaries.iter().zip(COLORS.iter().cycle()) {
        for case in cases.iter().filter(|case| case.algorithm == summary.algorithm) {
            let (x, y) = (x_of(case.utilisation), y_of(case.age_over_100ms));
            add(
                out,
                format_args!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{color}\" opacity=\"0.45\"/>\n"
                ),
            );
        }
        let (x, y) = (x_of(summary.utilisation_mean), y_of(summary.age_over_100ms_mean));
        let name = &summary.algorithm;
        add(
            out,
            format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\" fill=\"{color}\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>\n",
                x + 11.0,
                y + 4.0
            ),
        );
    }
}

/// Bars of the medians, logarithmic since misses count a second.
fn delays(out: &mut String, summaries: &[Summary]) {
    let top = BOTTOM + 60.0;
    add(
        out,
        format_args!(
            "<text x=\"16\" y=\"{top}\" class=\"t\">Frame delay, median over traces: p50, p95, p99 in ms</text>\n"
        ),
    );
    let width = |ms: f64| ((ms.max(1.0)).log10() / 3.0).clamp(0.0, 1.0) * 560.0;
    for ((row, summary), color) in summaries.iter().enumerate().zip(COLORS.iter().cycle()) {
        let y = top + 14.0 + 26.0 * count(row);
        let values = [
            summary.frame_delay_p99_ms_median,
            summary.frame_delay_p95_ms_median,
            summary.frame_delay_p50_ms_median,
        ];
        add(
            out,
            format_args!(
                "<text x=\"132\" y=\"{:.1}\" text-anchor=\"end\" class=\"l\">{}</text>\n",
                y + 14.0,
                summary.algorithm
            ),
        );
        for (value, opacity) in values.into_iter().zip([0.25, 0.5, 1.0]) {
            add(
                out,
                format_args!(
                    "<rect x=\"140\" y=\"{y:.1}\" width=\"{:.1}\" height=\"18\" fill=\"{color}\" opacity=\"{opacity}\"/>\n",
                    width(value)
                ),
            );
        }
        let [p99, p95, p50] = values;
        add(
            out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\">{p50:.0} / {p95:.0} / {p99:.0}</text>\n",
                148.0 + width(p99),
                y + 14.0
            ),
        );
    }
}

fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("invariant: a string takes all that is written");
}

fn x_of(utilisation: f64) -> f64 {
    LEFT + utilisation.clamp(0.0, 1.0) * (RIGHT - LEFT)
}

/// Logarithmic, from 0.1 % to all.
fn y_of(share: f64) -> f64 {
    let position = (share.clamp(0.001, 1.0).log10() + 3.0) / 3.0;
    BOTTOM - position * (BOTTOM - TOP)
}

#[expect(clippy::cast_precision_loss, reason = "a few")]
fn count(n: usize) -> f64 {
    n as f64
}

const LEFT: f64 = 80.0;
const RIGHT: f64 = 840.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 440.0;
const COLORS: [&str; 8] = [
    "#ffb454", "#ef6b73", "#6cb6ff", "#7ee787", "#d2a8ff", "#a5d6ff", "#c9d1d9", "#56d4dd",
];
