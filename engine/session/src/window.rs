//! How large the display is to be: as large as the player sees it, within what title, encoders and machine allow. Pure.
//!
//! ```text
//! Viewport -> fit: bounds, most pixels, shape, even sides -> settled, and not too soon after the last -> the display's new size
//! ```
//!
//! Each change costs an IDR, and an app the work of laying itself out anew: a window that is being dragged changes nothing until it rests,
//! and one that never rests does so ever more seldom. The first size of an attachment is taken at once: nobody is dragging yet.

use firstlight_title::{Display, Resize};
use firstlight_units::{Micros, Timestamp};

/// Pixels across and down.
pub(crate) type Size = (u16, u16);

/// See the module.
#[derive(Debug)]
pub(crate) struct Window {
    /// None: the title keeps its size.
    bounds: Option<Bounds>,
    shown: Size,
    /// Another size that is wanted, and since when.
    wanted: Option<(Size, Timestamp)>,
    /// The app has drawn: before that it may have asked for the screen's size, and have no window yet that could follow.
    drew: bool,
    /// No size was taken of this attachment.
    fresh: bool,
    changed_at: Timestamp,
    gap: Micros,
}

/// What a size is kept within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) least: Size,
    pub(crate) most: Size,
    /// Of a picture: what is encoded in its time. Gives way to `least`.
    pub(crate) pixels_max: u64,
}

impl Window {
    /// Of a title; `pixels_max` as in [`Bounds`], but never less than the title's own.
    pub(crate) fn new(display: &Display, pixels_max: u64) -> Self {
        let own = u64::from(display.width) * u64::from(display.height);
        let bounds = Bounds {
            least: (display.width_min, display.height_min),
            most: (display.width_max.min(SIDE_MAX), display.height_max.min(SIDE_MAX)),
            pixels_max: pixels_max.max(own),
        };
        Self {
            bounds: (display.resize == Resize::Window).then_some(bounds),
            shown: (display.width, display.height),
            wanted: None,
            drew: false,
            fresh: true,
            changed_at: Timestamp::default(),
            gap: GAP_MIN,
        }
    }

    /// The app has drawn something.
    pub(crate) fn on_drew(&mut self) {
        self.drew = true;
    }

    /// Another player, with a window of his own.
    pub(crate) fn attach(&mut self) {
        (self.wanted, self.fresh, self.gap) = (None, true, GAP_MIN);
    }

    /// The player is gone: what he wanted of it is nobody's wish.
    pub(crate) fn detach(&mut self) {
        self.wanted = None;
    }

    /// The player's page shows the picture in an area of so many pixels.
    pub(crate) fn on_said(&mut self, now: Timestamp, (width, height): (u32, u32)) {
        let Some(bounds) = self.bounds.filter(|_| width > 0 && height > 0) else {
            return;
        };
        let size = bounds.fit((width, height));
        self.wanted = match self.wanted {
            _ if size == self.shown => None,
            Some((same, since)) if same == size => Some((same, since)),
            Some(_) | None => Some((size, now)),
        };
    }

    /// The size that the display is to have from now on, where it is time for another.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Option<Size> {
        let (size, _) = self
            .wanted
            .filter(|_| self.poll_timeout().is_some_and(|at| at <= now))?;
        self.gap = if now.since(self.changed_at) < CALM {
            self.gap.scale(2, 1).min(GAP_MAX)
        } else {
            GAP_MIN
        };
        (self.shown, self.wanted, self.fresh, self.changed_at) = (size, None, false, now);
        Some(size)
    }

    /// When [`Self::poll`] has something.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let (_, since) = self.wanted.filter(|_| self.drew)?;
        if self.fresh {
            return Some(since);
        }
        Some((since + SETTLES).max(self.changed_at + self.gap))
    }

    /// The display does not do it: it stays as it is, whatever the player's window does.
    pub(crate) fn give_up(&mut self, shown: Size) {
        (self.bounds, self.wanted, self.shown) = (None, None, shown);
    }

    /// What the display has.
    pub(crate) const fn shown(&self) -> Size {
        self.shown
    }
}

impl Bounds {
    /// The size of that shape that fits, even; another shape only where none of that shape does.
    pub(crate) fn fit(self, (width, height): (u32, u32)) -> Size {
        let said = (
            u64::from(width.clamp(1, SAID_MAX)),
            u64::from(height.clamp(1, SAID_MAX)),
        );
        let (least, most) = (wide(self.least), wide(self.most));
        let (mut w, mut h) = said;
        if w * h > self.pixels_max {
            w = (self.pixels_max * said.0 / said.1).isqrt();
            h = w * said.1 / said.0;
        }
        if w > most.0 {
            (w, h) = (most.0, most.0 * said.1 / said.0);
        }
        if h > most.1 {
            (w, h) = (most.1 * said.0 / said.1, most.1);
        }
        if w < least.0 {
            (w, h) = (least.0, least.0 * said.1 / said.0);
        }
        if h < least.1 {
            (w, h) = (least.1 * said.0 / said.1, least.1);
        }
        let even = |side: u64, least: u64, most: u64| {
            let side = side.clamp(least, most) / 2 * 2;
            u16::try_from(side).unwrap_or(SIDE_MAX)
        };
        (even(w, least.0, most.0), even(h, least.1, most.1))
    }
}

fn wide((width, height): Size) -> (u64, u64) {
    (width.into(), height.into())
}

/// As the encoders have it.
const SIDE_MAX: u16 = 4096;
/// No screen has more; a page that says so is capped before it is reckoned with.
const SAID_MAX: u32 = 16_384;
/// Longer than from one step of a drag to the next, shorter than anybody waits to see. The page waits as well.
const SETTLES: Micros = Micros::from_millis(150);
/// An IDR and the pictures that make good for it take a part of a second on a line of a few Mbit/s.
const GAP_MIN: Micros = Micros::from_secs(1);
const GAP_MAX: Micros = Micros::from_secs(4);
/// Whoever rests for so long has found his size.
const CALM: Micros = Micros::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TITLE: Bounds = Bounds {
        least: (320, 180),
        most: (2560, 1440),
        pixels_max: u64::MAX,
    };

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(60_000_000 + ms * 1_000)
    }

    fn window() -> Window {
        let display = Display {
            resize: Resize::Window,
            ..Display::default()
        };
        let mut window = Window::new(&display, u64::MAX);
        window.on_drew();
        window
    }

    #[test]
    fn an_app_that_has_not_drawn_yet_is_left_alone_until_it_has() {
        let display = Display {
            resize: Resize::Window,
            ..Display::default()
        };
        let mut window = Window::new(&display, u64::MAX);
        window.on_said(at(0), (1000, 600));
        assert_eq!((window.poll_timeout(), window.poll(at(5_000))), (None, None));
        window.on_drew();
        assert_eq!(window.poll(at(5_000)), Some((1000, 600)));
    }

    #[test]
    fn windows_and_the_sizes_that_they_get() {
        let narrow = Bounds {
            least: (1024, 400),
            ..TITLE
        };
        let slow = Bounds {
            pixels_max: 1280 * 720,
            ..TITLE
        };
        let tall = Bounds {
            least: (320, 180),
            most: (1280, 720),
            pixels_max: u64::MAX,
        };
        for (bounds, said, size, why) in [
            (TITLE, (1280, 720), (1280, 720), "as it is"),
            (TITLE, (1719, 967), (1718, 966), "even sides"),
            (
                TITLE,
                (3840, 2160),
                (2560, 1440),
                "at most what the title allows, in the same shape",
            ),
            (TITLE, (3840, 1080), (2560, 720), "a wide one"),
            (TITLE, (1170, 2532), (664, 1440), "a telephone, upright"),
            (
                TITLE,
                (100, 60),
                (320, 192),
                "a thumbnail is drawn larger than it is shown",
            ),
            (
                narrow,
                (800, 600),
                (1024, 768),
                "at least what the title needs, in the same shape",
            ),
            (
                narrow,
                (390, 844),
                (1024, 1440),
                "no size of that shape fits: as near as it gets",
            ),
            (
                slow,
                (1920, 1080),
                (1280, 720),
                "what the machine encodes in time",
            ),
            (slow, (1000, 2000), (678, 1356), "in any shape"),
            (
                tall,
                (720, 1280),
                (404, 720),
                "a title of one size lies in the middle",
            ),
            (TITLE, (u32::MAX, 1), (2560, 180), "nonsense"),
            (TITLE, (1, u32::MAX), (320, 1440), "more of it"),
        ] {
            assert_eq!(bounds.fit(said), size, "{why}");
        }
    }

    #[test]
    fn a_title_of_a_fixed_size_keeps_it() {
        let mut window = Window::new(&Display::default(), u64::MAX);
        window.on_said(at(0), (1920, 1080));
        assert_eq!((window.poll_timeout(), window.poll(at(9_000))), (None, None));
        assert_eq!(window.shown(), (1280, 720));
    }

    #[test]
    fn the_title_s_own_size_is_had_on_a_machine_that_is_too_slow_for_it() {
        let display = Display {
            resize: Resize::Window,
            ..Display::default()
        };
        let mut window = Window::new(&display, 0);
        window.on_drew();
        window.on_said(at(0), (1920, 1080));
        assert_eq!(window.poll(at(0)), None, "1280x720 is what it has");
    }

    #[test]
    fn the_first_window_of_a_player_is_taken_at_once_and_the_next_when_it_rests() {
        let mut window = window();
        window.on_said(at(0), (1000, 600));
        assert_eq!(window.poll(at(0)), Some((1000, 600)));
        window.on_said(at(5_000), (1100, 600));
        assert_eq!(window.poll(at(5_149)), None);
        assert_eq!(window.poll_timeout(), Some(at(5_150)));
        assert_eq!(window.poll(at(5_150)), Some((1100, 600)));
        assert_eq!(window.poll(at(60_000)), None, "once");
        window.attach();
        window.on_said(at(60_000), (1100, 600));
        assert_eq!(window.poll(at(90_000)), None, "it has that size");
        window.on_said(at(90_000), (640, 360));
        assert_eq!(window.poll(at(90_000)), Some((640, 360)));
    }

    #[test]
    fn a_window_that_is_dragged_changes_nothing_until_it_rests() {
        let mut window = window();
        window.on_said(at(0), (800, 600));
        assert!(window.poll(at(0)).is_some());
        let mut changes = 0;
        for step in 0..600_u32 {
            let now = at(20_000 + u64::from(step) * 16);
            window.on_said(now, (800 + step, 600));
            changes += usize::from(window.poll(now).is_some());
        }
        assert_eq!(changes, 0);
        assert_eq!(window.poll(at(20_000 + 599 * 16 + 150)), Some((1398, 600)));
    }

    #[test]
    fn a_window_that_never_rests_changes_ever_more_seldom_and_ends_as_it_is() {
        let mut window = window();
        let mut changes = Vec::new();
        for step in 0..150_u32 {
            // Rests for a fifth of a second each time: long enough to be believed.
            let now = u64::from(step) * 200;
            window.on_said(at(now), (800 + 2 * step, 600));
            changes.extend(window.poll(at(now + 190)).map(|_| now + 190));
        }
        assert!((6..=11).contains(&changes.len()), "{changes:?}");
        assert!(changes.windows(2).all(|w| w[1] - w[0] >= 1_000), "{changes:?}");
        let end = window.poll_timeout().unwrap();
        assert!(end <= at(30_000 + 4_000));
        assert_eq!(window.poll(end), Some((1098, 600)));
    }

    #[test]
    fn back_before_it_was_taken_is_no_change() {
        let mut window = window();
        window.on_said(at(0), (800, 600));
        assert!(window.poll(at(0)).is_some());
        window.on_said(at(5_000), (900, 600));
        window.on_said(at(5_100), (800, 600));
        assert_eq!(window.poll(at(9_000)), None);
    }

    #[test]
    fn what_is_not_shown_and_a_display_that_refuses_change_nothing() {
        let mut window = window();
        window.on_said(at(0), (0, 0));
        assert_eq!(window.poll(at(1_000)), None);
        window.on_said(at(1_000), (800, 600));
        assert!(window.poll(at(1_000)).is_some());
        window.on_said(at(4_000), (900, 600));
        window.detach();
        assert_eq!(window.poll(at(8_000)), None, "he is gone");
        window.give_up((1280, 720));
        window.on_said(at(9_000), (640, 360));
        assert_eq!((window.poll(at(20_000)), window.shown()), (None, (1280, 720)));
    }

    fn sizes(of: std::ops::RangeInclusive<u16>) -> impl Strategy<Value = u16> {
        of.prop_map(|side| side / 2 * 2)
    }

    proptest! {
        #[test]
        fn every_size_is_even_within_bounds_and_one_that_stays(
            said in any::<(u32, u32)>(),
            least in (sizes(160..=1024), sizes(120..=600)),
            most in (sizes(1024..=4096), sizes(600..=4096)),
            pixels_max in 0..20_000_000_u64,
        ) {
            let bounds = Bounds { least, most, pixels_max };
            let (width, height) = bounds.fit(said);
            prop_assert!(width % 2 == 0 && height % 2 == 0);
            prop_assert!((least.0..=most.0).contains(&width) && (least.1..=most.1).contains(&height));
            prop_assert_eq!(bounds.fit((width.into(), height.into())).0.abs_diff(width) / 4, 0);
        }

        #[test]
        fn a_window_that_fits_keeps_its_pixels_and_a_larger_one_its_shape(width in 320..8_000_u32, height in 180..8_000_u32) {
            let (w, h) = TITLE.fit((width, height));
            if width <= 2560 && height <= 1440 {
                prop_assert_eq!((u32::from(w), u32::from(h)), (width / 2 * 2, height / 2 * 2));
            } else if w > 320 && h > 180 {
                let (shape, given) = (f64::from(w) / f64::from(h), f64::from(width) / f64::from(height));
                prop_assert!((shape / given - 1.0).abs() < 0.02, "{w}x{h} of {width}x{height}");
            }
        }
    }
}
