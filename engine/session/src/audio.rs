//! The sound thread: recorded samples to Opus packets with one frame of redundancy.

use crate::Error;
use crate::silence::{Silence, Verdict};
use firstlight_container::{Audio, Error as ContainerError};
use firstlight_units::{Bitrate, FrameId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio::sync::mpsc;

/// An audio frame and the packet before it (docs/PROTOCOL.md, 2.3).
#[derive(Debug)]
pub(crate) struct AudioUnit {
    pub(crate) frame: FrameId,
    pub(crate) captured_at: Timestamp,
    /// Digital silence, and perhaps more of it follows unsent.
    pub(crate) silent: bool,
    pub(crate) primary: Vec<u8>,
    pub(crate) previous: Vec<u8>,
}

/// What the network side wants of the sound: bits per second, 0 while nobody listens.
pub(crate) type Listening = Arc<AtomicI32>;

/// Encodes until the sound or the receiver is gone. While nobody listens it only keeps the recording empty.
///
/// Of a silence only the beginning and a packet now and then are sent (see [`Silence`]). Frame numbers count what was recorded, sent
/// or not, so that they are a clock to the client.
pub(crate) fn run(
    mut audio: Audio,
    listening: &Listening,
    out: &mpsc::Sender<AudioUnit>,
) -> Result<(), Error> {
    let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Stereo, opus::Application::LowDelay)?;
    encoder.set_complexity(COMPLEXITY)?;
    let mut bitrate = 0;
    let mut samples = [0; FRAME_SAMPLES];
    let mut packet = [0; OPUS_BYTES_MAX];
    let mut previous = Vec::new();
    let mut frame = FrameId::new(0);
    let mut silence = Silence::default();
    loop {
        let captured_at = match audio.read(&mut samples) {
            Ok(at) => at,
            Err(ContainerError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if out.is_closed() {
            return Ok(());
        }
        frame = frame.next();
        let wanted = listening.load(Ordering::Relaxed);
        if wanted == 0 {
            previous.clear();
            silence.restart();
            continue;
        }
        let verdict = silence.judge(&samples);
        if verdict == Verdict::Unsent {
            previous.clear();
            continue;
        }
        if wanted != bitrate {
            encoder.set_bitrate(opus::Bitrate::Bits(wanted))?;
            bitrate = wanted;
        }
        let length = encoder.encode(&samples, &mut packet)?;
        let primary = packet.get(..length).unwrap_or_default().to_vec();
        let before = std::mem::replace(&mut previous, primary.clone());
        // Full: the network side is stuck; the newest sound is dropped, and the redundancy of the next fills the hole.
        drop(out.try_send(AudioUnit {
            frame,
            captured_at,
            silent: verdict == Verdict::Silent,
            primary,
            previous: before,
        }));
    }
}

/// Bits per second of sound beside a picture of this rate.
pub(crate) fn bitrate(video: Bitrate) -> i32 {
    match video.as_kbps() {
        // Transparent for game sound in stereo.
        2_000.. => 96_000,
        1_000.. => 64_000,
        _ => 32_000,
    }
}

/// Samples per second.
pub(crate) const SAMPLE_RATE: u32 = 48_000;
/// Left and right.
pub(crate) const CHANNELS: u32 = 2;
/// 10 ms: half the header share of 5 ms, and still under one video frame.
pub(crate) const FRAME_US: u32 = 10_000;
/// Of 0 to 10. Half the time of 9, and at these rates nobody hears the difference.
const COMPLEXITY: i32 = 5;
const FRAME_SAMPLES: usize = 480 * 2;
/// An Opus packet of 10 ms at the highest rate is about 120 bytes; two fit one datagram with room to spare.
const OPUS_BYTES_MAX: usize = 480;
