//! What the operator tells the host that runs here.

use crate::cli::{HostWord, Wish};
use crate::out::say;
use anyhow::{Context, Result};
use firstlight_fleet::messages::HostState;
use firstlight_host::agent::{Status, Word, say as tell};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn speak(word: &HostWord) -> Result<ExitCode> {
    let (told, wish) = match word {
        HostWord::Status(status) => return show(&status.data, status.json),
        HostWord::Drain(told) => (told, Wish::Drain),
        HostWord::Open(told) => (told, Wish::Open),
        HostWord::Leave(told) => (told, Wish::Leave),
    };
    let first = ask(&told.data, wish.word())?;
    if wish == Wish::Open {
        say(if first.state == HostState::Open {
            "Open: it takes sessions"
        } else {
            "It is leaving: there is no way back; start it again when it has ended"
        });
    } else if told.no_wait {
        say(waiting(wish, first.sessions));
    } else {
        wait(&told.data, wish, first)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(data: &Path, json: bool) -> Result<ExitCode> {
    let status = ask(data, Word::Status)?;
    if json {
        say(serde_json::to_string(&status)?);
        return Ok(ExitCode::SUCCESS);
    }
    say(match status.state {
        HostState::Open => "Open: it takes sessions",
        HostState::Draining => "Draining: it finishes what runs and takes nothing new",
        HostState::Leaving => "Leaving: it ends when the last session has ended",
        HostState::Unknown => "In a state of a later version",
    });
    say(format!("Sessions        {}", status.sessions));
    say(if status.connected {
        "Bus             connected"
    } else {
        "Bus             not connected; sessions go on, and nothing new comes"
    });
    if let Some(standing) = &status.standing {
        say(format!("Checks          {standing}"));
    }
    if let Some(why) = &status.why {
        say(format!("                {why}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how it goes until no session is left, or the host has ended.
fn wait(data: &Path, wish: Wish, first: Status) -> Result<()> {
    let mut shown = None;
    let mut status = first;
    loop {
        if status.sessions == 0 && wish == Wish::Drain {
            say(
                "Drained: nothing runs here; firstlight host open takes sessions again, firstlight host leave ends it",
            );
            return Ok(());
        }
        if shown.replace(status.sessions) != Some(status.sessions) {
            say(waiting(wish, status.sessions));
        }
        std::thread::sleep(LOOK_EVERY);
        status = match tell(data, Word::Status) {
            Ok(status) => status,
            // It was told to leave, now or while it drained.
            Err(error) if is_gone(&error) => {
                say("Left: the host has ended");
                return Ok(());
            }
            Err(error) => return Err(error).with_context(|| silent(data)),
        };
    }
}

fn waiting(wish: Wish, sessions: u32) -> String {
    let word = if wish == Wish::Leave {
        "Leaving"
    } else {
        "Draining"
    };
    match sessions {
        0 => format!("{word}: no session runs"),
        1 => format!("{word}: nothing new is taken; one session goes on until its player is done"),
        n => format!("{word}: nothing new is taken; {n} sessions go on until their players are done"),
    }
}

fn ask(data: &Path, word: Word) -> Result<Status> {
    match tell(data, word) {
        Ok(status) => Ok(status),
        Err(error) if is_gone(&error) => anyhow::bail!(
            "no host runs with the data folder {}; start one with firstlight host --join, or name its folder with --data",
            data.display()
        ),
        Err(error) => Err(error).with_context(|| silent(data)),
    }
}

fn silent(data: &Path) -> String {
    format!("the host with the data folder {} does not answer", data.display())
}

fn is_gone(error: &io::Error) -> bool {
    // An end of the file is one that ended while it was asked.
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

impl Wish {
    const fn word(self) -> Word {
        match self {
            Self::Drain => Word::Drain,
            Self::Open => Word::Open,
            Self::Leave => Word::Leave,
        }
    }
}

/// Nobody notices a fraction of a second, and the host answers in microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(250);
