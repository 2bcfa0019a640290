//! What a player does arrives at the app as keyboards and mice would say it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DISPLAYS, SILENT, Stage, deadline, hear, watch};
use firstlight_container::{
    Capture, Container, Cursor, CursorEvent, Input, InputEvent, Layout, Touch, TouchPhase,
};

fn stage(command: &str) -> (Stage, Container, Capture, Input) {
    stage_on(SILENT, command)
}

fn stage_on(display: &str, command: &str) -> (Stage, Container, Capture, Input) {
    let stage = Stage::new();
    let container = stage.start(&["scene", command], display);
    let mut capture = container.capture().unwrap();
    hear(&mut capture, "ready");
    let input = container.input().unwrap();
    (stage, container, capture, input)
}

fn key(code: u16, down: bool) -> InputEvent {
    InputEvent::Key { code, down }
}

#[test]
fn keys_have_evdev_codes_and_a_pc_keyboard_s_meaning() {
    for display in DISPLAYS {
        let (_stage, _container, mut capture, mut input) = stage_on(display, "events");
        // KEY_ESC, KEY_Q, KEY_UP, KEY_RIGHTCTRL, KEY_KPENTER, KEY_F12, and what X calls them.
        let keys = [
            (1, 0xff1b),
            (16, 0x71),
            (103, 0xff52),
            (97, 0xffe4),
            (96, 0xff8d),
            (88, 0xffc9),
        ];
        for (code, symbol) in keys {
            input.inject(key(code, true)).unwrap();
            input.inject(key(code, false)).unwrap();
            hear(&mut capture, &format!("key {} {symbol:#x} down", code + 8));
            hear(&mut capture, &format!("key {} {symbol:#x} up", code + 8));
        }
    }
}

#[test]
fn a_held_key_repeats_until_it_is_released() {
    let (_stage, _container, mut capture, mut input) = stage("events");
    input.inject(key(30, true)).unwrap();
    input.inject(key(30, true)).unwrap();
    let downs = |grab: &firstlight_container::Grab<'_>| {
        Some(common::text(grab).matches(" down").count()).filter(|n| *n >= 4)
    };
    watch(&mut capture, "repeats", downs);
    input.release_all().unwrap();
    let said =
        |grab: &firstlight_container::Grab<'_>| Some(common::text(grab)).filter(|t| t.ends_with("up\n"));
    watch(&mut capture, "the release", said);
    assert_eq!(input.dropped(), 0);
}

#[test]
fn codes_that_no_keyboard_has_are_counted() {
    let (_stage, _container, _capture, mut input) = stage("events");
    for event in [
        key(0, true),
        key(248, true),
        key(u16::MAX, true),
        InputEvent::Button {
            button: 4,
            down: true,
        },
    ] {
        input.inject(event).unwrap();
    }
    assert_eq!(input.dropped(), 4);
}

#[test]
fn buttons_and_the_wheel_are_x_buttons() {
    for display in DISPLAYS {
        let (_stage, _container, mut capture, mut input) = stage_on(display, "events");
        for button in [1, 2, 3, 8, 9] {
            for down in [true, false] {
                input.inject(InputEvent::Button { button, down }).unwrap();
            }
            hear(&mut capture, &format!("button {button} down\nbutton {button} up"));
        }
        for (dx, dy, button) in [(0, -120, 4), (0, 120, 5), (-120, 0, 6), (120, 0, 7)] {
            input
                .inject(InputEvent::Wheel {
                    dx: dx / 2,
                    dy: dy / 2,
                })
                .unwrap();
            input
                .inject(InputEvent::Wheel {
                    dx: dx - dx / 2,
                    dy: dy - dy / 2,
                })
                .unwrap();
            let said = hear(&mut capture, &format!("button {button} down\nbutton {button} up"));
            assert_eq!(said.matches(&format!("button {button} down")).count(), 1);
        }
    }
}

#[test]
fn the_pointer_goes_where_it_is_put_and_as_far_as_it_is_moved() {
    for display in DISPLAYS {
        let (_stage, _container, mut capture, mut input) = stage_on(display, "events");
        input.inject(InputEvent::MoveTo { x: 0, y: 0 }).unwrap();
        hear(&mut capture, "at 0 0\n");
        input
            .inject(InputEvent::MoveTo {
                x: u16::MAX,
                y: u16::MAX,
            })
            .unwrap();
        hear(&mut capture, "at 639 359\n");
        input.inject(InputEvent::MoveBy { dx: -39, dy: -59 }).unwrap();
        hear(&mut capture, "at 600 300\n");
    }
}

fn next(cursor: &mut Cursor, wanted: impl Fn(&CursorEvent) -> bool) -> CursorEvent {
    loop {
        let event = cursor.wait(Some(deadline())).unwrap().unwrap();
        if wanted(&event) {
            return event;
        }
    }
}

fn press(input: &mut Input, code: u16) {
    input.inject(key(code, true)).unwrap();
    input.inject(key(code, false)).unwrap();
}

#[test]
fn the_cursor_s_shape_and_its_hiding_are_told() {
    for display in DISPLAYS {
        let (_stage, container, _capture, mut input) = stage_on(display, "cursor");
        let mut cursor = container.cursor().unwrap();
        press(&mut input, 2);
        let red = next(&mut cursor, |event| {
            matches!(event, CursorEvent::Shape { width: 8, .. })
        });
        let CursorEvent::Shape {
            height,
            hot_x,
            hot_y,
            rgba,
            ..
        } = red
        else {
            unreachable!()
        };
        assert_eq!((height, hot_x, hot_y), (8, 2, 3));
        assert!(rgba.chunks(4).all(|pixel| pixel == [255, 0, 0, 255]));
        press(&mut input, 3);
        next(&mut cursor, |event| *event == CursorEvent::Hidden);
    }
}

#[test]
fn the_cursor_s_moves_by_the_app_are_told() {
    let (_stage, container, _capture, mut input) = stage("cursor");
    let mut cursor = container.cursor().unwrap();
    press(&mut input, 4);
    let moved = next(&mut cursor, |event| matches!(event, CursorEvent::Moved { .. }));
    // 100 of 639 and 50 of 359.
    let expected = CursorEvent::Moved {
        x: u16::try_from(100 * 65_535 / 639).unwrap(),
        y: u16::try_from(50 * 65_535 / 359).unwrap(),
    };
    assert_eq!(moved, expected);
}

#[test]
fn what_the_player_does_is_not_echoed() {
    let (_stage, container, mut capture, mut input) = stage("events");
    let mut cursor = container.cursor().unwrap();
    let waker = cursor.waker();
    input.inject(InputEvent::MoveTo { x: 9_999, y: 9_999 }).unwrap();
    hear(&mut capture, "at ");
    // The first key makes the server tell every connection of another keyboard.
    press(&mut input, 30);
    hear(&mut capture, " up");
    waker.wake();
    while let Some(event) = cursor.wait(Some(deadline())).unwrap() {
        assert!(!matches!(event, CursorEvent::Moved { .. }), "{event:?}");
    }
}

fn touch(input: &mut Input, contact: u8, phase: TouchPhase, x: u16, y: u16) {
    input
        .inject(InputEvent::Touch(Touch { contact, phase, x, y }))
        .unwrap();
}

/// For a program that knows mice only, the X server of the Wayland display makes one of the first finger, as we do on the other.
#[test]
fn a_finger_points_and_presses() {
    for display in DISPLAYS {
        let manifest = format!("{display}[input]\ntouch = true\n");
        let (_stage, _container, mut capture, mut input) = stage_on(&manifest, "events");
        touch(&mut input, 0, TouchPhase::Down, 0, 0);
        hear(&mut capture, "button 1 down");
        touch(&mut input, 0, TouchPhase::Move, u16::MAX, u16::MAX);
        // The last pixel, or for the X server of the Wayland display, which rounds down, the one before it.
        hear(&mut capture, "at 63");
        touch(&mut input, 0, TouchPhase::Up, 0, 0);
        hear(&mut capture, "button 1 up");
        // What is let go by itself is let go once.
        touch(&mut input, 3, TouchPhase::Down, u16::MAX, 0);
        input.release_all().unwrap();
        touch(&mut input, 3, TouchPhase::Up, 0, 0);
        press(&mut input, 16);
        let said = hear(&mut capture, "key 24 0x71 up");
        assert_eq!(
            said.matches("button 1 down").count(),
            said.matches("button 1 up").count(),
            "{said}"
        );
    }
}

#[test]
fn two_fingers_turn_the_wheel_where_there_is_no_touch_screen() {
    let manifest = format!("{SILENT}[input]\ntouch = true\n");
    let (_stage, _container, mut capture, mut input) = stage_on(&manifest, "events");
    for contact in [0, 1] {
        touch(&mut input, contact, TouchPhase::Down, 0x8000, 0x8000);
    }
    for contact in [0, 1] {
        touch(&mut input, contact, TouchPhase::Move, 0x8000, 0x4000);
    }
    let said = hear(&mut capture, "button 5 down");
    assert!(said.contains("button 1 up"), "{said}");
}

#[test]
fn what_no_key_stands_for_is_typed_all_the_same() {
    for display in DISPLAYS {
        let (_stage, _container, mut capture, mut input) = stage_on(display, "letters");
        for text in ["aB ü漢", "😀é", "q\t"] {
            input.type_text(text).unwrap();
            let shown: String = text.chars().map(|c| format!("{:x} ", u32::from(c))).collect();
            hear(&mut capture, &shown);
        }
        assert_eq!(input.dropped(), 0);
    }
}

#[test]
fn keys_stand_for_what_the_player_s_are_labelled_with() {
    for display in DISPLAYS {
        let (_stage, _container, mut capture, mut input) = stage_on(display, "letters");
        // KEY_Y, KEY_SEMICOLON.
        for (layout, signs) in [("de", "7a f6 "), ("fr", "79 6d "), ("us", "79 3b ")] {
            input.set_layout(Layout::named(layout).unwrap()).unwrap();
            press(&mut input, 21);
            press(&mut input, 39);
            hear(&mut capture, signs);
        }
        // What the layout has is typed by its own key, and what it has not all the same.
        input.set_layout(Layout::named("de").unwrap()).unwrap();
        input.type_text("ö;ñ").unwrap();
        hear(&mut capture, "f6 3b f1 ");
    }
}
