//! What anybody has who captures an X server: FFmpeg's x11grab, which takes a picture at each tick of its own.

use crate::{Bench, Options, wall_us};
use anyhow::{Context as _, Result};
use firstlight_encoder::Picture;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) fn run(bench: &mut Bench, run_dir: &Path, options: &Options) -> Result<()> {
    let sockets = std::fs::read_dir(run_dir.join("display"))?;
    let socket = sockets
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('X'))
        })
        .context("the display has no socket")?;
    let link = Link::new(&socket)?;
    let (width, height) = (usize::from(options.width), usize::from(options.height));
    // Where it shares memory with the server, as it would on a desktop: pictures through a socket take tens of milliseconds.
    let register = std::fs::read_to_string(run_dir.join("processes"))?;
    let server = register
        .split_whitespace()
        .next()
        .context("no process is registered")?;
    let mut ffmpeg = Command::new("nsenter")
        .arg(format!("--ipc=/proc/{server}/ns/ipc"))
        .arg("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-f",
            "x11grab",
            "-draw_mouse",
            "0",
            "-framerate",
            "60",
        ])
        .args(["-video_size", &format!("{width}x{height}")])
        .arg("-i")
        .arg(&link.name)
        .args(["-f", "rawvideo", "-pix_fmt", "bgr0", "-"])
        .env("XAUTHORITY", run_dir.join("Xauthority"))
        .stdout(Stdio::piped())
        .spawn()
        .context("ffmpeg: apt-get install ffmpeg")?;
    let mut pictures = ffmpeg.stdout.take().context("ffmpeg says nothing")?;
    let mut pixels = vec![0; width * height * 4];
    while !bench.is_over() {
        bench.press()?;
        pictures.read_exact(&mut pixels).context("ffmpeg ended")?;
        let picture = Picture {
            bgrx: &pixels,
            stride: width * 4,
        };
        bench.take(picture, wall_us()?)?;
    }
    ffmpeg.kill()?;
    ffmpeg.wait()?;
    Ok(())
}

/// The display where X clients look for one: its socket lies in the run folder, of which they know nothing.
struct Link {
    path: PathBuf,
    name: String,
}

impl Link {
    fn new(socket: &Path) -> Result<Self> {
        let file = socket.file_name().context("a socket has a name")?;
        let number = file.to_string_lossy().trim_start_matches('X').to_owned();
        std::fs::create_dir_all(SOCKETS)?;
        let path = Path::new(SOCKETS).join(file);
        std::os::unix::fs::symlink(socket, &path).with_context(|| format!("{}", path.display()))?;
        Ok(Self {
            path,
            name: format!(":{number}"),
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}

const SOCKETS: &str = "/tmp/.X11-unix";
