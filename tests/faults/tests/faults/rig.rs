//! Two gateways and two hosts on PostgreSQL and NATS, and what must hold of them.

use crate::line::Line;
use crate::process::{PATIENCE, Process};
use firstlight_fleet::{Key, Lease, LeaseState, Postgres, Roster};
use firstlight_test_servers as servers;
use firstlight_units::{HostId, SessionId, WallTime};
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) postgres: servers::Postgres,
    pub(crate) nats: servers::Nats,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) hosts: Vec<Process>,
    pub(crate) ids: Vec<HostId>,
    /// The first gateway's to PostgreSQL and to NATS, and the first host's to NATS.
    pub(crate) lines: [Line; 3],
    pub(crate) store: Postgres,
    runtime: Runtime,
}

pub(crate) struct Gateway {
    pub(crate) process: Process,
    port: u16,
    operator: PathBuf,
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Started(SessionId),
    Refused(u16),
    /// Another gateway is to be asked.
    Elsewhere(String),
    /// None came.
    Lost,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with([0; 4], &[])
    }

    /// What players save is kept by the second gateway, and follows them.
    pub(crate) fn with_saves() -> Self {
        Self::build([0; 4], &[], true)
    }

    /// With seconds that the clocks of the gateways and of the hosts are ahead, and with other cells' gateways.
    pub(crate) fn with(clocks: [i32; 4], neighbours: &[String]) -> Self {
        Self::build(clocks, neighbours, false)
    }

    fn build([one, two, first, second]: [i32; 4], neighbours: &[String], saves: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for title in ["plain", "dud", "held", "leaves"] {
            let dir = folder.path().join("titles").join(title);
            fs::create_dir_all(&dir).unwrap();
            let manifest = format!(
                "id = \"{title}\"\nname = \"{title}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\npersist = [\"save\"]\n"
            );
            fs::write(dir.join("title.toml"), manifest).unwrap();
        }
        let postgres = servers::Postgres::start(servers::Safety::Process).unwrap();
        postgres.create("fleet").unwrap();
        let nats = servers::Nats::start().unwrap();
        let (database, bus) = (port(&postgres.url("fleet")), port(&nats.url()));
        let lines = [Line::to(database), Line::to(bus), Line::to(bus)];
        let runtime = Runtime::new().unwrap();
        let store = runtime
            .block_on(Postgres::connect(&postgres.url("fleet")))
            .unwrap();
        let mut rig = Self {
            folder,
            postgres,
            nats,
            gateways: Vec::new(),
            hosts: Vec::new(),
            ids: Vec::new(),
            lines,
            store,
            runtime,
        };
        let cell_keys = rig.enrol();
        let (near, far) = ((rig.lines[0].port(), rig.lines[1].port()), (database, bus));
        for (n, skew, (database, bus)) in [(0, one, near), (1, two, far)] {
            rig.add_gateway(n, skew, (database, bus), neighbours);
        }
        for (n, skew, bus) in [(0, first, rig.lines[2].port()), (1, second, bus)] {
            rig.add_host(n, skew, bus, (&cell_keys, saves));
        }
        rig.ready();
        rig
    }

    /// Makes everybody's keys and lets the hosts join; returns the cell's keys.
    fn enrol(&mut self) -> Vec<String> {
        let roster = Roster::new(std::sync::Arc::new(self.store.clone()));
        let mut cell_keys = Vec::new();
        for n in 0..2 {
            let gateway = self.folder.path().join(format!("gateway{n}"));
            let host = self.host_folder(n).join("data");
            fs::create_dir_all(&gateway).unwrap();
            fs::create_dir_all(&host).unwrap();
            let cell_key = Key::open(&gateway.join("cell.key")).unwrap().public();
            let host_key = Key::open(&host.join("host.key")).unwrap().public();
            self.runtime.block_on(async {
                roster.add_cell_key(&cell_key).await.unwrap();
                roster
                    .take_in(
                        &host_key,
                        "box",
                        "here".parse().unwrap(),
                        WallTime::from_micros(1),
                    )
                    .await
                    .unwrap();
            });
            cell_keys.push(cell_key.to_hex());
            self.ids.push(host_key.id());
        }
        cell_keys
    }

    fn add_gateway(&mut self, n: usize, skew: i32, (database, bus): (u16, u16), neighbours: &[String]) {
        let data = self.folder.path().join(format!("gateway{n}"));
        let settings = json!({
            "store": format!("postgres://postgres@127.0.0.1:{database}/fleet"),
            "bus": format!("nats://127.0.0.1:{bus}"),
            "data": data, "titles": self.folder.path().join("titles"),
            "beat_ms": BEAT.as_millis(), "lease_ms": LEASE.as_millis(), "neighbours": neighbours,
        });
        let process = Process::start("gateway", settings, skew);
        let port = process.heard("port").parse().unwrap();
        self.gateways.push(Gateway {
            process,
            port,
            operator: data.join("operator.key"),
        });
    }

    fn add_host(&mut self, n: usize, skew: i32, bus: u16, (cell_keys, saves): (&[String], bool)) {
        // Apart from those of the tests beside this one.
        let first =
            10_000 + u16::try_from(std::process::id() % 500).unwrap() * 40 + u16::try_from(n).unwrap() * 20;
        let settings = json!({
            "bus": format!("nats://127.0.0.1:{bus}"), "folder": self.host_folder(n),
            "titles": self.folder.path().join("titles"), "cell_keys": cell_keys, "first_port": first,
            "beat_ms": BEAT.as_millis(),
            "saves": saves.then(|| format!("http://127.0.0.1:{}", self.gateway(1))),
        });
        let process = Process::start("host", settings, skew);
        process.heard("up");
        self.hosts.push(process);
    }

    pub(crate) fn host_folder(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("host{n}"))
    }

    pub(crate) fn restart_gateway(&mut self, n: usize) {
        let gateway = &mut self.gateways[n];
        gateway.process.restart();
        gateway.port = gateway.process.heard("port").parse().unwrap();
    }

    pub(crate) fn restart_host(&mut self, n: usize) {
        self.hosts[n].restart();
        self.hosts[n].heard("up");
    }

    /// Until both gateways know both hosts to be free.
    pub(crate) fn ready(&self) {
        for gateway in &self.gateways {
            until("both hosts are free", || {
                let overview = gateway.overview()?;
                (overview["regions"][0]["free"] == 2).then_some(())
            });
        }
    }

    pub(crate) fn gateway(&self, n: usize) -> u16 {
        self.gateways[n].port
    }

    /// Asks gateways in turn, as a page does, until one has started it.
    pub(crate) fn insist(&self, gateways: &[usize], player: u32, key: &str, title: &str) -> SessionId {
        let mut turns = gateways.iter().cycle();
        until("the player has a session", || {
            let gateway = *turns.next()?;
            let answer = start(self.gateway(gateway), player, key, title);
            // Shown where the test fails.
            eprintln!("gateway {gateway}: {answer:?}");
            match answer {
                Answer::Started(session) => Some(session),
                Answer::Refused(_) | Answer::Elsewhere(_) | Answer::Lost => None,
            }
        })
    }

    /// Leases that are not over; none: the store does not answer.
    pub(crate) fn live(&self) -> Option<Vec<Lease>> {
        use firstlight_fleet::LeaseStore;
        self.runtime.block_on(self.store.all_live(None, 100)).ok()
    }

    pub(crate) fn lease(&self, session: &SessionId) -> Option<Lease> {
        use firstlight_fleet::LeaseStore;
        self.runtime.block_on(self.store.lease(session)).unwrap()
    }

    /// Which sessions are in the hosts' slots, as their workers show it.
    pub(crate) fn running(&self) -> BTreeSet<SessionId> {
        let in_slot = |n: usize| {
            let path = self.host_folder(n).join("slot");
            let file = File::open(&path).ok()?;
            let taken = Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err();
            let session = fs::read_to_string(&path).ok()?.parse().ok()?;
            taken.then_some(session)
        };
        (0..2).filter_map(in_slot).collect()
    }

    /// Until exactly what has a lease runs, confirmed, and so many do; then nobody has been in a slot that was another's.
    pub(crate) fn settle(&self, sessions: usize) -> BTreeSet<SessionId> {
        let settled = until("slots and leases agree", || {
            let live = self.live()?;
            let confirmed = live.iter().all(|lease| lease.state == LeaseState::Confirmed);
            let leased: BTreeSet<SessionId> = live.into_iter().map(|lease| lease.session).collect();
            (confirmed && leased.len() == sessions && leased == self.running()).then_some(leased)
        });
        for n in 0..2 {
            let wrong = fs::read_to_string(self.host_folder(n).join("wrong"));
            assert!(wrong.is_err(), "host {n}: {wrong:?}");
        }
        settled
    }

    /// Players of these sessions go, and their slots are free again.
    pub(crate) fn clear(&self, players: &[(u32, SessionId)]) {
        for (player, session) in players {
            until("the session is ended", || {
                let url = format!("http://127.0.0.1:{}/v1/sessions/{session}", self.gateway(1));
                let answer = agent()
                    .delete(url)
                    .header("authorization", bearer(*player))
                    .call()
                    .ok()?;
                matches!(answer.status().as_u16(), 204 | 404).then_some(())
            });
        }
        self.settle(0);
        self.ready();
    }
}

impl Gateway {
    pub(crate) fn overview(&self) -> Option<Value> {
        let key = fs::read_to_string(&self.operator).ok()?;
        let url = format!("http://127.0.0.1:{}/v1/overview", self.port);
        let authorization = format!("Bearer {}", key.trim());
        let mut answer = agent()
            .get(url)
            .header("authorization", authorization)
            .call()
            .ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }
}

/// `POST /v1/sessions`, once.
pub(crate) fn start(port: u16, player: u32, key: &str, title: &str) -> Answer {
    let request = agent()
        .post(format!("http://127.0.0.1:{port}/v1/sessions"))
        .header("authorization", bearer(player))
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    let Ok(mut answer) = request.send(json!({ "title": title }).to_string()) else {
        return Answer::Lost;
    };
    let body = answer.body_mut().read_to_string().unwrap_or_default();
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    match (answer.status().as_u16(), body["session"].as_str()) {
        (201, Some(session)) => Answer::Started(session.parse().unwrap()),
        (status, _) => match body["elsewhere"].as_str() {
            Some(origin) => Answer::Elsewhere(origin.to_owned()),
            None => Answer::Refused(status),
        },
    }
}

pub(crate) fn bearer(player: u32) -> String {
    format!("Bearer flp_{player:0>43}")
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_WITHIN));
    config.build().into()
}

/// Looks until there is something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        sleep(LOOK_EVERY);
    }
}

fn port(url: &str) -> u16 {
    let after = url.rsplit(':').next().unwrap();
    after.split('/').next().unwrap().parse().unwrap()
}

pub(crate) const BEAT: Duration = Duration::from_millis(250);
/// A lease, and what a host has to confirm one.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// One who hears nothing for so long asks again, elsewhere.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
const LOOK_EVERY: Duration = Duration::from_millis(30);
