//! What the integration tests share: a title that is the scene program, and ways to wait for what it says.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a test may panic"
)]

use firstlight_container::{Capture, Container, Exit, Grab, Spec, Wait, now};
use firstlight_title::Title;
use firstlight_units::{Micros, Timestamp};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) const SCENE: &str = env!("CARGO_BIN_EXE_container-scene");
pub(crate) const OWNER: &str = env!("CARGO_BIN_EXE_container-owner");

/// Folders of one session.
pub(crate) struct Stage {
    pub(crate) root: TempDir,
    pub(crate) cgroup: Option<PathBuf>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let title_dir = root.path().join("title");
        fs::create_dir(&title_dir).unwrap();
        fs::copy(SCENE, title_dir.join("scene")).unwrap();
        Self { root, cgroup: None }
    }

    /// With a cgroup, where this machine grants one.
    pub(crate) fn with_cgroup() -> Self {
        let mut stage = Self::new();
        let name = stage.root.path().file_name().unwrap().to_owned();
        stage.cgroup = firstlight_container::isolate()
            .cgroup_root
            .map(|root| root.join(format!("firstlight-test-{}", name.to_string_lossy())));
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The title that runs `command`, with `more` of a manifest.
    pub(crate) fn title(&self, command: &[&str], more: &str) -> Title {
        let words: Vec<String> = command.iter().map(|word| format!("{word:?}")).collect();
        let text = format!(
            "id = \"title\"\nname = \"Scene\"\nversion = \"1\"\n[run]\ncommand = [{}]\n{more}",
            words.join(", ")
        );
        fs::write(self.path("title/title.toml"), &text).unwrap();
        firstlight_title::parse(&text, Path::new("title.toml")).unwrap()
    }

    pub(crate) fn spec(&self, command: &[&str], more: &str) -> Spec {
        Spec {
            title: self.title(command, more),
            title_dir: self.path("title"),
            run_dir: self.path("run"),
            home: self.path("home"),
            cgroup: self.cgroup.clone(),
        }
    }

    pub(crate) fn start(&self, command: &[&str], more: &str) -> Container {
        Container::start(self.spec(command, more)).unwrap()
    }
}

/// A screen without sound.
pub(crate) const SILENT: &str = "[display]\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n";
/// The same on the Wayland display.
pub(crate) const WAYLAND: &str =
    "[display]\nkind = \"wayland\"\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n";
/// What holds for a program of X11 holds on each.
pub(crate) const DISPLAYS: [&str; 2] = [SILENT, WAYLAND];

pub(crate) fn deadline() -> Timestamp {
    now() + Micros::from_secs(20)
}

/// Waits until the picture fulfils `wanted`; panics when it never does.
pub(crate) fn watch<T>(
    capture: &mut Capture,
    what: &str,
    mut wanted: impl FnMut(&Grab<'_>) -> Option<T>,
) -> T {
    let deadline = deadline();
    loop {
        let said = {
            let grab = capture.grab().unwrap();
            if let Some(found) = wanted(&grab) {
                return found;
            }
            text(&grab)
        };
        assert_ne!(
            capture.wait(Some(deadline)).unwrap(),
            Wait::Timeout,
            "waited for {what}; it says: {said}"
        );
    }
}

/// Waits until the scene has said `wanted`, and returns all that it said.
pub(crate) fn hear(capture: &mut Capture, wanted: &str) -> String {
    watch(capture, wanted, |grab| {
        Some(text(grab)).filter(|said| said.contains(wanted))
    })
}

/// The text in the picture's first row.
pub(crate) fn text(grab: &Grab<'_>) -> String {
    let row = grab.pixels.get(..grab.stride).unwrap();
    let bytes = row.chunks(4).flat_map(|pixel| pixel.iter().take(3));
    let said: Vec<u8> = bytes.copied().take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&said).into_owned()
}

/// The picture's pixels as numbers `0xRRGGBB`, row by row.
pub(crate) fn pixels<'a>(grab: &Grab<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let words = grab.pixels.chunks_exact(4);
    words.map(|p| u32::from_le_bytes([p[0], p[1], p[2], 0]))
}

/// Waits until the container says that it ended.
pub(crate) fn await_exit(container: &mut Container) -> Exit {
    let deadline = deadline();
    loop {
        if let Some(exit) = container.poll_exit() {
            return exit;
        }
        assert!(now() < deadline, "the container goes on");
        std::thread::yield_now();
    }
}

/// A process that owns a container.
pub(crate) struct Owner {
    child: Child,
}

impl Owner {
    /// Starts it and waits until its app has drawn.
    pub(crate) fn start(mut command: Command, stage: &Stage) -> Self {
        let args = [stage.path("title"), stage.path("run"), stage.path("home")];
        command.args(args).args(&stage.cgroup);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        Self { child }
    }

    /// Lets it end as it should.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills it without a chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The processes that the container in `run_dir` started, by its own register, with all below them.
pub(crate) fn family(run_dir: &Path) -> Vec<u32> {
    let register = fs::read_to_string(run_dir.join("processes")).unwrap_or_default();
    let mut family: Vec<u32> = register
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    let mut next = 0;
    while let Some(pid) = family.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        next += 1;
    }
    family
}

/// The family's process whose program is `name`.
pub(crate) fn find(run_dir: &Path, name: &str) -> u32 {
    let family = family(run_dir);
    let named =
        |pid: &&u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    // The last: what is to become it has the name of what it was.
    *family
        .iter()
        .rfind(named)
        .unwrap_or_else(|| panic!("no {name} in {family:?}"))
}

/// A handle of a process that becomes readable when it ends; `None` if it has ended.
pub(crate) fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

/// Waits until none of these processes lives.
pub(crate) fn wait_gone(pids: &[u32]) {
    for fd in pids.iter().filter_map(|pid| handle(*pid)) {
        wait_handle(&fd);
    }
}

pub(crate) fn wait_handle(fd: &OwnedFd) {
    let mut fds = [rustix::event::PollFd::new(fd, rustix::event::PollFlags::IN)];
    let limit = rustix::event::Timespec {
        tv_sec: 20,
        tv_nsec: 0,
    };
    let ready = rustix::event::poll(&mut fds, Some(&limit)).unwrap();
    assert_eq!(ready, 1, "a process did not end");
}
