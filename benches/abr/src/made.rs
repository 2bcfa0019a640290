//! Paths that nobody recorded: five kinds of access, drawn from a seed, so that a rule can be tried on what it was not tuned on.
//!
//! Rates, round trips, how often and how deep a path falls, and what it loses are drawn for each path; the kind follows from the seed.

use crate::cases::Named;
use firstlight_netem::{Chance, Random, Row, Trace};
use firstlight_units::{Bitrate, Micros};
use std::sync::Arc;

/// `count` paths of two minutes, from seeds that follow `first`.
#[must_use]
pub fn paths(first: u64, count: u64) -> Vec<Named> {
    (first..first + count)
        .map(|seed| {
            let mut draw = Draw(Random::new(seed ^ 0x6D61_6465));
            let (kind, rows) = match seed % 5 {
                0 => ("cell", cell(&mut draw)),
                1 => ("wifi", wifi(&mut draw)),
                2 => ("5g", levels(&mut draw)),
                3 => ("burst", bursts(&mut draw)),
                _ => ("line", line(&mut draw)),
            };
            let trace = Arc::new(Trace::from_rows(rows, LENGTH));
            Named {
                name: format!("made-{kind}-{seed}"),
                trace,
            }
        })
        .collect()
}

struct Draw(Random);

impl Draw {
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn unit(&mut self) -> f64 {
        (self.0.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Even in the logarithm.
    fn log(&mut self, low: f64, high: f64) -> f64 {
        (self.range(low.ln(), high.ln())).exp()
    }

    fn exp(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Normal, from twelve uniform ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

/// A mobile cell: the logarithm of the rate wanders around its mean, and fades to nearly nothing now and then.
fn cell(draw: &mut Draw) -> Vec<Row> {
    let (mean, rtt) = (draw.log(4e3, 30e3), draw.range(35.0, 90.0));
    let (spread, pull) = (draw.range(0.4, 0.8), draw.range(0.3, 2.0));
    let (apart, depth) = (draw.range(4e3, 15e3), draw.range(0.01, 0.1));
    let (mut at, mut x, mut fade_at, mut faded_until) = (0.0, 0.0, draw.exp(apart), 0.0);
    let mut rows = Vec::new();
    while at < END {
        x += -x * pull * STEP / 1e3 + spread * (2.0 * pull * STEP / 1e3).sqrt() * draw.normal();
        if at >= fade_at {
            faded_until = at + draw.range(100.0, 1_500.0);
            fade_at = faded_until + draw.exp(apart);
        }
        let factor = if at < faded_until { depth } else { 1.0 };
        rows.push(row(at, mean * x.exp() * factor, rtt + draw.range(0.0, 4.0), 0.0));
        at += STEP;
    }
    rows
}

/// Wi-Fi that others use too: droughts of tenths of a second, and round trips that leap for a moment.
fn wifi(draw: &mut Draw) -> Vec<Row> {
    let (good, rtt) = (draw.log(12e3, 80e3), draw.range(6.0, 25.0));
    let (apart, leaps) = (draw.range(1.5e3, 8e3), draw.range(0.0, 0.04));
    let loss = if draw.happens(0.5) {
        draw.log(2e-4, 5e-3)
    } else {
        0.0
    };
    let (mut at, mut dry_at, mut dry_until, mut low) = (0.0, draw.exp(apart), 0.0, 1e3);
    let mut rows = Vec::new();
    while at < END {
        if at >= dry_at {
            dry_until = at + draw.log(50.0, 500.0);
            dry_at = dry_until + draw.exp(apart);
            low = draw.log(200.0, 6e3);
        }
        let rate = if at < dry_until {
            low
        } else {
            good * draw.range(0.8, 1.1)
        };
        let leap = if draw.happens(leaps) {
            draw.range(5.0, 40.0)
        } else {
            0.0
        };
        rows.push(row(at, rate, rtt + leap, loss));
        at += STEP;
    }
    rows
}

/// 5G: full, half gone, nearly gone, each for a while.
fn levels(draw: &mut Draw) -> Vec<Row> {
    let (full, rtt) = (draw.log(20e3, 120e3), draw.range(12.0, 45.0));
    let level = [1.0, draw.range(0.15, 0.5), draw.range(0.005, 0.05)];
    let dwell = [
        draw.range(3e3, 10e3),
        draw.range(1e3, 4e3),
        draw.range(150.0, 900.0),
    ];
    let (mut at, mut state, mut until) = (0.0, 0, draw.exp(5e3));
    let mut rows = Vec::new();
    while at < END {
        if at >= until {
            state = match state {
                0 => 1 + usize::from(draw.happens(0.3)),
                1 => 2 * usize::from(draw.happens(0.3)),
                _ => usize::from(draw.happens(0.3)),
            };
            until = at + draw.exp(dwell.get(state).copied().unwrap_or(1e3));
        }
        let rate = full * level.get(state).copied().unwrap_or(1.0) * draw.range(0.85, 1.1);
        rows.push(row(at, rate, rtt + draw.range(0.0, 3.0), 0.0));
        at += STEP;
    }
    rows
}

/// The air loses in bursts (Gilbert-Elliott, in steps of 15 ms) at a rate that stays.
fn bursts(draw: &mut Draw) -> Vec<Row> {
    let (rate, rtt) = (draw.log(8e3, 45e3), draw.log(8.0, 80.0));
    let (begin, end) = (draw.log(0.005, 0.12), draw.range(0.3, 0.8));
    let (most, leaps) = (draw.range(0.2, 0.7), draw.range(0.0, 0.03));
    let (mut at, mut bad) = (0.0, false);
    let mut rows = Vec::new();
    while at < END {
        bad = if bad {
            !draw.happens(end)
        } else {
            draw.happens(begin)
        };
        let loss = if bad { draw.range(0.05, most) } else { 0.0 };
        let leap = if draw.happens(leaps) {
            draw.range(5.0, 35.0)
        } else {
            0.0
        };
        rows.push(row(at, rate, rtt + leap, loss));
        at += 15.0;
    }
    rows
}

/// A line that others take a part of: steps, at any round trip, with a little loss by chance on some.
fn line(draw: &mut Draw) -> Vec<Row> {
    let rtt = draw.log(10.0, 120.0);
    let loss = if draw.happens(0.5) {
        draw.log(5e-4, 4e-3)
    } else {
        0.0
    };
    let (low, high) = (draw.log(2e3, 8e3), draw.log(20e3, 80e3));
    let mean = draw.range(2e3, 12e3);
    let mut at = 0.0;
    let mut rows = Vec::new();
    while at < END {
        rows.push(row(at, draw.log(low, high), rtt, loss));
        at += 300.0 + draw.exp(mean);
    }
    rows
}

fn row(ms: f64, kbps: f64, rtt: f64, loss: f64) -> Row {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and not negative"
    )]
    let whole = |value: f64| value.round() as u64;
    Row {
        at: Micros::new(whole(ms * 1e3)),
        rate: Bitrate::bps(whole(kbps * 1e3)),
        rtt: Micros::new(whole(rtt * 1e3)),
        loss: Chance::ppm(u32::try_from(whole(loss * 1e6)).unwrap_or(0)),
    }
}

const LENGTH: Micros = Micros::from_secs(120);
/// [`LENGTH`], in milliseconds.
const END: f64 = 120e3;
/// Milliseconds from row to row where a rate wanders.
const STEP: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn a_seed_makes_the_same_path_again_and_each_kind_is_there() {
        let (some, again) = (paths(1, 10), paths(1, 10));
        for (a, b) in some.iter().zip(&again) {
            assert_eq!((&a.name, &a.trace), (&b.name, &b.trace));
            let mean = a.trace.mean().as_kbps();
            assert!((1_000..150_000).contains(&mean), "{}: {mean} kbit/s", a.name);
        }
        for kind in ["cell", "wifi", "5g", "burst", "line"] {
            assert_eq!(
                some.iter().filter(|path| path.name.contains(kind)).count(),
                2,
                "{kind}"
            );
        }
        let mut bursts = some.iter().filter(|path| path.name.contains("burst"));
        assert!(bursts.all(|path| path.trace.mean_loss() > 0.0));
    }
}
