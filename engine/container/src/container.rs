//! One session's sandboxed endpoint: display, sound and app.

use crate::app::{self, Wiring};
use crate::cgroup::Cgroups;
use crate::display::{Display, LAST_WORDS_MAX};
use crate::gamepad::{Gamepads, Rumbles};
use crate::home;
use crate::ipc::Memory;
use crate::keeper::Keeper;
use crate::pauses::Pauses;
use crate::process::{Launcher, Process, Role, descendants, signal, threads};
use crate::run_dir::{Register, RunDir};
use crate::sound::{Audio, Sound};
use crate::timetable::Timetable;
use crate::tools::Tools;
use crate::work::Work;
use crate::{
    Capture, Clipboard, Cursor, Error, FrameClock, Input, Resizer, clock, display, ffi, freezer, sound, tools,
};
use firstlight_title::{Clipboard as Allowed, Resize, Title};
use firstlight_units::{Micros, Timestamp};
use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What a container is made of.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What to run.
    pub title: Title,
    /// The title's folder.
    pub title_dir: PathBuf,
    /// Private folder of this session: missing or empty at the start, removed at the end.
    pub run_dir: PathBuf,
    /// The player's persistent home for this title; made if missing. Only the manifest's `persist` paths are in it.
    pub home: PathBuf,
    /// A cgroup for this session, made if missing: v2, or a v1 freezer group. The container makes groups below it and puts its
    /// processes there. Without one, freezing goes process by process.
    pub cgroup: Option<PathBuf>,
}

/// How the container's life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, if there was one.
    pub code: Option<i32>,
    /// The signal, if one killed it. An app that exits with 129 to 192 by itself looks like this too.
    pub signal: Option<i32>,
    /// Which part ended first.
    pub who: Part,
    /// The last lines it wrote, oldest first: at most 50, each at most 400 bytes. For the operator and the publisher.
    pub tail: Vec<String>,
}

/// The parts of a container that can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The title's own process.
    App,
    /// The X server, or the compositor.
    Display,
    /// The sound server.
    Sound,
}

/// A running container. Dropping it kills everything at once; so does the death of this process, however it dies.
///
/// # Freezing
/// [`Self::freeze`] stops app and sound. The display goes on, without work and so without cost: [`Capture::grab`] shows the
/// last picture at once, [`Input`] waits in the display's queues until the thaw. [`Audio::read`] blocks until the thaw.
#[derive(Debug)]
pub struct Container {
    // In the order of dropping: clients before servers, the groups and the folder when nobody is in them any more.
    app: Process,
    sound: Option<Sound>,
    display: Display,
    fps: u16,
    frame_clock: Option<FrameClock>,
    resize: Resize,
    clipboard: Allowed,
    tools: Tools,
    frozen: bool,
    ended: Option<Exit>,
    work: Work,
    launcher: Launcher,
    cgroup: Option<PathBuf>,
    pauses: Pauses,
    /// Where what persists lies, and which paths that is.
    home: PathBuf,
    persistent: Vec<PathBuf>,
    gamepads: Option<Gamepads>,
    /// Until somebody takes it.
    rumbles: Option<Rumbles>,
    _run_dir: RunDir,
}

impl Container {
    /// Starts display, sound and app; blocks for as long as display and sound take, not for the app.
    ///
    /// # Errors
    /// One variant of [`Error`] per thing that can be missing; nothing is left behind.
    pub fn start(spec: Spec) -> Result<Self, Error> {
        app::program(&spec)?;
        let tools = Tools::find(spec.title.display.kind, spec.title.audio.enabled)?;
        let run_dir = RunDir::take(&spec.run_dir, spec.cgroup.as_deref())?;
        let launcher = launcher(&spec, &tools)?;
        let pauses = Pauses::make(&spec.run_dir)?;

        let deadline = clock::now() + START_MAX;
        // Both at once: each takes about a tenth of a second.
        let display = display::start(&launcher, &tools, &spec.run_dir, spec.title.display)?;
        let starting = match &tools.sound {
            Some(programs) => Some(sound::start(&launcher, &tools.bwrap, programs, &spec.run_dir)?),
            None => None,
        };
        let display = display.wait_ready(deadline)?;
        if spec.title.input.touch {
            display.add_touch()?;
        }
        let sound = starting.map(|sound| sound.wait_ready(deadline)).transpose()?;

        let count = spec.title.input.gamepads;
        let gamepads = (count > 0).then(|| Gamepads::start(&spec.run_dir, count));
        let (gamepads, rumbles) = gamepads.transpose()?.unzip();
        let wiring = Wiring {
            bwrap: &tools.bwrap,
            memory: launcher.memory(),
            display: &display,
            sound: sound.as_ref().map(Sound::socket),
            gamepads: gamepads.as_ref(),
        };
        let timetable = Timetable::make(&spec.run_dir)?;
        let frame_clock = FrameClock::of(display.frame_clock(), &spec.title.run, &timetable)
            .filter(|_| spec.title.display.phase_lock);
        let command = app::command(&spec, &wiring)?;
        let (app, _) = launcher.launch("the title", command, Role::App)?;
        Ok(Self {
            app,
            sound,
            display,
            fps: spec.title.display.fps,
            frame_clock,
            resize: spec.title.display.resize,
            clipboard: spec.title.input.clipboard,
            tools,
            frozen: false,
            ended: None,
            work: Work::default(),
            launcher,
            cgroup: spec.cgroup,
            pauses,
            home: spec.home,
            persistent: home::persistent(&spec.title.run.persist),
            gamepads,
            rumbles,
            _run_dir: run_dir,
        })
    }

    /// Gives what the app has at the persistent paths to the player whose home this is, with what the player has there: from the thaw on
    /// the app finds the player's files, and writes to the player. The app must be frozen, and nobody else may use that home meanwhile.
    ///
    /// # Errors
    /// [`Error::Home`]; what the player saved is still there, and the next start puts it in order. The container is of no use then.
    pub fn move_in(&mut self, home: &Path) -> Result<(), Error> {
        for path in &self.persistent {
            home::move_in(&self.home, home, path)?;
        }
        home.clone_into(&mut self.home);
        Ok(())
    }

    /// Ends what [`step_back`] began, for everything that was started meanwhile.
    pub fn come_forward(&self) {
        if let Some(gamepads) = &self.gamepads {
            gamepads.come_forward();
        }
        let started = descendants(&[std::process::id()]).into_iter().skip(1);
        for thread in started.flat_map(threads).chain(self.display.threads()) {
            if !ffi::set_priority(thread, false) {
                tracing::debug!(thread, "a thread stays in the background");
            }
        }
    }

    /// The picture, over a connection of its own; at most as many per second as the manifest says.
    ///
    /// # Errors
    /// What the display refuses.
    pub fn capture(&self) -> Result<Capture, Error> {
        self.display.capture(self.fps)
    }

    /// Keyboard and mouse, over a connection of their own.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn input(&self) -> Result<Input, Error> {
        self.display.input()
    }

    /// What tells the app when to draw; `None` where nothing does, or it is not to be steered.
    #[must_use]
    pub fn frame_clock(&self) -> Option<FrameClock> {
        self.frame_clock.clone()
    }

    /// The gamepads; `None` when the title takes none.
    #[must_use]
    pub fn gamepads(&self) -> Option<Gamepads> {
        self.gamepads.clone()
    }

    /// What the app plays on its gamepads' motors; `None` when the title takes none, or somebody has it already.
    pub fn rumbles(&mut self) -> Option<Rumbles> {
        self.rumbles.take()
    }

    /// The cursor, over connections of its own.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn cursor(&self) -> Result<Cursor, Error> {
        self.display.cursor()
    }

    /// What changes the display's size, over a connection of its own; `None` where the manifest keeps it.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn resizer(&self) -> Result<Option<Resizer>, Error> {
        match self.resize {
            Resize::Fixed => Ok(None),
            Resize::Window => self.display.resizer(),
        }
    }

    /// What the app's programs copy, and what they paste, over a connection of its own; `None` where the manifest says that neither reaches
    /// the player.
    ///
    /// # Errors
    /// As [`Self::capture`].
    pub fn clipboard(&self) -> Result<Option<Clipboard>, Error> {
        let wanted = self.clipboard != Allowed::None;
        wanted.then(|| self.display.clipboard(self.clipboard)).transpose()
    }

    /// A recording of the sound from here on; `None` when the title has none.
    ///
    /// # Errors
    /// [`Error::Start`] when the recorder cannot be started.
    pub fn audio(&self) -> Result<Option<Audio>, Error> {
        let (Some(sound), Some(tools)) = (&self.sound, &self.tools.sound) else {
            return Ok(None);
        };
        sound
            .record(&self.launcher, &self.tools.bwrap, &tools.recorder)
            .map(Some)
    }

    /// Stops app and sound where they are; they use no processor until [`Self::thaw`]. Frozen twice is frozen once.
    ///
    /// # Errors
    /// [`Error::Freezer`] or [`Error::Cgroup`]; everything runs on then.
    pub fn freeze(&mut self) -> Result<(), Error> {
        if self.frozen {
            return Ok(());
        }
        if let Some(sound) = &self.sound {
            sound.suspend(true);
        }
        self.frozen = true;
        let result = freezer::freeze(self.group(), &self.roots());
        self.pauses.begin();
        if result.is_err() {
            self.thaw()?;
        }
        result
    }

    /// Processor time that the app, and who draws for it, used since the last call; the first one says nothing. Looks at a few files. What
    /// an X server works comes after the commit that [`Grab::committed_at`](crate::Grab::committed_at) tells.
    pub fn work(&mut self) -> Micros {
        let painter = self.display.painter().map(Process::id);
        let roots: Vec<u32> = [self.app.id()].into_iter().chain(painter).collect();
        self.work.since(&roots)
    }

    /// Lets everything go on.
    ///
    /// # Errors
    /// [`Error::Freezer`] or [`Error::Cgroup`].
    pub fn thaw(&mut self) -> Result<(), Error> {
        if !self.frozen {
            return Ok(());
        }
        self.pauses.end();
        freezer::thaw(self.group(), &self.roots())?;
        self.frozen = false;
        if let Some(sound) = &self.sound {
            sound.suspend(false);
        }
        Ok(())
    }

    /// How it ended, if it has: the app by itself, or because display or sound failed. What an app started and left behind is
    /// gone with it. Does not block, but for a moment when something ended.
    pub fn poll_exit(&mut self) -> Option<Exit> {
        if self.ended.is_none() {
            self.ended = self.look_for_exit();
        }
        self.ended.clone()
    }

    /// Ends everything. An app that is not frozen is asked first (SIGTERM) and has half a second to save. Returns how it
    /// ended.
    pub fn stop(mut self) -> Exit {
        if !self.frozen && self.poll_exit().is_none() {
            self.ask_to_end();
            self.wait_exit(clock::now() + GRACE);
        }
        if let Some(exit) = self.poll_exit() {
            return exit;
        }
        if self.frozen
            && let Err(error) = self.thaw()
        {
            tracing::debug!(%error, "a frozen app was not thawed before it was killed");
        }
        let status = self.app.kill();
        exit(Part::App, status, Some(&self.app))
    }

    fn look_for_exit(&mut self) -> Option<Exit> {
        if let Some(status) = self.app.poll_exit() {
            return Some(match self.display.wait_end() {
                None => exit(Part::App, Some(status), Some(&self.app)),
                Some(status) => exit(Part::Display, status, self.display.process()),
            });
        }
        if let Some(status) = self.display.poll_end() {
            return Some(exit(Part::Display, status, self.display.process()));
        }
        let sound = &mut self.sound.as_mut()?.process;
        let status = sound.poll_exit()?;
        Some(exit(Part::Sound, Some(status), Some(sound)))
    }

    /// The group that a freeze stops.
    fn group(&self) -> Option<&crate::cgroup::Cgroup> {
        self.launcher.cgroups.as_ref().map(|groups| &groups.app)
    }

    /// Sends SIGTERM to the app, not to bubblewrap around it, which would die and take the app with it.
    fn ask_to_end(&self) {
        // The first is bubblewrap, the second its process number 1 in the sandbox.
        for pid in descendants(&[self.app.id()]).into_iter().skip(2) {
            signal(pid, Signal::SIGTERM);
        }
    }

    fn wait_exit(&mut self, deadline: Timestamp) {
        self.app.tail().wait_end(deadline);
        self.app.wait_exit(deadline);
    }

    /// The processes that bear all that a freeze stops. The recorders are the sound server's clients and have parents of their
    /// own; they wait for it, frozen or not.
    fn roots(&self) -> Vec<u32> {
        let sound = self.sound.as_ref().map(|s| s.process.id());
        std::iter::once(self.app.id()).chain(sound).collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Processes that a v1 freezer holds would outlive SIGKILL: the group lets them go before it kills them.
        if let Some(groups) = &self.launcher.cgroups
            && !groups.end()
        {
            tracing::warn!("the container's cgroups were not removed");
        }
        if let Some(cgroup) = &self.cgroup
            && let Err(error) = fs::remove_dir(cgroup)
        {
            // The worker may live in it; then it is the host's to remove.
            tracing::debug!(%error, "the session's cgroup was not removed");
        }
    }
}

/// Puts the calling thread, and what a container that it starts will start, behind everything else on this machine that wants the
/// processor or a disk. `false`, and nothing is done, where this process may not come forward again.
#[must_use]
pub fn step_back() -> bool {
    // On a thread that is about to end anyway.
    let returns = std::thread::spawn(|| ffi::set_priority(0, true) && ffi::set_priority(0, false)).join();
    returns.unwrap_or(false) && ffi::set_priority(0, true)
}

/// Ends what [`step_back`] began, for the calling thread.
pub fn step_forward() {
    if !ffi::set_priority(0, false) {
        tracing::warn!("this thread stays in the background");
    }
}

fn launcher(spec: &Spec, tools: &Tools) -> Result<Launcher, Error> {
    let cgroups = spec.cgroup.as_deref().map(Cgroups::make).transpose()?;
    if cgroups.is_none() {
        tools::say_once(
            "no cgroup: a waiting session is frozen process by process, and nothing bounds its memory",
        );
    }
    let keeper = Keeper::new()?;
    let memory = Memory::find(&keeper, &tools.bwrap);
    Ok(Launcher {
        keeper,
        cgroups,
        memory,
        register: Register::new(&spec.run_dir)?,
    })
}

/// `process` is `None` for a display in this process.
fn exit(who: Part, status: Option<ExitStatus>, process: Option<&Process>) -> Exit {
    // Its last words may still be on their way.
    if let Some(process) = process {
        process.tail().wait_end(clock::now() + LAST_WORDS_MAX);
    }
    let (code, signal) = status.map_or((None, None), app::ended);
    Exit {
        code,
        signal,
        who,
        tail: process.map_or_else(Vec::new, |process| process.tail().lines()),
    }
}

/// Display and sound are up after 0.1 to 0.3 s; ten seconds are for a machine in trouble.
const START_MAX: Micros = Micros::from_secs(10);
/// Long enough to write a saved game, short enough for a player who waits for the room.
const GRACE: Micros = Micros::from_millis(500);
