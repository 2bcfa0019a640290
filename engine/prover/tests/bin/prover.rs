//! The prover as a process, for the tests in this folder.

use std::process::ExitCode;

fn main() -> ExitCode {
    firstlight_prover::run(&std::env::temp_dir())
}
