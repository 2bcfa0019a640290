//! The picture is what clients committed, when they committed it.

use super::{HEIGHT, Stage, WIDTH, at, deadline, watch};
use crate::capture::Wait;
use crate::clock;
use firstlight_units::Micros;
use wayland_client::protocol::wl_shm::Format;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_protocols::wp::presentation_time::client::wp_presentation::WpPresentation;
use wayland_protocols::wp::viewporter::client::wp_viewporter::WpViewporter;
use wayland_protocols::xdg::shell::client::xdg_positioner::{Anchor, Gravity};

const SCREEN: (u16, u16) = (WIDTH, HEIGHT);

#[test]
fn a_buffer_that_covers_the_screen_arrives_pixel_for_pixel() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    let pixels: Vec<u8> = (0..u32::from(WIDTH) * u32::from(HEIGHT))
        .flat_map(|n| (n * 7 + 12_345).to_le_bytes())
        .collect();
    let before = clock::now();
    client.show(&window.surface, &client.buffer(SCREEN, Format::Xrgb8888, &pixels));
    let Wait::Damage { at } = capture.wait(Some(deadline())).unwrap() else {
        panic!("nothing is committed");
    };
    let grab = capture.grab().unwrap();
    assert_eq!(
        (grab.width, grab.height, grab.stride),
        (WIDTH, HEIGHT, usize::from(WIDTH) * 4)
    );
    let colour = |pixel: &[u8]| u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]);
    assert!(grab.pixels.chunks(4).map(colour).eq(pixels.chunks(4).map(colour)));
    assert_eq!(grab.committed_at, at);
    assert!(before <= at && at <= grab.grabbed_at);
}

#[test]
fn a_still_screen_wakes_nobody_and_whoever_comes_sees_it() {
    let stage = Stage::new();
    let mut client = stage.client();
    let window = client.window();
    let mut first = stage.capture();
    client.fill(&window, WIDTH, HEIGHT, 0x0012_3456);
    watch(&mut first, |grab| at(grab, 5, 5) == 0x0012_3456);
    let mut second = stage.capture();
    let now = clock::now();
    assert_eq!(
        second.wait(Some(now + Micros::from_millis(50))).unwrap(),
        Wait::Timeout
    );
    let grab = second.grab().unwrap();
    assert_eq!(at(&grab, 5, 5), 0x0012_3456);
    assert!(grab.committed_at >= now, "it did not change: it is as it is now");
    drop(grab);
    second.waker().wake();
    assert_eq!(second.wait(Some(deadline())).unwrap(), Wait::Woken);
}

#[test]
fn a_picture_that_is_held_does_not_change_while_others_come() {
    let stage = Stage::new();
    let (mut holder, mut other) = (stage.capture(), stage.capture());
    let mut client = stage.client();
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 1);
    watch(&mut holder, |grab| at(grab, 0, 0) == 1);
    let held = holder.grab().unwrap();
    for colour in 2..20 {
        client.fill(&window, WIDTH, HEIGHT, colour);
        watch(&mut other, |grab| at(grab, 0, 0) == colour);
    }
    assert!(held.pixels.chunks(4).all(|pixel| pixel[0] == 1));
}

#[test]
fn a_small_window_lies_in_the_middle_and_goes_when_it_is_closed() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    client.fill(&window, 100, 80, 0x00ff_0000);
    watch(&mut capture, |grab| {
        at(grab, 110, 50) == 0x00ff_0000
            && at(grab, 209, 129) == 0x00ff_0000
            && [
                at(grab, 109, 90),
                at(grab, 210, 90),
                at(grab, 160, 49),
                at(grab, 160, 130),
            ] == [0; 4]
    });
    window.surface.attach(None, 0, 0);
    window.surface.commit();
    client.roundtrip().unwrap();
    watch(&mut capture, |grab| at(grab, 160, 90) == 0);
}

#[test]
fn the_newest_window_is_on_top_and_the_one_below_is_there_again_after_it() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let (mut first, mut second) = (stage.client(), stage.client());
    let below = first.window();
    first.fill(&below, WIDTH, HEIGHT, 0x0000_00ff);
    let above = second.window();
    second.fill(&above, 100, 80, 0x00ff_0000);
    watch(&mut capture, |grab| {
        (at(grab, 0, 0), at(grab, 160, 90)) == (0x0000_00ff, 0x00ff_0000)
    });
    drop(second);
    watch(&mut capture, |grab| at(grab, 160, 90) == 0x0000_00ff);
}

#[test]
fn what_shines_through_is_blended() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let below = client.window();
    client.fill(&below, WIDTH, HEIGHT, 0x0000_00ff);
    let above = client.window();
    // Half a red, premultiplied.
    let buffer = client.plain(SCREEN, Format::Argb8888, 0x8080_0000);
    client.show(&above.surface, &buffer);
    watch(&mut capture, |grab| {
        let [blue, green, red, _] = at(grab, 10, 10).to_le_bytes();
        (120..136).contains(&red) && green == 0 && (120..136).contains(&blue)
    });
}

#[test]
fn a_lone_window_with_alpha_is_over_black() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    let buffer = client.plain(SCREEN, Format::Argb8888, 0x8040_2010);
    client.show(&window.surface, &buffer);
    watch(&mut capture, |grab| at(grab, 10, 10) == 0x0040_2010);
}

#[test]
fn a_part_of_a_window_is_over_it() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    let part = client.compositor.create_surface(&client.qh, ());
    let parts: WlSubcompositor = client.bind();
    let placed = parts.get_subsurface(&part, &window.surface, &client.qh, ());
    placed.set_position(20, 30);
    client.show(&part, &client.plain((10, 10), Format::Xrgb8888, 0x0000_ff00));
    client.fill(&window, WIDTH, HEIGHT, 0x0011_1111);
    watch(&mut capture, |grab| {
        let points = [(19, 30), (20, 30), (29, 39), (30, 39)].map(|(x, y)| at(grab, x, y));
        points == [0x0011_1111, 0x0000_ff00, 0x0000_ff00, 0x0011_1111]
    });
}

#[test]
fn a_popup_is_over_its_window_and_on_the_screen() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 0x0011_1111);
    let surface = client.compositor.create_surface(&client.qh, ());
    let xdg = client.shell.get_xdg_surface(&surface, &client.qh, ());
    let positioner = client.shell.create_positioner(&client.qh, ());
    positioner.set_size(30, 20);
    positioner.set_anchor_rect(40, 40, 1, 1);
    positioner.set_anchor(Anchor::BottomRight);
    positioner.set_gravity(Gravity::BottomRight);
    let _popup = xdg.get_popup(Some(&window.xdg), &positioner, &client.qh, ());
    client.heard.lines.clear();
    surface.commit();
    client.hear("configure");
    client.show(&surface, &client.plain((30, 20), Format::Xrgb8888, 0x0000_ffff));
    client.roundtrip().unwrap();
    watch(&mut capture, |grab| {
        let points = [(40, 40), (41, 41), (70, 60), (71, 61)].map(|(x, y)| at(grab, x, y));
        points == [0x0011_1111, 0x0000_ffff, 0x0000_ffff, 0x0011_1111]
    });
}

#[test]
fn a_viewport_scales_a_small_buffer_over_the_screen() {
    let stage = Stage::new();
    let mut capture = stage.capture();
    let mut client = stage.client();
    let window = client.window();
    let viewports: WpViewporter = client.bind();
    let viewport = viewports.get_viewport(&window.surface, &client.qh, ());
    viewport.set_destination(i32::from(WIDTH), i32::from(HEIGHT));
    client.show(
        &window.surface,
        &client.plain((32, 18), Format::Xrgb8888, 0x0055_6677),
    );
    client.roundtrip().unwrap();
    watch(&mut capture, |grab| {
        // Towards the edge it is blended with nothing.
        [(20, 20), (160, 90), (300, 160)].map(|(x, y)| at(grab, x, y)) == [0x0055_6677; 3]
    });
}

#[test]
fn a_client_that_draws_when_it_may_keeps_the_title_s_rate() {
    let stage = Stage::at(50);
    let mut client = stage.client();
    let window = client.window();
    let buffer = client.plain(SCREEN, Format::Xrgb8888, 7);
    client.frame(&window.surface, &buffer);
    let begun = clock::now();
    for _ in 0..25 {
        client.frame(&window.surface, &buffer);
    }
    // Slower is the machine's affair; faster would be ours. Two percent are the beat's.
    let took = clock::now().since(begun);
    assert!(took >= Micros::from_millis(24 * 20 * 98 / 100), "{took}");
}

#[test]
fn clients_are_told_when_a_picture_is_on_its_way() {
    let stage = Stage::new();
    let mut client = stage.client();
    let window = client.window();
    let presentation: WpPresentation = client.bind();
    presentation.feedback(&window.surface, &client.qh, ());
    client.fill(&window, WIDTH, HEIGHT, 3);
    let line = client.hear("presented");
    assert_eq!(line, "presented 1 16666666");
}
