//! A copy that boots for nobody, and what its player finds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use firstlight_container::now;
use firstlight_link::{Claim, End, Order, Report};
use firstlight_units::{Micros, Timestamp};
use std::path::Path;
use std::time::Duration;
use support::{Client, EPOCH, Options, PLAYER, SESSION, Worker, read_barcodes, run, wall};
use tempfile::TempDir;

/// Starts a copy and waits until it is parked; returns how long its app ran by then, at most.
fn parked(options: Options) -> (Worker, Micros) {
    let mut worker = Worker::launch(&Options {
        parked: true,
        ..options
    });
    let report = worker.wait_for("the parked copy", |r| matches!(r, Report::Parked { .. }));
    let Report::Parked { after_us } = report else {
        unreachable!()
    };
    (worker, Micros::new(after_us))
}

/// Gives it to its player, and waits until it takes tickets.
fn claim(worker: &mut Worker, home: &Path) -> Timestamp {
    let claimed = now();
    worker.order(&Order::Claim(Box::new(Claim {
        session: SESSION.to_owned(),
        player: PLAYER.to_owned(),
        epoch: EPOCH,
        home: home.to_owned(),
        origins: vec!["http://localhost:8080".to_owned()],
    })));
    worker.ready();
    claimed
}

/// Clocks go on while a copy is frozen: it must neither make up for that time nor skip it, and not a sample of it may be heard.
#[test]
fn a_parked_copy_goes_on_where_it_stood() {
    let home = tempfile::tempdir().unwrap();
    let (mut worker, ran) = parked(Options::beacon());
    // Time that its player must not notice. Everything else here waits for something to happen.
    std::thread::sleep(FROZEN);
    let claimed = claim(&mut worker, home.path());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.until("a second of pictures", |c| c.units.len() > 60).await;
        let (thawed, audio) = (now() - claimed, client.audio_packets);
        assert!(client.units[0].meta.idr);
        let readings = read_barcodes(&client.units);
        let frames = u64::from(readings.last().unwrap().frame);
        let could = (ran + thawed).as_micros() * 60 / 1_000_000 + 2;
        assert!(
            frames <= could,
            "{frames} frames drawn, {could} in the time it ran"
        );
        assert!(readings.windows(2).all(|two| two[0].frame <= two[1].frame));
        // The first picture may be the one that was there; those that follow are new.
        let wall = wall().as_micros();
        assert!(wall - readings.last().unwrap().time_us < thawed.as_micros() + 500_000);
        let most = thawed.as_micros() / 10_000 + 20;
        assert!(audio <= most, "{audio} packets of 10 ms, where {most} fit");
        // And it answers.
        client.press(firstlight_wire::EventKind::KeyDown(30));
        client.press(firstlight_wire::EventKind::KeyUp(30));
        client
            .until("an answer", |c| {
                c.units.iter().any(|u| u.meta.trace.is_some_and(|t| t.input > 0))
            })
            .await;
    });
}

#[test]
fn a_save_is_there_after_a_parked_start_and_one_made_then_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let saves = home.path().join(".saves");
    std::fs::create_dir(&saves).unwrap();
    std::fs::write(saves.join("slot"), "of before\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    // It makes its own slot when it boots, as games make their defaults, and says what it finds when it is played.
    let script = "cd; echo boot > .saves/slot; echo boot > .saves/made; /title/beacon & \
                  until grep -q before .saves/slot; do sleep 0.05; done; \
                  cat .saves/slot .saves/made > .saves/found; wait";
    let mut options = drawing(&folder, script);
    persist(&mut options, ".saves");
    let (mut worker, _) = parked(options);
    claim(&mut worker, home.path());
    let found = saves.join("found");
    let deadline = now() + Micros::from_secs(20);
    while std::fs::read_to_string(&found).unwrap_or_default() != "of before\nboot\n" {
        assert!(now() < deadline, "the app does not find the player's save");
        std::thread::sleep(Duration::from_millis(5));
    }
    worker.order(&Order::End {
        reason: End::ByPlayer,
    });
    worker.ended();
    assert_eq!(
        std::fs::read_to_string(saves.join("slot")).unwrap(),
        "of before\n"
    );
    assert!(found.exists());
}

#[test]
fn a_parked_copy_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, _) = parked(drawing(&folder, "exec /title/beacon"));
    worker.order(&Order::End { reason: End::GaveWay });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::GaveWay,
            ..
        }
    ));
    let (mut worker, _) = parked(drawing(&folder, "exec /title/beacon"));
    worker.hang_up();
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::EngineStopping,
            ..
        }
    ));
}

/// A title that is one shell line, with a program beside it that draws.
fn drawing(folder: &TempDir, line: &str) -> Options {
    let options = Options::shell(folder, line);
    let program = Options::beacon().title_dir.join("bin/beacon");
    std::fs::copy(program, options.title_dir.join("beacon")).unwrap();
    let manifest = options.title_dir.join("title.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let larger = text.replace("640", "1280").replace("360", "720");
    std::fs::write(&manifest, larger).unwrap();
    options
}

fn persist(options: &mut Options, path: &str) {
    let manifest = options.title_dir.join("title.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let run = format!("[run]\npersist = [{path:?}]\n");
    std::fs::write(&manifest, text.replace("[run]\n", &run)).unwrap();
}

/// Of the beacon's pictures, 120 would fit.
const FROZEN: Duration = Duration::from_secs(2);
