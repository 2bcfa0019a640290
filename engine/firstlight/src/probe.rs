//! `firstlight probe`: hands over to the program beside this one.
//!
//! The decoder's libraries are ninety; were they linked here, every worker would load them (80 ms and 17 MB each).

use crate::cli::Probe;
use anyhow::{Context, Result, anyhow};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

pub(crate) fn probe(options: Probe) -> Result<ExitCode> {
    let own = std::env::current_exe().context("the engine's own program cannot be found")?;
    let program = own.with_file_name(PROGRAM);
    // Only comes back when it failed.
    let error = Command::new(&program).args(options.arguments).exec();
    if error.kind() == std::io::ErrorKind::NotFound {
        return Err(anyhow!(
            "{} is not there: build it with cargo build --release -p {PROGRAM}",
            program.display()
        ));
    }
    Err(error).with_context(|| format!("{} cannot be run", program.display()))
}

const PROGRAM: &str = "firstlight-probe";
