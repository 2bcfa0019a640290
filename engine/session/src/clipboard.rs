//! The clipboard thread: what the title's programs copy, to the player, and what the player pastes, to them.

use crate::Error;
use crate::clock;
use firstlight_container::{CLIPBOARD_BYTES_MAX, Clipboard, ClipboardEvent};
use firstlight_units::Micros;
use firstlight_wire::FRAME_BYTES_MAX;
use firstlight_wire::control::{ClipboardTaken, ClipboardText, server_message};
use tokio::sync::mpsc;

/// Serves the clipboard until it or the receiver is gone. A session goes on without.
pub(crate) fn run(mut clipboard: Clipboard, out: &mpsc::Sender<ClipboardEvent>) -> Result<(), Error> {
    while !out.is_closed() {
        match clipboard.wait(Some(clock::now() + LOOK_UP)) {
            // A text must not be lost to the next one before anybody has it: this thread may wait.
            Ok(Some(event)) => {
                if out.blocking_send(event).is_err() {
                    break;
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "the clipboard ends");
                break;
            }
        }
    }
    Ok(())
}

/// What happened as the client is told it.
pub(crate) fn message(event: &ClipboardEvent) -> server_message::Message {
    let text = |text: &str, too_long| {
        server_message::Message::Clipboard(ClipboardText {
            serial: 0,
            text: text.to_owned(),
            too_long,
        })
    };
    match event {
        ClipboardEvent::Copied(copied) => text(copied, false),
        ClipboardEvent::TooLong => text("", true),
        ClipboardEvent::Pasted(serial) => {
            server_message::Message::ClipboardTaken(ClipboardTaken { serial: *serial })
        }
    }
}

/// How often the thread looks whether it is still needed.
const LOOK_UP: Micros = Micros::from_millis(500);
/// Beside the text: a number, and the lengths of everything.
const _: () = assert!(CLIPBOARD_BYTES_MAX + 64 <= FRAME_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_wire::control::ServerMessage;
    use prost::Message as _;

    #[test]
    fn the_longest_text_fits_a_message() {
        let copied = ClipboardEvent::Copied("x".repeat(CLIPBOARD_BYTES_MAX).into());
        let message = ServerMessage {
            message: Some(message(&copied)),
        };
        assert!(message.encoded_len() <= FRAME_BYTES_MAX);
    }

    #[test]
    fn what_is_copied_is_written_nowhere() {
        let copied = ClipboardEvent::Copied("a password".into());
        assert_eq!(format!("{copied:?}"), "Copied(10 bytes)");
    }
}
