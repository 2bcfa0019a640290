//! Texts on their way from and to Wayland programs, through pipes whose other end may be anybody's.

use super::{CLIPBOARD_BYTES_MAX, Found};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A text that a program writes.
#[derive(Debug)]
pub(super) struct Taking {
    pipe: File,
    bytes: Vec<u8>,
    until: Timestamp,
}

impl Taking {
    /// From a pipe of ours, which does not block.
    pub(super) fn new(pipe: OwnedFd, until: Timestamp) -> Self {
        Self {
            pipe: pipe.into(),
            bytes: Vec::new(),
            until,
        }
    }

    /// Reads what is there; what came of it, when it is over.
    pub(super) fn turn(&mut self, now: Timestamp) -> Option<Found> {
        let mut buffer = [0; 4_096];
        while self.bytes.len() <= CLIPBOARD_BYTES_MAX {
            match self.pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => self.bytes.extend_from_slice(buffer.get(..read)?),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return (now >= self.until).then_some(Found::Nothing);
                }
                Err(_) => return Some(Found::Nothing),
            }
        }
        Some(Found::whole(std::mem::take(&mut self.bytes)))
    }

    pub(super) fn timeout(&self) -> Timestamp {
        self.until
    }
}

impl AsFd for Taking {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// A text that a program reads.
#[derive(Debug)]
pub(super) struct Giving {
    pipe: File,
    text: Arc<str>,
    given: usize,
    until: Timestamp,
}

impl Giving {
    pub(super) fn new(pipe: OwnedFd, text: Arc<str>, until: Timestamp) -> Self {
        Self {
            pipe: pipe.into(),
            text,
            given: 0,
            until,
        }
    }

    /// Writes what fits; `true` when it is over.
    pub(super) fn turn(&mut self, now: Timestamp) -> bool {
        loop {
            let rest = self.text.as_bytes().get(self.given..).unwrap_or_default();
            if rest.is_empty() || now >= self.until {
                return true;
            }
            if !self.is_writable() {
                return false;
            }
            // The program shares the descriptor's flags and may let it block: what poll calls writable takes this much.
            let piece = rest.get(..rest.len().min(PIPE_BUF)).unwrap_or_default();
            match self.pipe.write(piece) {
                Ok(0) => return true,
                Ok(written) => self.given += written,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return false;
                }
                // It reads no more.
                Err(_) => return true,
            }
        }
    }

    pub(super) fn timeout(&self) -> Timestamp {
        self.until
    }

    fn is_writable(&self) -> bool {
        let mut fds = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLOUT)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Giving {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// What a pipe takes at once where it takes anything (POSIX's `PIPE_BUF` on Linux).
const PIPE_BUF: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use firstlight_units::Micros;
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::unistd::pipe2;

    #[test]
    fn a_program_that_writes_nothing_is_given_up_when_its_time_is_over() {
        let now = clock::now();
        let until = now + Micros::from_secs(1);
        let (ours, _theirs) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        let mut taking = Taking::new(ours, until);
        assert!(taking.turn(now).is_none());
        assert!(matches!(taking.turn(until), Some(Found::Nothing)));
    }

    #[test]
    fn what_is_no_text_is_nothing() {
        let now = clock::now();
        for bytes in [&b"\xff\xfe"[..], &[]] {
            let (ours, theirs) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
            File::from(theirs).write_all(bytes).unwrap();
            assert!(matches!(Taking::new(ours, now).turn(now), Some(Found::Nothing)));
        }
    }

    /// As a client may make it that keeps the other end of the same descriptor.
    #[test]
    fn a_pipe_that_blocks_and_is_full_blocks_nobody() {
        let now = clock::now();
        let until = now + Micros::from_secs(1);
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
        fcntl(&theirs, FcntlArg::F_SETPIPE_SZ(4_096)).unwrap();
        let text: Arc<str> = "x".repeat(10_000).into();
        let mut giving = Giving::new(theirs, text, until);
        assert!(!giving.turn(now));
        let mut read = vec![0; 4_096];
        File::from(ours).read_exact(&mut read).unwrap();
        // Nobody reads any more.
        assert!(giving.turn(now));
    }
}
