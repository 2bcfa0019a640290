//! From the start order to the last report.

use crate::audio::AudioUnit;
use crate::encoders::Encoders;
use crate::media::{self, MediaEvent, Parts, Spare};
use crate::orders::{self, Reports};
use crate::shared::Shared;
use crate::threads::{self, NICE, NICE_AUDIO};
use crate::worker::{Sources, Worker, WorkerParts};
use crate::{Error, audio, clipboard, clock, cursor, ffi, resize, rumble};
use firstlight_container::{ClipboardEvent, Container, CursorEvent, Paster, Rumble, Spec, Waker};
use firstlight_encoder::Config;
use firstlight_link::{End, Order, Report, Start};
use firstlight_quic::{Certificates, Listener};
use firstlight_title::Title;
use firstlight_units::{Bitrate, Timestamp};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Runs one session: orders on standard input, reports on standard output, a log on standard error if the program has
/// installed a `tracing` subscriber. Returns when the session is over.
///
/// The last report is [`Report::Ended`] in every case that leaves this function; a worker that dies without it has crashed.
#[must_use]
pub fn run() -> ExitCode {
    let began = clock::now();
    let (reports, writer) = match Reports::open() {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(error = error.chain(), "the worker cannot start");
            return ExitCode::FAILURE;
        }
    };
    let result = session(began, &reports);
    if let Err(error) = &result {
        let detail = error.chain();
        tracing::error!(detail, "the session could not be started");
        reports.send(Report::Ended {
            reason: End::EngineFault,
            detail,
            exit_code: None,
            tail: Vec::new(),
        });
    }
    drop(reports);
    // The writer ends when the last report is written; it does not panic.
    drop(writer.join());
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn session(began: Timestamp, reports: &Reports) -> Result<(), Error> {
    let start = orders::read_start()?;
    let orders = orders::listen()?;
    let title = firstlight_title::load(&start.title_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Start {
            what: "the network runtime",
            source,
        })?;
    let certificates = Certificates::generate(clock::wall())?;
    let listener = {
        let _inside = runtime.enter();
        Listener::open(&start.listen, certificates.current())?
    };
    // Here, and not in the net thread: what the container starts inherits the priority of the thread that starts it.
    let behind = start.parked && firstlight_container::step_back();
    let container = Container::start(Spec {
        title: title.clone(),
        title_dir: start.title_dir.clone(),
        run_dir: start.run_dir.clone(),
        home: start.home.clone(),
        cgroup: start.cgroup.clone(),
    })?;
    if behind {
        firstlight_container::step_forward();
    }
    let opening = Opening {
        began,
        start,
        title,
        certificates,
        listener,
        container,
        reports: reports.clone(),
    };
    std::thread::Builder::new()
        .name("net".to_owned())
        .spawn(move || opening.serve(&runtime, orders))
        .map_err(|source| Error::Start {
            what: "the net thread",
            source,
        })?
        .join()
        .map_err(|_| Error::ThreadDied("net"))?
}

/// A session whose parts are there and whose threads are not.
struct Opening {
    began: Timestamp,
    start: Start,
    title: Title,
    certificates: Certificates,
    listener: Listener,
    container: Container,
    reports: Reports,
}

impl Opening {
    /// An operator's word goes before a title's.
    fn forced_encoder(&self) -> Option<&str> {
        let operator = self.start.encoder.as_deref();
        operator.or(self.title.video.encoder.as_deref())
    }

    /// What is encoded at first: pictures as the title draws them.
    fn drawn(&self, target: Bitrate) -> Result<Config, Error> {
        let display = &self.title.display;
        let config = Config::builder()
            .size(display.width, display.height)
            .fps(display.fps)
            .bitrate(target)
            .threads(self.start.encoder_threads.clamp(1, 16));
        Ok(config.build()?)
    }

    /// The net thread.
    fn serve(mut self, runtime: &Runtime, orders: mpsc::Receiver<Order>) -> Result<(), Error> {
        let (faults_in, faults) = mpsc::channel(FAULTS_MAX);
        let (media_in, media) = mpsc::channel(UNITS_MAX);
        let (audio_in, audio) = mpsc::channel(AUDIO_MAX);
        let (cursor_in, cursor) = mpsc::channel(CURSOR_MAX);
        let (rumble_in, rumble) = mpsc::channel(RUMBLE_MAX);
        let (clipboard_in, clipboard) = mpsc::channel(CLIPBOARD_MAX);
        let (spare, spare_out) = sync_channel(UNITS_MAX);

        let most = Bitrate::bps(self.start.bitrate_max_bps).max(Bitrate::mbps(1));
        let target = BITRATE_START.min(most);
        let capture = self.container.capture()?;
        let waker = capture.waker();
        let config = self.drawn(target)?;
        let encoders = Encoders::new(&self.start.encoders, self.forced_encoder(), &config)?;
        let shared = Arc::new(Shared::new(
            target,
            encoders.order(),
            (config.width(), config.height()),
        ));
        let parts = Parts {
            capture,
            config,
            target,
            shared: Arc::clone(&shared),
            out: media_in,
            spare: Spare(spare_out),
            look: self.start.parked,
        };
        threads::spawn(MEDIA, NICE, faults_in.clone(), move || media::run(parts))?;

        let listening = audio::Listening::default();
        let has_audio = spawn_audio(&self.container, &listening, faults_in.clone(), audio_in)?;
        let resizes = spawn_resizer(&self.container, &faults_in, &waker)?;
        spawn_tellers(&mut self.container, faults_in.clone(), cursor_in, rumble_in)?;
        let paster = spawn_clipboard(&self.container, faults_in, clipboard_in)?;
        let input = self.container.input()?;
        let gamepads = self.container.gamepads();

        // Children and threads have been made: none inherits this.
        if !ffi::set_nice(NICE) {
            tracing::debug!("no permission to raise the net thread's priority");
        }
        runtime.block_on(async {
            let (sources, accepted, control) = Sources::new(
                self.listener,
                orders,
                (media, audio, cursor, rumble, clipboard, faults),
            )?;
            let worker = Worker::new(WorkerParts {
                began: self.began,
                start: self.start,
                title: self.title,
                bitrates: (target, most),
                drawn: config,
                encoders,
                container: self.container,
                input,
                gamepads,
                paster,
                shared,
                waker,
                resizes,
                spare,
                listening,
                has_audio,
                certificates: self.certificates,
                reports: self.reports,
                accepted,
                control,
            })?;
            worker.run(sources).await;
            Ok(())
        })
    }
}

/// The thread that records the sound, where the title has any; says whether it has.
fn spawn_audio(
    container: &Container,
    listening: &audio::Listening,
    faults: mpsc::Sender<Error>,
    out: mpsc::Sender<AudioUnit>,
) -> Result<bool, Error> {
    let Some(sound) = container.audio()? else {
        return Ok(false);
    };
    let listening = Arc::clone(listening);
    threads::spawn("audio", NICE_AUDIO, faults, move || {
        audio::run(sound, &listening, &out)
    })?;
    Ok(true)
}

/// The thread that gives the display another size, where it may have one.
fn spawn_resizer(
    container: &Container,
    faults: &mpsc::Sender<Error>,
    waker: &Waker,
) -> Result<Option<resize::Asker>, Error> {
    let Some(resizer) = container.resizer()? else {
        return Ok(None);
    };
    let (asker, asked) = resize::mailbox();
    let waker = waker.clone();
    threads::spawn("resize", 0, faults.clone(), move || {
        resize::run(resizer, asked, &waker)
    })?;
    Ok(Some(asker))
}

/// The threads of what the app does beside picture and sound.
fn spawn_tellers(
    container: &mut Container,
    faults: mpsc::Sender<Error>,
    cursor_in: mpsc::Sender<CursorEvent>,
    rumble_in: mpsc::Sender<Rumble>,
) -> Result<(), Error> {
    let pointer = container.cursor()?;
    threads::spawn("cursor", 0, faults.clone(), move || {
        cursor::run(pointer, &cursor_in)
    })?;
    if let Some(rumbles) = container.rumbles() {
        threads::spawn("rumble", 0, faults, move || rumble::run(rumbles, &rumble_in))?;
    }
    Ok(())
}

/// The thread that serves the clipboard, where the title has one, and what the player pastes with.
fn spawn_clipboard(
    container: &Container,
    faults: mpsc::Sender<Error>,
    out: mpsc::Sender<ClipboardEvent>,
) -> Result<Option<Paster>, Error> {
    let Some(board) = container.clipboard()? else {
        return Ok(None);
    };
    let paster = board.paster();
    threads::spawn("clipboard", 0, faults, move || clipboard::run(board, &out))?;
    Ok(paster)
}

/// What the media thread made ready for the network.
pub(crate) type MediaReceiver = mpsc::Receiver<MediaEvent>;

/// Its name; the encoder's own threads inherit it.
pub(crate) const MEDIA: &str = "media";

/// What a path that nothing is known of begins with: 720p60 of a game looks right at this.
const BITRATE_START: Bitrate = Bitrate::mbps(8);
/// One per thread, and room.
const FAULTS_MAX: usize = 8;
/// Eight access units of eight slices: the net thread is at most a picture or two behind.
const UNITS_MAX: usize = 64;
/// 80 ms of sound; older is of no use to anybody.
const AUDIO_MAX: usize = 8;
/// An app that changes its cursor faster than this waits for nobody but the cursor thread.
const CURSOR_MAX: usize = 16;
/// Two texts a second come of programs, and what is pasted waits for its answer.
const CLIPBOARD_MAX: usize = 4;
/// A fifth of a second of four pads whose motors change as fast as they may.
const RUMBLE_MAX: usize = 40;
