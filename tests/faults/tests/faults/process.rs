//! A process of the cell, and what it says.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::env::consts::ARCH;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

pub(crate) struct Process {
    role: &'static str,
    settings: Value,
    /// Seconds that its clock is ahead.
    skew: i32,
    child: Option<Child>,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(role: &'static str, settings: Value, skew: i32) -> Self {
        let mut process = Self {
            role,
            settings,
            skew,
            child: None,
            lines: sync_channel(1).1,
        };
        process.restart();
        process
    }

    /// Starts it (again).
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstlight-fault-process"));
        command
            .args([self.role, &self.settings.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if self.skew != 0 {
            // Debian's package `faketime`: the time of day alone is wrong, as on a machine whose clock nobody sets.
            command
                .env(
                    "LD_PRELOAD",
                    format!("/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1"),
                )
                .env("FAKETIME", format!("{:+}s", self.skew))
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("NO_FAKE_STAT", "1");
        }
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (says, lines) = sync_channel(LINES_MAX);
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if says.send(line).is_err() {
                    break;
                }
            }
        });
        self.child = Some(child);
        self.lines = lines;
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let child = self.child.as_mut().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What follows `start` in the next line that it says.
    pub(crate) fn heard(&self, start: &str) -> String {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        let rest = line.strip_prefix(start);
        rest.unwrap_or_else(|| panic!("{start} was expected, and not: {line}"))
            .trim()
            .to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// For a loaded machine; no test waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a process says before it is asked for; it waits behind that.
const LINES_MAX: usize = 1024;
