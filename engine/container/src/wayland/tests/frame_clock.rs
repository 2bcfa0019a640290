//! Clients are told that they may draw by the ticks that the frame clock follows.

use super::super::FrameClock;
use super::{HEIGHT, Stage, WIDTH};
use crate::clock;
use firstlight_units::{Micros, Ticks, Timestamp};
use std::time::Duration;
use wayland_client::protocol::wl_shm::Format;
use wayland_protocols::wp::presentation_time::client::wp_presentation::WpPresentation;

/// Far from the title's own rate, so that neither is taken for the other.
const PERIOD: Duration = Duration::from_millis(40);

fn clock_of(stage: &Stage) -> FrameClock {
    FrameClock::new(&stage.sink, &stage.shared)
}

fn ticks() -> Option<Ticks> {
    Ticks::new(Timestamp::from_micros(1), PERIOD)
}

#[test]
fn a_client_that_draws_when_it_may_keeps_the_ticks_rate_and_then_its_own_again() {
    let stage = Stage::at(200);
    let frames = clock_of(&stage);
    let mut client = stage.client();
    let window = client.window();
    let buffer = client.plain((WIDTH, HEIGHT), Format::Xrgb8888, 7);
    frames.follow(ticks()).unwrap();
    client.frame(&window.surface, &buffer);
    client.frame(&window.surface, &buffer);
    let begun = clock::now();
    for _ in 0..5 {
        client.frame(&window.surface, &buffer);
    }
    // Slower is the machine's affair; faster would be ours.
    let took = clock::now().since(begun);
    assert!(took >= Micros::from_millis(4 * 40 * 995 / 1_000), "{took}");
    assert!(frames.answered() >= 7, "each was answered: {}", frames.answered());
    frames.follow(None).unwrap();
    client.frame(&window.surface, &buffer);
    client.frame(&window.surface, &buffer);
}

#[test]
fn clients_are_told_of_the_screen_that_their_pictures_are_drawn_for() {
    let stage = Stage::new();
    clock_of(&stage).follow(ticks()).unwrap();
    let mut client = stage.client();
    let window = client.window();
    let presentation: WpPresentation = client.bind();
    presentation.feedback(&window.surface, &client.qh, ());
    client.fill(&window, WIDTH, HEIGHT, 3);
    assert_eq!(client.hear("presented"), "presented 1 40000000");
}

#[test]
fn a_client_that_draws_without_asking_is_not_counted() {
    let stage = Stage::new();
    let frames = clock_of(&stage);
    let mut client = stage.client();
    let window = client.window();
    for colour in 0..10 {
        client.fill(&window, WIDTH, HEIGHT, colour);
        client.roundtrip().unwrap();
    }
    assert_eq!(frames.answered(), 0);
}

#[test]
fn a_display_that_has_ended_says_so() {
    let stage = Stage::new();
    let frames = clock_of(&stage);
    drop(stage);
    assert!(frames.follow(None).is_err());
}
