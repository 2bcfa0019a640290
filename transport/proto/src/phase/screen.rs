//! What a client tells of its screen, and what of it is believed.

use firstlight_units::{Micros, Timestamp};
use firstlight_wire::control::ScreenReport;
use std::time::Duration;

/// A report that can be true. A client that lies in it harms its own pictures alone: they are drawn at another moment of each period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Between two refreshes; `None`: not known, or not steady.
    pub(super) refresh: Option<Duration>,
    pub(super) pictures: Vec<Picture>,
}

/// A picture that the screen took, or passed over for a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) captured: Timestamp,
    /// From decoded to the refresh.
    pub(super) wait: Micros,
}

impl Screen {
    /// Reads what came at `now`; `None` where it cannot be: lists that do not fit each other, pictures from the future or from long
    /// ago, a screen as there is none (docs/PROTOCOL.md, section 5).
    #[must_use]
    pub fn read(now: Timestamp, report: &ScreenReport) -> Option<Self> {
        let ScreenReport {
            refresh_ns,
            captured_at_us,
            before_us,
            waits_us,
        } = report;
        let refresh = Duration::from_nanos(u64::from(*refresh_ns));
        let newest = Timestamp::from_micros(*captured_at_us);
        let fits = (*refresh_ns == 0 || (REFRESH_MIN..=REFRESH_MAX).contains(&refresh))
            && before_us.len() == waits_us.len()
            && before_us.len() <= PICTURES_MAX
            && (before_us.is_empty() || newest <= now && now.since(newest) <= AGE_MAX);
        if !fits {
            return None;
        }
        let read = |(before, wait): (&u32, &u32)| {
            let (before, wait) = (Micros::new(u64::from(*before)), Micros::new(u64::from(*wait)));
            (before <= AGE_MAX && wait <= WAIT_MAX).then(|| Picture {
                captured: newest.before(before),
                wait,
            })
        };
        let pictures = before_us.iter().zip(waits_us).map(read).collect::<Option<_>>()?;
        Some(Self {
            refresh: (*refresh_ns > 0).then_some(refresh),
            pictures,
        })
    }

    /// How long the pictures waited for the screen: the median; `None` without a picture.
    #[must_use]
    pub fn wait(&self) -> Option<Micros> {
        let mut waits: Vec<_> = self.pictures.iter().map(|picture| picture.wait).collect();
        waits.sort_unstable();
        waits.get(waits.len() / 2).copied()
    }
}

/// From 360 refreshes a second, which screens for players have, to 30, and the error of a crystal beyond.
const REFRESH_MIN: Duration = Duration::from_micros(2_700);
const REFRESH_MAX: Duration = Duration::from_micros(34_000);
/// A second at 240 a second, and some.
const PICTURES_MAX: usize = 256;
/// A page that was held up tells late; what is older than this says nothing of the present.
const AGE_MAX: Micros = Micros::from_secs(10);
/// A page that nobody sees shows its picture a second later at most.
const WAIT_MAX: Micros = Micros::from_secs(1);
