//! Access units in, pictures out: for a checker, which does not decode a stranger's bitstream in its own process.
//!
//! ```text
//! stdin: (length 4 | access unit)*      stdout: (width 2 | height 2 | luma)*      numbers big-endian
//! ```

use crate::Error;
use crate::decoder::open_codec;
use ffmpeg_next as ffmpeg;
use std::io::{self, Read, Write};

/// Decodes all of `input` to `output`. Ends without an error where the bitstream is damaged: what follows is not there.
///
/// # Errors
/// When no decoder opens, or a pipe breaks.
pub fn pictures(input: impl Read, output: &mut impl Write) -> Result<(), Error> {
    let mut codec = open_codec()?;
    let mut picture = ffmpeg::frame::Video::empty();
    for unit in units(input).map_err(Error::System)? {
        if codec.send_packet(&ffmpeg::Packet::copy(&unit)).is_err() {
            break;
        }
        drain(&mut codec, &mut picture, output).map_err(Error::System)?;
    }
    // A decoder may hold pictures back until it hears that there are no more.
    if codec.send_eof().is_ok() {
        drain(&mut codec, &mut picture, output).map_err(Error::System)?;
    }
    output.flush().map_err(Error::System)
}

fn units(mut input: impl Read) -> io::Result<Vec<Vec<u8>>> {
    let mut units = Vec::new();
    let mut length = [0; 4];
    while units.len() < UNITS_MAX {
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        let length = u32::from_be_bytes(length).min(UNIT_BYTES_MAX);
        let mut unit = Vec::new();
        input.by_ref().take(length.into()).read_to_end(&mut unit)?;
        units.push(unit);
    }
    Ok(units)
}

fn drain(
    codec: &mut ffmpeg::decoder::Video,
    picture: &mut ffmpeg::frame::Video,
    output: &mut impl Write,
) -> io::Result<()> {
    while codec.receive_frame(picture).is_ok() {
        write(picture, output)?;
    }
    Ok(())
}

fn write(picture: &ffmpeg::frame::Video, output: &mut impl Write) -> io::Result<()> {
    let (Ok(width), Ok(height)) = (u16::try_from(picture.width()), u16::try_from(picture.height())) else {
        return Ok(());
    };
    output.write_all(&width.to_be_bytes())?;
    output.write_all(&height.to_be_bytes())?;
    let rows = picture
        .data(0)
        .chunks(picture.stride(0).max(1))
        .take(height.into());
    for row in rows {
        output.write_all(row.get(..width.into()).unwrap_or_default())?;
    }
    Ok(())
}

/// As many as an answer has.
const UNITS_MAX: usize = 64;
const UNIT_BYTES_MAX: u32 = 1 << 20;
