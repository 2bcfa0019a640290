//! Cursors for apps that name a shape instead of drawing one: no theme need be installed.

use crate::cursor::Image;
use smithay::input::pointer::CursorIcon;

/// The one that is shown before an app says anything.
pub(super) fn arrow() -> Image {
    ARROW.image(0)
}

/// The nearest to what an app names.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what has no shape of its own is an arrow"
)]
pub(super) fn named(icon: CursorIcon) -> Image {
    match icon {
        CursorIcon::Text => TEXT.image(1),
        CursorIcon::VerticalText => TEXT.turned(2),
        CursorIcon::Pointer | CursorIcon::Grab | CursorIcon::Grabbing => HAND.image(3),
        CursorIcon::Crosshair | CursorIcon::Cell => CROSS.image(4),
        CursorIcon::Move | CursorIcon::AllScroll => MOVE.image(5),
        CursorIcon::NsResize | CursorIcon::NResize | CursorIcon::SResize | CursorIcon::RowResize => {
            VERTICAL.image(6)
        }
        CursorIcon::EwResize | CursorIcon::EResize | CursorIcon::WResize | CursorIcon::ColResize => {
            VERTICAL.turned(7)
        }
        CursorIcon::NotAllowed | CursorIcon::NoDrop => REFUSED.image(8),
        CursorIcon::Wait | CursorIcon::Progress => WAIT.image(9),
        _ => arrow(),
    }
}

/// Rows of `#` (black), `.` (white) and blanks (nothing), and the point that points.
#[derive(Debug)]
struct Shape {
    rows: &'static [&'static str],
    hot: (u16, u16),
}

impl Shape {
    fn image(&self, serial: u32) -> Image {
        let width = self.rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let pixel = |row: &&str, x: usize| match row.as_bytes().get(x) {
            Some(b'#') => BLACK,
            Some(b'.') => WHITE,
            _ => 0,
        };
        let argb = self
            .rows
            .iter()
            .flat_map(|row| (0..width).map(move |x| pixel(row, x)))
            .collect();
        Image {
            serial,
            width: u16::try_from(width).unwrap_or(0),
            height: u16::try_from(self.rows.len()).unwrap_or(0),
            hot_x: self.hot.0,
            hot_y: self.hot.1,
            argb,
        }
    }

    /// Mirrored at the diagonal: what stands lies.
    fn turned(&self, serial: u32) -> Image {
        let image = self.image(serial);
        let (width, height) = (usize::from(image.width), usize::from(image.height));
        let at = |x: usize, y: usize| image.argb.get(y * width + x).copied().unwrap_or(0);
        Image {
            serial,
            width: image.height,
            height: image.width,
            hot_x: image.hot_y,
            hot_y: image.hot_x,
            argb: (0..width)
                .flat_map(|x| (0..height).map(move |y| at(x, y)))
                .collect(),
        }
    }
}

const BLACK: u32 = 0xff00_0000;
const WHITE: u32 = 0xffff_ffff;

const ARROW: Shape = Shape {
    rows: &[
        "#",
        "##",
        "#.#",
        "#..#",
        "#...#",
        "#....#",
        "#.....#",
        "#......#",
        "#.......#",
        "#........#",
        "#.....#####",
        "#..#..#",
        "#.# #..#",
        "##  #..#",
        "#    #..#",
        "     #..#",
        "      ##",
    ],
    hot: (0, 0),
};
const TEXT: Shape = Shape {
    rows: &[
        "### ###", "#..#..#", "###.###", "  #.#", "  #.#", "  #.#", "  #.#", "  #.#", "  #.#", "  #.#",
        "  #.#", "  #.#", "  #.#", "###.###", "#..#..#", "### ###",
    ],
    hot: (3, 8),
};
const HAND: Shape = Shape {
    rows: &[
        "    ##",
        "   #..#",
        "   #..#",
        "   #..#",
        "   #..###",
        "   #..#..###",
        "   #..#..#..##",
        "## #..#..#..#.#",
        "#.##..........#",
        "#..#..........#",
        " #............#",
        "  #...........#",
        "  #..........#",
        "   #.........#",
        "    #.......#",
        "    #.......#",
        "    #########",
    ],
    hot: (5, 0),
};
const CROSS: Shape = Shape {
    rows: &[
        "      ###",
        "      #.#",
        "      #.#",
        "      #.#",
        "      #.#",
        "      ###",
        "###### # ######",
        "#....# # #....#",
        "###### # ######",
        "      ###",
        "      #.#",
        "      #.#",
        "      #.#",
        "      #.#",
        "      ###",
    ],
    hot: (7, 7),
};
const MOVE: Shape = Shape {
    rows: &[
        "       #",
        "      #.#",
        "     #...#",
        "    #.....#",
        "     ##.##",
        "   # #.# #",
        "  #.##.##.#",
        " #.........#",
        "  #.##.##.#",
        "   # #.# #",
        "     ##.##",
        "    #.....#",
        "     #...#",
        "      #.#",
        "       #",
    ],
    hot: (7, 7),
};
const VERTICAL: Shape = Shape {
    rows: &[
        "    #",
        "   #.#",
        "  #...#",
        " #.....#",
        "####.####",
        "   #.#",
        "   #.#",
        "   #.#",
        "   #.#",
        "   #.#",
        "####.####",
        " #.....#",
        "  #...#",
        "   #.#",
        "    #",
    ],
    hot: (4, 7),
};
const REFUSED: Shape = Shape {
    rows: &[
        "    #######",
        "  ##.......##",
        " #...#####...#",
        " #..#   #....#",
        "#..#   #....# #",
        "#..#  #..##..##",
        "#..# #..# #..##",
        "#..##..#  #..##",
        "#..#..#   #..##",
        " #...#    #..#",
        " #..#    #...#",
        "  ##.####..##",
        "    #.....#",
        "     #####",
    ],
    hot: (7, 7),
};
const WAIT: Shape = Shape {
    rows: &[
        "#############",
        " #.........#",
        " ###########",
        "  #.......#",
        "  #.......#",
        "   #.....#",
        "    #...#",
        "     #.#",
        "    #...#",
        "   #.....#",
        "  #.......#",
        "  #.......#",
        " ###########",
        " #.........#",
        "#############",
    ],
    hot: (6, 7),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CursorEvent;

    #[test]
    fn every_shape_can_be_seen_and_points_into_itself() {
        for icon in [
            CursorIcon::Default,
            CursorIcon::Text,
            CursorIcon::VerticalText,
            CursorIcon::Pointer,
            CursorIcon::Crosshair,
            CursorIcon::Move,
            CursorIcon::NsResize,
            CursorIcon::EwResize,
            CursorIcon::NotAllowed,
            CursorIcon::Wait,
            CursorIcon::ZoomIn,
        ] {
            let CursorEvent::Shape {
                width,
                height,
                hot_x,
                hot_y,
                rgba,
                ..
            } = named(icon).shape()
            else {
                panic!("{icon:?} is not seen");
            };
            assert_eq!(rgba.len(), usize::from(width) * usize::from(height) * 4);
            assert!(hot_x < width && hot_y < height, "{icon:?}");
        }
    }

    #[test]
    fn what_is_turned_lies() {
        let (standing, lying) = (VERTICAL.image(0), VERTICAL.turned(0));
        assert_eq!((standing.width, standing.height), (lying.height, lying.width));
        assert_eq!((lying.hot_x, lying.hot_y), (7, 4));
    }
}
