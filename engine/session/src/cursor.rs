//! The cursor thread: shape and position, apart from the picture.

use crate::Error;
use crate::clock;
use firstlight_container::{Cursor, CursorEvent};
use firstlight_units::Micros;
use firstlight_wire::control::{CursorPosition, CursorShape, server_message};
use tokio::sync::mpsc;

/// Passes cursor events on until the display or the receiver is gone.
pub(crate) fn run(mut cursor: Cursor, out: &mpsc::Sender<CursorEvent>) -> Result<(), Error> {
    while !out.is_closed() {
        // A shape must not be lost: this thread may wait, the display does not.
        if let Some(event) = cursor.wait(Some(clock::now() + LOOK_UP))?
            && out.blocking_send(event).is_err()
        {
            break;
        }
    }
    Ok(())
}

/// The event as the client is told it.
pub(crate) fn message(event: &CursorEvent) -> server_message::Message {
    match event {
        CursorEvent::Shape {
            serial,
            width,
            height,
            hot_x,
            hot_y,
            rgba,
        } => {
            let (across, down) = ((*width).min(SIDE_MAX), (*height).min(SIDE_MAX));
            let row = usize::from(*width) * 4;
            let rgba: Vec<u8> = if row == 0 {
                Vec::new()
            } else {
                let rows = rgba.chunks_exact(row).take(down.into());
                rows.flat_map(|row| row.get(..usize::from(across) * 4).unwrap_or_default())
                    .copied()
                    .collect()
            };
            server_message::Message::CursorShape(CursorShape {
                serial: *serial,
                width: across.into(),
                height: down.into(),
                hot_x: (*hot_x).into(),
                hot_y: (*hot_y).into(),
                rgba: rgba.into(),
            })
        }
        CursorEvent::Hidden => server_message::Message::CursorShape(CursorShape::default()),
        CursorEvent::Moved { x, y } => server_message::Message::CursorPosition(CursorPosition {
            x: (*x).into(),
            y: (*y).into(),
        }),
    }
}

/// How often the thread looks whether it is still needed.
const LOOK_UP: Micros = Micros::from_millis(500);
/// The largest square that fits a control message.
const SIDE_MAX: u16 = 127;

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_wire::FRAME_BYTES_MAX;
    use prost::Message as _;

    #[test]
    fn a_cursor_of_any_size_fits_a_message() {
        let rgba = (0..256_u32 * 256).flat_map(|n| n.to_be_bytes()).collect();
        let shape = CursorEvent::Shape {
            serial: u32::MAX,
            width: 256,
            height: 256,
            hot_x: 255,
            hot_y: 255,
            rgba,
        };
        let server_message::Message::CursorShape(shape) = message(&shape) else {
            panic!("not a shape")
        };
        assert!(shape.encoded_len() + 16 < FRAME_BYTES_MAX);
        assert_eq!(shape.rgba.len(), 127 * 127 * 4);
        assert_eq!(
            shape.rgba.get(127 * 4..127 * 4 + 4),
            Some(&256_u32.to_be_bytes()[..])
        );
    }
}
