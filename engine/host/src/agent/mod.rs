//! The host's side of the fleet: beats, reports, and what indexers ask.
//!
//! ```text
//! every second ──> Beat ──┐
//! each change ──> Report ─┴─sealed──> bus          bus ──Ask──> guard ──> Host ──Reply, sealed──> bus
//! ```
//!
//! The agent trusts nobody on the bus: it does what the cell's keys have sealed, for this host, once. It holds nothing that
//! must last: the bus may be away for as long as it likes, sessions go on, and the next beat tells all.

mod answer;
mod beat;
mod boot;
mod control;
mod measure;
mod prove;
mod reports;
mod titles;

pub use control::{Status, Word, listen, say};
pub use measure::{reachable, score};
pub use titles::Titles;

use crate::{Error, Host};
use answer::Answerer;
use firstlight_fleet::messages::{Channel, Guard, HostState, Position, Refusal, Signer};
use firstlight_fleet::{Bus, BusError, Key, PublicKey, Subject};
use firstlight_units::{HostId, Micros, Region, WallTime};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

/// What an agent says of its host, and to whom.
#[derive(Debug)]
pub struct Settings {
    /// The host.
    pub host: Host,
    /// The titles that it has.
    pub titles: Arc<Titles>,
    /// The bus to the cell.
    pub bus: Arc<dyn Bus>,
    /// What its messages are sealed with.
    pub signer: Arc<Signer>,
    /// Keys that asks are sealed with.
    pub cell_keys: Vec<PublicKey>,
    /// For people.
    pub name: String,
    /// Where it is.
    pub region: Region,
    /// Where on the map.
    pub position: Option<Position>,
    /// Where players and gateways reach its media ports.
    pub addresses: Vec<IpAddr>,
    /// Millionths of the fleet's currency per slot and hour.
    pub price_micros: u64,
    /// Encoders that were opened, best first.
    pub encoders: Vec<String>,
    /// What the best of them took for a picture, in microseconds; 0: not measured.
    pub encode_us: u32,
    /// Time between beats.
    pub beat_every: Duration,
}

/// A host's agent; it works until it is dropped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Agent {
    inner: Arc<Inner>,
    /// Ends the tasks with the last clone.
    _tasks: Arc<JoinSet<()>>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) state: watch::Sender<HostState>,
    /// Of one core, measured once.
    pub(crate) core_score: u32,
    pub(crate) guard: Mutex<Guard>,
    /// Asks that are being answered.
    pub(crate) answering: Arc<Semaphore>,
    /// Somebody asked whose key is not known.
    pub(crate) strangers: Notify,
    pub(crate) proving: prove::Proving,
}

/// Reads the host's key and counts its start: what its messages are sealed with. Blocks.
///
/// # Errors
/// [`Error::Path`], or [`Error::Key`] when the key cannot be used.
pub fn open_signer(data: &Path) -> Result<Signer, Error> {
    crate::folders::private(data)?;
    let key = Key::open(&data.join("host.key")).map_err(Error::Key)?;
    Ok(Signer::new(key, boot::next(&data.join("boots"))?))
}

impl Agent {
    /// Listens, and begins to beat. Within a tokio runtime.
    ///
    /// # Errors
    /// When the bus takes no subscription.
    pub async fn start(settings: Settings) -> Result<Self, BusError> {
        let mut guard = Guard::default();
        for key in &settings.cell_keys {
            guard.admit(key.id());
        }
        let asks = settings
            .bus
            .subscribe(&Subject::ask(&settings.signer.id()))
            .await?;
        let core_score = tokio::task::spawn_blocking(measure::score).await.unwrap_or(0);
        let inner = Arc::new(Inner {
            settings,
            state: watch::Sender::new(HostState::Open),
            core_score,
            guard: Mutex::new(guard),
            answering: Arc::new(Semaphore::new(ANSWERING_MAX)),
            strangers: Notify::new(),
            proving: prove::Proving::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Answerer::new(Arc::clone(&inner)).run(asks));
        tasks.spawn(beat::run(Arc::clone(&inner)));
        tasks.spawn(reports::run(Arc::clone(&inner)));
        Ok(Self {
            inner,
            _tasks: Arc::new(tasks),
        })
    }

    /// The host's id.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.inner.settings.signer.id()
    }

    /// Whether it takes sessions.
    #[must_use]
    pub fn state(&self) -> HostState {
        *self.inner.state.borrow()
    }

    /// What its cell's last check came to: `unproven`, `admitted` or `refused`, and why not; [`None`]: it was not checked.
    #[must_use]
    pub fn standing(&self) -> Option<(String, String)> {
        self.inner.proving.standing()
    }

    /// Takes no more sessions, or does so again. The next beat, which is sent at once, says so.
    pub fn drain(&self, on: bool) {
        let state = if on { HostState::Draining } else { HostState::Open };
        self.inner.set_state(state);
    }

    /// Waits until an ask came that is sealed with a key that is not known here: a forgery, or an indexer that is new in the cell.
    pub async fn stranger(&self) {
        self.inner.strangers.notified().await;
    }

    /// Does what is sealed with these keys as well, from here on.
    pub fn trust(&self, keys: &[PublicKey]) {
        let mut guard = self.inner.guard();
        for key in keys {
            guard.admit(key.id());
        }
    }

    /// Waits until it was told to leave, by [`Self::leave`] or by the operator.
    pub async fn leaving(&self) {
        let mut state = self.inner.state.subscribe();
        // An error is an agent that has ended, and this is one of its clones.
        drop(state.wait_for(|state| *state == HostState::Leaving).await);
    }

    /// Takes no more sessions, and waits until the last has ended.
    pub async fn leave(&self) {
        self.inner.set_state(HostState::Leaving);
        let mut changes = self.inner.settings.host.changes();
        while self.inner.settings.host.capacity().sessions > 0 {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Says that it goes, and what became of the last sessions, before it is dropped.
    pub async fn farewell(&self) {
        self.inner.set_state(HostState::Leaving);
        reports::send_all(&self.inner, &mut BTreeMap::new()).await;
        beat::send(&self.inner).await;
        if let Err(error) = self.inner.settings.bus.flush().await {
            tracing::debug!(%error, "the last words were not sent");
        }
    }

    /// Messages that were refused, by word.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.inner.guard().refusals().clone()
    }
}

impl Inner {
    pub(crate) fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_state(&self, state: HostState) {
        self.state.send_if_modified(|was| {
            // There is no way back from leaving.
            let new = if *was == HostState::Leaving {
                HostState::Leaving
            } else {
                state
            };
            std::mem::replace(was, new) != new
        });
    }

    pub(crate) async fn send(&self, channel: Channel, to: &Subject, body: &[u8]) -> Result<(), BusError> {
        let sealed = self.settings.signer.seal(channel, body, wall_now());
        self.settings.bus.publish(to, sealed).await
    }

    pub(crate) fn refuse(&self, refusal: &Refusal) {
        self.guard().count(refusal);
        tracing::warn!(%refusal, "an ask was refused");
    }
}

pub(crate) fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

/// Asks at once; each is a session that starts, or an offer that waits for its answer.
const ANSWERING_MAX: usize = 256;
