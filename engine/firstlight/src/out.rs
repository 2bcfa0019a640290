//! Standard output and the last word on standard error.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Writes a line to standard output. Who reads it may have gone: the command goes on.
pub(crate) fn say(line: impl Display) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Writes the one line that says what is wrong.
pub(crate) fn refuse(line: &str, code: u8) -> ExitCode {
    drop(writeln!(std::io::stderr(), "{}", line.replace('\n', " ")));
    ExitCode::from(code)
}
