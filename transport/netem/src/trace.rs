//! Recorded paths: capacity, round trip and loss over time, as CSV.
//!
//! ```text
//! t_ms,capacity_kbps,rtt_ms,loss
//! 0,50000,15,0            a row holds until the next one
//! 20000,20000,15,0.01
//! 120000,-1,0,0           the last row marks the end
//! ```
//!
//! `rtt_ms` is the round trip without the bottleneck's queue, half of it each way; `loss` is a probability per packet.

use crate::{Chance, Schedule, Step};
use firstlight_units::{Bitrate, Micros};

/// A recorded path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    rows: Vec<Row>,
    end: Micros,
}

/// What a path is like from `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, from the start of the recording.
    pub at: Micros,
    /// What the bottleneck carries.
    pub rate: Bitrate,
    /// There and back, without the bottleneck's queue.
    pub rtt: Micros,
    /// Loss of single packets.
    pub loss: Chance,
}

/// Text that is no trace. Lines count from 1, the head included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The first line is another one.
    #[error("the first line is not \"{HEAD}\"")]
    Head,
    /// Too few fields, or too many.
    #[error("line {line} has {fields} fields instead of 4")]
    Fields {
        /// Where.
        line: usize,
        /// How many.
        fields: usize,
    },
    /// A field that is no number, or one out of range.
    #[error("line {line}: {column} is not a number in its range")]
    Number {
        /// Where.
        line: usize,
        /// The column's name.
        column: &'static str,
    },
    /// A row that does not come after the one before it, or a first one that is not at 0.
    #[error("line {line} is out of order")]
    Order {
        /// Where.
        line: usize,
    },
    /// Text behind the end.
    #[error("line {line} comes after the end")]
    AfterEnd {
        /// Where.
        line: usize,
    },
    /// No row with a capacity of -1 marks the end, or nothing comes before it.
    #[error("no row, or no end (a row with a capacity of -1)")]
    Unended,
    /// More rows than anybody records.
    #[error("more than {ROWS_MAX} rows")]
    TooLong,
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut lines = (1..).zip(text.lines());
        if lines.next().is_none_or(|(_, head)| head.trim() != HEAD) {
            return Err(TraceError::Head);
        }
        let mut rows: Vec<Row> = Vec::new();
        let mut end = None;
        for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
            if end.is_some() {
                return Err(TraceError::AfterEnd { line });
            }
            let (row, last) = parse_row(line, text)?;
            let in_order = rows
                .last()
                .map_or(row.at == Micros::ZERO, |before| row.at > before.at);
            if !in_order {
                return Err(TraceError::Order { line });
            }
            if last {
                end = Some(row.at);
            } else if rows.len() == ROWS_MAX {
                return Err(TraceError::TooLong);
            } else {
                rows.push(row);
            }
        }
        match end {
            Some(end) if !rows.is_empty() => Ok(Self { rows, end }),
            _ => Err(TraceError::Unended),
        }
    }

    /// A path of these rows, in order, the first at 0; what is not in order is left out.
    #[must_use]
    pub fn from_rows(rows: Vec<Row>, end: Micros) -> Self {
        let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            let in_order = kept
                .last()
                .map_or(row.at == Micros::ZERO, |before| row.at > before.at);
            if in_order && row.at < end {
                kept.push(row);
            }
        }
        Self { rows: kept, end }
    }

    /// A path that stays as it is for `length`.
    #[must_use]
    pub fn constant(rate: Bitrate, rtt: Micros, loss: Chance, length: Micros) -> Self {
        let at = Micros::ZERO;
        Self {
            rows: vec![Row { at, rate, rtt, loss }],
            end: length,
        }
    }

    /// All rows, in order, the first at 0.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How long the recording is.
    #[must_use]
    pub const fn length(&self) -> Micros {
        self.end
    }

    /// What the path is like at `at`; the recording comes round again.
    #[must_use]
    pub fn row(&self, at: Micros) -> Row {
        let at = at.as_micros().checked_rem(self.end.as_micros()).unwrap_or(0);
        let next = self.rows.partition_point(|row| row.at.as_micros() <= at);
        self.rows.get(next.saturating_sub(1)).copied().unwrap_or(Row {
            at: Micros::ZERO,
            rate: Bitrate::ZERO,
            rtt: Micros::ZERO,
            loss: Chance::NEVER,
        })
    }

    /// The capacity, over and over.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let steps = self.rows.iter().map(|row| Step {
            at: row.at,
            rate: row.rate,
        });
        Schedule::repeating(steps.collect(), self.end)
    }

    /// The same path, on which nothing is lost.
    #[must_use]
    pub fn without_loss(&self) -> Self {
        let mut trace = self.clone();
        for row in &mut trace.rows {
            row.loss = Chance::NEVER;
        }
        trace
    }

    /// The mean capacity.
    #[must_use]
    pub fn mean(&self) -> Bitrate {
        let ends = self.rows.iter().skip(1).map(|row| row.at).chain([self.end]);
        let bits: u128 = self
            .rows
            .iter()
            .zip(ends)
            .map(|(row, end)| {
                u128::from(row.rate.as_bps()) * u128::from(end.saturating_sub(row.at).as_micros())
            })
            .sum();
        let mean = bits.checked_div(u128::from(self.end.as_micros())).unwrap_or(0);
        Bitrate::bps(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The mean loss by time, as a share.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        let ends = self.rows.iter().skip(1).map(|row| row.at).chain([self.end]);
        let lost: f64 = self
            .rows
            .iter()
            .zip(ends)
            .map(|(row, end)| row.loss.share() * end.saturating_sub(row.at).as_secs_f64())
            .sum();
        lost / self.end.as_secs_f64()
    }
}

/// A row, and whether it is the end.
fn parse_row(line: usize, text: &str) -> Result<(Row, bool), TraceError> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let &[at, rate, rtt, loss] = fields.as_slice() else {
        let fields = fields.len();
        return Err(TraceError::Fields { line, fields });
    };
    let last = rate.parse() == Ok(END);
    let column = |column| TraceError::Number { line, column };
    let at = number(at, 1_000.0, TIME_MAX).ok_or_else(|| column("t_ms"))?;
    let rate = if last {
        0
    } else {
        number(rate, 1_000.0, RATE_MAX).ok_or_else(|| column("capacity_kbps"))?
    };
    let rtt = number(rtt, 1_000.0, RTT_MAX).ok_or_else(|| column("rtt_ms"))?;
    let loss = number(loss, 1_000_000.0, 1.0).ok_or_else(|| column("loss"))?;
    let row = Row {
        at: Micros::new(at),
        rate: Bitrate::bps(rate),
        rtt: Micros::new(rtt),
        loss: Chance::ppm(u32::try_from(loss).map_err(|_| column("loss"))?),
    };
    Ok((row, last))
}

/// A field from 0 to `most`, times `scale`.
fn number(text: &str, scale: f64, most: f64) -> Option<u64> {
    let value: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (0.0..=most)
        .contains(&value)
        .then(|| (value * scale).round() as u64)
}

const HEAD: &str = "t_ms,capacity_kbps,rtt_ms,loss";
const END: f64 = -1.0;
/// A day at a row for each millisecond is past what is kept in memory; two hours of the finest recording (10 ms) fit.
const ROWS_MAX: usize = 1 << 20;
/// A week, in milliseconds.
const TIME_MAX: f64 = 604_800_000.0;
/// 1 Tbit/s, in kbit/s.
const RATE_MAX: f64 = 1e9;
/// A minute, in milliseconds.
const RTT_MAX: f64 = 60_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &str = "t_ms,capacity_kbps,rtt_ms,loss\n0,8000,15,0\n10,800.5,7.5,0.25\n30,-1,0,0\n";

    #[test]
    fn rows_hold_until_the_next_one() {
        let trace = Trace::parse(STEPS).unwrap();
        let ms = Micros::from_millis;
        assert_eq!(trace.length(), ms(30));
        assert_eq!(trace.row(ms(9)).rate, Bitrate::mbps(8));
        assert_eq!(trace.row(ms(10)).rate, Bitrate::bps(800_500));
        assert_eq!(trace.row(ms(10)).rtt, Micros::new(7_500));
        assert_eq!(trace.row(ms(10)).loss, Chance::percent(25));
        assert_eq!(trace.row(ms(31)).rate, Bitrate::mbps(8), "it comes round");
        assert_eq!(trace.mean(), Bitrate::bps(3_200_333));
        assert_eq!(trace.schedule().rate(ms(45)), Bitrate::bps(800_500));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let with = |rows: &str| Trace::parse(&format!("{HEAD}\n{rows}"));
        assert_eq!(Trace::parse("0,1,2,3\n"), Err(TraceError::Head));
        assert_eq!(with(""), Err(TraceError::Unended));
        assert_eq!(with("0,-1,0,0\n"), Err(TraceError::Unended));
        assert_eq!(with("0,1,2,0\n"), Err(TraceError::Unended));
        assert_eq!(with("5,1,2,0\n"), Err(TraceError::Order { line: 2 }));
        assert_eq!(with("0,1,2,0\n0,1,2,0\n"), Err(TraceError::Order { line: 3 }));
        assert_eq!(with("0,1,2\n"), Err(TraceError::Fields { line: 2, fields: 3 }));
        let number = |column| Err(TraceError::Number { line: 2, column });
        assert_eq!(with("0,-2,2,0\n"), number("capacity_kbps"));
        assert_eq!(with("0,1,x,0\n"), number("rtt_ms"));
        assert_eq!(with("0,1,2,1.5\n"), number("loss"));
        assert_eq!(with("NaN,1,2,0\n"), number("t_ms"));
        assert_eq!(
            with("0,1,2,0\n9,-1,0,0\n10,1,2,0\n"),
            Err(TraceError::AfterEnd { line: 4 })
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_trace_or_an_error(text in "(t_ms,capacity_kbps,rtt_ms,loss\n)?([-0-9.,eNa\n]|1000,|\n){0,200}") {
            if let Ok(trace) = Trace::parse(&text) {
                proptest::prop_assert!(!trace.rows().is_empty());
                proptest::prop_assert!(trace.rows().last().unwrap().at < trace.length());
                proptest::prop_assert!(trace.schedule().validate().is_ok());
            }
        }

        #[test]
        fn what_is_written_is_read(rows in proptest::collection::vec((1u32..1000, 0u32..100_000, 0u32..500, 0u32..=1_000_000), 1..50)) {
            let mut text = format!("{HEAD}\n");
            let mut at = 0;
            for (span, rate, rtt, loss) in &rows {
                text += &format!("{at},{rate},{rtt},{}\n", f64::from(*loss) / 1e6);
                at += span;
            }
            text += &format!("{at},-1,0,0\n");
            let trace = Trace::parse(&text).unwrap();
            proptest::prop_assert_eq!(trace.length(), Micros::from_millis(u64::from(at)));
            for ((_, rate, rtt, loss), row) in rows.iter().zip(trace.rows()) {
                proptest::prop_assert_eq!(row.rate, Bitrate::kbps(u64::from(*rate)));
                proptest::prop_assert_eq!(row.rtt, Micros::from_millis(u64::from(*rtt)));
                proptest::prop_assert_eq!(row.loss, Chance::ppm(*loss));
            }
        }
    }
}
