//! Decodes access units from standard input, for a checker (see `firstlight_probe::pictures`).

use firstlight_probe::pictures;
use nix::sys::resource::{Resource, setrlimit};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(error) = confine() {
        return refuse(&error);
    }
    let mut output = BufWriter::new(io::stdout().lock());
    match pictures(io::stdin().lock(), &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

/// What is decoded comes from a stranger: it gets the memory and the time of some pictures, and writes no file.
fn confine() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_AS, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX)?;
    setrlimit(Resource::RLIMIT_CPU, SECONDS_MAX, SECONDS_MAX)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    // Nothing can be done about a closed standard error.
    drop(writeln!(io::stderr(), "error: {error}"));
    ExitCode::FAILURE
}

const MEMORY_BYTES_MAX: u64 = 2 << 30;
const SECONDS_MAX: u64 = 20;
