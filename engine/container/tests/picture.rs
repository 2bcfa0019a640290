//! The picture that is captured is the picture that was drawn.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DISPLAYS, SILENT, Stage, deadline, hear, pixels, watch};
use firstlight_container::{Wait, now};
use firstlight_units::Micros;

#[test]
fn every_pixel_arrives_as_it_was_drawn() {
    let expected: Vec<u32> = (0..360u32)
        .flat_map(|y| (0..640u32).map(move |x| (x * 7 + y * 131 + 12345) & 0x00ff_ffff))
        .collect();
    for display in DISPLAYS {
        let stage = Stage::new();
        let container = stage.start(&["scene", "pattern", "12345"], display);
        let mut capture = container.capture().unwrap();
        assert_eq!(capture.size(), (640, 360));
        // The pointer stands in the middle of the screen: equality shows that the server's cursor is not in the picture.
        watch(&mut capture, "the pattern", |grab| {
            assert_eq!((grab.width, grab.height, grab.stride), (640, 360, 2560));
            pixels(grab).eq(expected.iter().copied()).then_some(())
        });
    }
}

/// Takes 200 pictures; returns how many were torn, how many frames were missed and how many taken twice.
fn count(command: &[&str]) -> (u32, u32, u32) {
    let stage = Stage::new();
    let container = stage.start(command, SILENT);
    let mut capture = container.capture().unwrap();
    let (mut torn, mut missed, mut twice) = (0, 0, 0);
    let mut last = None;
    let deadline = deadline();
    // The first hundred are for learning the app's ways.
    for taken in 0..300 {
        let wait = capture.wait(Some(deadline)).unwrap();
        assert!(matches!(wait, Wait::Damage { .. }), "{wait:?}");
        let grab = capture.grab().unwrap();
        let mut colours = pixels(&grab);
        let number = colours.next().unwrap();
        let whole = colours.all(|colour| colour == number);
        let before = last.replace(number);
        if taken >= 100 {
            torn += u32::from(!whole);
            let step = number.wrapping_sub(before.unwrap());
            missed += step.saturating_sub(1);
            twice += u32::from(step == 0);
        }
    }
    (torn, missed, twice)
}

#[test]
fn a_frame_of_one_request_is_one_whole_picture() {
    let (torn, _, twice) = count(&["scene", "frames", "16667", "1", "0"]);
    assert_eq!((torn, twice), (0, 0));
}

#[test]
fn a_frame_of_two_requests_is_one_whole_picture() {
    let (torn, _, twice) = count(&["scene", "frames", "16667", "2", "50"]);
    // A loaded machine may put the app aside between the two for longer than any picture may wait: then the picture is
    // torn, and taken again at once.
    assert!(torn <= 10 && twice <= 10, "{torn} torn, {twice} twice");
}

#[test]
fn an_app_that_draws_too_fast_is_held_to_its_rate() {
    let stage = Stage::new();
    let more = "[display]\nfps = 30\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n";
    let container = stage.start(&["scene", "frames", "4000", "1", "0"], more);
    let mut capture = container.capture().unwrap();
    capture.wait(Some(deadline())).unwrap();
    let begun = now();
    for _ in 0..60 {
        assert!(matches!(
            capture.wait(Some(deadline())).unwrap(),
            Wait::Damage { .. }
        ));
        capture.grab().unwrap();
    }
    // Slower is the machine's affair; faster would be ours.
    assert!(
        now().since(begun) >= Micros::from_millis(1_850),
        "{}",
        now().since(begun)
    );
}

#[test]
fn a_still_screen_wakes_nobody_and_can_be_taken_again() {
    let stage = Stage::new();
    let container = stage.start(&["scene", "look"], SILENT);
    let mut capture = container.capture().unwrap();
    let said = hear(&mut capture, "done");
    let waker = capture.waker();
    waker.wake();
    // What had been drawn before the grab may still be told of once; then there is only the waker.
    let first = capture.wait(Some(deadline())).unwrap();
    if matches!(first, Wait::Damage { .. }) {
        capture.grab().unwrap();
        assert_eq!(capture.wait(Some(deadline())).unwrap(), Wait::Woken);
    }
    assert_eq!(capture.wait(Some(now())).unwrap(), Wait::Timeout);
    assert_eq!(common::text(&capture.grab().unwrap()), said);
}

#[test]
fn apps_draw_through_shared_memory() {
    let stage = Stage::new();
    let container = stage.start(&["scene", "shm"], SILENT);
    hear(&mut container.capture().unwrap(), "attached");
}
