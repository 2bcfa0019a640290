//! A host by the rules: fences on disk, one session a slot, beats each second.

use crate::proves::Proves;
use firstlight_checker::accounts::Account;
use firstlight_checker::matter::{session_digest, told_statement};
use firstlight_checker::to_text;
use firstlight_fleet::messages::{
    Ask, Asked, Beat, Channel, Claim, Claimed, Guard, Held, HostState, Installed, Quality, Refused, Replied,
    Reply, Report, SessionState, SessionView, Signer, Told,
};
use firstlight_fleet::{Bus, Key, Message, Subject};
use firstlight_link::End;
use firstlight_units::{HostId, SessionId, WallTime};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;

pub(crate) fn wall() -> WallTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime::from_micros(u64::try_from(now.as_micros()).unwrap())
}

/// What survives the host's process.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) key: [u8; 32],
    pub(crate) boots: u64,
    fences: BTreeMap<u32, u64>,
}

/// What anybody outside can see of it, to be checked.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// By slot: who is in it, under which fence.
    pub(crate) slots: BTreeMap<u32, (SessionId, u64)>,
    /// Two in one slot, or a fence that did not rise: never.
    pub(crate) wrong: Vec<String>,
    pub(crate) started: u64,
    /// Copies that it was asked to park, and for how many seconds.
    pub(crate) asked: Vec<(u32, u32)>,
}

#[derive(Debug)]
pub(crate) struct FakeHost {
    pub(crate) id: HostId,
    pub(crate) slots: u32,
    pub(crate) boot_ms: u64,
    /// Refuses every claim.
    pub(crate) refuses: bool,
    /// What it boots fails in the end.
    pub(crate) fails: bool,
    pub(crate) region: &'static str,
    /// The one that it has.
    pub(crate) title: &'static str,
    /// How far its players are, as its sessions see it.
    pub(crate) rtt_us: u32,
    /// How it answers checkers.
    pub(crate) proves: Proves,
    /// Seconds that it adds to what it says of each session; none: it gives no account.
    pub(crate) inflates: Option<u64>,
    pub(crate) disk: Arc<Mutex<Disk>>,
    pub(crate) seen: Arc<Mutex<Seen>>,
    tasks: Vec<JoinHandle<()>>,
}

struct Process {
    slots: u32,
    boot_ms: u64,
    refuses: bool,
    fails: bool,
    region: &'static str,
    title: &'static str,
    rtt_us: u32,
    proves: Proves,
    inflates: Option<u64>,
    signer: Signer,
    disk: Arc<Mutex<Disk>>,
    seen: Arc<Mutex<Seen>>,
    guard: Mutex<Guard>,
    sessions: Mutex<BTreeMap<SessionId, SessionView>>,
    bus: Arc<dyn Bus>,
}

impl FakeHost {
    pub(crate) fn new(n: u8, slots: u32, region: &'static str) -> Self {
        let key = [n; 32];
        Self {
            id: Key::from_seed(&key).public().id(),
            slots,
            boot_ms: 300,
            refuses: false,
            fails: false,
            region,
            title: "t",
            rtt_us: 0,
            proves: Proves::Nothing,
            inflates: None,
            disk: Arc::new(Mutex::new(Disk {
                key,
                boots: 0,
                fences: BTreeMap::new(),
            })),
            seen: Arc::default(),
            tasks: Vec::new(),
        }
    }

    /// Starts its process, which hears the cells with these ids.
    pub(crate) async fn start(&mut self, bus: Arc<dyn Bus>, cell: &HostId) {
        let signer = {
            let mut disk = self.disk.lock().unwrap();
            disk.boots += 1;
            Signer::new(Key::from_seed(&disk.key), disk.boots)
        };
        let mut guard = Guard::default();
        guard.admit(cell.clone());
        for n in CHECKERS {
            guard.admit(Key::from_seed(&[n; 32]).public().id());
        }
        let process = Arc::new(Process {
            slots: self.slots,
            boot_ms: self.boot_ms,
            refuses: self.refuses,
            fails: self.fails,
            region: self.region,
            title: self.title,
            rtt_us: self.rtt_us,
            proves: self.proves,
            inflates: self.inflates,
            signer,
            disk: Arc::clone(&self.disk),
            seen: Arc::clone(&self.seen),
            guard: Mutex::new(guard),
            sessions: Mutex::default(),
            bus: Arc::clone(&bus),
        });
        let mut asks = bus.subscribe(&Subject::ask(&self.id)).await.unwrap();
        let hears = Arc::clone(&process);
        let hears = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Some(message) = asks.next().await {
                let process = Arc::clone(&hears);
                tasks.spawn(async move { process.hear(message).await });
                while tasks.try_join_next().is_some() {}
            }
        });
        let beats = tokio::spawn(async move {
            loop {
                process.beat().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        self.tasks = vec![hears, beats];
    }

    /// As a kill would: its sessions end with it.
    pub(crate) fn kill(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        self.seen.lock().unwrap().slots.clear();
    }

    pub(crate) fn is_up(&self) -> bool {
        !self.tasks.is_empty()
    }
}

/// Keys of other cells that may ask hosts.
const CHECKERS: RangeInclusive<u8> = 31..=36;

/// What each session here is.
pub(crate) const PLAYED: Account = Account {
    seconds: 180,
    units: 10_800,
    bytes: 90_000_000,
};

/// Three minutes, told by somebody else.
pub(crate) fn quality(session: &SessionId) -> Quality {
    Quality {
        player: "somebody".into(),
        link: "l".repeat(32),
        minutes: vec![9_000; 3],
        report: serde_json::json!({ "session": session.as_str() }),
        told: None,
    }
}

impl Process {
    async fn beat(&self) {
        let beat = Beat {
            slots: self.slots,
            held: self.held(),
            titles: vec![Installed {
                id: self.title.parse().unwrap(),
                version: "1".into(),
                parked: 0,
                boot_ms: 30_000,
            }],
            state: HostState::Open,
            ..Beat::new(self.region.parse().unwrap())
        };
        let sealed = self.signer.seal(Channel::Beat, &beat.write(), wall());
        drop(self.bus.publish(&Subject::beat(&self.signer.id()), sealed).await);
    }

    fn held(&self) -> Vec<Held> {
        let sessions = self.sessions.lock().unwrap();
        let live = sessions.values().filter(|view| !view.state.is_over());
        live.map(|view| Held {
            slot: view.slot,
            fence: view.fence,
            session: view.session.clone(),
            rtt_us: self.rtt_us,
            starting: view.state == SessionState::Starting,
        })
        .collect()
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else is asked is done at once"
    )]
    async fn hear(&self, message: Message) {
        let opened = self
            .guard
            .lock()
            .unwrap()
            .open(Channel::Ask, None, &message.body, wall());
        let Ok(opened) = opened else { return };
        let asked = Asked::read(&opened.body).unwrap();
        if asked.to != self.signer.id() {
            return;
        }
        let reply = match asked.ask {
            Ask::Claim(claim) => self.claim(*claim).await,
            Ask::End { session, reason } => self.end(&session, reason).await,
            Ask::Session { session } => match self.sessions.lock().unwrap().get(&session) {
                Some(view) => Reply::Session(Box::new(view.clone())),
                None => Reply::Refused(Refused::UnknownSession),
            },
            Ask::Sessions => Reply::Sessions {
                sessions: self.sessions.lock().unwrap().values().cloned().collect(),
            },
            Ask::Ticket { session, .. } => Reply::Ticket {
                ticket: format!("ticket of {session}"),
            },
            Ask::Park { copies, lapse_s, .. } => {
                let asked = (copies, lapse_s.unwrap_or(0));
                self.seen.lock().unwrap().asked.push(asked);
                Reply::Done
            }
            Ask::Prove { challenge, .. } => match self.proves.answer(&challenge, self.signer.key()).await {
                Some(reply) => reply,
                // It is gone in mid-challenge.
                None => return,
            },
            _ => Reply::Done,
        };
        let sealed = self
            .signer
            .seal(Channel::Reply, &Replied::new(asked.id, reply).write(), wall());
        drop(message.answer(sealed).await);
    }

    async fn claim(&self, claim: Claim) -> Reply {
        if self.refuses {
            return Reply::Refused(Refused::Full);
        }
        if let Some(refused) = self.take(&claim) {
            return refused;
        }
        tokio::time::sleep(Duration::from_millis(self.boot_ms)).await;
        if self.fails {
            self.end(&claim.session, End::EngineFault).await;
        }
        let Some(view) = self.sessions.lock().unwrap().get(&claim.session).cloned() else {
            return Reply::Refused(Refused::UnknownSession);
        };
        if view.state.is_over() {
            return Reply::Refused(Refused::Stillborn {
                detail: "ended".into(),
            });
        }
        self.change(&claim.session, SessionState::Ready).await;
        Reply::Claimed(Box::new(Claimed {
            view: SessionView {
                state: SessionState::Ready,
                ..view
            },
            ticket: format!("ticket of {}", claim.session),
            addresses: Vec::new(),
            placed_us: 1,
            ready_us: 1,
            parked: false,
            saves_us: 0,
        }))
    }

    /// The rules: the same session again is fine; a fence rises; a slot has one.
    fn take(&self, claim: &Claim) -> Option<Reply> {
        let mut sessions = self.sessions.lock().unwrap();
        if sessions.contains_key(&claim.session) {
            return None;
        }
        let mut disk = self.disk.lock().unwrap();
        let last = disk.fences.get(&claim.slot).copied().unwrap_or(0);
        if claim.fence <= last {
            return Some(Reply::Refused(Refused::StaleFence {
                slot: claim.slot,
                given: claim.fence,
                last,
            }));
        }
        let mut held = sessions.values().filter(|view| !view.state.is_over());
        if held.any(|view| view.slot == claim.slot) {
            return Some(Reply::Refused(Refused::SlotTaken { slot: claim.slot }));
        }
        disk.fences.insert(claim.slot, claim.fence);
        let mut seen = self.seen.lock().unwrap();
        seen.started += 1;
        if let Some((other, fence)) = seen
            .slots
            .insert(claim.slot, (claim.session.clone(), claim.fence))
        {
            let wrong = format!(
                "slot {} had {other} under {fence}, and took {}",
                claim.slot, claim.session
            );
            seen.wrong.push(wrong);
        }
        sessions.insert(
            claim.session.clone(),
            SessionView {
                session: claim.session.clone(),
                player: claim.player.clone(),
                title: claim.title.clone(),
                slot: claim.slot,
                fence: claim.fence,
                state: SessionState::Starting,
                port: 7000,
                rtc_port: None,
                cert_sha256: Vec::new(),
                seal_key: String::new(),
                stats: None,
            },
        );
        None
    }

    /// What it signs of a session that [`PLAYED`] is the truth of.
    fn told(&self, session: &SessionId, more: u64) -> Told {
        let account = Account {
            seconds: PLAYED.seconds + more,
            ..PLAYED
        };
        let statement = told_statement(&session_digest(session.as_str()), &account);
        Told {
            seconds: account.seconds,
            units: account.units,
            bytes: account.bytes,
            signed: to_text(&self.signer.key().sign(&statement)),
        }
    }

    async fn end(&self, session: &SessionId, reason: End) -> Reply {
        if !self.sessions.lock().unwrap().contains_key(session) {
            return Reply::Refused(Refused::UnknownSession);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let ended = SessionState::Ended {
            reason,
            detail: String::new(),
            exit_code: None,
            tail: Vec::new(),
        };
        self.change(session, ended).await;
        Reply::Done
    }

    async fn change(&self, session: &SessionId, state: SessionState) {
        let view = {
            let mut sessions = self.sessions.lock().unwrap();
            let Some(view) = sessions.get_mut(session).filter(|view| !view.state.is_over()) else {
                return;
            };
            view.state = state;
            if view.state.is_over() {
                let mut seen = self.seen.lock().unwrap();
                if seen
                    .slots
                    .get(&view.slot)
                    .is_some_and(|(there, _)| there == session)
                {
                    seen.slots.remove(&view.slot);
                }
            }
            view.clone()
        };
        let mut report = Report::new(view);
        if report.session.state.is_over() {
            let mut quality = quality(session);
            quality.told = self.inflates.map(|more| self.told(session, more));
            report.quality = Some(Box::new(quality));
        }
        let sealed = self.signer.seal(Channel::Report, &report.write(), wall());
        drop(
            self.bus
                .publish(&Subject::report(&self.signer.id()), sealed)
                .await,
        );
    }
}
