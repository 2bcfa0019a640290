//! The worker's standard input and output: orders in, reports out.

use crate::Error;
use firstlight_link::{LINE_BYTES_MAX, Order, Report, Start};
use std::io::{BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// Reads the first order, which must be the start.
pub(crate) fn read_start() -> Result<Start, Error> {
    match read_order(&mut std::io::stdin().lock()) {
        Ok(Some(Order::Start(start))) => Ok(*start),
        Ok(Some(_)) => Err(Error::Order("it is another order".to_owned())),
        Ok(None) => Err(Error::NoOrder(std::io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(error),
    }
}

/// Passes orders on from a thread of its own; the channel closes when standard input does, and so does the process in the end.
pub(crate) fn listen() -> Result<mpsc::Receiver<Order>, Error> {
    let (sender, receiver) = mpsc::channel(ORDERS_MAX);
    std::thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || {
            let mut stdin = std::io::stdin().lock();
            while let Ok(Some(order)) = read_order(&mut stdin) {
                if sender.blocking_send(order).is_err() {
                    break;
                }
            }
            drop(sender);
            leave_within(LEAVE_MAX);
        })
        .map_err(|source| Error::Start {
            what: "the order thread",
            source,
        })?;
    Ok(receiver)
}

/// Ends the process if it has not ended by itself: nobody is left who could tell it to, and a thread that hangs would keep it and its
/// app alive for ever. The kernel and the keeper clear up behind it.
fn leave_within(patience: Duration) -> ! {
    std::thread::sleep(patience);
    tracing::error!("the host is gone and the session does not end by itself");
    std::process::exit(HUNG)
}

fn read_order(from: &mut impl BufRead) -> Result<Option<Order>, Error> {
    let mut line = String::new();
    let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let read = from
        .by_ref()
        .take(most)
        .read_line(&mut line)
        .map_err(Error::NoOrder)?;
    if read == 0 {
        return Ok(None);
    }
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|e| Error::Order(e.to_string()))
}

/// Reports to the host, without ever waiting for it.
#[derive(Clone)]
pub(crate) struct Reports {
    lines: SyncSender<Report>,
}

impl Reports {
    /// Starts the thread that writes; it ends, with everything written, when the last clone is dropped.
    pub(crate) fn open() -> Result<(Self, std::thread::JoinHandle<()>), Error> {
        let (lines, queue) = sync_channel(REPORTS_MAX);
        let thread = std::thread::Builder::new()
            .name("reports".to_owned())
            .spawn(move || write_all(&queue))
            .map_err(|source| Error::Start {
                what: "the report thread",
                source,
            })?;
        Ok((Self { lines }, thread))
    }

    /// Sends a report; the newest is dropped when the host does not read.
    pub(crate) fn send(&self, report: Report) {
        if let Err(TrySendError::Full(report)) = self.lines.try_send(report) {
            tracing::warn!(?report, "the host does not read reports");
        }
    }
}

fn write_all(queue: &Receiver<Report>) {
    let mut out = std::io::stdout().lock();
    while let Ok(report) = queue.recv() {
        let Ok(mut line) = serde_json::to_vec(&report) else {
            continue;
        };
        line.push(b'\n');
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
}

/// A host sends a handful in a session's life.
const ORDERS_MAX: usize = 16;
/// An orderly end takes half a second for the app and five for processes that do not want to go, at the most.
const LEAVE_MAX: Duration = Duration::from_secs(10);
/// Exit status of a worker that had to end itself: EX_SOFTWARE of sysexits.h.
const HUNG: i32 = 70;
/// Over two minutes of statistics.
const REPORTS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    #[test]
    fn a_line_that_is_no_order_is_an_error_and_the_end_is_none() {
        assert!(matches!(
            read_order(&mut Cursor::new(b"{\"order\":\"dance\"}\n")),
            Err(Error::Order(_))
        ));
        assert!(matches!(read_order(&mut Cursor::new(b"")), Ok(None)));
        let end = b"{\"order\":\"end\",\"reason\":\"by_player\"}\n";
        assert!(matches!(
            read_order(&mut Cursor::new(end)),
            Ok(Some(Order::End { .. }))
        ));
    }

    #[test]
    fn a_line_without_end_is_cut_and_refused() {
        let mut endless = std::io::repeat(b'x').take(10 * 1024 * 1024);
        assert!(matches!(
            read_order(&mut BufReader::new(&mut endless)),
            Err(Error::Order(_))
        ));
    }

    /// A worker whose threads hung after the host had gone stayed for ever, and its app with it.
    #[test]
    fn a_process_whose_threads_hang_is_ended() {
        let name = "orders::tests::a_process_whose_threads_hang_is_ended";
        if std::env::var_os(HANGS).is_some() {
            std::thread::spawn(|| leave_within(Duration::from_millis(20)));
            loop {
                std::thread::park();
            }
        }
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(HANGS, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(HUNG));
    }

    const HANGS: &str = "FIRSTLIGHT_TEST_HANGS";
}
