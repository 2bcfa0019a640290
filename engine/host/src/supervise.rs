//! One task per worker: passes orders and reports, and cleans up behind it whatever way it ended.

use crate::host::Inner;
use crate::session::Ended;
use crate::table::Gone;
use crate::worker::{Heard, Next, Worker};
use crate::{folders, park, telemetry};
use firstlight_link::{End, Order, Report};
use firstlight_telemetry::Stream;
use firstlight_units::SessionId;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// What a session leaves on the machine if nobody removes it.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    pub(crate) run_dir: PathBuf,
    pub(crate) cgroup: Option<PathBuf>,
    /// Of a copy: what it wrote before it was anybody's.
    pub(crate) scratch: Option<PathBuf>,
}

/// Runs until the worker has exited and nothing of it is left.
pub(crate) async fn supervise(
    inner: Arc<Inner>,
    session: SessionId,
    worker: Worker,
    orders: mpsc::Receiver<Order>,
    traces: Traces,
    ready_within: Duration,
) {
    let mut watch = Watch {
        inner: &inner,
        session: &session,
        worker,
        kill_at: Some(Instant::now() + ready_within),
        end: Ending::default(),
        stream: Stream::new(),
    };
    let status = watch.run(orders, inner.force.subscribe()).await;
    watch.drain().await;
    let Watch { worker, end, .. } = watch;
    let tail = worker.into_tail().await;
    clean_up(&inner, traces).await;

    let ended = end.verdict(status, tail);
    let gone = inner
        .table()
        .on_gone(&session, ended, firstlight_container::now());
    inner.record_sessions();
    match gone {
        Gone::Session(session, ended) => {
            firstlight_telemetry::session_ended(telemetry::end(ended.reason));
            tracing::info!(%session, reason = ?ended.reason, detail = ended.detail, "session ended");
        }
        Gone::Copy(title, ended) => park::on_copy_gone(&inner, &title, &ended),
    }
    inner.pool_changed.notify_one();
}

struct Watch<'a> {
    inner: &'a Inner,
    session: &'a SessionId,
    worker: Worker,
    kill_at: Option<Instant>,
    end: Ending,
    stream: Stream,
}

impl Watch<'_> {
    async fn run(
        &mut self,
        mut orders: mpsc::Receiver<Order>,
        mut force: watch::Receiver<bool>,
    ) -> Option<ExitStatus> {
        let mut listening = true;
        loop {
            let kill_at = self.kill_at;
            tokio::select! {
                next = self.worker.next(listening) => match next {
                    Next::Heard(Some(heard)) => self.on_heard(heard),
                    Next::Heard(None) => listening = false,
                    Next::Exited(status) => return status.ok(),
                },
                Some(order) = orders.recv() => self.on_order(order).await,
                () = at(kill_at) => self.on_overdue(),
                () = forced(&mut force), if !self.end.killed => self.kill("the engine was stopped at once"),
            }
        }
    }

    fn on_heard(&mut self, heard: Heard) {
        let report = match heard {
            Heard::Report(report) => report,
            Heard::Nonsense(what) => return self.kill(&format!("the worker reported nonsense: {what}")),
        };
        match &report {
            Report::Ready { .. } => self.kill_at = self.end.ordered.and(self.kill_at),
            Report::Parked { after_us } => {
                self.kill_at = self.end.ordered.and(self.kill_at);
                park::on_copy_parked(self.inner, self.session, Duration::from_micros(*after_us));
            }
            Report::Ended { .. } => self.kill_at = Some(Instant::now() + self.inner.config.stop_within),
            Report::FirstPicture { after_us } => {
                firstlight_telemetry::first_picture_seconds(Duration::from_micros(*after_us).as_secs_f64());
            }
            Report::Stats(stats) => self.stream.record(&telemetry::second(stats)),
            Report::Started(start) => telemetry::started(*start),
            Report::Attached { by, transport } => {
                let over = transport.map_or("", firstlight_link::Transport::word);
                firstlight_telemetry::session_attached(
                    telemetry::attach(by),
                    firstlight_telemetry::Carrier::from_word(over),
                );
            }
            Report::Certificate { .. }
            | Report::Waiting { .. }
            | Report::Answer { .. }
            | Report::Played(_) => {}
        }
        tracing::debug!(session = %self.session, report = word(&report), "the worker reported");
        let changes = !matches!(
            report,
            Report::Stats(_) | Report::Played(_) | Report::Answer { .. } | Report::FirstPicture { .. }
        );
        self.inner
            .table()
            .on_report(self.session, report, firstlight_container::now());
        if changes {
            self.inner.on_change();
        }
    }

    async fn on_order(&mut self, order: Order) {
        if matches!(order, Order::Claim(_)) && self.kill_at.is_none() {
            self.kill_at = Some(Instant::now() + CLAIMED_WITHIN);
        }
        if let Order::End { reason } = order {
            self.end.ordered.get_or_insert(reason);
            let latest = Instant::now() + self.inner.config.stop_within;
            self.kill_at = Some(self.kill_at.map_or(latest, |at| at.min(latest)));
        }
        if let Err(error) = self.worker.order(&order).await {
            // A worker that has just died is about to be noticed as such.
            self.kill(&format!("the worker took no order: {error}"));
        }
    }

    fn on_overdue(&mut self) {
        let why = if self.end.ordered.is_some() {
            "the worker did not stop in time"
        } else {
            "the worker was not ready in time"
        };
        self.kill(why);
    }

    fn kill(&mut self, why: &str) {
        self.end.why_killed.get_or_insert_with(|| why.to_owned());
        self.end.killed = true;
        self.kill_at = None;
        self.worker.kill();
    }

    /// Takes in what was said before the end.
    async fn drain(&mut self) {
        let rest = async {
            while let Some(heard) = self.worker.hear().await {
                if let Heard::Report(report) = heard {
                    self.inner
                        .table()
                        .on_report(self.session, report, firstlight_container::now());
                }
            }
        };
        // A process that the worker left behind may hold the pipe open.
        if timeout(DRAIN_WITHIN, rest).await.is_err() {
            tracing::debug!(session = %self.session, "the worker's output is still open");
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn forced(force: &mut watch::Receiver<bool>) {
    if force.wait_for(|force| *force).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How a worker that said nothing of it came to its end.
#[derive(Debug, Default)]
struct Ending {
    ordered: Option<End>,
    killed: bool,
    why_killed: Option<String>,
}

impl Ending {
    fn verdict(self, status: Option<ExitStatus>, tail: Vec<String>) -> Ended {
        let how = match (status.and_then(|s| s.code()), status.and_then(|s| s.signal())) {
            (Some(code), _) => format!("the worker exited with code {code} and said nothing"),
            (None, Some(signal)) => format!("the worker was killed by signal {signal}"),
            (None, None) => "the worker is gone".to_owned(),
        };
        Ended {
            reason: self.ordered.unwrap_or(End::EngineFault),
            detail: self.why_killed.unwrap_or(how),
            exit_code: None,
            tail,
        }
    }
}

/// Removes what the worker should have removed. Processes and cgroups of a container go by the mark it left.
async fn clean_up(inner: &Inner, traces: Traces) {
    let run_root = inner.config.run_root.clone();
    let cleaned = tokio::task::spawn_blocking(move || {
        if traces.run_dir.exists() {
            folders::sweep(&run_root);
        }
        folders::remove(&traces.run_dir);
        if let Some(scratch) = &traces.scratch {
            folders::remove(scratch);
        }
        if let Some(group) = &traces.cgroup
            && let Err(error) = remove_cgroup(group)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %group.display(), %error, "a session's cgroup was not removed");
        }
    });
    if cleaned.await.is_err() {
        tracing::error!("cleaning up panicked");
    }
}

/// With the empty groups in it; one with processes in it stays.
fn remove_cgroup(group: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(group)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path())?;
        }
    }
    std::fs::remove_dir(group)
}

const fn word(report: &Report) -> &'static str {
    match report {
        Report::Ready { .. } => "ready",
        Report::Parked { .. } => "parked",
        Report::Certificate { .. } => "certificate",
        Report::FirstPicture { .. } => "first_picture",
        Report::Attached { .. } => "attached",
        Report::Answer { .. } => "answer",
        Report::Waiting { .. } => "waiting",
        Report::Started(_) => "started",
        Report::Stats(_) => "stats",
        Report::Played(_) => "played",
        Report::Ended { .. } => "ended",
    }
}

/// Some renames and a thaw, which take milliseconds, on a machine in trouble.
const CLAIMED_WITHIN: Duration = Duration::from_secs(2);
const DRAIN_WITHIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_worker_is_a_fault_and_an_ordered_end_is_not() {
        let killed = Some(ExitStatus::from_raw(9));
        let fault = Ending::default().verdict(killed, Vec::new());
        assert_eq!(
            (fault.reason, fault.detail.as_str()),
            (End::EngineFault, "the worker was killed by signal 9")
        );
        let ordered = Ending {
            ordered: Some(End::GaveWay),
            ..Ending::default()
        };
        assert_eq!(ordered.verdict(killed, Vec::new()).reason, End::GaveWay);
    }
}
