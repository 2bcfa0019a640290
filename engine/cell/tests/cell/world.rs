//! A store, a bus, some hosts and some cells.

use crate::bus::{BadBus, Weather};
use crate::host::{FakeHost, wall};
use crate::proves::InProcess;
use firstlight_cell::{Cell, Checks, Error, Faults, Outcome, Settings, Start, TitleTerms};
use firstlight_fleet::messages::{Caller, Signer};
use firstlight_fleet::{Bus, Clock, Embedded, Key, LocalBus, Roster, Store};
use firstlight_units::{HostId, Micros, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) local: LocalBus,
    pub(crate) hosts: Vec<FakeHost>,
    /// The bus is.
    pub(crate) away: Arc<AtomicBool>,
    signer: Arc<Signer>,
    seed: u64,
    _clock: tokio::task::JoinHandle<()>,
}

impl World {
    pub(crate) async fn new(slots: &[u32], seed: u64) -> Self {
        let clock = Clock::standing(wall());
        let ticking = clock.clone();
        // The store's clock goes with simulated time.
        let clock_task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                ticking.pass(Micros::from_millis(100));
            }
        });
        let store: Arc<dyn Store> = Arc::new(Embedded::memory(clock));
        let mut world = Self {
            store,
            local: LocalBus::default(),
            hosts: Vec::new(),
            away: Arc::default(),
            signer: Arc::new(Signer::new(Key::from_seed(&[200; 32]), 1)),
            seed,
            _clock: clock_task,
        };
        for (n, slots) in (1u8..).zip(slots) {
            world.join(FakeHost::new(n, *slots, "here")).await;
        }
        world
    }

    /// Adds a host that has joined, and starts it.
    pub(crate) async fn join(&mut self, host: FakeHost) {
        let key = Key::from_seed(&host.disk.lock().unwrap().key).public();
        let roster = Roster::new(Arc::clone(&self.store));
        roster
            .take_in(&key, "box", "here".parse().unwrap(), wall())
            .await
            .unwrap();
        self.hosts.push(host);
        let last = self.hosts.len() - 1;
        self.boot(last).await;
    }

    pub(crate) async fn boot(&mut self, host: usize) {
        let (bus, id) = (self.clear(), self.signer.id());
        self.hosts[host].start(bus, &id).await;
    }

    fn clear(&self) -> Arc<dyn Bus> {
        Arc::new(BadBus::new(self.local.clone(), self.seed, Weather::default()).with(&self.away))
    }

    /// A cell in fair weather, that takes no host at its word.
    pub(crate) async fn checking_cell(&self) -> Cell {
        let checks = Checks {
            signer: Arc::clone(&self.signer),
            decoder: Arc::new(InProcess),
        };
        self.open(self.clear(), Faults::default(), Some(checks)).await
    }

    /// Another checker of the store, with a key of its own.
    pub(crate) async fn checker(&self, n: u8) -> Cell {
        let signer = Arc::new(Signer::new(Key::from_seed(&[n; 32]), 1));
        let checks = Checks {
            signer: Arc::clone(&signer),
            decoder: Arc::new(InProcess),
        };
        self.open_as(signer, self.clear(), Faults::default(), Some(checks))
            .await
    }

    pub(crate) async fn cell(&self, bus: Arc<dyn Bus>, faults: Faults) -> Cell {
        self.open(bus, faults, None).await
    }

    async fn open(&self, bus: Arc<dyn Bus>, faults: Faults, checks: Option<Checks>) -> Cell {
        self.open_as(Arc::clone(&self.signer), bus, faults, checks).await
    }

    async fn open_as(
        &self,
        signer: Arc<Signer>,
        bus: Arc<dyn Bus>,
        faults: Faults,
        checks: Option<Checks>,
    ) -> Cell {
        let caller = Caller::new(bus, signer);
        let mut settings = Settings::new(Arc::clone(&self.store), caller);
        settings.claim_within = Micros::from_secs(8);
        settings.lease = Micros::from_secs(9);
        settings.faults = faults;
        settings.checks = checks;
        let cell = Cell::open(settings).await.unwrap();
        cell.set_title(&"t".parse().unwrap(), TitleTerms::default());
        cell
    }

    /// A cell in fair weather, that has heard every host.
    pub(crate) async fn calm_cell(&self) -> Cell {
        let cell = self.cell(self.clear(), Faults::default()).await;
        pass(1_500).await;
        cell
    }

    /// What must hold at any time.
    pub(crate) async fn check(&self, when: &str) {
        for host in &self.hosts {
            let seen = host.seen.lock().unwrap();
            assert!(seen.wrong.is_empty(), "{when}: {:?}", seen.wrong);
        }
        let mut slots = BTreeSet::new();
        for lease in self.store.all_live(None, 1000).await.unwrap() {
            assert!(
                slots.insert(lease.slot.clone()),
                "{when}: two leases of {}",
                lease.slot
            );
        }
    }

    /// Sessions that are in a slot of a host that is up.
    pub(crate) fn running(&self) -> BTreeSet<SessionId> {
        let up = self.hosts.iter().filter(|host| host.is_up());
        up.flat_map(|host| {
            let seen = host.seen.lock().unwrap();
            seen.slots
                .values()
                .map(|(session, _)| session.clone())
                .collect::<Vec<_>>()
        })
        .collect()
    }

    pub(crate) fn id(&self, host: usize) -> HostId {
        self.hosts[host].id.clone()
    }
}

pub(crate) async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

pub(crate) fn wish(player: &str, key: &str) -> Start {
    Start {
        player: player.into(),
        title: "t".into(),
        key: (!key.is_empty()).then(|| key.into()),
        ..Start::default()
    }
}

pub(crate) fn session(outcome: Result<Outcome, Error>) -> SessionId {
    match outcome {
        Ok(Outcome::Started(started)) => started.session.view.session.clone(),
        other => panic!("not started: {other:?}"),
    }
}
