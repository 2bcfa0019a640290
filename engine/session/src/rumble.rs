//! The rumble thread: what the app plays on its gamepads' motors, to the player.

use crate::Error;
use firstlight_container::{Rumble, Rumbles};
use firstlight_units::Micros;
use firstlight_wire::control::{self, server_message};
use tokio::sync::mpsc;

/// Passes on what motors are to do until the gamepads or the receiver are gone.
pub(crate) fn run(mut rumbles: Rumbles, out: &mpsc::Sender<Rumble>) -> Result<(), Error> {
    while !out.is_closed() {
        // Without gamepads, the session is at its end.
        let Ok(next) = rumbles.wait(LOOK_UP) else { break };
        // A stop must not be lost: this thread may wait.
        if let Some(rumble) = next
            && out.blocking_send(rumble).is_err()
        {
            break;
        }
    }
    Ok(())
}

/// What it does as the client is told it.
pub(crate) fn message(rumble: &Rumble) -> server_message::Message {
    let millis = rumble.duration.as_micros() / 1_000;
    server_message::Message::Rumble(control::Rumble {
        pad: rumble.pad.into(),
        strong: rumble.strong.into(),
        weak: rumble.weak.into(),
        duration_ms: u32::try_from(millis).unwrap_or(u32::MAX),
    })
}

/// How often the thread looks whether it is still needed.
const LOOK_UP: Micros = Micros::from_millis(500);
