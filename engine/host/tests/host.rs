//! A host with stand-in workers: who gets in, who gives way, and what is left when things die.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_host::{Config, ConfigBuilder, Ended, Error, Host, Placed, Request, State};
use firstlight_link::{End, Start};
use firstlight_units::SessionId;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A host in a folder of its own.
struct Rig {
    folder: TempDir,
    host: Host,
}

impl Rig {
    fn new() -> Self {
        Self::with(|config| config.slots(Some(2)))
    }

    fn with(configure: impl Fn(ConfigBuilder) -> ConfigBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Self::open(&folder, configure);
        Self { folder, host }
    }

    fn open(folder: &TempDir, configure: impl Fn(ConfigBuilder) -> ConfigBuilder) -> Host {
        let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-host-fake-worker"));
        let config = Config::builder(
            folder.path().join("data"),
            folder.path().join("run"),
            vec![worker],
        );
        Host::open(configure(config.media_ports(media_ports())).build().unwrap()).unwrap()
    }

    fn request(&self, player: &str, title: &str) -> Request {
        let title_dir = write_title(&self.folder, title);
        let title = firstlight_title::load(&title_dir).unwrap();
        Request {
            player: player.to_owned(),
            title,
            title_dir,
            origins: vec!["http://localhost:8080".to_owned()],
            lease: None,
        }
    }

    async fn start(&self, player: &str, title: &str) -> Result<Placed, Error> {
        self.host.start(self.request(player, title)).await
    }

    /// Starts a session that ends by itself, perhaps before it was seen to be ready.
    async fn start_and_end(&self, title: &str) -> Ended {
        drop(self.start("p1", title).await);
        let id = self.host.sessions().pop().unwrap().id;
        self.ended(&id).await
    }

    async fn ended(&self, session: &SessionId) -> Ended {
        let session = self
            .host
            .wait_until(session, |state| matches!(state, State::Ended(_)))
            .await
            .unwrap();
        // Said to have ended is not gone: this waits for the process as well.
        self.host.end(&session.id, End::ByOperator).await.unwrap();
        match session.state {
            State::Ended(ended) => ended,
            State::Starting | State::Ready | State::Attached | State::Waiting { .. } => unreachable!(),
        }
    }

    fn run_dir(&self, session: &SessionId) -> PathBuf {
        self.folder.path().join("run").join(session.as_str())
    }

    fn order(&self, session: &SessionId) -> Start {
        serde_json::from_slice(&fs::read(self.run_dir(session).join("start.json")).unwrap()).unwrap()
    }
}

fn write_title(folder: &TempDir, id: &str) -> PathBuf {
    let dir = folder.path().join("titles").join(id);
    fs::create_dir_all(&dir).unwrap();
    let manifest =
        format!("id = \"{id}\"\nname = \"{id}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n");
    fs::write(dir.join("title.toml"), manifest).unwrap();
    dir
}

fn kill(pid_file: &std::path::Path) {
    let pid = fs::read_to_string(pid_file).unwrap().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_session_is_placed_and_ends_when_its_player_says_so() {
    let rig = Rig::new();
    let placed = rig.start("p1", "plain").await.unwrap();
    assert!(placed.ticket.starts_with("v4.public."));
    let session = rig.host.session(&placed.session).unwrap();
    assert_eq!(session.state, State::Ready);
    assert_eq!(session.cert_sha256, ["ab".repeat(32)]);
    let order = rig.order(&placed.session);
    assert_eq!((order.player.as_str(), order.epoch, order.wait_s), ("p1", 1, 120));
    assert_eq!(order.listen[0].port(), session.port);
    assert!(order.home.ends_with("data/players/p1/plain") && order.home.is_dir());

    rig.host.end(&placed.session, End::ByPlayer).await.unwrap();
    let ended = rig.ended(&placed.session).await;
    assert_eq!(
        (ended.reason, ended.exit_code, ended.tail.len()),
        (End::ByPlayer, Some(3), 1)
    );
    assert!(!rig.run_dir(&placed.session).exists());
    assert!(matches!(
        rig.host.ticket(&placed.session),
        Err(Error::UnknownSession(_))
    ));
}

#[tokio::test]
async fn each_session_has_its_own_port_and_a_rising_epoch() {
    let rig = Rig::new();
    let (a, b) = (
        rig.start("p1", "plain").await.unwrap(),
        rig.start("p2", "plain").await.unwrap(),
    );
    let port = |placed: &Placed| rig.host.session(&placed.session).unwrap().port;
    assert_ne!(port(&a), port(&b));
    assert_eq!((rig.order(&a.session).epoch, rig.order(&b.session).epoch), (1, 1));
    rig.host.end(&a.session, End::ByPlayer).await.unwrap();
    let c = rig.start("p1", "plain").await.unwrap();
    assert_eq!(rig.order(&c.session).epoch, 2);
}

#[tokio::test]
async fn a_full_host_refuses_and_nobody_who_plays_is_disturbed() {
    let rig = Rig::new();
    let a = rig.start("p1", "attached").await.unwrap();
    let b = rig.start("p2", "attached").await.unwrap();
    assert!(matches!(rig.start("p3", "plain").await, Err(Error::Full)));
    for placed in [&a, &b] {
        let session = rig
            .host
            .wait_until(&placed.session, |state| *state == State::Attached)
            .await
            .unwrap();
        assert_eq!(session.state, State::Attached);
    }
}

#[tokio::test]
async fn whoever_waits_gives_way_to_a_new_player_and_is_told() {
    let rig = Rig::with(|config| config.slots(Some(2)).yield_after(Duration::ZERO));
    let away = rig.start("p1", "waiting").await.unwrap();
    rig.host
        .wait_until(&away.session, |state| matches!(state, State::Waiting { .. }))
        .await
        .unwrap();
    let here = rig.start("p2", "attached").await.unwrap();
    let new = rig.start("p3", "plain").await.unwrap();
    assert_eq!(rig.ended(&away.session).await.reason, End::GaveWay);
    assert_eq!(rig.host.session(&new.session).unwrap().state, State::Ready);
    assert!(!matches!(
        rig.host.session(&here.session).unwrap().state,
        State::Ended(_)
    ));
}

#[tokio::test]
async fn whoever_is_away_for_a_moment_keeps_his_place() {
    let rig = Rig::with(|config| config.slots(Some(2)).yield_after(Duration::from_secs(60)));
    let away = rig.start("p1", "waiting").await.unwrap();
    let waits = |state: &State| matches!(state, State::Waiting { .. });
    rig.host.wait_until(&away.session, waits).await.unwrap();
    rig.start("p2", "attached").await.unwrap();
    assert_eq!(rig.host.room(), 0);
    assert!(matches!(rig.start("p3", "plain").await, Err(Error::Full)));
    assert!(waits(&rig.host.session(&away.session).unwrap().state));
}

#[tokio::test]
async fn who_left_makes_room_when_asked_to_and_not_who_plays_or_may_be_back_in_a_moment() {
    let rig = Rig::with(|config| config.slots(Some(3)).yield_after(Duration::from_secs(60)));
    let stays = [("p1", "attached"), ("p2", "cut")];
    for (player, title) in stays {
        let placed = rig.start(player, title).await.unwrap();
        let is_so = |state: &State| match state {
            State::Attached => title == "attached",
            State::Waiting { .. } => title == "cut",
            State::Starting | State::Ready | State::Ended(_) => false,
        };
        rig.host.wait_until(&placed.session, is_so).await.unwrap();
        let refused = rig.host.end(&placed.session, End::GaveWay).await;
        assert!(matches!(refused, Err(Error::Stays(_))), "{refused:?}");
        assert!(is_so(&rig.host.session(&placed.session).unwrap().state));
    }
    let left = rig.start("p3", "waiting").await.unwrap();
    let waits = |state: &State| matches!(state, State::Waiting { .. });
    rig.host.wait_until(&left.session, waits).await.unwrap();
    rig.host.end(&left.session, End::GaveWay).await.unwrap();
    assert_eq!(rig.ended(&left.session).await.reason, End::GaveWay);
}

#[tokio::test]
async fn one_player_gets_no_more_than_a_players_share() {
    let rig = Rig::with(|config| config.slots(Some(9)).sessions_per_player(1));
    rig.start("p1", "plain").await.unwrap();
    assert!(matches!(rig.start("p1", "plain").await, Err(Error::TooMany(1))));
    assert!(rig.start("p2", "plain").await.is_ok());
}

#[tokio::test]
async fn a_killed_worker_ends_its_session_with_a_reason_and_no_other() {
    let rig = Rig::new();
    let killed = rig.start("p1", "attached").await.unwrap();
    let other = rig.start("p2", "plain").await.unwrap();
    kill(&rig.run_dir(&killed.session).join("worker.pid"));
    let ended = rig.ended(&killed.session).await;
    assert_eq!(
        (ended.reason, ended.detail.as_str()),
        (End::EngineFault, "the worker was killed by signal 9")
    );
    assert!(!rig.run_dir(&killed.session).exists());
    assert_eq!(rig.host.session(&other.session).unwrap().state, State::Ready);
}

#[tokio::test]
async fn how_a_session_was_is_written_down_until_its_end_whatever_way_it_ends() {
    let rig = Rig::new();
    let placed = rig.start("p1", "attached").await.unwrap();
    let report = || rig.host.quality(&placed.session).unwrap().report;
    // The stand-in tells of forty seconds.
    for _ in 0..500 {
        if report()["scores"]["seconds"] == 40 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        (&report()["scores"]["seconds"], report()["ended"].is_null()),
        (&40.into(), true)
    );
    kill(&rig.run_dir(&placed.session).join("worker.pid"));
    rig.ended(&placed.session).await;
    assert_eq!(report()["ended"]["reason"], "engine_fault");
    assert_eq!(
        (&report()["scores"]["exit"], &report()["title"]),
        (&0.into(), &"attached".into())
    );
    let quality = rig.host.quality(&placed.session).unwrap();
    assert_eq!((quality.player.as_str(), quality.minutes), ("p1", vec![10_000]));
    assert_eq!(quality.link.len(), 32);
    let other = rig.start("p1", "plain").await.unwrap();
    assert_ne!(rig.host.quality(&other.session).unwrap().link, quality.link);
}

#[tokio::test]
async fn a_panic_in_a_worker_is_kept_for_the_operator() {
    let rig = Rig::new();
    let ended = rig.start_and_end("panics").await;
    assert_eq!(ended.reason, End::EngineFault);
    assert!(
        ended.tail.iter().any(|line| line.contains("at the disco")),
        "{:?}",
        ended.tail
    );
}

#[tokio::test]
async fn a_worker_that_talks_nonsense_is_killed() {
    let rig = Rig::new();
    let ended = rig.start_and_end("babbler").await;
    assert_eq!(ended.reason, End::EngineFault);
    assert!(ended.detail.contains("nonsense"), "{}", ended.detail);
}

#[tokio::test]
async fn a_title_that_exits_is_no_fault() {
    let rig = Rig::new();
    assert_eq!(rig.start_and_end("exits").await.reason, End::TitleExited);
}

#[tokio::test]
async fn a_session_that_cannot_start_leaves_its_slot() {
    let rig = Rig::with(|config| config.slots(Some(1)).ready_within(Duration::from_millis(50)));
    assert!(matches!(
        rig.start("p1", "stillborn").await,
        Err(Error::Stillborn { .. })
    ));
    let error = rig.start("p1", "never-ready").await.unwrap_err();
    assert!(error.to_string().contains("not ready in time"), "{error}");
    assert_eq!(rig.host.capacity().sessions, 0);
    let run_root = rig.folder.path().join("run");
    assert_eq!(fs::read_dir(run_root).unwrap().count(), 0);
}

#[tokio::test]
async fn a_worker_that_does_not_stop_is_killed_and_the_reason_stays() {
    let rig = Rig::with(|config| config.slots(Some(1)).stop_within(Duration::from_millis(50)));
    let placed = rig.start("p1", "deaf").await.unwrap();
    rig.host.end(&placed.session, End::ByOperator).await.unwrap();
    assert_eq!(rig.ended(&placed.session).await.reason, End::ByOperator);
}

#[tokio::test]
async fn a_host_that_stops_ends_all_and_leaves_nothing() {
    let rig = Rig::new();
    let a = rig.start("p1", "attached").await.unwrap();
    let b = rig.start("p2", "waiting").await.unwrap();
    rig.host.stop().await;
    for placed in [a, b] {
        assert_eq!(rig.ended(&placed.session).await.reason, End::EngineStopping);
    }
    assert!(matches!(rig.start("p3", "plain").await, Err(Error::Stopping)));
    assert!(!rig.folder.path().join("run").exists());
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_a_whole_session() {
    let rig = Rig::new();
    let starting = rig.start("p1", "plain");
    // Polled once, then dropped.
    tokio::select! {
        biased;
        _ = starting => panic!("it takes a process to start"),
        () = std::future::ready(()) => {}
    }
    // The turn that this one takes comes after the other's.
    rig.start("p2", "plain").await.unwrap();
    let all = rig.host.sessions();
    assert_eq!(all.len(), 2);
    for session in all {
        rig.host
            .wait_until(&session.id, |state| *state == State::Ready)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn folders_given_relative_are_named_in_full_to_workers() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let relative = PathBuf::from(folder.path().file_name().unwrap());
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-host-fake-worker"));
    let config = Config::builder(relative.join("data"), relative.join("run"), vec![worker]);
    let host = Host::open(config.slots(Some(1)).media_ports(media_ports()).build().unwrap()).unwrap();
    let rig = Rig { host, folder };
    let placed = rig.start("p1", "plain").await.unwrap();
    let order = rig.order(&placed.session);
    assert!(order.run_dir.is_absolute() && order.home.is_absolute());
}

#[tokio::test]
async fn a_missing_worker_program_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::builder(
        folder.path().join("data"),
        folder.path().join("run"),
        vec!["/nowhere/worker".into()],
    );
    let rig = Rig {
        host: Host::open(config.slots(Some(1)).build().unwrap()).unwrap(),
        folder,
    };
    assert!(matches!(rig.start("p1", "plain").await, Err(Error::Spawn(_))));
    assert_eq!(rig.host.capacity().sessions, 0);
}

#[tokio::test]
async fn a_killed_engine_takes_its_workers_along_and_the_next_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Command::new(env!("CARGO_BIN_EXE_firstlight-host-fake-engine"))
        .arg(env!("CARGO_BIN_EXE_firstlight-host-fake-worker"))
        .arg(folder.path())
        .arg(write_title(&folder, "attached"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut session = String::new();
    BufReader::new(engine.stdout.take().unwrap())
        .read_line(&mut session)
        .unwrap();
    let lock = File::open(folder.path().join("run").join(session.trim()).join("worker.lock")).unwrap();
    assert!(lock.try_lock().is_err(), "the worker lives");
    engine.kill().unwrap();
    engine.wait().unwrap();
    // Given up by the worker's death, and by nothing else.
    lock.lock().unwrap();

    let rig = Rig {
        host: Rig::open(&folder, |config| config.slots(Some(1))),
        folder,
    };
    let placed = rig.start("p", "plain").await.unwrap();
    assert_eq!(rig.order(&placed.session).epoch, 2);
}

/// Media ports of this test's own: workers of tests that run side by side would take each other's between a host's look and
/// the worker's bind.
fn media_ports() -> std::ops::RangeInclusive<u16> {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let turn = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 20;
    let process = u16::try_from(std::process::id() % 100).unwrap();
    let first = 20_000 + process * 400 + turn * 20;
    first..=first + 19
}
