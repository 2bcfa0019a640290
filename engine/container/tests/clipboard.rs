//! What a program copies is told, and what is pasted a program finds, on each display.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DISPLAYS, SILENT, Stage, deadline, hear};
use firstlight_container::{Capture, Clipboard, ClipboardEvent, Container, Input, InputEvent};

struct Played {
    capture: Capture,
    input: Input,
    clipboard: Clipboard,
    _container: Container,
    _stage: Stage,
}

/// The program that copies and pastes; the manifest allows both.
fn play(display: &str) -> Played {
    let stage = Stage::new();
    let manifest = format!("{display}[input]\nclipboard = \"both\"\n");
    let container = stage.start(&["scene", "clipboard"], &manifest);
    let mut clipboard = container.clipboard().unwrap().unwrap();
    let mut capture = container.capture().unwrap();
    hear(&mut capture, "ready");
    // X programs take part from the first turn on.
    assert_eq!(clipboard.wait(Some(firstlight_container::now())).unwrap(), None);
    Played {
        capture,
        input: container.input().unwrap(),
        clipboard,
        _container: container,
        _stage: stage,
    }
}

impl Played {
    fn press(&mut self, code: u16) {
        for down in [true, false] {
            self.input.inject(InputEvent::Key { code, down }).unwrap();
        }
    }

    fn next(&mut self) -> ClipboardEvent {
        self.clipboard
            .wait(Some(deadline()))
            .unwrap()
            .expect("nothing happens")
    }
}

fn copied(text: &str) -> ClipboardEvent {
    ClipboardEvent::Copied(text.into())
}

const KEY_1: u16 = 2;
const KEY_3: u16 = 4;
const KEY_4: u16 = 5;
const KEY_5: u16 = 6;
const KEY_6: u16 = 7;
const KEY_V: u16 = 47;

#[test]
fn what_a_program_copies_is_told_whole_or_in_pieces() {
    for display in DISPLAYS {
        let mut played = play(display);
        played.press(KEY_1);
        assert_eq!(played.next(), copied("grüß 😀"));
        played.press(KEY_3);
        assert_eq!(played.next(), copied(&"p".repeat(40_000)));
    }
}

#[test]
fn what_is_pasted_is_there_before_the_key_that_pastes_it() {
    for display in DISPLAYS {
        let mut played = play(display);
        let paster = played.clipboard.paster().unwrap();
        for (serial, text) in [(1, "grüß 😀"), (2, "the next one")] {
            assert!(paster.paste(serial, text));
            assert_eq!(played.next(), ClipboardEvent::Pasted(serial));
            played.press(KEY_V);
            // The program is answered while this waits for what it copies in its turn.
            assert_eq!(played.next(), copied(&format!("{text}, heard")));
            hear(&mut played.capture, &format!("pasted {text}"));
        }
    }
}

#[test]
fn what_is_too_long_or_has_no_end_is_told_to_be_so() {
    for display in DISPLAYS {
        let mut played = play(display);
        for key in [KEY_4, KEY_5] {
            played.press(key);
            assert_eq!(played.next(), ClipboardEvent::TooLong);
        }
        played.press(KEY_1);
        assert_eq!(played.next(), copied("grüß 😀"));
    }
}

#[test]
fn a_program_that_never_answers_holds_up_nobody() {
    let mut played = play(SILENT);
    played.press(KEY_6);
    // It is asked, and given up.
    assert_eq!(
        played.clipboard.wait(Some(firstlight_container::now())).unwrap(),
        None
    );
    played.press(KEY_1);
    assert_eq!(played.next(), copied("grüß 😀"));
}

#[test]
fn a_title_has_no_clipboard_unless_its_manifest_says_so() {
    let stage = Stage::new();
    let container = stage.start(&["scene", "clipboard"], SILENT);
    assert!(container.clipboard().unwrap().is_none());
}
