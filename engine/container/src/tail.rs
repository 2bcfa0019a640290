//! The last lines a process wrote.

use crate::{Error, clock};
use firstlight_units::{Micros, Timestamp};
use std::collections::VecDeque;
use std::io::{PipeReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Reads a pipe to its end on a thread of its own, so that its writers never block, and keeps the last lines.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    lines: Lines,
    ended: bool,
}

impl Tail {
    pub(crate) fn follow(mut pipe: PipeReader) -> Result<Self, Error> {
        let tail = Self {
            state: Arc::default(),
        };
        let writer = tail.clone();
        let run = move || {
            let mut buffer = [0; 4096];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(n) => writer.lock().lines.push(buffer.get(..n).unwrap_or_default()),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            writer.lock().ended = true;
            writer.state.1.notify_all();
        };
        let builder = std::thread::Builder::new()
            .name("output".into())
            .stack_size(STACK_BYTES);
        builder.spawn(run).map_err(Error::start("the output thread"))?;
        Ok(tail)
    }

    /// The last lines, oldest first; control characters are replaced.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.all()
    }

    /// The last line, or `otherwise`.
    pub(crate) fn last_line(&self, otherwise: &str) -> String {
        self.lines().pop().unwrap_or_else(|| otherwise.to_owned())
    }

    /// Waits until every writer has closed the pipe, at most until `deadline`; `true` if they have.
    pub(crate) fn wait_end(&self, deadline: Timestamp) -> bool {
        let left: Micros = deadline.since(clock::now());
        let (state, _) = self
            .state
            .1
            .wait_timeout_while(self.lock(), left.into(), |s| !s.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bounded buffer of lines; the oldest are dropped.
#[derive(Debug, Default)]
struct Lines {
    whole: VecDeque<Vec<u8>>,
    open: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (text, ends) = piece
                .strip_suffix(b"\n")
                .map_or((piece, false), |text| (text, true));
            let room = LINE_BYTES_MAX.saturating_sub(self.open.len());
            self.open
                .extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
            if ends {
                self.whole.push_back(std::mem::take(&mut self.open));
            }
            if self.whole.len() > LINES_MAX {
                self.whole.pop_front();
            }
        }
    }

    fn all(&self) -> Vec<String> {
        let open = Some(&self.open).filter(|line| !line.is_empty());
        let lines = self.whole.iter().chain(open).map(|line| {
            let text = String::from_utf8_lossy(line);
            text.trim_end()
                .chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect::<String>()
        });
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// Enough for a backtrace's head and the message above it; with a line that is not finished, 50.
const LINES_MAX: usize = 49;
/// A longer line is cut; 50 such lines stay under 20 KiB in a report.
const LINE_BYTES_MAX: usize = 400;
/// The thread reads into 4 KiB and calls nothing deep.
const STACK_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_stay_and_everything_is_bounded() {
        let mut lines = Lines::default();
        for n in 0..1000 {
            lines.push(format!("line {n}\n").as_bytes());
        }
        lines.push(&vec![b'x'; 1 << 20]);
        let all = lines.all();
        assert_eq!(all.len(), LINES_MAX + 1);
        assert_eq!(all[0], "line 951");
        assert_eq!(all[LINES_MAX].len(), LINE_BYTES_MAX);
    }

    #[test]
    fn a_line_may_come_in_pieces_and_hold_anything() {
        let mut lines = Lines::default();
        lines.push(b"he");
        lines.push(b"llo\r\n\n\x1b[31mred\xff");
        assert_eq!(lines.all(), ["hello", "\u{fffd}[31mred\u{fffd}"]);
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        use std::io::Write;
        let (reader, mut writer) = std::io::pipe().unwrap();
        let tail = Tail::follow(reader).unwrap();
        writer.write_all(&vec![b'\n'; 1 << 20]).unwrap();
        writer.write_all(b"last").unwrap();
        drop(writer);
        assert!(tail.wait_end(clock::now() + Micros::from_secs(10)));
        assert_eq!(tail.last_line(""), "last");
    }
}
