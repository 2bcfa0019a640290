//! Clients that mean harm, or have gone mad: they may lose their connection, the session may not.

use super::client::memory;
use super::{HEIGHT, Stage, WIDTH, at, watch};
use crate::clock;
use firstlight_units::Micros;
use nix::unistd::ftruncate;
use std::io::Write;
use std::os::fd::AsFd;
use wayland_client::protocol::wl_shm::Format;

#[test]
fn thousands_of_commits_a_second_are_pictures_at_the_title_s_rate() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    let buffers = [1, 2].map(|colour| client.plain((WIDTH, HEIGHT), Format::Xrgb8888, colour));
    let before = stage.shared.picture().unwrap().number;
    let begun = clock::now();
    for n in 0..3_000 {
        client.show(&window.surface, &buffers[n % 2]);
    }
    client.fill(&window, WIDTH, HEIGHT, 3);
    watch(&mut capture, |grab| at(grab, 0, 0) == 3);
    let took = clock::now().since(begun);
    let made = stage.shared.picture().unwrap().number - before;
    // Each period has one, but for the first, the last and what follows one within a millisecond.
    let bound = took.as_micros() / 16_000 + 4;
    assert!(made <= bound, "{made} pictures in {took}");
    stage.still_works();
}

#[test]
fn a_buffer_of_sixteen_thousand_pixels_square_is_cut_to_the_screen() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    const EDGE: i32 = 16_384;
    let file = memory(&[]);
    let bytes = i64::from(EDGE) * i64::from(EDGE) * 4;
    ftruncate(&file, bytes).unwrap();
    // A pool's size is a signed number of 32 bits: one of those rows short.
    let rows = EDGE - 8_193;
    let pool = client.pool(&file, usize::try_from(rows * EDGE * 4).unwrap());
    let buffer = pool.create_buffer(0, EDGE, rows, EDGE * 4, Format::Xrgb8888, &client.qh, ());
    client.show(&window.surface, &buffer);
    client.roundtrip().unwrap();
    // It is black: what is seen is that the next one comes.
    client.fill(&window, WIDTH, HEIGHT, 5);
    watch(&mut capture, |grab| at(grab, 0, 0) == 5);
    stage.still_works();
}

#[test]
fn a_window_without_a_buffer_is_nothing_to_see() {
    let stage = Stage::new();
    let mut client = stage.client();
    let window = client.window();
    for _ in 0..100 {
        window.surface.attach(None, 0, 0);
        window.surface.commit();
    }
    client.roundtrip().unwrap();
    stage.still_works();
}

#[test]
fn memory_that_is_taken_away_while_it_is_shown_costs_the_client_its_connection() {
    let stage = Stage::new();
    let mut client = stage.client();
    let window = client.window();
    let length = usize::from(WIDTH) * usize::from(HEIGHT) * 4;
    let file = memory(&vec![9; length]);
    let pool = client.pool(&file, length);
    let (width, height) = (i32::from(WIDTH), i32::from(HEIGHT));
    let buffer = pool.create_buffer(0, width, height, width * 4, Format::Xrgb8888, &client.qh, ());
    client.roundtrip().unwrap();
    ftruncate(&file, 0).unwrap();
    client.show(&window.surface, &buffer);
    client.hear_end();
    stage.still_works();
}

#[test]
fn so_does_a_small_window_s_memory() {
    let stage = Stage::new();
    let mut client = stage.client();
    let window = client.window();
    let file = memory(&[9; 64 * 64 * 4]);
    let pool = client.pool(&file, 64 * 64 * 4);
    let buffer = pool.create_buffer(0, 64, 64, 256, Format::Xrgb8888, &client.qh, ());
    client.roundtrip().unwrap();
    ftruncate(&file, 0).unwrap();
    client.show(&window.surface, &buffer);
    client.hear_end();
    stage.still_works();
}

#[test]
fn a_client_that_dies_with_its_picture_on_the_screen_leaves_it_black() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 0x0077_7777);
    watch(&mut capture, |grab| at(grab, 0, 0) == 0x0077_7777);
    drop(client);
    watch(&mut capture, |grab| at(grab, 0, 0) == 0);
    stage.still_works();
}

#[test]
fn a_client_that_breaks_the_protocol_is_disconnected_and_told_why() {
    let stage = Stage::new();
    let mut client = stage.client();
    let surface = client.compositor.create_surface(&client.qh, ());
    let xdg = client.shell.get_xdg_surface(&surface, &client.qh, ());
    // A window's buffer before it was answered.
    let _toplevel = xdg.get_toplevel(&client.qh, ());
    client.show(&surface, &client.plain((8, 8), Format::Xrgb8888, 1));
    client.hear_end();
    assert!(client.connection.protocol_error().is_some());
    stage.still_works();
}

#[test]
fn a_buffer_outside_its_memory_is_refused() {
    let stage = Stage::new();
    for (offset, width, height, stride) in [
        (0, 1 << 30, 1 << 30, 4),
        (-4, 8, 8, 32),
        (i32::MAX, 8, 8, 32),
        (0, 8, 8, i32::MAX),
        (0, 0, 0, 0),
    ] {
        let mut client = stage.client();
        let pool = client.pool(&memory(&[0; 256]), 256);
        pool.create_buffer(offset, width, height, stride, Format::Xrgb8888, &client.qh, ());
        client.hear_end();
    }
    stage.still_works();
}

#[test]
fn who_wants_surfaces_without_end_gets_an_end() {
    let stage = Stage::new();
    let mut client = stage.client();
    for _ in 0..2_000 {
        client.compositor.create_surface(&client.qh, ());
    }
    // It may be gone before all of that is sent.
    drop(client.connection.flush());
    client.hear_end();
    stage.still_works();
}

#[test]
fn bytes_that_are_no_protocol_end_a_connection_and_nothing_else() {
    let stage = Stage::new();
    let mut seed = 1u64;
    for _ in 0..50 {
        let mut stream = stage.stream();
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed.to_le_bytes()[7]
        })
        .take(4_096)
        .collect();
        // It may be closed while we write.
        drop(stream.write_all(&bytes));
    }
    stage.still_works();
}

#[test]
fn a_client_that_never_reads_holds_up_nobody() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.seat.get_pointer(&client.qh, ());
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 1);
    let begun = clock::now();
    for n in 0..20_000u32 {
        let dx = if n % 2 == 0 { 1 } else { -1 };
        stage.act(crate::input::Act::MoveBy { dx, dy: 0 });
    }
    assert!(clock::now().since(begun) < Micros::from_secs(20));
    // Alive or not, it is not waited for.
    assert!(client.connection.as_fd().try_clone_to_owned().is_ok());
    stage.still_works();
}
