//! The title's own process and what it may see.

use crate::display::Display;
use crate::gamepad::Gamepads;
use crate::home::{keep, persistent};
use crate::pauses::Pauses;
use crate::sandbox::{Memory, Sandbox, User, is_visible};
use crate::timetable::Timetable;
use crate::tools::is_executable;
use crate::{Error, Spec};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an app is connected to.
#[derive(Debug)]
pub(crate) struct Wiring<'a> {
    pub(crate) bwrap: &'a Path,
    pub(crate) memory: Memory,
    pub(crate) display: &'a Display,
    /// The sound server's socket.
    pub(crate) sound: Option<PathBuf>,
    /// Where the title takes any.
    pub(crate) gamepads: Option<&'a Gamepads>,
}

/// The title's program as a path inside the sandbox.
///
/// # Errors
/// [`Error::ProgramMissing`].
pub(crate) fn program(spec: &Spec) -> Result<PathBuf, Error> {
    let named = spec
        .title
        .run
        .command
        .first()
        .map(PathBuf::from)
        .unwrap_or_default();
    let (outside, inside) = if named.is_absolute() {
        (named.clone(), named.clone())
    } else {
        (spec.title_dir.join(&named), Path::new(TITLE).join(&named))
    };
    let may_be_seen = named.is_relative() || is_visible(&named);
    if may_be_seen && is_executable(&outside) {
        Ok(inside)
    } else {
        Err(Error::ProgramMissing(named))
    }
}

/// The command that runs the title.
pub(crate) fn command(spec: &Spec, wiring: &Wiring<'_>) -> Result<Command, Error> {
    let program = program(spec)?;
    let mut sandbox = Sandbox::new(User::Player, wiring.memory);
    if !spec.title.run.network {
        sandbox.arg(["--unshare-net"]);
    }
    system(&mut sandbox, spec)?;
    sandbox.show(&spec.title_dir, TITLE);
    wiring.display.show(&mut sandbox);
    if let Some(socket) = &wiring.sound {
        sandbox.show(socket, "/run/firstlight/sound");
        sandbox.env("PULSE_SERVER", "unix:/run/firstlight/sound");
        sandbox.env("PULSE_LATENCY_MSEC", SOUND_LATENCY_MS);
    }
    home(&mut sandbox, spec)?;
    sandbox.show(&Pauses::path(&spec.run_dir), PAUSES);
    sandbox.show(&Timetable::path(&spec.run_dir), TICKS);
    sandbox.arg(["--chdir", if program.starts_with(TITLE) { TITLE } else { HOME }]);
    if let Some(gamepads) = wiring.gamepads {
        gamepads.show(&mut sandbox);
    }
    for (name, value) in &spec.title.run.env {
        sandbox.env(name, value);
    }
    let own = spec.title.run.env.get(PRELOAD).map(String::as_str);
    if let Some(all) = wiring.gamepads.and_then(|gamepads| gamepads.preload(own)) {
        sandbox.env(PRELOAD, all);
    }
    Ok(sandbox.command(
        wiring.bwrap,
        program.as_os_str(),
        spec.title.run.command.iter().skip(1),
    ))
}

/// The parts of the system that programs expect beside /usr.
fn system(sandbox: &mut Sandbox, spec: &Spec) -> Result<(), Error> {
    for path in SYSTEM_FILES {
        sandbox.show_if_there(path);
    }
    if spec.title.run.network {
        for path in NETWORK_FILES {
            sandbox.show_if_there(path);
        }
    }
    for (name, text) in [("passwd", PASSWD), ("group", GROUP)] {
        let file = spec.run_dir.join(name);
        fs::write(&file, text).map_err(|source| Error::RunDir {
            path: file.clone(),
            source,
        })?;
        sandbox.show(&file, format!("/etc/{name}"));
    }
    sandbox.arg(["--symlink", "../tmp", "/var/tmp"]);
    sandbox.tmpfs(RUNTIME, 16);
    // The runtime folder must belong to its user alone.
    sandbox.arg(["--chmod", "0700", RUNTIME]);
    sandbox.env("XDG_RUNTIME_DIR", RUNTIME);
    // No display here has accelerated rendering; without this, Mesa looks for it and complains.
    sandbox.env("LIBGL_ALWAYS_SOFTWARE", "1");
    Ok(())
}

/// The home is memory, but for what persists.
fn home(sandbox: &mut Sandbox, spec: &Spec) -> Result<(), Error> {
    sandbox.tmpfs(HOME, 512);
    sandbox.env("HOME", HOME);
    sandbox.env("USER", "player");
    sandbox.env("LOGNAME", "player");
    for path in persistent(&spec.title.run.persist) {
        let kept = keep(&spec.home, &path)?;
        sandbox.share(&kept, Path::new(HOME).join(&path).into_os_string());
    }
    Ok(())
}

/// Turns bubblewrap's exit code back into how the app ended: it reports a signal as 128 plus its number, as shells do.
pub(crate) fn ended(status: std::process::ExitStatus) -> (Option<i32>, Option<i32>) {
    use std::os::unix::process::ExitStatusExt;
    match status.code() {
        Some(code @ 129..=192) => (None, Some(code - 128)),
        Some(code) => (Some(code), None),
        None => (None, status.signal()),
    }
}

/// What an app's sound waits in the server, unless its manifest sets the variable. An app that asks for a buffer of two blocks, as
/// SDL does, otherwise drives the server at its shortest block, 0.5 ms: a quarter of a core in wake-ups. At 30 ms the server works
/// every 7.5 ms, and an app that misses its turn by a frame is not heard.
const SOUND_LATENCY_MS: &str = "30";

/// The variable that names libraries to preload.
const PRELOAD: &str = "LD_PRELOAD";
/// How long the app was frozen, for whoever wants to take it off a clock.
const PAUSES: &str = "/run/firstlight/pauses";
/// When it is to show its pictures, for whoever holds it to a rate.
const TICKS: &str = "/run/firstlight/ticks";
/// The title's folder inside.
const TITLE: &str = "/title";
/// The player's home inside.
const HOME: &str = "/home";
/// For sockets of the app's own.
const RUNTIME: &str = "/run/user/1000";
const PASSWD: &str = "root:x:0:0:root:/:/bin/false\nplayer:x:1000:1000:Player:/home:/bin/sh\n";
const GROUP: &str = "root:x:0:\nplayer:x:1000:\n";
/// Read-only and free of secrets: loader cache, fonts, certificates, defaults of toolkits and drivers.
const SYSTEM_FILES: [&str; 22] = [
    "/etc/alternatives",
    "/etc/alsa",
    "/etc/asound.conf",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/drirc",
    "/etc/fonts",
    "/etc/glvnd",
    "/etc/gtk-2.0",
    "/etc/gtk-3.0",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/nsswitch.conf",
    "/etc/openal",
    "/etc/os-release",
    "/etc/ssl/certs",
    "/etc/timidity",
    "/etc/vulkan",
    "/var/cache/fontconfig",
];
const NETWORK_FILES: [&str; 5] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/services",
    "/etc/protocols",
    "/etc/gai.conf",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_told_apart_from_a_code() {
        use std::os::unix::process::ExitStatusExt;
        let exited = |code: i32| ended(std::process::ExitStatus::from_raw(code << 8));
        assert_eq!(exited(3), (Some(3), None));
        assert_eq!(exited(139), (None, Some(11)));
        assert_eq!(ended(std::process::ExitStatus::from_raw(9)), (None, Some(9)));
    }
}
