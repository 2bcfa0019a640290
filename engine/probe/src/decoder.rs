//! H.264 access units to barcodes: FFmpeg's decoder on a thread of its own.
//!
//! ```text
//! Job (bounded) -> [thread: decode, read the barcode] -> Seen (bounded)
//! ```

use crate::{Error, clock};
use ffmpeg_next as ffmpeg;
use firstlight_barcode::{HEIGHT, Reading, WIDTH, read};
use firstlight_units::{FrameId, RemoteTime, Timestamp, WallTime};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// An access unit to be decoded.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) frame: FrameId,
    pub(crate) captured_at: RemoteTime,
    pub(crate) nals: Vec<u8>,
}

/// What came of a [`Job`].
#[derive(Debug)]
pub(crate) enum Seen {
    Picture(Picture),
    /// The decoder cannot go on without an IDR.
    Broken,
    /// A job is done, whatever came of it.
    Finished,
}

/// A picture that came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    pub(crate) frame: FrameId,
    pub(crate) captured_at: RemoteTime,
    pub(crate) decoded_at: Timestamp,
    pub(crate) decoded_wall: WallTime,
    pub(crate) size: (u32, u32),
    pub(crate) reading: Option<Reading>,
}

/// The decoder's thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Decoder {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Decoder {
    /// Opens the decoder, and starts its thread.
    pub(crate) fn open() -> Result<(Self, mpsc::Receiver<Seen>), Error> {
        let codec = open_codec()?;
        let (jobs, queue) = sync_channel(JOBS_MAX);
        let (out, seen) = mpsc::channel(JOBS_MAX);
        let thread = std::thread::Builder::new()
            .name("decode".to_owned())
            .spawn(move || work(codec, &queue, &out))
            .map_err(Error::System)?;
        let decoder = Self {
            jobs: Some(jobs),
            thread: Some(thread),
        };
        Ok((decoder, seen))
    }

    /// Queues an access unit; `false` when the decoder is too far behind, and the chain breaks here.
    pub(crate) fn decode(&self, job: Job) -> bool {
        let Some(jobs) = &self.jobs else { return false };
        !matches!(
            jobs.try_send(job),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
        )
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the decoder's thread panicked");
        }
    }
}

pub(crate) fn open_codec() -> Result<ffmpeg::decoder::Video, Error> {
    ffmpeg::init().map_err(Error::Codec)?;
    // What it thinks of a damaged stream is counted here, not printed.
    ffmpeg::log::set_level(ffmpeg::log::Level::Quiet);
    let codec = ffmpeg::decoder::find(ffmpeg::codec::Id::H264).ok_or(Error::NoCodec)?;
    let mut context = ffmpeg::codec::Context::new_with_codec(codec);
    context.set_flags(ffmpeg::codec::Flags::LOW_DELAY);
    // Frame threads would hold pictures back, one for each thread.
    context.set_threading(ffmpeg::threading::Config {
        count: 1,
        ..ffmpeg::threading::Config::default()
    });
    context
        .decoder()
        .open_as(codec)
        .and_then(ffmpeg::decoder::Opened::video)
        .map_err(Error::Codec)
}

fn work(mut codec: ffmpeg::decoder::Video, queue: &Receiver<Job>, out: &mpsc::Sender<Seen>) {
    let mut picture = ffmpeg::frame::Video::empty();
    // Handed in and not come out: a decoder may hold a picture back.
    let mut inside: VecDeque<(FrameId, RemoteTime)> = VecDeque::with_capacity(INSIDE_MAX);
    while let Ok(job) = queue.recv() {
        let mut packet = ffmpeg::Packet::copy(&job.nals);
        packet.set_pts(i64::try_from(job.frame.get()).ok());
        if inside.len() == INSIDE_MAX {
            inside.pop_front();
        }
        inside.push_back((job.frame, job.captured_at));
        let mut told = true;
        if codec.send_packet(&packet).is_err() {
            codec.flush();
            inside.clear();
            told = out.blocking_send(Seen::Broken).is_ok();
        }
        while codec.receive_frame(&mut picture).is_ok() {
            // Pictures that the decoder makes up to fill a gap carry no number of ours.
            let number = picture.pts().and_then(|pts| u64::try_from(pts).ok());
            let Some(at) = inside.iter().position(|(frame, _)| Some(frame.get()) == number) else {
                continue;
            };
            if let Some(job) = inside.drain(..=at).next_back() {
                told &= out.blocking_send(Seen::Picture(look(job, &picture))).is_ok();
            }
        }
        if !told || out.blocking_send(Seen::Finished).is_err() {
            return;
        }
    }
}

fn look((frame, captured_at): (FrameId, RemoteTime), picture: &ffmpeg::frame::Video) -> Picture {
    let (decoded_at, decoded_wall) = (clock::now(), clock::wall());
    let size = (picture.width(), picture.height());
    let roomy = usize::try_from(size.0).is_ok_and(|w| w >= WIDTH)
        && usize::try_from(size.1).is_ok_and(|h| h >= HEIGHT);
    let (luma, stride) = (picture.data(0), picture.stride(0));
    let reading = roomy
        .then(|| read(|x, y| luma.get(y * stride + x).copied().unwrap_or(0)))
        .flatten();
    Picture {
        frame,
        captured_at,
        decoded_at,
        decoded_wall,
        size,
        reading,
    }
}

/// Half a second at 60 fps: a decoder that is further behind will not catch up by waiting.
const JOBS_MAX: usize = 32;
/// As many as H.264 lets a decoder hold back.
const INSIDE_MAX: usize = 16;
