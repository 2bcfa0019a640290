//! The worker process, as a host sees it.

use super::DEADLINE;
use firstlight_link::{Order, Report, Start};
use firstlight_ticket::{Claims, Issuer};
use firstlight_units::{Micros, WallTime};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What differs from test to test.
pub(crate) struct Options {
    pub(crate) title_dir: PathBuf,
    pub(crate) wait_s: u32,
    /// For nobody yet.
    pub(crate) parked: bool,
}

impl Options {
    /// The beacon, which counts its input in its picture.
    pub(crate) fn beacon() -> Self {
        Self {
            title_dir: firstlight_beacon::staged::folder().unwrap(),
            wait_s: 60,
            parked: false,
        }
    }

    /// A title that is one shell line.
    pub(crate) fn shell(folder: &TempDir, line: &str) -> Self {
        let dir = folder.path().join("titles").join("shell");
        std::fs::create_dir_all(&dir).unwrap();
        let manifest = format!(
            "id = \"shell\"\nname = \"Shell\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/sh\", \"-c\", {line:?}]\n\
             [display]\nwidth = 640\nheight = 360\n[audio]\nenabled = false\n"
        );
        std::fs::write(dir.join("title.toml"), manifest).unwrap();
        Self {
            title_dir: dir,
            wait_s: 60,
            parked: false,
        }
    }
}

/// A running worker; it is ended and its folders removed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    reports: Receiver<Report>,
    /// Everything reported so far.
    pub(crate) seen: Vec<Report>,
    pub(crate) port: u16,
    /// SHA-256 of the certificate in use.
    pub(crate) certificate: Vec<u8>,
    /// The session's public key, for sealed attachments.
    pub(crate) seal_key: String,
    issuer: Issuer,
    tickets: AtomicU32,
    folder: TempDir,
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    pub(crate) fn start(options: &Options) -> Self {
        let mut worker = Self::launch(options);
        worker.ready();
        worker
    }

    /// Waits until it is ready.
    pub(crate) fn ready(&mut self) {
        let ready = self.wait_for("ready", |r| matches!(r, Report::Ready { .. }));
        let Report::Ready {
            cert_sha256,
            seal_key,
        } = ready
        else {
            unreachable!()
        };
        self.seal_key = seal_key;
        let hex = cert_sha256.first().unwrap();
        self.certificate = (0..32)
            .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
            .collect();
    }

    /// Starts a worker.
    pub(crate) fn launch(options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::generate().unwrap();
        let listen: SocketAddr = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let start = Start {
            session: SESSION.to_owned(),
            player: PLAYER.to_owned(),
            epoch: EPOCH,
            title_dir: options.title_dir.clone(),
            run_dir: folder.path().join("run"),
            home: folder.path().join("home"),
            cgroup: None,
            listen: vec![listen],
            rtc_listen: Vec::new(),
            ice_servers: Vec::new(),
            ticket_key: issuer.public_key().iter().map(|b| format!("{b:02x}")).collect(),
            origins: vec!["http://localhost:8080".to_owned()],
            wait_s: options.wait_s,
            bitrate_max_bps: 20_000_000,
            encoder_threads: 1,
            encoders: Vec::new(),
            encoder: None,
            parked: options.parked,
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_firstlight-session"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, reports) = sync_channel(4_096);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut worker = Self {
            child,
            stdin,
            reports,
            seen: Vec::new(),
            port: listen.port(),
            certificate: Vec::new(),
            seal_key: String::new(),
            issuer,
            tickets: AtomicU32::new(0),
            folder,
        };
        worker.order(&Order::Start(Box::new(start)));
        worker
    }

    pub(crate) fn order(&mut self, order: &Order) {
        let mut line = serde_json::to_vec(order).unwrap();
        line.push(b'\n');
        self.stdin.as_mut().unwrap().write_all(&line).unwrap();
    }

    /// As a host that dies.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// The first report from here on that `wanted` is true for.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let report = self.reports.recv_timeout(left);
            let report = report.unwrap_or_else(|_| panic!("no report of {what}; seen: {:#?}", self.seen));
            self.seen.push(report.clone());
            if wanted(&report) {
                return report;
            }
        }
    }

    /// Waits for the last report and for the process to go.
    pub(crate) fn ended(&mut self) -> Report {
        let report = self.wait_for("the end", |r| matches!(r, Report::Ended { .. }));
        self.child.wait().unwrap();
        report
    }

    /// A ticket that is good.
    pub(crate) fn ticket(&self) -> String {
        self.ticket_with(|_| {})
    }

    /// A ticket with something changed.
    pub(crate) fn ticket_with(&self, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = Claims {
            id: format!("t{}", self.tickets.fetch_add(1, Ordering::Relaxed)),
            player: PLAYER.to_owned(),
            session: SESSION.to_owned(),
            epoch: EPOCH,
            key: None,
            expires: now() + Micros::from_secs(50),
        };
        change(&mut claims);
        self.issuer.issue(&claims).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory of the worker, in kilobytes.
    pub(crate) fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The processes below the worker whose name is `name`.
    pub(crate) fn descendants(&self, name: &str) -> Vec<u32> {
        let mut family = vec![self.id()];
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            at += 1;
            for task in std::fs::read_dir(format!("/proc/{parent}/task"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
                family.extend(
                    children
                        .split_whitespace()
                        .filter_map(|pid| pid.parse::<u32>().ok()),
                );
            }
        }
        let named = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name)
        };
        family.into_iter().filter(named).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stdin = None;
        // A worker that does not end by itself is a failure that the test has told already.
        let deadline = Instant::now() + DEADLINE;
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        drop(self.child.kill());
    }
}

/// Now, in UTC.
pub(crate) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime::from_micros(u64::try_from(since.as_micros()).unwrap())
}

pub(crate) const SESSION: &str = "s1";
pub(crate) const PLAYER: &str = "anna";
pub(crate) const EPOCH: u64 = 3;
