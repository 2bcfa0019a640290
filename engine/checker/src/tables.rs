//! The published tables: `docs/QOE.md` shows the same points and says where they come from.

use crate::Curve;
use firstlight_units::Class;

/// The curves of a class. `x` of each is an impairment, but for `density`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    /// Milliseconds from input to picture.
    pub(crate) delay: Curve,
    /// Milliseconds between the median delay and the 95th percentile.
    pub(crate) variation: Curve,
    /// Milliseconds without a new picture past its time, in one second.
    pub(crate) frozen: Curve,
    /// Thousandths of the expected pictures that were not shown.
    pub(crate) missing: Curve,
    /// Thousandths of the title's pixels that were not sent.
    pub(crate) coarse: Curve,
    /// Thousandths of a bit for each pixel.
    pub(crate) density: Curve,
}

pub(crate) const fn of(class: Class) -> &'static Tables {
    match class {
        Class::Competitive => &COMPETITIVE,
        Class::Action => &ACTION,
        Class::Casual => &CASUAL,
        Class::Phone => &PHONE,
    }
}

const COMPETITIVE: Tables = Tables {
    delay: Curve::new(&[
        (25, 10_000),
        (50, 9_000),
        (85, 6_500),
        (120, 4_000),
        (200, 1_200),
        (400, 0),
    ]),
    variation: Curve::new(&[
        (4, 10_000),
        (10, 9_500),
        (20, 8_500),
        (40, 6_000),
        (100, 2_500),
        (250, 1_000),
    ]),
    frozen: Curve::new(&[(0, 10_000), (100, 7_000), (250, 4_500), (500, 2_000), (1_000, 0)]),
    missing: Curve::new(&[
        (0, 10_000),
        (50, 9_600),
        (100, 9_000),
        (250, 7_000),
        (500, 4_000),
        (750, 1_500),
        (1_000, 0),
    ]),
    coarse: Curve::new(&[(0, 10_000), (440, 9_000), (750, 7_500), (1_000, 0)]),
    density: Curve::new(&[
        (0, 0),
        (5, 1_500),
        (12, 4_000),
        (25, 6_500),
        (45, 8_500),
        (70, 9_500),
        (100, 10_000),
    ]),
};

const ACTION: Tables = Tables {
    delay: Curve::new(&[
        (40, 10_000),
        (80, 9_000),
        (120, 7_200),
        (160, 5_200),
        (250, 2_000),
        (500, 0),
    ]),
    variation: Curve::new(&[
        (6, 10_000),
        (15, 9_500),
        (30, 8_500),
        (60, 6_000),
        (120, 3_000),
        (300, 1_000),
    ]),
    ..COMPETITIVE
};

const CASUAL: Tables = Tables {
    delay: Curve::new(&[
        (60, 10_000),
        (120, 9_000),
        (200, 7_000),
        (300, 4_800),
        (500, 1_800),
        (1_000, 0),
    ]),
    variation: Curve::new(&[(15, 10_000), (40, 9_500), (80, 8_500), (160, 6_000), (400, 2_500)]),
    frozen: Curve::new(&[(0, 10_000), (100, 8_500), (250, 6_500), (500, 4_000), (1_000, 0)]),
    missing: Curve::new(&[
        (0, 10_000),
        (100, 9_700),
        (250, 8_800),
        (500, 6_800),
        (750, 3_500),
        (1_000, 0),
    ]),
    coarse: Curve::new(&[(0, 10_000), (440, 8_500), (750, 6_000), (1_000, 0)]),
    density: Curve::new(&[
        (0, 0),
        (3, 1_500),
        (8, 4_500),
        (16, 7_500),
        (30, 9_200),
        (50, 10_000),
    ]),
};

const PHONE: Tables = Tables {
    delay: Curve::new(&[
        (50, 10_000),
        (100, 9_200),
        (150, 7_800),
        (250, 5_000),
        (400, 2_200),
        (800, 0),
    ]),
    variation: Curve::new(&[(10, 10_000), (25, 9_500), (50, 8_500), (100, 6_000), (250, 2_500)]),
    ..CASUAL
};

/// Milliseconds from the player's click to the first picture.
pub(crate) const SECOND_ON: Curve = Curve::new(&[
    (1_000, 10_000),
    (2_000, 9_000),
    (5_000, 6_000),
    (10_000, 3_000),
    (30_000, 0),
]);
