//! Does what checkers ask of a host, in a process that may be killed at any moment.
//!
//! ```text
//! host ──challenge, one line──> stdin   prover   stdout ──answer, one line──> host (signs it)
//! ```
//!
//! The process is the give-way: a player who comes costs one kill, and memory, cores and disk are his. It has no key, asks nobody, and
//! its end is that of its standard input.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod disk;
mod encode;
mod error;
mod work;

pub use error::Error;

use firstlight_checker::challenge::{Answer, Challenge, Proof, Task};
use firstlight_checker::{from_text, to_text};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;

/// Does what is asked, with all cores; files are made in `folder`, and none is left there.
///
/// # Errors
/// What this machine cannot do.
pub fn prove(challenge: &Challenge, folder: &Path) -> Result<Proof, Error> {
    let seed = &challenge.seed;
    match challenge.task {
        Task::Compute {
            chains,
            segments,
            rounds,
        } => Ok(Proof::Words(work::compute(seed, (chains, segments), rounds))),
        Task::Memory { lanes, stops, steps } => work::memory(seed, lanes, (stops, steps)).map(Proof::Words),
        Task::Disk { chunks } => disk::disk(seed, chunks, folder).map(Proof::Words),
        Task::Encode {
            width,
            height,
            fps,
            frames,
        } => encode::encode(seed, (width, height), fps, frames).map(Proof::Units),
    }
}

/// Reads a challenge from standard input, and writes the answer to standard output.
#[must_use]
pub fn run(folder: &Path) -> ExitCode {
    // Where memory runs out, this process goes and nobody's game.
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    match answer(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a closed standard error.
            drop(writeln!(io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn answer(folder: &Path) -> Result<(), Error> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(Error::Pipe)?;
    end_with_the_host()?;
    let bytes = from_text(line.trim_end(), CHALLENGE_TEXT_MAX).map_err(Error::Challenge)?;
    let challenge = Challenge::read(&bytes).map_err(Error::Challenge)?;
    let proof = prove(&challenge, folder)?;
    let answer = Answer {
        challenge: challenge.digest(),
        proof,
    };
    writeln!(io::stdout(), "{}", to_text(&answer.write())).map_err(Error::Pipe)
}

/// A host that was killed cannot kill: its end of the pipe is closed then.
fn end_with_the_host() -> Result<(), Error> {
    let watch = || {
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        std::process::exit(1);
    };
    std::thread::Builder::new()
        .spawn(watch)
        .map(drop)
        .map_err(Error::Pipe)
}

/// A challenge has some 200 bytes.
const CHALLENGE_TEXT_MAX: usize = 1_024;
