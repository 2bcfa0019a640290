//! Text that no key stands for arrives: as text where the client asks for it, by keys elsewhere.

use super::Stage;
use super::client::Heard;
use super::input::player;
use wayland_client::{Connection, Dispatch, QueueHandle, delegate_noop};
use wayland_protocols::wp::text_input::zv3::client::zwp_text_input_manager_v3::ZwpTextInputManagerV3;
use wayland_protocols::wp::text_input::zv3::client::zwp_text_input_v3::{Event, ZwpTextInputV3};

fn keymaps(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("Keymap")).count()
}

#[test]
fn a_client_that_asks_for_text_is_given_it() {
    let stage = Stage::new();
    let (mut client, ..) = player(&stage);
    let manager: ZwpTextInputManagerV3 = client.bind();
    let input = manager.get_text_input(&client.seat, &client.qh, ());
    client.hear("text enter");
    input.enable();
    input.commit();
    input.set_surrounding_text("é".to_owned(), 99, -5);
    input.commit();
    client.roundtrip().unwrap();
    stage.sink.type_text("漢字😀").unwrap();
    client.hear("text 漢字😀");
    client.hear("text done 2");
    assert!(!client.heard.lines.iter().any(|line| line.starts_with("key ")));
}

#[test]
fn one_that_takes_none_or_has_not_the_keyboard_is_given_none() {
    let stage = Stage::new();
    let (mut below, ..) = player(&stage);
    let manager: ZwpTextInputManagerV3 = below.bind();
    let input = manager.get_text_input(&below.seat, &below.qh, ());
    input.enable();
    input.commit();
    below.roundtrip().unwrap();
    let (mut above, ..) = player(&stage);
    below.hear("text leave");
    stage.sink.type_text("q").unwrap();
    // KEY_Q
    above.hear("key 16 Pressed");
    above.hear("key 16 Released");
    below.heard.lines.clear();
    drop(above);
    // It has to ask anew.
    below.hear("text enter");
    stage.sink.type_text("w").unwrap();
    below.hear("key 17 Released");
    assert!(!below.heard.lines.iter().any(|line| line.starts_with("text w")));
}

#[test]
fn what_the_layout_has_not_is_typed_by_a_keymap_that_has() {
    let stage = Stage::new();
    let (mut client, ..) = player(&stage);
    let before = keymaps(&client.heard.lines);
    stage.sink.type_text("A").unwrap();
    client.hear("modifiers 1");
    client.hear("key 30 Released");
    assert_eq!(keymaps(&client.heard.lines), before);
    client.heard.lines.clear();
    stage.sink.type_text("😀").unwrap();
    client.hear("Keymap");
    client.hear("Released");
    assert!(!client.heard.lines.iter().any(|line| line.starts_with("key 30 ")));
    stage.still_works();
}

#[test]
fn a_client_that_is_gone_in_the_middle_leaves_nothing() {
    let stage = Stage::new();
    {
        let (mut client, ..) = player(&stage);
        let manager: ZwpTextInputManagerV3 = client.bind();
        let input = manager.get_text_input(&client.seat, &client.qh, ());
        input.enable();
        input.commit();
        client.roundtrip().unwrap();
    }
    stage.sink.type_text("x").unwrap();
    stage.still_works();
}

impl Dispatch<ZwpTextInputV3, ()> for Heard {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the compositor sends no other")]
    fn event(
        heard: &mut Self,
        _: &ZwpTextInputV3,
        event: Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let line = match event {
            Event::Enter { .. } => "text enter".to_owned(),
            Event::Leave { .. } => "text leave".to_owned(),
            Event::CommitString { text } => format!("text {}", text.unwrap_or_default()),
            Event::Done { serial } => format!("text done {serial}"),
            _ => return,
        };
        heard.lines.push(line);
    }
}

delegate_noop!(Heard: ignore ZwpTextInputManagerV3);
