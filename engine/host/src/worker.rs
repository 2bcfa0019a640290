//! One worker process and its three pipes.
//!
//! ```text
//! orders ──> stdin   worker   stdout ──> reports (bounded lines, bounded queue)
//!                             stderr ──> the log, and a bounded tail of it
//! ```

use crate::Error;
use crate::lines::next_line;
use firstlight_link::{LINE_BYTES_MAX, Order, Report};
use firstlight_units::SessionId;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A running worker; killed when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    orders: ChildStdin,
    reports: mpsc::Receiver<Heard>,
    tail: Arc<Mutex<VecDeque<String>>>,
    log: JoinHandle<()>,
}

/// What came out of a worker.
#[derive(Debug)]
pub(crate) enum Heard {
    Report(Report),
    /// A line that is no report: the worker is broken.
    Nonsense(String),
}

impl Worker {
    /// Starts `program`, the worker's program with its arguments.
    pub(crate) fn spawn(program: &[PathBuf], session: &SessionId) -> Result<Self, Error> {
        let (program, arguments) = program
            .split_first()
            .ok_or_else(|| Error::Spawn(io::ErrorKind::NotFound.into()))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal goes to the whole group: sessions are ended in order, by the engine.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::Spawn)?;
        let (Some(orders), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::Spawn(io::ErrorKind::BrokenPipe.into()));
        };
        let (heard, reports) = mpsc::channel(REPORTS_MAX);
        tokio::spawn(read_reports(stdout, heard));
        let tail = Arc::default();
        let log = tokio::spawn(read_log(stderr, session.clone(), Arc::clone(&tail)));
        Ok(Self {
            child,
            orders,
            reports,
            tail,
            log,
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What the worker says next; `None` when it has closed its output.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        self.reports.recv().await
    }

    /// What it says next or, with `listening` or without, its end.
    pub(crate) async fn next(&mut self, listening: bool) -> Next {
        tokio::select! {
            heard = self.reports.recv(), if listening => Next::Heard(heard),
            status = self.child.wait() => Next::Exited(status),
        }
    }

    /// Gives an order. A worker that does not read is broken, and the caller's to kill.
    pub(crate) async fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
        line.push(b'\n');
        let written = tokio::time::timeout(ORDER_WITHIN, self.orders.write_all(&line)).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    pub(crate) fn kill(&mut self) {
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the worker was gone before it was killed");
        }
    }

    /// The last lines it logged, once it has exited.
    pub(crate) async fn into_tail(self) -> Vec<String> {
        // A process that the worker left behind may hold the pipe open.
        if tokio::time::timeout(LOG_WITHIN, self.log).await.is_err() {
            tracing::debug!("the worker's log is still open");
        }
        self.tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect()
    }
}

/// See [`Worker::next`].
#[derive(Debug)]
pub(crate) enum Next {
    Heard(Option<Heard>),
    Exited(io::Result<ExitStatus>),
}

async fn read_reports(stdout: ChildStdout, heard: mpsc::Sender<Heard>) {
    let mut stdout = BufReader::new(stdout);
    while let Ok(Some(line)) = next_line(&mut stdout, LINE_BYTES_MAX).await {
        let report = if line.cut {
            Heard::Nonsense(format!("a line longer than {LINE_BYTES_MAX} bytes"))
        } else {
            match serde_json::from_str(&line.text) {
                Ok(report) => Heard::Report(report),
                Err(error) => Heard::Nonsense(error.to_string()),
            }
        };
        let broken = matches!(report, Heard::Nonsense(_));
        if heard.send(report).await.is_err() || broken {
            break;
        }
    }
}

async fn read_log(stderr: ChildStderr, session: SessionId, tail: Arc<Mutex<VecDeque<String>>>) {
    let mut stderr = BufReader::new(stderr);
    while let Ok(Some(line)) = next_line(&mut stderr, LOG_LINE_BYTES_MAX).await {
        log(&session, &line.text);
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == TAIL_LINES_MAX {
            tail.pop_front();
        }
        tail.push_back(line.text);
    }
}

/// Passes a worker's line on at its own level. What has none (a library's complaint, a panic) is information.
fn log(session: &SessionId, line: &str) {
    let (level, rest) = line.trim_start().split_once(' ').unwrap_or(("", line));
    match level {
        "ERROR" => tracing::error!(target: "worker", %session, "{rest}"),
        "WARN" => tracing::warn!(target: "worker", %session, "{rest}"),
        "INFO" => tracing::info!(target: "worker", %session, "{rest}"),
        "DEBUG" | "TRACE" => tracing::debug!(target: "worker", %session, "{rest}"),
        _ => tracing::info!(target: "worker", %session, "{line}"),
    }
}

/// Reports come once a second and are read at once; a full queue makes the worker's writer wait.
const REPORTS_MAX: usize = 64;
/// A worker reads orders on a thread that does nothing else.
const ORDER_WITHIN: Duration = Duration::from_secs(2);
const LOG_WITHIN: Duration = Duration::from_millis(500);
const LOG_LINE_BYTES_MAX: usize = 4096;
/// A panic with its backtrace.
const TAIL_LINES_MAX: usize = 80;
