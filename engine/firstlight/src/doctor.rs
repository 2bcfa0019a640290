//! `firstlight doctor`: what this machine can capture and encode, and why not.

use crate::cli::Doctor;
use crate::encoders::{self, THICK, THIN, Tried};
use crate::modes::MODES;
use crate::out::say;
use crate::title::{check_one, titles_in};
use anyhow::Result;
use firstlight_backends::{Choice, Codecs, Reason};
use firstlight_container::{Grant, Way, isolate};
use firstlight_host::Cost;
use firstlight_nvenc::Driver;
use firstlight_title::Display;
use serde::Serialize;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Serialize)]
struct Report {
    /// Sessions can be started.
    ok: bool,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// It works without.
    Lacking,
    /// No session starts.
    Broken,
}

pub(crate) fn doctor(options: &Doctor) -> Result<ExitCode> {
    let mut checks = container();
    checks.extend([
        keymap(),
        gamepads(),
        gpu_encoder(),
        room(),
        ports(&options.media_ports),
    ]);
    let tried = encoders::try_each(|_| true);
    checks.extend(each_encoder(&tried));
    checks.extend(choices(&tried));
    checks.extend(modes(&tried));
    checks.extend(titles(&options.titles));
    let ok = checks.iter().all(|check| check.state != State::Broken);
    let report = Report { ok, checks };
    if options.json {
        say(serde_json::to_string(&report)?);
    } else {
        for Check { name, state, detail } in &report.checks {
            let state = match state {
                State::Ok => "ok",
                State::Lacking => "--",
                State::Broken => "NO",
            };
            say(format!("{state}  {name:<14} {detail}"));
        }
        say(if ok {
            "This machine can run sessions."
        } else {
            "No session can be started until every NO is gone."
        });
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn container() -> Vec<Check> {
    let found = isolate();
    let check = |name, grant: &Grant, without| Check {
        name,
        state: if grant.is_granted() { State::Ok } else { without },
        detail: grant.words().to_owned(),
    };
    vec![
        check("programs", &found.programs, State::Broken),
        check("sandbox", &found.sandbox, State::Broken),
        check("shared memory", &found.shared_memory, State::Lacking),
        check("Wayland", &found.xwayland, State::Lacking),
        check("cgroup freezer", &found.cgroup, State::Lacking),
    ]
}

/// Xvfb compiles its keymap with a program of another package.
fn keymap() -> Check {
    let compiler = on_path("xkbcomp");
    let rules = Path::new("/usr/share/X11/xkb/rules/evdev").exists();
    let (state, detail) = match (compiler, rules) {
        (true, true) => (State::Ok, "xkbcomp and evdev's rules"),
        (false, _) => (
            State::Broken,
            "xkbcomp is not installed: apt-get install x11-xkb-utils",
        ),
        (true, false) => (
            State::Broken,
            "evdev's rules are not installed: apt-get install xkb-data",
        ),
    };
    Check {
        name: "keymap",
        state,
        detail: detail.to_owned(),
    }
}

fn gamepads() -> Check {
    let detail = match Way::find() {
        Way::Kernel => "the kernel's own devices, through /dev/uinput",
        Way::Preload => {
            "a library in the app, for want of a writable /dev/uinput: programs that are static or of 32 bits see none"
        }
    };
    Check {
        name: "gamepads",
        state: State::Ok,
        detail: detail.to_owned(),
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Encodes some pictures by each, so that the answer is about this machine and not about its packages.
fn each_encoder(tried: &[Tried]) -> impl Iterator<Item = Check> {
    tried.iter().map(|one| {
        let (state, detail) = match &one.outcome {
            Ok(speed) => (State::Ok, encoders::words(speed)),
            Err(error) => (State::Lacking, error.to_string()),
        };
        Check {
            name: "encoder",
            state,
            detail,
        }
    })
}

/// Who would encode, for players of three kinds, and why the others would not.
fn choices(tried: &[Tried]) -> Vec<Check> {
    let everything = Codecs {
        h264: true,
        av1: true,
    };
    let cases = [
        ("8 Mbit/s, H.264 and AV1", everything, THICK),
        ("1 Mbit/s, H.264 and AV1", everything, THIN),
        ("1 Mbit/s, H.264 alone", Codecs::UNKNOWN, THIN),
    ];
    let check = |(case, decodes, line)| {
        let (state, detail) = match encoders::chosen(tried, &encoders::player(decodes, line)) {
            Ok(choice) => (State::Ok, why(&choice)),
            Err(error) => (State::Broken, error.to_string()),
        };
        Check {
            name: "choice",
            state,
            detail: format!("{case}: {detail}"),
        }
    };
    cases.map(check).into()
}

/// Which sizes and rates are encoded in time.
fn modes(tried: &[Tried]) -> impl Iterator<Item = Check> {
    MODES.into_iter().map(|mode| {
        let (carried, detail) = mode.judge(tried);
        Check {
            name: "mode",
            state: if carried { State::Ok } else { State::Lacking },
            detail,
        }
    })
}

fn why(choice: &Choice) -> String {
    let order = choice.order.join(", then ");
    let others = choice.reasons.iter().filter(|(_, reason)| {
        // What is not here was said above.
        !matches!(reason, Reason::Place(_) | Reason::Broken)
    });
    let others: Vec<String> = others.map(|(word, reason)| format!("{word}: {reason}")).collect();
    if others.is_empty() {
        order
    } else {
        format!("{order} ({})", others.join("; "))
    }
}

/// What the graphics cards encode, and how many sessions more they take; why none does.
fn gpu_encoder() -> Check {
    let found = Driver::open().and_then(|driver| {
        let devices = firstlight_nvenc::probe(&driver)?;
        let words = devices.iter().map(|device| {
            let free = firstlight_nvenc::free_sessions(&driver, device.ordinal, SESSIONS_COUNTED)?;
            let more = if free == SESSIONS_COUNTED { "at least " } else { "" };
            Ok(format!("{}, {more}{free} sessions free", device.words()))
        });
        words.collect::<Result<Vec<_>, firstlight_nvenc::Error>>()
    });
    let (state, detail) = match found {
        Ok(words) => (State::Ok, format!("NVENC: {}", words.join("; "))),
        Err(error) => (State::Lacking, format!("NVENC: {error}; encoding is in software")),
    };
    Check {
        name: "GPU encoder",
        state,
        detail,
    }
}

/// Each one opened takes a card a tenth of a second.
const SESSIONS_COUNTED: usize = 8;

fn room() -> Check {
    let (cores, memory) = firstlight_host::machine_size();
    let cost = Cost::of(&Display::default());
    let by_cores = cores * 1000 / cost.millicores.max(1);
    let detail = format!(
        "{cores} cores, {} MiB available: about {by_cores} sessions at 720p60",
        memory.as_u64() >> 20
    );
    let state = if cost.memory > memory {
        State::Broken
    } else {
        State::Ok
    };
    Check {
        name: "room",
        state,
        detail,
    }
}

fn ports(range: &RangeInclusive<u16>) -> Check {
    let free = range
        .clone()
        .filter(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .count();
    let detail = format!(
        "{free} of {} UDP ports from {} to {} are free",
        range.len(),
        range.start(),
        range.end()
    );
    let state = if free == 0 { State::Broken } else { State::Ok };
    Check {
        name: "media ports",
        state,
        detail,
    }
}

fn titles(dir: &Path) -> Vec<Check> {
    let lacking = |detail| {
        vec![Check {
            name: "title",
            state: State::Lacking,
            detail,
        }]
    };
    match titles_in(dir) {
        Ok(dirs) => {
            let titles = dirs.iter().map(|dir| check_one(dir));
            let check = |title: crate::title::Checked| Check {
                name: "title",
                state: if title.ok { State::Ok } else { State::Lacking },
                detail: title.lines().join("; "),
            };
            titles.map(check).collect()
        }
        Err(error) => lacking(error.to_string()),
    }
}
