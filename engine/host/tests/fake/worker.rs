//! A worker without a session: it does what the name of its title's folder says.
//!
//! While it lives it holds a lock on `worker.lock` in its run folder, so that a test can wait for its end.

use firstlight_link::{
    Answer, Away, Credential, End, LINE_BYTES_MAX, Offer, Order, Played, Report, Start, Stats,
};
use std::fs::{self, File};
use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut orders = stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .map(|line| serde_json::from_str::<Order>(&line));
    let Some(Ok(Order::Start(start))) = orders.next() else {
        return ExitCode::FAILURE;
    };
    if start
        .listen
        .iter()
        .any(|address| std::net::UdpSocket::bind(address).is_err())
    {
        return ended(End::EngineFault, "the media port is in use");
    }
    let Ok(_alive) = settle(&start) else {
        return ExitCode::FAILURE;
    };
    let title = start
        .title_dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let title = title.unwrap_or_default();
    match title.as_str() {
        "stillborn" => return ended(End::EngineFault, "no display"),
        "never-ready" => return wait_for_end(orders),
        _ => {}
    }
    if start.parked {
        return park(&title, orders);
    }
    eprintln!(" INFO fake: ready");
    report(&Report::Ready {
        cert_sha256: vec!["ab".repeat(32)],
        seal_key: "key".to_owned(),
    });
    match title.as_str() {
        "babbler" => babble(),
        "panics" => {
            eprintln!("thread 'media' panicked at the disco");
            std::process::abort();
        }
        "exits" => return ended(End::TitleExited, "the title exited"),
        "attached" | "waiting" | "cut" => {
            report(&Report::Attached {
                transport: None,
                by: "ticket".to_owned(),
            });
            report(&Report::Stats(Box::new(Stats {
                target_bps: 5_000_000,
                ..Stats::default()
            })));
            for _ in 0..SECONDS {
                report(&Report::Played(Box::new(second())));
            }
        }
        "deaf" => {
            // Reads its orders and does nothing about them, like a worker whose loop hangs.
            orders.for_each(drop);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    if let Some(away) = away(&title) {
        let left_s = start.wait_s;
        report(&Report::Waiting { left_s, away });
    }
    wait_for_end(orders)
}

/// How its player went.
fn away(title: &str) -> Option<Away> {
    match title {
        "waiting" => Some(Away::Left),
        "cut" => Some(Away::Cut),
        _ => None,
    }
}

/// As a copy: it is parked, and then somebody's.
fn park(title: &str, mut orders: impl Iterator<Item = Result<Order, serde_json::Error>>) -> ExitCode {
    if title == "never-parks" {
        return ended(End::EngineFault, "no display");
    }
    report(&Report::Parked { after_us: 1 });
    match orders.next() {
        Some(Ok(Order::Claim(claim))) => {
            if title == "dies-at-its-claim" {
                std::process::abort();
            }
            let wrote = serde_json::to_vec(&claim).map_err(std::io::Error::other);
            let wrote = wrote.and_then(|bytes| fs::write(claim.home.join("claim.json"), bytes));
            if wrote.is_err() {
                return ended(End::EngineFault, "the home cannot be written");
            }
            report(&Report::Ready {
                cert_sha256: vec!["cd".repeat(32)],
                seal_key: "key".to_owned(),
            });
            wait_for_end(orders)
        }
        Some(Ok(Order::End { reason })) => ended(reason, "as ordered"),
        _ => ExitCode::SUCCESS,
    }
}

fn settle(start: &Start) -> std::io::Result<File> {
    fs::create_dir_all(&start.run_dir)?;
    let lock = File::create(start.run_dir.join("worker.lock"))?;
    lock.lock()?;
    fs::write(start.run_dir.join("start.json"), serde_json::to_vec(start)?)?;
    fs::write(start.run_dir.join("worker.pid"), std::process::id().to_string())?;
    Ok(lock)
}

fn wait_for_end(orders: impl Iterator<Item = Result<Order, serde_json::Error>>) -> ExitCode {
    for order in orders {
        match order {
            Ok(Order::End { reason }) => return ended(reason, "as ordered"),
            Ok(Order::Offer(offer)) => report(&Report::Answer {
                answer: answer(&offer),
                attachment: offer.attachment,
            }),
            Ok(Order::HangUp { .. }) => report(&Report::Waiting {
                left_s: 60,
                away: Away::Left,
            }),
            _ => {}
        }
    }
    ExitCode::SUCCESS
}

/// Honours what is called good.
fn answer(offer: &Offer) -> Answer {
    let (Credential::Ticket(shown) | Credential::Resume(shown)) = &offer.credential;
    match (shown.as_str(), offer.sdp.as_str()) {
        (_, "bad") => Answer::BadOffer("the offer is not SDP".to_owned()),
        ("good" | "v4.public.good", _) => Answer::Accepted {
            sdp: "v=0".to_owned(),
            resume: "fresh".to_owned(),
        },
        _ => Answer::Forbidden,
    }
}

fn ended(reason: End, detail: &str) -> ExitCode {
    let tail = vec!["a last line".to_owned()];
    report(&Report::Ended {
        reason,
        detail: detail.to_owned(),
        exit_code: Some(3),
        tail,
    });
    ExitCode::SUCCESS
}

fn report(report: &Report) {
    let mut line = serde_json::to_vec(report).unwrap_or_default();
    line.push(b'\n');
    // A host that has gone is noticed at the end of the orders.
    drop(stdout().write_all(&line).and_then(|()| stdout().flush()));
}

/// A good second, but for what the title of the class may be judged by.
fn second() -> Played {
    let mut click_stages_us = vec![2_000; 13];
    click_stages_us[12] = -1_000;
    Played {
        span_us: 1_000_000,
        divisor: 1,
        sent: 60,
        shown: 60,
        clicks: 2,
        delay_us: 23_000,
        width: 1280,
        height: 720,
        stages_us: vec![1_000; 13],
        click_stages_us,
        ..Played::default()
    }
}

/// More than half a minute: it counts for the host.
const SECONDS: usize = 40;

fn babble() {
    let line = vec![b'x'; LINE_BYTES_MAX + 2];
    drop(stdout().write_all(&line).and_then(|()| stdout().flush()));
}
