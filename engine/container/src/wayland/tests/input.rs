//! What the player does arrives at the client that it is meant for.

use super::client::{Client, Window};
use super::{HEIGHT, Stage, WIDTH, deadline};
use crate::CursorEvent;
use crate::input::Act;
use wayland_client::protocol::wl_pointer::WlPointer;
use wayland_client::protocol::wl_shm::Format;
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::Shape;
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_manager_v1::WpCursorShapeManagerV1;
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1::{
    Lifetime, ZwpPointerConstraintsV1,
};
use wayland_protocols::wp::relative_pointer::zv1::client::zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1;

/// A client whose window fills the screen and that has keyboard and pointer.
pub(super) fn player(stage: &Stage) -> (Client, Window, WlPointer) {
    let mut client = stage.client();
    client.seat.get_keyboard(&client.qh, ());
    let pointer = client.seat.get_pointer(&client.qh, ());
    let window = client.window();
    client.fill(&window, WIDTH, HEIGHT, 1);
    client.hear("keyboard enter");
    client.hear("pointer enter");
    (client, window, pointer)
}

#[test]
fn keys_have_linux_codes_and_repeat_as_the_display_says() {
    let stage = Stage::new();
    let (mut client, _window, _) = player(&stage);
    client.hear("repeat 25 660");
    for (code, name) in [(1, "key 1 "), (57, "key 57 "), (103, "key 103 ")] {
        for (down, state) in [(true, "Pressed"), (false, "Released")] {
            stage.act(Act::Key { code, down });
            client.hear(&format!("{name}{state}"));
        }
    }
    // KEY_LEFTSHIFT.
    stage.act(Act::Key { code: 42, down: true });
    client.hear("modifiers 1");
}

#[test]
fn the_newest_window_has_the_keyboard_and_gives_it_back() {
    let stage = Stage::new();
    let (mut first, _window, _) = player(&stage);
    let (second, ..) = player(&stage);
    first.hear("keyboard leave");
    first.heard.lines.clear();
    drop(second);
    first.hear("keyboard enter");
}

#[test]
fn the_pointer_goes_where_it_is_put_and_as_far_as_it_is_moved() {
    let stage = Stage::new();
    let (mut client, _window, _) = player(&stage);
    stage.act(Act::MoveTo { x: 0, y: 0 });
    client.hear("motion 0 0");
    stage.act(Act::MoveTo {
        x: u16::MAX,
        y: u16::MAX,
    });
    client.hear("motion 319 179");
    stage.act(Act::MoveBy { dx: -19, dy: -29 });
    client.hear("motion 300 150");
}

#[test]
fn buttons_and_whole_notches_arrive() {
    let stage = Stage::new();
    let (mut client, _window, _) = player(&stage);
    for (button, code) in [
        (1, "0x110"),
        (2, "0x112"),
        (3, "0x111"),
        (8, "0x113"),
        (9, "0x114"),
    ] {
        for (down, state) in [(true, "Pressed"), (false, "Released")] {
            stage.act(Act::Button { button, down });
            client.hear(&format!("button {code} {state}"));
        }
    }
    stage.act(Act::Turn { x: 0, y: 2 });
    client.hear("axis VerticalScroll 240");
    stage.act(Act::Turn { x: -1, y: 0 });
    client.hear("axis HorizontalScroll -120");
}

#[test]
fn a_locked_pointer_stands_still_and_tells_how_far_it_would_have_gone() {
    let stage = Stage::new();
    let (mut client, window, pointer) = player(&stage);
    let relative: ZwpRelativePointerManagerV1 = client.bind();
    relative.get_relative_pointer(&pointer, &client.qh, ());
    let constraints: ZwpPointerConstraintsV1 = client.bind();
    let locked = constraints.lock_pointer(
        &window.surface,
        &pointer,
        None,
        Lifetime::Persistent,
        &client.qh,
        (),
    );
    client.hear("locked");
    client.heard.lines.clear();
    stage.act(Act::MoveBy { dx: 500, dy: -7 });
    client.hear("relative 500 -7");
    client.roundtrip().unwrap();
    assert!(
        !client.heard.lines.iter().any(|line| line.starts_with("motion")),
        "{:?}",
        client.heard.lines
    );
    // Where it says that it had the pointer, the player's page puts it.
    let mut cursor = stage.cursor();
    locked.set_cursor_position_hint(32.0, 18.0);
    window.surface.commit();
    locked.destroy();
    client.roundtrip().unwrap();
    let moved = loop {
        let event = cursor.wait(Some(deadline())).unwrap().expect("it is never moved");
        if let CursorEvent::Moved { x, y } = event {
            break (x, y);
        }
    };
    assert_eq!(moved, (6_574, 6_590));
}

#[test]
fn the_player_s_own_moves_are_not_echoed() {
    let stage = Stage::new();
    let (mut client, ..) = player(&stage);
    let mut cursor = stage.cursor();
    stage.act(Act::MoveTo { x: 9_999, y: 9_999 });
    client.hear("motion");
    cursor.waker().wake();
    while let Some(event) = cursor.wait(Some(deadline())).unwrap() {
        assert!(!matches!(event, CursorEvent::Moved { .. }), "{event:?}");
    }
}

#[test]
fn the_cursor_is_what_the_client_draws_names_or_hides() {
    let stage = Stage::new();
    let mut cursor = stage.cursor();
    let (mut client, _window, pointer) = player(&stage);
    let mut next = |wanted: &dyn Fn(&CursorEvent) -> bool| loop {
        let event = cursor.wait(Some(deadline())).unwrap().expect("it is never seen");
        if wanted(&event) {
            return event;
        }
    };
    let surface = client.compositor.create_surface(&client.qh, ());
    client.show(&surface, &client.plain((8, 6), Format::Argb8888, 0xffff_0000));
    pointer.set_cursor(client.heard.serial, Some(&surface), 2, 3);
    client.roundtrip().unwrap();
    let drawn = next(&|event| matches!(event, CursorEvent::Shape { width: 8, .. }));
    let CursorEvent::Shape {
        height,
        hot_x,
        hot_y,
        rgba,
        ..
    } = drawn
    else {
        unreachable!()
    };
    assert_eq!((height, hot_x, hot_y), (6, 2, 3));
    assert!(rgba.chunks(4).all(|pixel| pixel == [255, 0, 0, 255]));

    pointer.set_cursor(client.heard.serial, None, 0, 0);
    client.roundtrip().unwrap();
    next(&|event| *event == CursorEvent::Hidden);

    let shapes: WpCursorShapeManagerV1 = client.bind();
    let shape = shapes.get_pointer(&pointer, &client.qh, ());
    shape.set_shape(client.heard.serial, Shape::Text);
    client.roundtrip().unwrap();
    next(&|event| {
        matches!(
            event,
            CursorEvent::Shape {
                width: 7,
                height: 16,
                ..
            }
        )
    });
}
