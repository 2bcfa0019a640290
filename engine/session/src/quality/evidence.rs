//! What speaks for a step: pictures, reports and times, a window or a second of each, and how long to mistrust what they say.

use firstlight_units::{Micros, Timestamp};

/// The mean QP of the pictures of a third of a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    begun: Option<Timestamp>,
    sum: u32,
    count: u32,
}

impl Window {
    pub(super) fn add(&mut self, now: Timestamp, qp: u8) -> Option<i32> {
        let begun = *self.begun.get_or_insert(now);
        self.sum += u32::from(qp);
        self.count += 1;
        if now.since(begun) < WINDOW || self.count < WINDOW_PICTURES {
            return None;
        }
        let mean = self.sum / self.count;
        *self = Self::default();
        i32::try_from(mean).ok()
    }
}

/// How long to wait before trying more again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    least: Micros,
    pub(super) wait: Micros,
    up_at: Option<Timestamp>,
}

impl Doubt {
    pub(super) const fn new(least: Micros) -> Self {
        Self {
            least,
            wait: least,
            up_at: None,
        }
    }

    pub(super) fn on_up(&mut self, now: Timestamp) {
        self.up_at = Some(now);
    }

    pub(super) fn on_down(&mut self, now: Timestamp) {
        let Some(at) = self.up_at.take() else { return };
        self.wait = if now.since(at) < PROVEN {
            self.wait.scale(2, 1).min(DOUBT_MOST)
        } else {
            self.least
        };
    }
}

/// How many steps something is relieved by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strain {
    pub(super) level: u8,
    strained: u8,
    calm_since: Option<Timestamp>,
    doubt: Doubt,
}

impl Strain {
    pub(super) const fn new() -> Self {
        Self {
            level: 0,
            strained: 0,
            calm_since: None,
            doubt: Doubt::new(RELIEVED_AFTER),
        }
    }

    /// A second was judged. Returns whether the level changed.
    pub(super) fn judge(&mut self, now: Timestamp, strained: bool, calm: bool) -> bool {
        if !calm {
            self.calm_since = None;
        }
        if strained {
            self.strained += 1;
            if self.strained < STRAINED_SECONDS || self.level == LEVEL_MAX {
                return false;
            }
            self.level += 1;
            self.doubt.on_down(now);
        } else {
            self.strained = 0;
            if !calm || self.level == 0 {
                return false;
            }
            let since = *self.calm_since.get_or_insert(now);
            if now.since(since) < self.doubt.wait {
                return false;
            }
            self.level -= 1;
            self.doubt.on_up(now);
        }
        (self.strained, self.calm_since) = (0, None);
        true
    }
}

/// What a second of feedback says of the decoder.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reports {
    /// When the second began; `None`: nothing was told.
    pub(super) begun: Option<Timestamp>,
    all: u32,
    long: u32,
    short: u32,
}

impl Reports {
    /// Whether it is strained, and whether it is calm.
    pub(super) fn add(&mut self, now: Timestamp, queue: u8) -> Option<(bool, bool)> {
        let begun = *self.begun.get_or_insert(now);
        self.all += 1;
        self.long += u32::from(queue >= QUEUE_LONG);
        self.short += u32::from(queue <= QUEUE_SHORT);
        if now.since(begun) < SECOND {
            return None;
        }
        let Self { all, long, short, .. } = std::mem::take(self);
        (all >= REPORTS_MIN).then_some((long * 10 > all * 6, short * 10 > all * 9))
    }
}

/// What a second of pictures took, and what they would in the next larger size. Bounded: a second ends with so many.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    took: Vec<Micros>,
    larger: Vec<Micros>,
    spent: Micros,
}

impl Times {
    /// The medians, when there is a second of them.
    pub(super) fn add(&mut self, took: Micros, larger: Micros, frame: Micros) -> Option<(Micros, Micros)> {
        self.took.push(took);
        self.larger.push(larger);
        self.spent += frame.max(took);
        if self.spent < SECOND && self.took.len() < TIMES_MAX {
            return None;
        }
        self.spent = Micros::ZERO;
        Some((median(&mut self.took), median(&mut self.larger)))
    }
}

/// Of what there is; it is forgotten.
fn median(all: &mut Vec<Micros>) -> Micros {
    let middle = all.len() / 2;
    let median = *all.select_nth_unstable(middle).1;
    all.clear();
    median
}

const WINDOW: Micros = Micros::from_millis(300);
/// At a quarter of 60 fps, half a second.
const WINDOW_PICTURES: u32 = 6;
/// Up that lasted so long was right.
const PROVEN: Micros = Micros::from_secs(10);
const DOUBT_MOST: Micros = Micros::from_secs(40);
/// A decoder or a machine that was too slow seldom gets faster: a test a quarter of a minute costs what it costs.
const RELIEVED_AFTER: Micros = Micros::from_secs(15);
/// A browser that opens a tab is slow for a second.
const STRAINED_SECONDS: u8 = 2;
/// Half the pictures and all sizes, or all sizes and half the pictures.
const LEVEL_MAX: u8 = 3;
/// A hardware decoder has two or three pictures in it all the time, and is no slower for it.
const QUEUE_LONG: u8 = 4;
const QUEUE_SHORT: u8 = 2;
/// A client reports up to a hundred times a second, and seldom when nothing moves.
const REPORTS_MIN: u32 = 20;
const SECOND: Micros = Micros::from_secs(1);
/// More than any title draws in a second.
const TIMES_MAX: usize = 256;
