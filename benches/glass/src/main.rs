//! The floor of the glass-to-glass bench: the same title, capture and encoder as a session, piped bare over a local socket
//! into a page's `VideoDecoder`. No pacing, no control, no repair: what is left is what capture, encoder and decoder take.
//!
//! ```text
//! damage -> grab -> convert -> encode -> one write -> fetch stream -> Worker: VideoDecoder -> MediaStreamTrackGenerator -> <video>
//! ```
//!
//! The page keeps what it sees in `window.floor`.

#[expect(unsafe_code, reason = "setpriority has no safe wrapper at hand")]
mod ffi;
mod server;

use anyhow::{Context, Result, bail};
use clap::Parser;
use firstlight_container::{Capture, Container, Spec, Wait, now};
use firstlight_encoder::{Config, Encoder, How, Picture};
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp};
use server::Viewer;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::SystemTime;

/// Pipes a title's picture bare into a browser page: the floor that glass-to-glass figures are compared with.
#[derive(Parser)]
struct Args {
    /// Folder that holds title.toml.
    #[arg(long)]
    title: PathBuf,
    /// Port of 127.0.0.1 to serve the page on.
    #[arg(long)]
    port: u16,
    /// Bits per second.
    #[arg(long, default_value_t = 8_000_000)]
    bitrate: u64,
    /// Private folder for the run.
    #[arg(long)]
    run_dir: PathBuf,
    /// Threads of the encoder.
    #[arg(long, default_value_t = 2)]
    threads: u8,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if !ffi::set_nice(NICE) {
        eprintln!("floor: runs at normal priority: this user may not raise it");
    }
    let title = firstlight_title::load(&args.title)?;
    let config = Config::builder()
        .size(title.display.width, title.display.height)
        .fps(title.display.fps)
        .bitrate(Bitrate::bps(args.bitrate))
        .threads(args.threads)
        .build()?;
    let home = args.run_dir.join("home");
    std::fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let run_dir = args.run_dir.join("run");
    std::fs::create_dir_all(&run_dir).with_context(|| format!("cannot make {}", run_dir.display()))?;
    let spec = Spec {
        title,
        title_dir: args.title,
        run_dir,
        home,
        cgroup: None,
    };
    let mut container = Container::start(spec)?;
    let (arrived, viewers) = sync_channel(1);
    server::start(args.port, arrived)?;
    let mut floor = Floor {
        capture: container.capture()?,
        encoder: Encoder::open(config)?,
        viewers,
        viewer: None,
        frame: FrameId::default(),
        message: Vec::with_capacity(1 << 20),
    };
    loop {
        floor.turn()?;
        if let Some(exit) = container.poll_exit() {
            bail!("the title ended: {exit:?}");
        }
    }
}

struct Floor {
    capture: Capture,
    encoder: Encoder,
    viewers: Receiver<Viewer>,
    viewer: Option<Viewer>,
    frame: FrameId,
    /// The message in the making; allocated once.
    message: Vec<u8>,
}

/// When a picture passed the stages before the encoder.
struct Passed {
    committed: Timestamp,
    grabbed: Timestamp,
}

impl Floor {
    /// Waits for one picture at most, and sends it.
    fn turn(&mut self) -> Result<()> {
        let fresh = self.viewers.try_recv().ok();
        let joined = fresh.is_some();
        self.viewer = fresh.or_else(|| self.viewer.take());
        if !joined && !matches!(self.capture.wait(Some(now() + LOOK))?, Wait::Damage { .. }) {
            return Ok(());
        }
        let grab = self.capture.grab()?;
        let passed = Passed {
            committed: grab.committed_at,
            grabbed: grab.grabbed_at,
        };
        let changed = self.encoder.load(Picture {
            bgrx: grab.pixels,
            stride: grab.stride,
        })?;
        drop(grab);
        if self.viewer.is_some() && (changed || joined) {
            self.send(&passed, joined)?;
        }
        Ok(())
    }

    fn send(&mut self, passed: &Passed, idr: bool) -> Result<()> {
        self.frame = self.frame.next();
        let message = &mut self.message;
        message.clear();
        message.resize(HEADER_BYTES, 0);
        let unit = self.encoder.encode(
            self.frame,
            How {
                idr,
                ..How::default()
            },
            &mut |u| message.extend_from_slice(u.nals),
        )?;
        let encode = now() - passed.grabbed;
        let length = u32::try_from(message.len())?;
        // length of the whole, key, capture in us, conversion and encoding in us, and when it was sent (wall clock, us); big endian.
        let fields = [
            length,
            u32::from(unit.idr),
            (passed.grabbed - passed.committed).as_u32(),
            encode.as_u32(),
        ];
        for (slot, field) in message.chunks_exact_mut(4).zip(fields) {
            slot.copy_from_slice(&field.to_be_bytes());
        }
        let sent = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)?
            .as_micros();
        if let Some(slot) = message.get_mut(HEADER_BYTES - 8..HEADER_BYTES) {
            slot.copy_from_slice(&u64::try_from(sent)?.to_be_bytes());
        }
        if self.viewer.as_mut().is_some_and(|v| v.send(message).is_err()) {
            self.viewer = None;
        }
        Ok(())
    }
}

const HEADER_BYTES: usize = 24;
/// How often to look for a viewer and for the end of the title while nothing is drawn.
const LOOK: Micros = Micros::from_millis(50);
/// As the media thread of a session.
const NICE: i32 = -10;
