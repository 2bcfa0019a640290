//! The session's sound server and the recording of what the app plays.
//!
//! ```text
//! app -> PulseAudio (null sink, 48 kHz stereo) -> monitor -> parec -> pipe -> Audio::read
//! ```
//!
//! Server and recorder run in sandboxes of their own. Recording in a process instead of through libpulse keeps that library's
//! cookie files, environment and faults out of the worker; the pipe adds some 20 us.

use crate::process::{Launcher, Process, Role};
use crate::sandbox::{Memory, Sandbox, User};
use crate::sound_clock::{RATE, SoundClock};
use crate::{Error, clock, socket, tools};
use firstlight_units::{Micros, Timestamp};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A sound server that has been started and is not yet known to be ready.
#[derive(Debug)]
pub(crate) struct Starting {
    sound: Sound,
    watch: Inotify,
}

/// A running sound server.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) process: Process,
    folder: PathBuf,
}

/// Starts PulseAudio with one null sink.
pub(crate) fn start(
    launcher: &Launcher,
    bwrap: &Path,
    tools: &tools::Sound,
    run_dir: &Path,
) -> Result<Starting, Error> {
    let folder = run_dir.join("sound");
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|source| Error::RunDir {
        path: folder.clone(),
        source,
    })?;
    let watch =
        Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(Error::system("inotify"))?;
    let events = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ATTRIB;
    watch
        .add_watch(&folder, events)
        .map_err(Error::system("inotify"))?;

    let mut sandbox = sandbox(&folder);
    sandbox.env("XDG_RUNTIME_DIR", "/tmp");
    // norewinds: blocks of at most 50 ms, as short as the shortest latency anybody asks for, and a recording without
    // corrections. The last module to load is the one that is waited for.
    let modules = [
        format!("module-null-sink sink_name=game rate={RATE} channels=2 format=s16le norewinds=1"),
        format!("module-cli-protocol-unix socket={FOLDER}/{CONTROL}"),
        format!("module-native-protocol-unix auth-anonymous=1 socket={FOLDER}/{NATIVE}"),
    ];
    let mut args: Vec<&str> = vec!["-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit"];
    args.extend([
        "--disallow-module-loading",
        "--use-pid-file=no",
        "--realtime=no",
        "--high-priority=no",
    ]);
    args.push("--log-level=error");
    args.extend(modules.iter().flat_map(|module| ["-L", module]));
    let command = sandbox.command(bwrap, tools.server.as_os_str(), args);
    let (process, _) = launcher.launch("the sound server", command, Role::Sound)?;
    Ok(Starting {
        sound: Sound { process, folder },
        watch,
    })
}

impl Starting {
    /// Waits until apps can connect.
    pub(crate) fn wait_ready(mut self, deadline: Timestamp) -> Result<Sound, Error> {
        while socket::connect(&self.sound.folder, OsStr::new(NATIVE)).is_err() {
            let ended = self.sound.process.poll_exit().is_some();
            if ended || clock::now() >= deadline {
                self.sound.process.kill();
                let line =
                    self.sound
                        .process
                        .tail()
                        .last_line(if ended { "it ended" } else { "no answer in time" });
                return Err(if line.starts_with("bwrap: ") {
                    Error::Sandbox(line)
                } else {
                    Error::Sound(line)
                });
            }
            // The folder tells of the socket; the slice is for a server that dies, or that binds and then takes its time.
            let slice = deadline.min(clock::now() + LOOK_AGAIN);
            let mut fds = [PollFd::new(self.watch.as_fd(), PollFlags::POLLIN)];
            clock::wait_ready(&mut fds, Some(slice)).map_err(Error::system("poll"))?;
            match self.watch.read_events() {
                Ok(_) | Err(nix::errno::Errno::EAGAIN) => {}
                Err(error) => return Err(Error::system("inotify")(error)),
            }
        }
        Ok(self.sound)
    }
}

impl Sound {
    /// The socket that apps play to.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(NATIVE)
    }

    /// Halts or resumes the sink, so that a thaw does not have to make up for the time frozen. Best effort: without it
    /// the sound catches up after the thaw, and the recording drops that.
    pub(crate) fn suspend(&self, halt: bool) {
        if let Err(error) = self.try_suspend(halt) {
            tracing::debug!(%error, halt, "the sink was not suspended or resumed");
        }
    }

    fn try_suspend(&self, halt: bool) -> io::Result<()> {
        let mut control = socket::connect(&self.folder, OsStr::new(CONTROL))?;
        control.set_read_timeout(Some(SUSPEND_MAX))?;
        control.set_write_timeout(Some(SUSPEND_MAX))?;
        // The server answers only questions; it works through commands in order.
        writeln!(control, "suspend-sink game {}\nlist-cards", u8::from(halt))?;
        control.read_exact(&mut [0])
    }

    /// Starts recording.
    pub(crate) fn record(&self, launcher: &Launcher, bwrap: &Path, recorder: &Path) -> Result<Audio, Error> {
        let mut sandbox = sandbox(&self.folder);
        sandbox.env("PULSE_SERVER", format!("unix:{FOLDER}/{NATIVE}"));
        let (rate, latency) = (format!("--rate={RATE}"), format!("--latency-msec={FRAGMENT_MS}"));
        let args = [
            "--raw",
            "--format=s16le",
            "--channels=2",
            "--device=game.monitor",
            &rate,
            &latency,
        ];
        let command = sandbox.command(bwrap, recorder.as_os_str(), args);
        let (process, pipe) = launcher.launch("the recorder", command, Role::Recorder)?;
        let pipe = pipe.ok_or(Error::Closed)?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::system("fcntl"))?;
        Ok(Audio {
            pipe,
            buffer: VecDeque::with_capacity(BUFFER_MAX),
            clock: SoundClock::default(),
            first: 0,
            dropped: 0,
            _process: process,
        })
    }
}

/// What the app plays: 48 kHz, stereo.
#[derive(Debug)]
pub struct Audio {
    pipe: PipeReader,
    /// Bytes that were recorded and not yet read; at most [`BUFFER_MAX`], the oldest are dropped.
    buffer: VecDeque<u8>,
    clock: SoundClock,
    /// Number of the buffer's first sample since the recording began.
    first: u64,
    dropped: u64,
    _process: Process,
}

impl Audio {
    /// Fills `frame` with interleaved left and right samples, blocking until they were recorded; silence is recorded too, so
    /// that 10 ms come every 10 ms. Returns when the first of them was recorded. While the container is frozen this blocks
    /// until the thaw. A caller that is more than a sixth of a second behind loses the oldest samples.
    ///
    /// # Errors
    /// [`Error::Closed`] when the sound server is gone.
    pub fn read(&mut self, frame: &mut [i16]) -> Result<Timestamp, Error> {
        let bytes = frame.len().saturating_mul(2).min(BUFFER_MAX);
        loop {
            self.drain()?;
            if self.buffer.len() >= bytes {
                break;
            }
            let mut fds = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
            clock::wait_ready(&mut fds, None).map_err(Error::system("poll"))?;
        }
        let recorded = self.clock.time_of(self.first);
        for sample in frame.iter_mut() {
            let low = self.buffer.pop_front().unwrap_or(0);
            let high = self.buffer.pop_front().unwrap_or(0);
            *sample = i16::from_le_bytes([low, high]);
        }
        self.first += (bytes / SAMPLE_BYTES) as u64;
        Ok(recorded)
    }

    /// Samples per channel that were dropped because they came after a pause or were not read in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes over what the recorder has written, without waiting.
    fn drain(&mut self) -> Result<(), Error> {
        let mut piece = [0; 4096];
        loop {
            match self.pipe.read(&mut piece) {
                Ok(0) => return Err(Error::Closed),
                Ok(n) => self.on_piece(piece.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::System { what: "read", source }),
            }
        }
    }

    fn on_piece(&mut self, piece: &[u8]) {
        let number = self.first + (self.buffer.len() / SAMPLE_BYTES) as u64;
        if self.clock.on_arrival(clock::now(), number) {
            self.forget(self.buffer.len());
        }
        self.buffer.extend(piece);
        self.forget(self.buffer.len().saturating_sub(BUFFER_MAX));
    }

    /// Drops the oldest bytes, rounded up to whole samples.
    fn forget(&mut self, bytes: usize) {
        let samples = bytes.div_ceil(SAMPLE_BYTES).min(self.buffer.len() / SAMPLE_BYTES);
        self.buffer.drain(..samples * SAMPLE_BYTES);
        self.first += samples as u64;
        self.dropped += samples as u64;
    }
}

fn sandbox(folder: &Path) -> Sandbox {
    let mut sandbox = Sandbox::new(User::Player, Memory::Own);
    sandbox.arg(["--unshare-net", "--as-pid-1"]);
    sandbox.share(folder, FOLDER);
    sandbox.env("HOME", "/tmp");
    sandbox
}

/// The sound folder inside sandboxes.
const FOLDER: &str = "/run/sound";
/// The socket for apps.
const NATIVE: &str = "native";
/// The socket for the engine; never shown to an app.
const CONTROL: &str = "control";
/// Left and right, 16 bits each.
const SAMPLE_BYTES: usize = 4;
/// How much is recorded before it is handed on: with 5 ms, half a 10 ms frame waits on average; less wakes the processor
/// more often than 200 times a second for little.
const FRAGMENT_MS: u32 = 5;
/// Samples that nobody reads are worthless soon: 32 KiB is 171 ms.
const BUFFER_MAX: usize = 32 * 1024;
/// Between two looks at a server that has not told anything.
const LOOK_AGAIN: Micros = Micros::from_millis(50);
/// The server answers in 0.3 ms; a freeze does not wait for one that hangs.
const SUSPEND_MAX: Duration = Duration::from_millis(200);
