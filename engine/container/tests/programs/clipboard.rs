//! A program that copies and pastes: well, badly, or to do harm. Which, a key says.

use super::{Outcome, Screen};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, PropMode, Property,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window,
};
use x11rb::wrapper::ConnectionExt as _;

x11rb::atom_manager! {
    Atoms: AtomsCookie { CLIPBOARD, INCR, UTF8_STRING, PASTED, }
}

/// What who asks gets.
enum Copied {
    Text(Vec<u8>),
    /// The same, in pieces.
    Pieces(Vec<u8>),
    Endless,
    Silence,
}

/// To whom pieces go.
struct Taker {
    window: Window,
    property: Atom,
    given: usize,
}

/// What a key stands for, if it is a letter or sign.
fn letter(x: &impl Connection, code: u8) -> Outcome<Option<char>> {
    let map = x.get_keyboard_mapping(code, 1)?.reply()?;
    let sign = map
        .keysyms
        .first()
        .copied()
        .filter(|sign| *sign > 0 && !(0xfd00..=0xffff).contains(sign));
    Ok(sign.and_then(|sign| char::from_u32(sign & 0x00ff_ffff)))
}

/// Every letter copies all that were typed. `1` copies a text, `3` a long one in pieces, `4` one that is too long, `5` one without end, `6`
/// one that is never given. `V` pastes, says what, and copies that with a word of its own.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the server's hundred events these are about keys and selections"
)]
pub(crate) fn run() -> Outcome<()> {
    let screen = Screen::open()?;
    let x = &screen.x;
    let atoms = Atoms::new(x)?.reply()?;
    let mut copied = Copied::Silence;
    let mut taker = None;
    let mut typed = String::new();
    screen.say("ready\n")?;
    loop {
        match x.wait_for_event()? {
            Event::KeyPress(e) => {
                copied = match e.detail {
                    10 => Copied::Text("grüß 😀".into()),
                    12 => Copied::Pieces(vec![b'p'; 40_000]),
                    13 => Copied::Text(vec![b'x'; 70_000]),
                    14 => Copied::Endless,
                    15 => Copied::Silence,
                    55 => {
                        let (from, to) = (atoms.CLIPBOARD, atoms.UTF8_STRING);
                        x.convert_selection(screen.window, from, to, atoms.PASTED, x11rb::CURRENT_TIME)?;
                        x.flush()?;
                        continue;
                    }
                    code => {
                        // A modifier is none, and takes nothing from the clipboard that is about to be pasted.
                        let Some(letter) = letter(x, code)? else {
                            continue;
                        };
                        typed.push(letter);
                        Copied::Text(typed.clone().into_bytes())
                    }
                };
                x.set_selection_owner(screen.window, atoms.CLIPBOARD, e.time)?;
            }
            Event::SelectionNotify(e) if e.property != x11rb::NONE => {
                let said = x.get_property(true, screen.window, atoms.PASTED, AtomEnum::ANY, 0, 1 << 20)?;
                let text = String::from_utf8(said.reply()?.value)?;
                screen.say(&format!("pasted {text}\n"))?;
                copied = Copied::Text(format!("{text}, heard").into_bytes());
                x.set_selection_owner(screen.window, atoms.CLIPBOARD, e.time)?;
            }
            Event::SelectionRequest(e) => taker = give(x, &atoms, &copied, &e)?,
            Event::PropertyNotify(e) if e.state == Property::DELETE => {
                if let Some(taker) = taker.as_mut().filter(|t: &&mut Taker| t.property == e.atom) {
                    give_more(x, &atoms, &copied, taker)?;
                }
            }
            _ => {}
        }
        x.flush()?;
    }
}

fn give(
    x: &impl Connection,
    atoms: &Atoms,
    copied: &Copied,
    e: &SelectionRequestEvent,
) -> Outcome<Option<Taker>> {
    let (to, property) = (e.requestor, e.property);
    let in_pieces = match copied {
        Copied::Silence => return Ok(None),
        Copied::Text(text) => {
            x.change_property8(PropMode::REPLACE, to, property, atoms.UTF8_STRING, text)?;
            false
        }
        Copied::Pieces(_) | Copied::Endless => {
            let events = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
            x.change_window_attributes(to, &events)?;
            x.change_property32(PropMode::REPLACE, to, property, atoms.INCR, &[1])?;
            true
        }
    };
    let notify = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: e.time,
        requestor: to,
        selection: e.selection,
        target: e.target,
        property,
    };
    x.send_event(false, to, EventMask::NO_EVENT, notify)?;
    Ok(in_pieces.then_some(Taker {
        window: to,
        property,
        given: 0,
    }))
}

fn give_more(x: &impl Connection, atoms: &Atoms, copied: &Copied, taker: &mut Taker) -> Outcome<()> {
    const PIECE: usize = 7_000;
    let piece = match copied {
        Copied::Pieces(text) => {
            let rest = text.get(taker.given..).unwrap_or_default();
            &rest[..rest.len().min(PIECE)]
        }
        Copied::Endless => &[b'e'; PIECE],
        Copied::Text(_) | Copied::Silence => return Ok(()),
    };
    taker.given += piece.len();
    x.change_property8(
        PropMode::REPLACE,
        taker.window,
        taker.property,
        atoms.UTF8_STRING,
        piece,
    )?;
    Ok(())
}
