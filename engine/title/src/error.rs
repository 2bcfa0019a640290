//! Why a title is refused.

use std::path::PathBuf;

/// A title that cannot be used. Each is one line for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest, or the folder of titles, cannot be read.
    #[error("{}: cannot be read", file.display())]
    Read {
        /// What was to be read.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The manifest is longer than any manifest.
    #[error("{}: expected at most {most} bytes, found {found}", file.display())]
    TooLong {
        /// The manifest.
        file: PathBuf,
        /// Bytes allowed.
        most: usize,
        /// Bytes there.
        found: u64,
    },
    /// The manifest is no TOML.
    #[error("{}:{line}: {message}", file.display())]
    Syntax {
        /// The manifest.
        file: PathBuf,
        /// Counts from 1.
        line: usize,
        /// What the parser said, on one line.
        message: String,
    },
    /// A key that no manifest has.
    #[error("{}:{line}: {key}: unknown key, expected one of {known}", file.display())]
    UnknownKey {
        /// The manifest.
        file: PathBuf,
        /// Counts from 1.
        line: usize,
        /// With its tables, e.g. `display.widht`.
        key: String,
        /// The keys there are, with commas.
        known: String,
    },
    /// A required key that is not there.
    #[error("{}:{line}: {key}: missing, expected {expected}", file.display())]
    MissingKey {
        /// The manifest.
        file: PathBuf,
        /// Where its table begins.
        line: usize,
        /// With its tables.
        key: String,
        /// What to write.
        expected: String,
    },
    /// A value of the wrong type, or an impossible one.
    #[error("{}:{line}: {key}: expected {expected}, found {found}", file.display())]
    WrongValue {
        /// The manifest.
        file: PathBuf,
        /// Counts from 1.
        line: usize,
        /// With its tables.
        key: String,
        /// What may stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}
