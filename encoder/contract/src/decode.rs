//! Decoding by the `ffmpeg` program.

use firstlight_encoder::Codec;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Decoded pictures, planar 4:2:0.
pub(crate) struct Decoded {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

impl Decoded {
    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.size()
    }

    /// Luma of a picture, rows of [`Self::stride`] bytes.
    pub(crate) fn luma(&self, n: usize) -> &[u8] {
        &self.bytes[n * self.size()..][..self.width * self.height]
    }

    pub(crate) fn stride(&self) -> usize {
        self.width
    }

    fn size(&self) -> usize {
        self.width * self.height * 3 / 2
    }
}

/// Decodes a stream of pictures of this size (even sides).
pub(crate) fn decode(codec: Codec, stream: &[u8], width: usize, height: usize) -> Result<Decoded, String> {
    let format = match codec {
        Codec::Av1 => "obu",
        Codec::H264 => "h264",
    };
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-nostdin", "-f", format, "-i", "pipe:0"])
        .args([
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "pipe:1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start ffmpeg (apt-get install ffmpeg): {e}"))?;
    let (mut input, mut output) = (ffmpeg.stdin.take().unwrap(), ffmpeg.stdout.take().unwrap());
    let mut bytes = Vec::new();
    std::thread::scope(|s| {
        // A decoder that gives up closes its end; what it says about it is read below.
        s.spawn(move || input.write_all(stream).is_ok());
        output.read_to_end(&mut bytes).map_err(|e| e.to_string())
    })?;
    let end = ffmpeg.wait_with_output().map_err(|e| e.to_string())?;
    if !end.status.success() || !end.stderr.is_empty() {
        return Err(format!("ffmpeg: {}", String::from_utf8_lossy(&end.stderr)));
    }
    let size = width * height * 3 / 2;
    if bytes.is_empty() || bytes.len() % size != 0 {
        return Err(format!(
            "{} decoded bytes are not pictures of {width}x{height}",
            bytes.len()
        ));
    }
    Ok(Decoded { bytes, width, height })
}
