//! A Wayland display of a container freezes and ends as an X server does; what programs see of it is in `picture` and `input`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Stage, WAYLAND, await_exit, deadline, family, find, hear, pixels, wait_gone};
use firstlight_container::{Capture, Part, Wait, now};
use firstlight_units::Micros;

#[test]
fn a_frozen_app_s_last_picture_is_there_and_it_goes_on() {
    let stage = Stage::with_cgroup();
    let mut container = stage.start(&["scene", "frames", "10000", "1", "0"], WAYLAND);
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
    let mut container = stage.start(&["scene", "exit", "3"], WAYLAND);
    let exit = await_exit(&mut container);
    assert_eq!((exit.code, exit.who), (Some(3), Part::App));
    assert_eq!(exit.tail.last().map(String::as_str), Some("the last word"));
    drop(container);

    let mut container = stage.start(&["scene", "events"], WAYLAND);
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
    let container = stage.start(&["scene", "events"], WAYLAND);
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
