//! What an app plays is recorded, with its time, and heard by nobody else.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SILENT, Stage};
use firstlight_container::{Audio, Container, Error, now};
use firstlight_units::Micros;

const FRAME: usize = 960;
const NOISE: [&str; 3] = [
    "/bin/sh",
    "-c",
    "exec pacat --raw --rate=48000 --channels=2 --latency-msec=20 < /dev/urandom",
];

fn loud(audio: &mut Audio) -> bool {
    let mut frame = [0; FRAME];
    audio.read(&mut frame).unwrap();
    frame.iter().any(|sample| sample.unsigned_abs() > 1_000)
}

fn started(command: &[&str]) -> (Stage, Container, Audio) {
    let stage = Stage::new();
    let container = stage.start(command, "");
    let audio = container.audio().unwrap().unwrap();
    (stage, container, audio)
}

#[test]
fn noise_is_heard_in_its_own_session_only() {
    let (_loud, _noisy, mut noise) = started(&NOISE);
    let (_still, _quiet, mut silence) = started(&["scene", "look"]);
    let limit = common::deadline();
    while !loud(&mut noise) {
        assert!(now() < limit, "nothing is heard");
    }
    for _ in 0..50 {
        assert!(!loud(&mut silence));
    }
    assert!(loud(&mut noise));
}

#[test]
fn frames_carry_times_that_advance_as_fast_as_the_sound() {
    let (_stage, _container, mut audio) = started(&NOISE);
    let mut frame = [0; FRAME];
    // The recording's start is ragged; what counts is where it settles.
    for _ in 0..50 {
        audio.read(&mut frame).unwrap();
    }
    let first = audio.read(&mut frame).unwrap();
    let mut last = first;
    for _ in 0..100 {
        let next = audio.read(&mut frame).unwrap();
        assert!(next > last && next <= now());
        last = next;
    }
    // A frame is 10 ms. A loaded machine may lose some: then time runs ahead of them, never behind.
    assert!(
        last.since(first) >= Micros::from_millis(980),
        "{}",
        last.since(first)
    );
}

#[test]
fn a_recording_ends_with_its_container() {
    let (_stage, container, mut audio) = started(&["scene", "look"]);
    let mut frame = [0; FRAME];
    audio.read(&mut frame).unwrap();
    let reader = std::thread::spawn(move || {
        loop {
            if let Err(error) = audio.read(&mut frame) {
                return error;
            }
        }
    });
    container.stop();
    assert!(matches!(reader.join().unwrap(), Error::Closed));
}

#[test]
fn a_title_without_sound_has_no_recording() {
    let stage = Stage::new();
    let container = stage.start(&["scene", "look"], SILENT);
    assert!(container.audio().unwrap().is_none());
}
