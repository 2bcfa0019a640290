//! A display of another size, while a program runs on it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SILENT, Stage, await_exit, hear, pixels, text, watch};
use firstlight_container::{Container, CursorEvent, Grab, InputEvent, Part};

/// Both kinds, whose size follows the player's window.
const FOLLOWS: [&str; 2] = [
    "[display]\nresize = \"window\"\nwidth = 640\nheight = 360\nwidth_max = 1280\nheight_max = 800\n[audio]\nenabled = false\n",
    "[display]\nkind = \"wayland\"\nresize = \"window\"\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n",
];
/// Larger, of another shape, smaller, and the largest that X11 may become. Xwayland's modes are multiples of eight columns wide, past which
/// its pointer does not go.
const SIZES: [(u16, u16); 5] = [(1000, 700), (408, 798), (320, 180), (1280, 800), (640, 360)];

/// Whether the program has drawn all of a picture of that size.
fn drawn(grab: &Grab<'_>, (width, height): (u16, u16)) -> bool {
    let wide = usize::from(width);
    let said = text(grab).starts_with(&format!("size {width} {height} "));
    let mut rows = grab.pixels.chunks(grab.stride).take(height.into());
    let plain = |row: &[u8], colour: u32| {
        let pixels = row.chunks_exact(4).take(wide);
        pixels.len() == wide
            && pixels
                .into_iter()
                .all(|p| u32::from_le_bytes([p[0], p[1], p[2], 0]) == colour)
    };
    (grab.width, grab.height) == (width, height)
        && said
        && rows.len() == usize::from(height)
        && rows.next().is_some()
        && rows.next_back().is_some_and(|row| plain(row, 0x00ff_8040))
        && rows.all(|row| plain(row, 0x0030_6090))
}

fn start(display: &str) -> (Stage, Container) {
    let stage = Stage::new();
    let container = stage.start(&["scene", "follow"], display);
    (stage, container)
}

#[test]
fn the_program_fills_the_picture_and_the_pointer_reaches_its_edges() {
    for display in FOLLOWS {
        let (_stage, container) = start(display);
        let mut capture = container.capture().unwrap();
        let mut resizer = container.resizer().unwrap().unwrap();
        let mut input = container.input().unwrap();
        watch(&mut capture, "the first size", |grab| {
            drawn(grab, (640, 360)).then_some(())
        });
        for (width, height) in SIZES {
            resizer.resize(width, height).unwrap();
            capture.waker().wake();
            watch(&mut capture, &format!("{width}x{height}"), |grab| {
                drawn(grab, (width, height)).then_some(())
            });
            assert_eq!(capture.size(), (width, height));
            input.inject(InputEvent::MoveTo { x: 0, y: 0 }).unwrap();
            hear(&mut capture, "at 0 0 ");
            input.inject(InputEvent::MoveTo { x: 65535, y: 65535 }).unwrap();
            hear(&mut capture, &format!("at {} {} ", width - 1, height - 1));
        }
    }
}

#[test]
fn a_capture_that_comes_later_sees_the_size_that_is() {
    for display in FOLLOWS {
        let (_stage, container) = start(display);
        let mut first = container.capture().unwrap();
        container.resizer().unwrap().unwrap().resize(1000, 700).unwrap();
        first.waker().wake();
        watch(&mut first, "the new size", |grab| {
            drawn(grab, (1000, 700)).then_some(())
        });
        let mut second = container.capture().unwrap();
        assert_eq!(second.size(), (1000, 700));
        let grab = second.grab().unwrap();
        assert!(drawn(&grab, (1000, 700)), "{}", text(&grab));
    }
}

#[test]
fn where_the_program_puts_the_pointer_is_told_in_shares_of_the_new_size() {
    for display in FOLLOWS {
        let stage = Stage::new();
        let container = stage.start(&["scene", "cursor"], display);
        let mut capture = container.capture().unwrap();
        hear(&mut capture, "ready");
        let mut resizer = container.resizer().unwrap().unwrap();
        resizer.resize(1280, 800).unwrap();
        capture.waker().wake();
        watch(&mut capture, "the new size", |grab| {
            ((grab.width, grab.height) == (1280, 800)).then_some(())
        });
        let mut cursor = container.cursor().unwrap();
        let mut input = container.input().unwrap();
        for down in [true, false] {
            // KEY_3: the program puts the pointer to 100, 50.
            input.inject(InputEvent::Key { code: 4, down }).unwrap();
        }
        let deadline = common::deadline();
        let (x, y) = loop {
            match cursor.wait(Some(deadline)).unwrap() {
                Some(CursorEvent::Moved { x, y }) => break (x, y),
                Some(_) => {}
                None => panic!("the pointer is never moved"),
            }
        };
        let share = |at: u32, pixels: u32| u16::try_from(at * 0xffff / (pixels - 1)).unwrap();
        assert_eq!((x, y), (share(100, 1280), share(50, 800)));
    }
}

#[test]
fn a_display_of_a_fixed_size_is_not_resized() {
    let (_stage, container) = start(SILENT);
    assert!(container.resizer().unwrap().is_none());
}

#[test]
fn sizes_that_come_one_on_the_other_end_in_the_last() {
    for display in FOLLOWS {
        let (_stage, container) = start(display);
        let mut capture = container.capture().unwrap();
        let mut resizer = container.resizer().unwrap().unwrap();
        watch(&mut capture, "the first size", |grab| {
            drawn(grab, (640, 360)).then_some(())
        });
        for n in 0..60_u16 {
            resizer.resize(400 + 10 * n, 760 - 8 * n).unwrap();
        }
        resizer.resize(800, 600).unwrap();
        capture.waker().wake();
        watch(&mut capture, "the last size", |grab| {
            drawn(grab, (800, 600)).then_some(())
        });
    }
}

#[test]
fn a_size_beyond_what_an_x_server_was_started_with_is_refused_and_nothing_else_happens() {
    let (_stage, mut container) = start(FOLLOWS[0]);
    let mut capture = container.capture().unwrap();
    let mut resizer = container.resizer().unwrap().unwrap();
    watch(&mut capture, "the first size", |grab| {
        drawn(grab, (640, 360)).then_some(())
    });
    let error = resizer.resize(1282, 800).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(capture.size(), (640, 360));
    resizer.resize(1280, 800).unwrap();
    capture.waker().wake();
    watch(&mut capture, "a size that is there", |grab| {
        drawn(grab, (1280, 800)).then_some(())
    });
    assert_eq!(container.poll_exit(), None);
}

#[test]
fn a_program_that_ends_while_its_display_changes_ends_as_ever() {
    for display in FOLLOWS {
        let stage = Stage::new();
        let mut container = stage.start(&["scene", "exit", "3"], display);
        let mut resizer = container.resizer().unwrap().unwrap();
        for n in 0..20_u16 {
            // On a display whose program has just ended nothing is refused.
            resizer.resize(600 + 2 * n, 400).unwrap();
        }
        let exit = await_exit(&mut container);
        assert_eq!((exit.code, exit.who), (Some(3), Part::App));
        let mut capture = container.capture().unwrap();
        let count = pixels(&capture.grab().unwrap()).count();
        assert!(count >= 600 * 400, "{count}");
    }
}
