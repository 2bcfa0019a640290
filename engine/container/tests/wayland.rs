//! A Wayland display of a container: X11 programs run on it as on an X server, and it ends as one does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Stage, await_exit, deadline, family, find, hear, pixels, wait_gone, watch};
use firstlight_container::{Capture, Container, CursorEvent, Input, InputEvent, Part, Wait, now};
use firstlight_units::Micros;

const SILENT: &str = "[display]\nkind = \"wayland\"\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n";

fn stage(command: &[&str]) -> (Stage, Container, Capture, Input) {
    let stage = Stage::new();
    let container = stage.start(command, SILENT);
    let mut capture = container.capture().unwrap();
    hear(&mut capture, "ready");
    let input = container.input().unwrap();
    (stage, container, capture, input)
}

#[test]
fn every_pixel_of_an_x11_program_arrives_as_it_was_drawn() {
    let stage = Stage::new();
    let container = stage.start(&["scene", "pattern", "12345"], SILENT);
    let mut capture = container.capture().unwrap();
    assert_eq!(capture.size(), (640, 360));
    let expected: Vec<u32> = (0..360u32)
        .flat_map(|y| (0..640u32).map(move |x| (x * 7 + y * 131 + 12345) & 0x00ff_ffff))
        .collect();
    watch(&mut capture, "the pattern", |grab| {
        pixels(grab).eq(expected.iter().copied()).then_some(())
    });
}

#[test]
fn keys_buttons_and_moves_reach_an_x11_program() {
    let (_stage, _container, mut capture, mut input) = stage(&["scene", "events"]);
    // KEY_ESC, KEY_Q, KEY_UP, and what X calls them.
    for (code, symbol) in [(1, 0xff1b), (16, 0x71), (103, 0xff52)] {
        for (down, word) in [(true, "down"), (false, "up")] {
            input.inject(InputEvent::Key { code, down }).unwrap();
            hear(&mut capture, &format!("key {} {symbol:#x} {word}", code + 8));
        }
    }
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
    for button in [1, 2, 3, 8, 9] {
        for down in [true, false] {
            input.inject(InputEvent::Button { button, down }).unwrap();
        }
        hear(&mut capture, &format!("button {button} down\nbutton {button} up"));
    }
    input.inject(InputEvent::Wheel { dx: 0, dy: 120 }).unwrap();
    hear(&mut capture, "button 5 down\nbutton 5 up");
}

#[test]
fn an_x11_program_s_cursor_is_told() {
    let (_stage, container, _capture, mut input) = stage(&["scene", "cursor"]);
    let mut cursor = container.cursor().unwrap();
    let mut next = |wanted: &dyn Fn(&CursorEvent) -> bool| loop {
        let event = cursor.wait(Some(deadline())).unwrap().unwrap();
        if wanted(&event) {
            return event;
        }
    };
    let mut press = |code| {
        for down in [true, false] {
            input.inject(InputEvent::Key { code, down }).unwrap();
        }
    };
    press(2);
    let red = next(&|event| matches!(event, CursorEvent::Shape { width: 8, .. }));
    let CursorEvent::Shape {
        hot_x, hot_y, rgba, ..
    } = red
    else {
        unreachable!()
    };
    assert_eq!((hot_x, hot_y), (2, 3));
    assert!(rgba.chunks(4).all(|pixel| pixel == [255, 0, 0, 255]));
    press(3);
    next(&|event| *event == CursorEvent::Hidden);
}

#[test]
fn a_frozen_app_s_last_picture_is_there_and_it_goes_on() {
    let stage = Stage::with_cgroup();
    let mut container = stage.start(&["scene", "frames", "10000", "1", "0"], SILENT);
    let mut capture = container.capture().unwrap();
    let moves = |capture: &mut Capture| {
        for _ in 0..5 {
            let wait = capture.wait(Some(deadline())).unwrap();
            assert!(matches!(wait, Wait::Damage { .. }), "{wait:?}");
            capture.grab().unwrap();
        }
    };
    moves(&mut capture);
    container.freeze().unwrap();
    // What was drawn before may still be told of.
    while capture.wait(Some(now() + Micros::from_millis(200))).unwrap() != Wait::Timeout {
        capture.grab().unwrap();
    }
    assert!(pixels(&capture.grab().unwrap()).next().unwrap() > 0);
    container.thaw().unwrap();
    moves(&mut capture);
}

#[test]
fn the_app_s_end_and_the_server_s_are_told_apart() {
    let stage = Stage::new();
    let mut container = stage.start(&["scene", "exit", "3"], SILENT);
    let exit = await_exit(&mut container);
    assert_eq!((exit.code, exit.who), (Some(3), Part::App));
    assert_eq!(exit.tail.last().map(String::as_str), Some("the last word"));
    drop(container);

    let mut container = stage.start(&["scene", "events"], SILENT);
    hear(&mut container.capture().unwrap(), "ready");
    let server = find(&stage.path("run"), "Xwayland");
    let pid = rustix::process::Pid::from_raw(server.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let exit = await_exit(&mut container);
    assert_eq!((exit.who, exit.signal), (Part::Display, Some(9)));
}

#[test]
fn stopping_leaves_nothing() {
    let stage = Stage::with_cgroup();
    let container = stage.start(&["scene", "events"], SILENT);
    let mut capture = container.capture().unwrap();
    hear(&mut capture, "ready");
    let family = family(&stage.path("run"));
    container.stop();
    wait_gone(&family);
    assert!(!stage.path("run").exists());
    // Whoever still captures hears that it is over.
    assert!(capture.grab().is_err());
    assert!(capture.wait(None).is_err());
}
