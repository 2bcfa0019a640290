//! A host on a bus: what it does for its cell, and what it does for nobody.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_fleet::messages::{
    Ask, AskError, Asked, Beat, Caller, Channel, Claim, Claimed, Guard, HostState, Refusal, Refused, Reply,
    Report, SessionState, Signer, VERSION,
};
use firstlight_fleet::{Bus, BusError, Key, LocalBus, NatsBus, Subject, Subscription};
use firstlight_host::agent::{Agent, Settings, Titles, Word, listen, open_signer, say};
use firstlight_host::{Config, Host};
use firstlight_link::End;
use firstlight_test_servers as servers;
use firstlight_units::{Micros, SessionId, WallTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A host with an agent, and a cell that asks it.
struct Rig {
    folder: TempDir,
    host: Host,
    agent: Agent,
    cell: Caller,
    bus: Arc<dyn Bus>,
}

impl Rig {
    async fn new() -> Self {
        Self::on(Arc::new(LocalBus::default()), Arc::new(LocalBus::default())).await
    }

    /// The host on one bus, the cell on the other; two local ones are the same.
    async fn on(bus: Arc<dyn Bus>, cells: Arc<dyn Bus>) -> Self {
        let cells = if bus.is_connected() && format!("{bus:?}").starts_with("LocalBus") {
            Arc::clone(&bus)
        } else {
            cells
        };
        let folder = tempfile::tempdir().unwrap();
        let (host, agent) = start(folder.path(), Arc::clone(&bus)).await;
        Self {
            folder,
            host,
            agent,
            cell: Caller::new(Arc::clone(&cells), Arc::new(cell_signer())),
            bus: cells,
        }
    }

    async fn ask(&self, ask: Ask) -> Result<Reply, AskError> {
        self.cell.ask(&self.agent.id(), ask, PATIENCE).await
    }

    async fn claim(&self, claim: Claim) -> Result<Box<Claimed>, Refused> {
        match self.ask(Ask::Claim(Box::new(claim))).await {
            Ok(Reply::Claimed(claimed)) => Ok(claimed),
            Err(AskError::Refused(refused)) => Err(refused),
            other => panic!("{other:?}"),
        }
    }

    /// The next beat that `wanted` accepts.
    async fn beat(&self, beats: &mut Subscription, wanted: impl Fn(&Beat) -> bool) -> Beat {
        let mut guard = Guard::default();
        guard.admit(self.agent.id());
        loop {
            let message = beats.next().await.unwrap();
            let opened = guard
                .open(Channel::Beat, Some(&self.agent.id()), &message.body, wall_now())
                .unwrap();
            let beat = Beat::read(&opened.body).unwrap();
            if wanted(&beat) {
                return beat;
            }
        }
    }
}

/// The cell's key: the hosts know it since they joined.
fn cell_signer() -> Signer {
    Signer::new(Key::from_seed(&[9; 32]), 1)
}

async fn start(folder: &Path, bus: Arc<dyn Bus>) -> (Host, Agent) {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-host-fake-worker"));
    let config = Config::builder(folder.join("data"), folder.join("run"), vec![worker]).slots(Some(2));
    let host = Host::open(config.media_ports(20_000..=29_999).build().unwrap()).unwrap();
    for title in ["plain", "attached", "stillborn"] {
        let dir = folder.join("titles").join(title);
        std::fs::create_dir_all(&dir).unwrap();
        let manifest = format!(
            "id = \"{title}\"\nname = \"{title}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n"
        );
        std::fs::write(dir.join("title.toml"), manifest).unwrap();
    }
    let settings = Settings {
        host: host.clone(),
        titles: Arc::new(Titles::new(folder.join("titles"))),
        bus,
        signer: Arc::new(open_signer(&folder.join("data")).unwrap()),
        cell_keys: vec![cell_signer().key().public()],
        name: "box".into(),
        region: "eu".parse().unwrap(),
        position: None,
        addresses: vec!["127.0.0.1".parse().unwrap()],
        price_micros: 5,
        encoders: vec!["software".into()],
        encode_us: 0,
        beat_every: Duration::from_millis(50),
    };
    let agent = Agent::start(settings).await.unwrap();
    (host, agent)
}

fn claim(session: &str, title: &str, slot: u32, fence: u64) -> Claim {
    Claim {
        session: session.parse().unwrap(),
        player: format!("p{session}"),
        title: title.parse().unwrap(),
        slot,
        fence,
        origins: vec!["http://localhost:8080".into()],
        title_version: None,
    }
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

fn id(session: &str) -> SessionId {
    session.parse().unwrap()
}

/// For a loaded machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_a_session_that_is_told_of_and_shown_in_the_beats() {
    let rig = Rig::new().await;
    let mut beats = rig.bus.subscribe(&Subject::beats()).await.unwrap();
    let mut reports = rig.bus.subscribe(&Subject::reports()).await.unwrap();
    let open = rig.beat(&mut beats, |_| true).await;
    assert_eq!(
        (open.state, open.slots, open.name.as_str(), open.price_micros),
        (HostState::Open, 2, "box", 5)
    );
    assert_eq!(open.titles.len(), 3);
    assert!(open.spec.cores > 0 && open.spec.core_score > 0 && open.spec.memory_bytes > 0);

    let claimed = rig.claim(claim("s1", "plain", 1, 5)).await.unwrap();
    assert!(claimed.ticket.starts_with("v4.public."));
    assert_eq!(
        (claimed.view.slot, claimed.view.fence, claimed.view.state),
        (1, 5, SessionState::Ready)
    );
    assert_eq!(claimed.view.cert_sha256, ["ab".repeat(32)]);
    let held = rig.beat(&mut beats, |beat| !beat.held.is_empty()).await;
    assert_eq!(
        (
            held.held[0].slot,
            held.held[0].fence,
            held.held[0].session.as_str()
        ),
        (1, 5, "s1")
    );

    assert!(matches!(
        rig.ask(Ask::End {
            session: id("s1"),
            reason: End::ByOperator
        })
        .await,
        Ok(Reply::Done)
    ));
    let mut guard = Guard::default();
    guard.admit(rig.agent.id());
    let mut states = Vec::new();
    while !states.last().is_some_and(SessionState::is_over) {
        let message = reports.next().await.unwrap();
        let opened = guard
            .open(Channel::Report, Some(&rig.agent.id()), &message.body, wall_now())
            .unwrap();
        states.push(Report::read(&opened.body).unwrap().session.state);
    }
    assert!(states.contains(&SessionState::Ready), "{states:?}");
    rig.beat(&mut beats, |beat| beat.held.is_empty()).await;
    let ticket = rig
        .ask(Ask::Ticket {
            session: id("s1"),
            key: None,
        })
        .await;
    assert!(matches!(ticket, Err(AskError::Refused(Refused::UnknownSession))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_claim_is_one_session_however_often_it_comes() {
    let rig = Arc::new(Rig::new().await);
    let claims: Vec<_> = (0..8)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.claim(claim("s1", "plain", 0, 1)).await.unwrap() })
        })
        .collect();
    let mut tickets = std::collections::BTreeSet::new();
    for claim in claims {
        tickets.insert(claim.await.unwrap().ticket);
    }
    assert_eq!((tickets.len(), rig.host.sessions().len()), (8, 1));
    assert_eq!(rig.host.capacity().sessions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_takes_no_second_lease_and_no_stale_one_not_even_after_a_restart() {
    let rig = Rig::new().await;
    rig.claim(claim("s1", "plain", 0, 7)).await.unwrap();
    let taken = rig.claim(claim("s2", "plain", 0, 8)).await.unwrap_err();
    assert_eq!(taken, Refused::SlotTaken { slot: 0 });
    rig.host.end(&id("s1"), End::ByOperator).await.unwrap();
    for fence in [1, 7] {
        let stale = rig.claim(claim("s3", "plain", 0, fence)).await.unwrap_err();
        assert_eq!(
            stale,
            Refused::StaleFence {
                slot: 0,
                given: fence,
                last: 7
            }
        );
    }
    let Rig {
        folder,
        host,
        agent,
        cell,
        bus,
    } = rig;
    host.stop().await;
    let before = agent.id();
    drop((host, agent));
    let (host, agent) = loop {
        // Its tasks end, and its folder's lock with them.
        tokio::task::yield_now().await;
        if firstlight_host_is_free(folder.path()) {
            break start(folder.path(), Arc::clone(&bus)).await;
        }
    };
    assert_eq!(agent.id(), before, "the key stays");
    let rig = Rig {
        folder,
        host,
        agent,
        cell,
        bus,
    };
    let stale = rig.claim(claim("s4", "plain", 0, 7)).await.unwrap_err();
    assert_eq!(
        stale,
        Refused::StaleFence {
            slot: 0,
            given: 7,
            last: 7
        }
    );
    rig.claim(claim("s5", "plain", 0, 9)).await.unwrap();
}

/// Whether nobody holds the data folder.
fn firstlight_host_is_free(folder: &Path) -> bool {
    let file = std::fs::File::open(folder.join("data/lock")).unwrap();
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_full_or_lacks_the_title_says_so() {
    let rig = Rig::new().await;
    rig.claim(claim("s1", "attached", 0, 1)).await.unwrap();
    rig.claim(claim("s2", "attached", 1, 1)).await.unwrap();
    assert_eq!(
        rig.claim(claim("s3", "plain", 2, 1)).await.unwrap_err(),
        Refused::Full
    );
    assert_eq!(
        rig.claim(claim("s4", "nowhere", 2, 1)).await.unwrap_err(),
        Refused::UnknownTitle
    );
    let mut other = claim("s5", "plain", 2, 1);
    other.title_version = Some("2".into());
    assert_eq!(rig.claim(other).await.unwrap_err(), Refused::UnknownTitle);
    assert_eq!(
        rig.claim(claim("s6", "plain", 5000, 1)).await.unwrap_err(),
        Refused::NoSuchSlot { slot: 5000 }
    );
    rig.host.end(&id("s1"), End::ByOperator).await.unwrap();
    let stillborn = rig.claim(claim("s7", "stillborn", 0, 2)).await.unwrap_err();
    assert!(matches!(stillborn, Refused::Stillborn { .. }), "{stillborn:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indexer_that_is_new_in_the_cell_is_noticed_and_then_obeyed() {
    let rig = Rig::new().await;
    let signer = Arc::new(Signer::new(Key::from_seed(&[8; 32]), 1));
    let newcomer = Caller::new(Arc::clone(&rig.bus), Arc::clone(&signer));
    let host = rig.agent.id();
    let unanswered = newcomer.ask(&host, Ask::Sessions, PATIENCE).await;
    assert!(unanswered.is_err(), "{unanswered:?}");
    tokio::time::timeout(PATIENCE, rig.agent.stranger())
        .await
        .expect("the ask was noticed");
    rig.agent.trust(&[signer.key().public()]);
    let answered = newcomer.ask(&host, Ask::Sessions, PATIENCE).await;
    assert!(matches!(answered, Ok(Reply::Sessions { .. })), "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_cell_is_answered_and_nothing_twice() {
    let rig = Rig::new().await;
    let stranger = Caller::new(
        Arc::clone(&rig.bus),
        Arc::new(Signer::new(Key::from_seed(&[8; 32]), 1)),
    );
    let unanswered = stranger
        .ask(&rig.agent.id(), Ask::Drain { on: true }, PATIENCE)
        .await;
    assert!(
        matches!(unanswered, Err(AskError::Bus(BusError::Timeout(_)))),
        "{unanswered:?}"
    );

    // An ask of the cell's for another host, and one that comes again.
    let signer = cell_signer();
    let asked = |to| {
        Asked {
            v: VERSION,
            id: 1,
            to,
            ask: Ask::Sessions,
        }
        .write()
    };
    let subject = Subject::ask(&rig.agent.id());
    let foreign = signer.seal(
        Channel::Ask,
        &asked(Key::from_seed(&[7; 32]).public().id()),
        wall_now(),
    );
    assert!(rig.bus.request(&subject, foreign, PATIENCE).await.is_err());
    let own = signer.seal(Channel::Ask, &asked(rig.agent.id()), wall_now());
    assert!(rig.bus.request(&subject, own.clone(), PATIENCE).await.is_ok());
    assert!(rig.bus.request(&subject, own, PATIENCE).await.is_err());
    let old = signer.seal(
        Channel::Ask,
        &asked(rig.agent.id()),
        wall_now().before(Micros::from_secs(60)),
    );
    assert!(rig.bus.request(&subject, old, PATIENCE).await.is_err());
    assert!(
        rig.bus
            .request(&subject, bytes::Bytes::from("{}"), PATIENCE)
            .await
            .is_err()
    );

    assert_eq!(rig.agent.state(), HostState::Open);
    let refusals = rig.agent.refusals();
    for word in ["unknown", "wrong_host", "replayed", "not_now", "version"] {
        assert_eq!(refusals.get(word), Some(&1), "{word}: {refusals:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_session_was_is_asked_for_while_it_lasts_and_goes_with_its_end() {
    let rig = Rig::new().await;
    let mut reports = rig.bus.subscribe(&Subject::reports()).await.unwrap();
    rig.claim(claim("s1", "attached", 0, 1)).await.unwrap();
    let Ok(Reply::Quality(live)) = rig.ask(Ask::Quality { session: id("s1") }).await else {
        panic!("no account of a session that runs");
    };
    assert_eq!(
        (live.player.as_str(), live.report["ended"].is_null()),
        ("ps1", true)
    );
    let unknown = rig.ask(Ask::Quality { session: id("s9") }).await;
    assert!(
        matches!(unknown, Err(AskError::Refused(Refused::UnknownSession))),
        "{unknown:?}"
    );
    rig.host.end(&id("s1"), End::ByPlayer).await.unwrap();
    let mut guard = Guard::default();
    guard.admit(rig.agent.id());
    loop {
        let message = reports.next().await.unwrap();
        let opened = guard.open(Channel::Report, Some(&rig.agent.id()), &message.body, wall_now());
        let report = Report::read(&opened.unwrap().body).unwrap();
        // Not before.
        assert_eq!(report.quality.is_some(), report.session.state.is_over());
        if let Some(quality) = report.quality {
            assert_eq!(
                (quality.link == live.link, &quality.report["ended"]["reason"]),
                (true, &"by_player".into())
            );
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_drains_finishes_and_one_that_leaves_loses_nobody() {
    let rig = Rig::new().await;
    let mut beats = rig.bus.subscribe(&Subject::beats()).await.unwrap();
    rig.claim(claim("s1", "attached", 0, 1)).await.unwrap();
    assert!(matches!(rig.ask(Ask::Drain { on: true }).await, Ok(Reply::Done)));
    rig.beat(&mut beats, |beat| beat.state == HostState::Draining)
        .await;
    assert_eq!(
        rig.claim(claim("s2", "plain", 1, 1)).await.unwrap_err(),
        Refused::Draining
    );
    // The one that it has is answered for.
    rig.claim(claim("s1", "attached", 0, 1)).await.unwrap();
    rig.agent.drain(false);
    rig.claim(claim("s3", "plain", 1, 2)).await.unwrap();

    let agent = rig.agent.clone();
    let leaving = tokio::spawn(async move { agent.leave().await });
    rig.beat(&mut beats, |beat| beat.state == HostState::Leaving)
        .await;
    assert_eq!(
        rig.claim(claim("s4", "plain", 1, 9)).await.unwrap_err(),
        Refused::Stopping
    );
    assert!(!leaving.is_finished());
    for session in ["s1", "s3"] {
        rig.host.end(&id(session), End::ByPlayer).await.unwrap();
    }
    leaving.await.unwrap();
    rig.agent.drain(false);
    assert_eq!(rig.agent.state(), HostState::Leaving, "there is no way back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_says_drain_open_and_leave() {
    let rig = Rig::new().await;
    let data = rig.folder.path().join("data");
    listen(&data, rig.agent.clone()).unwrap();
    rig.claim(claim("s1", "attached", 0, 1)).await.unwrap();
    for (word, state) in [
        (Word::Status, HostState::Open),
        (Word::Drain, HostState::Draining),
        (Word::Open, HostState::Open),
        (Word::Leave, HostState::Leaving),
    ] {
        let data = data.clone();
        let status = tokio::task::spawn_blocking(move || say(&data, word))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((status.state, status.sessions), (state, 1));
    }
    rig.agent.leaving().await;
    assert!(
        say(rig.folder.path(), Word::Status).is_err(),
        "no host runs there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_beat_and_one_of_an_earlier_life_are_worth_nothing() {
    let rig = Rig::new().await;
    let mut beats = rig.bus.subscribe(&Subject::beats()).await.unwrap();
    let (first, second) = (beats.next().await.unwrap(), beats.next().await.unwrap());
    let mut guard = Guard::default();
    guard.admit(rig.agent.id());
    assert!(guard.open(Channel::Beat, None, &second.body, wall_now()).is_ok());
    assert_eq!(
        guard.open(Channel::Beat, None, &first.body, wall_now()),
        Err(Refusal::Replayed)
    );
    // Started anew, it is a later life, whatever its clock says.
    let later = open_signer(&rig.folder.path().join("data")).unwrap();
    let beat = Beat::new("eu".parse().unwrap()).write();
    let anew = later.seal(Channel::Beat, &beat, wall_now().before(Micros::from_secs(5)));
    assert!(guard.open(Channel::Beat, None, &anew, wall_now()).is_ok());
    let third = beats.next().await.unwrap();
    assert_eq!(
        guard.open(Channel::Beat, None, &third.body, wall_now()),
        Err(Refusal::Replayed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_loses_the_bus_keeps_its_players_and_comes_back() {
    let mut server = servers::Nats::start().unwrap();
    let connect = || async {
        let bus = NatsBus::connect(&server.url()).await.unwrap();
        while !bus.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Arc::new(bus) as Arc<dyn Bus>
    };
    let (hosts, cells) = (connect().await, connect().await);
    let rig = Rig::on(hosts, cells).await;
    rig.claim(claim("s1", "attached", 0, 1)).await.unwrap();
    server.kill();
    while rig.bus.is_connected() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let lost = rig.ask(Ask::Sessions).await;
    assert!(
        matches!(lost, Err(AskError::Bus(ref error)) if error.is_transient()),
        "{lost:?}"
    );
    assert_eq!(rig.host.capacity().sessions, 1);
    server.restart().unwrap();
    let mut beats = loop {
        if let Ok(beats) = rig.bus.subscribe(&Subject::beats()).await {
            break beats;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let beat = rig.beat(&mut beats, |_| true).await;
    assert_eq!(beat.held.len(), 1);
    loop {
        match rig.ask(Ask::Sessions).await {
            Ok(Reply::Sessions { sessions }) => break assert_eq!(sessions.len(), 1),
            Ok(other) => panic!("{other:?}"),
            Err(AskError::Bus(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
}
