//! Fingers arrive at the client that they came down on.

use super::Stage;
use super::client::Heard;
use super::input::player;
use crate::input::{Act, Touch, TouchPhase};
use crate::wayland::Order;
use wayland_client::protocol::wl_touch::{Event, WlTouch};
use wayland_client::{Connection, Dispatch, QueueHandle};

const fn touch(contact: u8, phase: TouchPhase, x: u16, y: u16) -> Act {
    Act::Touch(Touch { contact, phase, x, y })
}

#[test]
fn two_fingers_come_move_and_go_each_by_itself() {
    let stage = Stage::new();
    stage.sink.order(Order::Touchscreen).unwrap();
    let (mut client, ..) = player(&stage);
    client.seat.get_touch(&client.qh, ());
    client.roundtrip().unwrap();
    stage.act(touch(0, TouchPhase::Down, 0, 0));
    stage.act(touch(9, TouchPhase::Down, u16::MAX, u16::MAX));
    client.hear("touch 0 down 0 0");
    client.hear("touch 9 down 319 179");
    stage.act(touch(0, TouchPhase::Move, u16::MAX, 0));
    client.hear("touch 0 moves 319 0");
    stage.act(touch(0, TouchPhase::Up, 0, 0));
    client.hear("touch 0 up");
    assert!(!client.heard.lines.iter().any(|line| line == "touch 9 up"));
    stage.act(touch(0, TouchPhase::Cancel, 0, 0));
    stage.act(touch(0, TouchPhase::Down, 0, u16::MAX));
    client.hear("touch 0 down 0 179");
    let ends = |line: &String| line == "touch 9 up" || line == "touch cancelled";
    assert!(client.heard.lines.iter().any(ends), "{:?}", client.heard.lines);
}

#[test]
fn a_seat_has_no_touch_screen_unless_the_title_is_played_by_touch() {
    let stage = Stage::new();
    let (mut client, ..) = player(&stage);
    stage.act(touch(0, TouchPhase::Down, 0, 0));
    client.roundtrip().unwrap();
    assert!(!client.heard.lines.iter().any(|line| line.starts_with("touch")));
    stage.still_works();
}

#[test]
fn a_finger_brings_a_window_to_the_top_and_gives_it_the_keyboard() {
    let stage = Stage::new();
    stage.sink.order(Order::Touchscreen).unwrap();
    let (mut below, ..) = player(&stage);
    let mut above = stage.client();
    above.seat.get_keyboard(&above.qh, ());
    let window = above.window();
    above.fill(&window, 100, 80, 2);
    below.hear("keyboard leave");
    below.heard.lines.clear();
    stage.act(touch(0, TouchPhase::Down, 0, 0));
    below.hear("keyboard enter");
}

impl Dispatch<WlTouch, ()> for Heard {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "frames are heard by what is in them"
    )]
    fn event(heard: &mut Self, _: &WlTouch, event: Event, (): &(), _: &Connection, _: &QueueHandle<Self>) {
        let line = match event {
            Event::Down { id, x, y, .. } => format!("touch {id} down {x} {y}"),
            Event::Motion { id, x, y, .. } => format!("touch {id} moves {x} {y}"),
            Event::Up { id, .. } => format!("touch {id} up"),
            Event::Cancel => "touch cancelled".to_owned(),
            _ => return,
        };
        heard.lines.push(line);
    }
}
