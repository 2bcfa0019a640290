//! Hosts as the fleet sees them: each has a key, beats once a second, checks what it is asked, holds fences, and ends its sessions.

use crate::cell::{Cell, TITLE};
use anyhow::Result;
use firstlight_fleet::messages::{
    Ask, Asked, Beat, Channel, Claim, Claimed, Guard, Held, HostState, Installed, Refused, Replied, Reply,
    Report, SessionState, SessionView, Signer, Spec,
};
use firstlight_fleet::{Bus, Key, Message, NatsBus, Roster, Subject};
use firstlight_link::End;
use firstlight_units::{Micros, SessionId, WallTime};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;

struct Host {
    signer: Signer,
    guard: Mutex<Guard>,
    state: Mutex<State>,
    bus: Arc<NatsBus>,
    claim: Duration,
}

#[derive(Default)]
struct State {
    /// The last fence of each slot.
    fences: [u64; SLOTS as usize],
    sessions: BTreeMap<SessionId, SessionView>,
}

/// Lets `number` hosts join a cell and work until what is returned is dropped.
pub(crate) async fn employ(cell: &Cell, number: u32, claim: Duration) -> Result<JoinSet<()>> {
    let roster = Roster::new(cell.store().await?);
    let cell_key = cell.key()?;
    let mut buses = Vec::new();
    for _ in 0..CONNECTIONS {
        buses.push(Arc::new(NatsBus::connect(&cell.bus()).await?));
    }
    while !buses.iter().all(|bus| bus.is_connected()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut hosts = Vec::new();
    for (_, bus) in (0..number).zip(buses.iter().cycle()) {
        let mut guard = Guard::default();
        guard.admit(cell_key.id());
        hosts.push(Arc::new(Host {
            signer: Signer::new(Key::generate()?, 1),
            guard: Mutex::new(guard),
            state: Mutex::default(),
            bus: Arc::clone(bus),
            claim,
        }));
    }
    join(&roster, &hosts).await?;
    let mut tasks = JoinSet::new();
    for (n, host) in (0..number).zip(hosts) {
        let mut asks = host.bus.subscribe(&Subject::ask(&host.signer.id())).await?;
        let hears = Arc::clone(&host);
        tasks.spawn(async move {
            while let Some(message) = asks.next().await {
                tokio::spawn(Arc::clone(&hears).hear(message));
            }
        });
        // Spread over the second, as machines that were switched on at some time are.
        let first = BEAT.mul_f64(f64::from(n) / f64::from(number));
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, BEAT);
            loop {
                ticks.tick().await;
                host.beat().await;
            }
        });
    }
    Ok(tasks)
}

/// Writes them into the cell's roster, as their enrolment would.
async fn join(roster: &Roster, hosts: &[Arc<Host>]) -> Result<()> {
    let joining = hosts.iter().map(|host| async move {
        let (key, region) = (host.signer.key().public(), REGION.parse()?);
        roster.take_in(&key, "simulated", region, wall_now()).await?;
        anyhow::Ok(())
    });
    let mut joined = futures_util::stream::iter(joining).buffer_unordered(JOINING);
    while let Some(done) = joined.next().await {
        done?;
    }
    Ok(())
}

impl Host {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn beat(&self) {
        let held = self.state().sessions.values().map(held).collect();
        let Ok(region) = REGION.parse() else { return };
        let beat = Beat {
            slots: SLOTS,
            held,
            titles: TITLE
                .parse()
                .map(|id| Installed {
                    id,
                    version: "1".to_owned(),
                    parked: 1,
                    boot_ms: 500,
                })
                .into_iter()
                .collect(),
            state: HostState::Open,
            spec: Spec {
                cores: 8,
                memory_bytes: 16 << 30,
                memory_available_bytes: 16 << 30,
                ..Spec::default()
            },
            ..Beat::new(region)
        };
        self.say(Channel::Beat, &Subject::beat(&self.signer.id()), &beat.write())
            .await;
    }

    /// While the bus is away nobody hears it, as with every host.
    async fn say(&self, channel: Channel, to: &Subject, body: &[u8]) {
        drop(
            self.bus
                .publish(to, self.signer.seal(channel, body, wall_now()))
                .await,
        );
    }

    async fn hear(self: Arc<Self>, message: Message) {
        let opened = self.guard.lock().unwrap_or_else(PoisonError::into_inner).open(
            Channel::Ask,
            None,
            &message.body,
            wall_now(),
        );
        let Some(asked) = opened.ok().and_then(|opened| Asked::read(&opened.body).ok()) else {
            return;
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "whatever else is asked is done at once"
        )]
        let reply = match asked.ask {
            Ask::Claim(claim) => {
                let reply = self.claim(&claim);
                // A real one has written the fence to its disk and thawed a copy by then.
                tokio::time::sleep(self.claim).await;
                if matches!(reply, Reply::Claimed(_)) {
                    tokio::spawn(Arc::clone(&self).play(claim.session));
                }
                reply
            }
            Ask::End { session, .. } => {
                self.end(&session).await;
                Reply::Done
            }
            Ask::Session { session } => match self.state().sessions.get(&session) {
                Some(view) => Reply::Session(Box::new(view.clone())),
                None => Reply::Refused(Refused::UnknownSession),
            },
            Ask::Sessions => Reply::Sessions {
                sessions: self.state().sessions.values().cloned().collect(),
            },
            _ => Reply::Done,
        };
        let replied = Replied::new(asked.id, reply).write();
        drop(
            message
                .answer(self.signer.seal(Channel::Reply, &replied, wall_now()))
                .await,
        );
    }

    fn claim(&self, claim: &Claim) -> Reply {
        let mut state = self.state();
        if !state.sessions.contains_key(&claim.session) {
            if state.sessions.values().any(|view| view.slot == claim.slot) {
                return Reply::Refused(Refused::SlotTaken { slot: claim.slot });
            }
            let Some(last) = state.fences.get_mut(claim.slot as usize) else {
                return Reply::Refused(Refused::NoSuchSlot { slot: claim.slot });
            };
            if claim.fence <= *last {
                return Reply::Refused(Refused::StaleFence {
                    slot: claim.slot,
                    given: claim.fence,
                    last: *last,
                });
            }
            *last = claim.fence;
            state.sessions.insert(claim.session.clone(), view(claim));
        }
        Reply::Claimed(Box::new(Claimed {
            view: view(claim),
            ticket: "v4.public.simulated".to_owned(),
            addresses: Vec::new(),
            placed_us: 1,
            ready_us: 1,
            parked: true,
            saves_us: 0,
        }))
    }

    /// Until the player has enough.
    async fn play(self: Arc<Self>, session: SessionId) {
        tokio::time::sleep(length()).await;
        self.end(&session).await;
    }

    async fn end(&self, session: &SessionId) {
        let Some(mut view) = self.state().sessions.remove(session) else {
            return;
        };
        view.state = SessionState::Ended {
            reason: End::ByPlayer,
            detail: String::new(),
            exit_code: None,
            tail: Vec::new(),
        };
        let report = Report::new(view).write();
        self.say(Channel::Report, &Subject::report(&self.signer.id()), &report)
            .await;
    }
}

fn held(view: &SessionView) -> Held {
    Held {
        slot: view.slot,
        fence: view.fence,
        session: view.session.clone(),
        rtt_us: 20_000,
        starting: matches!(view.state, SessionState::Starting),
    }
}

fn view(claim: &Claim) -> SessionView {
    SessionView {
        session: claim.session.clone(),
        player: claim.player.clone(),
        title: claim.title.clone(),
        slot: claim.slot,
        fence: claim.fence,
        state: SessionState::Ready,
        port: 7000,
        rtc_port: None,
        cert_sha256: vec!["ab".repeat(32)],
        seal_key: String::new(),
        stats: None,
    }
}

/// Anything up to twice the mean: short, so that slots change hands all the time.
fn length() -> Duration {
    let mut byte = [0; 2];
    // Without randomness it is the mean.
    let part = getrandom::fill(&mut byte).map_or(0.5, |()| f64::from(u16::from_be_bytes(byte)) / 65_536.0);
    SESSION_MEAN.mul_f64(2.0 * part)
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

const REGION: &str = "here";
const SLOTS: u32 = 2;
const BEAT: Duration = Duration::from_secs(1);
const SESSION_MEAN: Duration = Duration::from_secs(10);
/// Hosts share them here, to spare this machine some thousand sockets.
const CONNECTIONS: usize = 16;
/// As many as the store has connections for.
const JOINING: usize = 16;
