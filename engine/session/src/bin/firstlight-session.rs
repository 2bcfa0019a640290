//! The worker as a program of its own, for tests and for running one session by hand: the engine's binary has it built in.

use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    firstlight_session::run()
}
