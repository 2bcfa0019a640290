//! A folder that a program takes for where the driver is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The driver's two files, what to fail at, and what was found. Gone when dropped.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A driver for one card without a fault.
    ///
    /// # Errors
    /// When the folder cannot be made, or the library was not built beside this program.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let encode = folder.path().join(firstlight_nvenc_sys::ENCODE_LIBRARY);
        // A copy of its own for each folder: the loader opens a file once, and with it comes the state of its sessions.
        std::fs::copy(library()?, &encode)?;
        std::os::unix::fs::symlink(&encode, folder.path().join(firstlight_nvenc_sys::CUDA_LIBRARY))?;
        Ok(Self(folder))
    }

    /// One for all tests of this process, removed when the process ends; `control` counts the first time.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_process(control: &str) -> io::Result<&'static Self> {
        static OF_PROCESS: OnceLock<Folder> = OnceLock::new();
        extern "C" fn remove() {
            if let Some(Folder(folder)) = OF_PROCESS.get() {
                // What remains is a folder in /tmp.
                drop(std::fs::remove_dir_all(folder.path()));
            }
        }
        if let Some(folder) = OF_PROCESS.get() {
            return Ok(folder);
        }
        let folder = Self::new()?;
        folder.control(control)?;
        #[expect(unsafe_code, reason = "a static is not dropped when a process ends")]
        // SAFETY: the function needs nothing that is gone when a process ends.
        let registered = unsafe { libc::atexit(remove) };
        if registered != 0 {
            return Err(io::Error::other("no room for what is done at the end"));
        }
        Ok(OF_PROCESS.get_or_init(|| folder))
    }

    /// Where it is: for `LD_LIBRARY_PATH`, or to open the files by.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Tells the double how to behave from here on: lines of `key = value`, as the module `control` lists them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn control(&self, lines: &str) -> io::Result<()> {
        // Written aside and moved: a session reads it at any time.
        let new = self.path().join("control.new");
        std::fs::write(&new, lines)?;
        std::fs::rename(new, self.path().join(CONTROL))
    }

    /// Rules that were broken so far, one a line; empty is good.
    #[must_use]
    pub fn report(&self) -> String {
        std::fs::read_to_string(self.path().join(REPORT)).unwrap_or_default()
    }

    /// Pictures encoded so far, by all sessions.
    #[must_use]
    pub fn pictures(&self) -> usize {
        let log = std::fs::read_to_string(self.path().join(LOG)).unwrap_or_default();
        log.lines().filter(|line| line.starts_with("picture")).count()
    }

    /// What happened, one a line: sessions opened and closed, pictures by their type.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join(LOG)).unwrap_or_default()
    }
}

/// Cargo puts it beside the test programs that depend on this crate, and below the folder of other programs.
fn library() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folders = program.ancestors().skip(1).take(2);
    let found = folders
        .flat_map(|folder| [folder.join(FILE), folder.join("deps").join(FILE)])
        .find(|file| file.exists());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{FILE} was not built")))
}

const FILE: &str = "libfirstlight_nvenc_double.so";
/// Beside the library.
pub(crate) const CONTROL: &str = "control";
/// Beside the library.
pub(crate) const REPORT: &str = "report";
/// Beside the library.
pub(crate) const LOG: &str = "log";
