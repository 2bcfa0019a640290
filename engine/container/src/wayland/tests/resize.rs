//! A screen of another size: the picture has it when the window on top has, or has not in time.

use super::{HEIGHT, Stage, WIDTH, at, watch};
use crate::capture::Wait;
use crate::clock;
use crate::input::Act;
use firstlight_units::Micros;
use wayland_client::protocol::wl_output::WlOutput;

#[test]
fn a_window_is_asked_to_fill_it_and_the_picture_changes_with_the_window() {
    let stage = Stage::at(120);
    let mut capture = stage.capture();
    let mut client = stage.client();
    let _output: WlOutput = client.bind();
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 0x0000_ff00);
    client.hear("mode 320 180 120000");
    stage.resize(400, 240);
    client.hear("mode 400 240 120000");
    client.hear("asked 400 240");
    // What was drawn before it heard of it is a picture of the size before.
    client.fill(&window, WIDTH, HEIGHT, 0x0000_00ff);
    watch(&mut capture, |grab| {
        assert_eq!((grab.width, grab.height), (WIDTH, HEIGHT));
        at(grab, 0, 0) == 0x0000_00ff
    });
    client.fill(&window, 400, 240, 0x00ff_0000);
    let mut between = 0;
    watch(&mut capture, |grab| {
        let whole = (grab.width, grab.height, grab.stride) == (400, 240, 1600);
        if whole {
            assert!(
                grab.pixels.chunks(4).all(|p| p[..3] == [0, 0, 0xff]),
                "it is not filled"
            );
        } else {
            between += 1;
        }
        whole
    });
    assert!(between <= 1, "{between} pictures of the size before");
}

#[test]
fn a_window_that_stays_as_it_is_lies_in_the_middle_after_a_while() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 0x0012_3456);
    watch(&mut capture, |grab| at(grab, 0, 0) == 0x0012_3456);
    let asked = clock::now();
    stage.resize(420, 280);
    watch(&mut capture, |grab| {
        (grab.width, grab.height) == (420, 280)
            && [at(grab, 50, 50), at(grab, 369, 229)] == [0x0012_3456; 2]
            && [at(grab, 49, 140), at(grab, 370, 140), at(grab, 200, 49)] == [0; 3]
    });
    assert!(
        clock::now().since(asked) >= Micros::from_millis(500),
        "it was given time"
    );
}

#[test]
fn an_empty_screen_and_whoever_comes_later_have_the_new_size_at_once() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    stage.resize(500, 300);
    watch(&mut capture, |grab| (grab.width, grab.height) == (500, 300));
    let mut client = stage.client();
    let window = client.window();
    client.hear("asked 500 300");
    client.fill(&window, 500, 300, 0x00aa_bbcc);
    watch(&mut capture, |grab| at(grab, 499, 299) == 0x00aa_bbcc);
}

#[test]
fn the_pointer_counts_in_the_new_size() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    client.seat.get_pointer(&client.qh, ());
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 1);
    stage.act(Act::MoveTo { x: 65535, y: 65535 });
    client.hear("319 179");
    stage.resize(200, 100);
    client.hear("asked 200 100");
    client.fill(&window, 200, 100, 2);
    watch(&mut capture, |grab| (grab.width, grab.height) == (200, 100));
    // It was outside of what is left.
    client.hear("motion 199 99");
    stage.act(Act::MoveTo { x: 0, y: 0 });
    client.hear("motion 0 0");
    stage.act(Act::MoveTo { x: 65535, y: 65535 });
    client.heard.lines.clear();
    client.roundtrip().unwrap();
    stage.act(Act::MoveBy { dx: -9, dy: -9 });
    client.hear("motion 190 90");
}

#[test]
fn a_storm_of_sizes_ends_in_the_last_and_harms_nobody() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    for n in 0..200_u16 {
        stage.resize(160 + 2 * n, 120 + (n * 37 % 90) * 2);
        // A window of any other size than the one that was asked for.
        client.fill(&window, 64 + n, 300 - n, u32::from(n));
    }
    stage.resize(WIDTH, HEIGHT);
    client.fill(&window, WIDTH, HEIGHT, 0x0077_7777);
    watch(&mut capture, |grab| {
        (grab.width, grab.height) == (WIDTH, HEIGHT) && at(grab, 319, 179) == 0x0077_7777
    });
    assert_eq!(
        capture
            .wait(Some(clock::now() + Micros::from_millis(600)))
            .unwrap(),
        Wait::Timeout,
        "nothing is left to be done"
    );
    stage.still_works();
}
