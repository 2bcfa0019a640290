//! A worker without a title, which shows from outside who is in a host's one slot.
//!
//! While it runs it holds a lock on `slot` in its host's folder, which then holds its session's id. Whoever does not get that lock
//! writes to `wrong`: there were two in one slot. Titles are called by what their workers do: `dud` fails where `dud-done` is not
//! there yet, and makes it; `held` is not ready while `hold` is there; the player of `leaves` goes at once. Each session adds its id to
//! what its player has saved.

use crate::say;
use anyhow::{Context, Result, bail};
use firstlight_link::{Away, End, Order, Report, Start};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

pub(crate) fn run() -> Result<()> {
    let orders = orders();
    let Order::Start(start) = orders.recv()? else {
        bail!("the first order is no start");
    };
    let titles = start.title_dir.parent().context("a title without a folder")?;
    let rig = titles.parent().context("titles without a folder")?;
    let title = start.title_dir.file_name().unwrap_or_default().to_string_lossy();
    if title == "dud" && File::create_new(rig.join("dud-done")).is_ok() {
        return ended(End::EngineFault);
    }
    let _slot = enter(&start)?;
    save(&start)?;
    while title == "held" && rig.join("hold").exists() {
        std::thread::sleep(LOOK_EVERY);
    }
    report(&Report::Ready {
        cert_sha256: vec!["ab".repeat(32)],
        seal_key: "key".to_owned(),
    })?;
    if title == "leaves" {
        // Its player is there, and gone at once: the app stands still.
        report(&Report::Attached {
            transport: None,
            by: "ticket".to_owned(),
        })?;
        report(&Report::Waiting {
            left_s: 600,
            away: Away::Left,
        })?;
    }
    loop {
        if let Order::End { reason } = orders.recv()? {
            return ended(reason);
        }
    }
}

/// Adds a line to what its player has saved: whose turn it was.
fn save(start: &Start) -> Result<()> {
    let folder = start.home.join("save");
    fs::create_dir_all(&folder)?;
    let mut history = File::options()
        .create(true)
        .append(true)
        .open(folder.join("history"))?;
    Ok(writeln!(history, "{}", start.session)?)
}

/// On a thread of their own: when the host goes, so does this process, whatever it does.
fn orders() -> Receiver<Order> {
    let (gives, orders) = sync_channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(order) = serde_json::from_str(&line) {
                drop(gives.send(order));
            }
        }
        std::process::exit(0);
    });
    orders
}

/// Takes the host's one slot.
fn enter(start: &Start) -> Result<Flock<File>> {
    let run = start.run_dir.parent().context("a session without a run folder")?;
    let host = run.parent().context("a run folder without a host's")?;
    fs::create_dir_all(&start.run_dir)?;
    let began = Instant::now();
    loop {
        let file = File::options()
            .create(true)
            .append(true)
            .open(host.join("slot"))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut slot) => {
                slot.set_len(0)?;
                slot.write_all(start.session.as_bytes())?;
                return Ok(slot);
            }
            // Of a host that was killed the worker goes in its own time.
            Err(_) if began.elapsed() < GONE_WITHIN => std::thread::sleep(LOOK_EVERY),
            Err(_) => return twice(host, start),
        }
    }
}

fn twice(host: &Path, start: &Start) -> Result<Flock<File>> {
    let mut wrong = File::options()
        .create(true)
        .append(true)
        .open(host.join("wrong"))?;
    writeln!(wrong, "{} is the second in its slot", start.session)?;
    bail!("the slot is taken");
}

fn ended(reason: End) -> Result<()> {
    report(&Report::Ended {
        reason,
        detail: String::new(),
        exit_code: None,
        tail: Vec::new(),
    })
}

fn report(report: &Report) -> Result<()> {
    say(&serde_json::to_string(report)?)
}

const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A kernel closes a killed process's pipes at once; a loaded machine lets the worker know it later.
const GONE_WITHIN: Duration = Duration::from_secs(5);
