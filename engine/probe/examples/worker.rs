//! The worker of the sessions that the tests probe.

use std::process::ExitCode;

fn main() -> ExitCode {
    firstlight_session::run()
}
