//! The host's doors: start, look, end, stop.

use crate::entry::Life;
use crate::folders::{DataFolder, private, remove, sweep};
use crate::leases::Leases;
use crate::pool::{Pool, Warm};
use crate::ports::Ports;
use crate::saves::{self, Keeping};
use crate::session::{Session, State};
use crate::start::start;
use crate::table::Table;
use crate::{Config, Error, load, park};
use firstlight_container::now;
use firstlight_fleet::messages::Quality;
use firstlight_link::{Answer, Credential, End, IceServer, MeasuredEncoder, Offer, Order};
use firstlight_saves::Saves;
use firstlight_ticket::{Claims, Issuer, LIFE};
use firstlight_title::Title;
use firstlight_units::{Bitrate, ByteCount, Micros, SessionId, TitleId, WallTime};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};

/// A host: the truth about the sessions of this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    inner: Arc<Inner>,
}

/// Who wants to play what.
#[derive(Clone, Debug)]
pub struct Request {
    /// Pseudonym of the player; becomes the name of a folder: `[0-9a-z]` only.
    pub player: String,
    /// The title.
    pub title: Title,
    /// Its folder.
    pub title_dir: PathBuf,
    /// Origins whose pages may attach.
    pub origins: Vec<String>,
    /// The lease that it comes with; none: this host gives itself one.
    pub lease: Option<Grant>,
}

/// A slot that somebody else has leased to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The session.
    pub session: SessionId,
    /// The slot.
    pub slot: u32,
    /// Higher than that of every earlier lease of the slot.
    pub fence: u64,
}

/// A session that takes its player's ticket.
#[derive(Clone)]
pub struct Placed {
    /// The session.
    pub session: SessionId,
    /// What its player attaches with; single use.
    pub ticket: String,
    /// It was parked before its player came.
    pub parked: bool,
    /// How long it took to find room; nothing, for one that was there.
    pub placed: Micros,
    /// How long it took until the session was ready, that included.
    pub ready: Micros,
    /// Of that, until the player's saves were there.
    pub saves: Micros,
}

impl std::fmt::Debug for Placed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Placed")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// What a host has and how much of it is used.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Thousandths of a core.
    pub millicores: u32,
    /// Of that, charged to sessions.
    pub millicores_charged: u32,
    /// Memory that is available.
    pub memory_available: ByteCount,
    /// The operator's limit on sessions.
    pub slots: Option<u32>,
    /// Sessions that hold a slot.
    pub sessions: u32,
    /// Most bits per second of a session's video.
    pub bitrate_max: Bitrate,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) data: DataFolder,
    pub(crate) ticket_key: String,
    /// Held by whoever is being placed.
    pub(crate) turn: tokio::sync::Mutex<()>,
    pub(crate) force: watch::Sender<bool>,
    /// A copy was parked or claimed, or something ended.
    pub(crate) pool_changed: Notify,
    /// Counts what changed about sessions.
    changes: watch::Sender<u64>,
    issuer: Issuer,
    table: Mutex<Table>,
    pool: Mutex<Pool>,
    leases: Mutex<Leases>,
    /// What players have saved, on its way to and from the cell.
    pub(crate) keeping: Keeping,
    /// What this machine's encoders take, once that was measured.
    encoders: OnceLock<Vec<MeasuredEncoder>>,
}

impl Host {
    /// Opens the data folder, removes what a killed engine left, and begins to watch. Within a tokio runtime.
    ///
    /// # Errors
    /// When a folder or the file of epochs cannot be used, or another engine uses them.
    pub fn open(mut config: Config) -> Result<Self, Error> {
        let data = DataFolder::open(&config.data)?;
        private(&config.run_root)?;
        // It is named to programs whose working directory is another.
        config.run_root = config
            .run_root
            .canonicalize()
            .map_err(Error::path(&config.run_root))?;
        sweep(&config.run_root);
        // No player's save is in it: what a copy had written is nobody's.
        remove(&data.parked());
        saves::sweep(&data);
        let issuer = Issuer::generate().map_err(Error::Ticket)?;
        let inner = Inner {
            leases: Mutex::new(Leases::open(data.leases())?),
            ticket_key: hex(&issuer.public_key()),
            table: Mutex::new(Table::new(Ports::new(config.media_ports.clone()))),
            turn: tokio::sync::Mutex::new(()),
            force: watch::Sender::new(false),
            pool: Mutex::default(),
            pool_changed: Notify::new(),
            changes: watch::Sender::new(0),
            keeping: Keeping::default(),
            encoders: OnceLock::new(),
            config,
            data,
            issuer,
        };
        let host = Self {
            inner: Arc::new(inner),
        };
        tokio::spawn(measure(Arc::downgrade(&host.inner)));
        Ok(host)
    }

    /// What this machine's encoders take: sessions that begin from here on choose by it. Told once; later words are not heard.
    pub fn set_encoders(&self, measured: Vec<MeasuredEncoder>) {
        drop(self.inner.encoders.set(measured));
    }

    /// Brings what players have saved before their sessions start, and puts away what they save, from here on. What an engine that was
    /// killed left is put away first. Within a tokio runtime; once.
    pub fn keep_saves(&self, way: Arc<dyn Saves>) {
        saves::begin(&self.inner, way);
    }

    /// Starts a session and waits until its player can attach.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooMany`], [`Error::Stopping`], or what kept the session from starting.
    pub async fn start(&self, request: Request) -> Result<Placed, Error> {
        // On a task of its own: a caller who goes away (a closed tab) leaves nothing half done.
        match tokio::spawn(start(Arc::clone(&self.inner), request)).await {
            Ok(placed) => placed,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }

    /// Where this machine itself reaches a session's media port.
    #[must_use]
    pub fn media_address(&self, session: &Session) -> SocketAddr {
        let first = self.inner.config.media_addresses.first().copied();
        let ip = match first {
            Some(IpAddr::V6(six)) if six.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            Some(ip) if !ip.is_unspecified() => ip,
            Some(_) | None => Ipv4Addr::LOCALHOST.into(),
        };
        SocketAddr::new(ip, session.port)
    }

    /// Whether sessions receive media on this address of the machine.
    #[must_use]
    pub fn receives_media_on(&self, ip: IpAddr) -> bool {
        let covers = |listened: &IpAddr| {
            *listened == ip || (listened.is_unspecified() && listened.is_ipv4() == ip.is_ipv4())
        };
        self.inner.config.media_addresses.iter().any(covers)
    }

    /// A session, live or lately ended.
    #[must_use]
    pub fn session(&self, session: &SessionId) -> Option<Session> {
        let mut table = self.inner.table();
        table.forget(now());
        table.view(session, now())
    }

    /// How a session was so far; kept as long as the session is known here.
    #[must_use]
    pub fn quality(&self, session: &SessionId) -> Option<Quality> {
        self.inner.table().quality(session, now())
    }

    /// All of them.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        let mut table = self.inner.table();
        table.forget(now());
        table.views(now())
    }

    /// Waits until a session is in a state that `wanted` accepts, and returns it then.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], also when the session is over and will never be in such a state.
    pub async fn wait_until(
        &self,
        id: &SessionId,
        wanted: impl Fn(&State) -> bool,
    ) -> Result<Session, Error> {
        let unknown = || Error::UnknownSession(id.clone());
        let mut life = self.inner.table().life(id).ok_or_else(unknown)?;
        loop {
            let gone = matches!(*life.borrow_and_update(), Life::Gone(_));
            let session = self.session(id).ok_or_else(unknown)?;
            if wanted(&session.state) {
                return Ok(session);
            }
            if gone || life.changed().await.is_err() {
                return Err(unknown());
            }
        }
    }

    /// A new ticket for a session's player.
    ///
    /// # Errors
    /// [`Error::UnknownSession`] also when it is over.
    pub fn ticket(&self, session: &SessionId) -> Result<String, Error> {
        self.inner.ticket(session, None)
    }

    /// A new ticket for a session: everything is sealed to `key`, the player's own, for whoever attaches with it.
    ///
    /// # Errors
    /// As [`Self::ticket`].
    pub fn sealed_ticket(&self, session: &SessionId, key: String) -> Result<String, Error> {
        self.inner.ticket(session, Some(key))
    }

    /// Offers a session a client that wants to attach over WebRTC, and waits for the answer. Also returns what the
    /// attachment is called in [`Self::candidates`] and [`Self::hang_up`]: not to be guessed.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], also when it is over; [`Error::NoAnswer`] from a session that is busy.
    pub async fn offer(
        &self,
        session: &SessionId,
        credential: Credential,
        sdp: String,
    ) -> Result<(String, Answer), Error> {
        let unknown = || Error::UnknownSession(session.clone());
        self.inner.table().lease(session).ok_or_else(unknown)?;
        let attachment = hex(&random::<16>()?);
        let offer = Offer {
            attachment: attachment.clone(),
            credential,
            sdp,
        };
        let answered = self.inner.table().offer(session, offer).ok_or(Error::NoAnswer)?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(answer)) => Ok((attachment, answer)),
            Ok(Err(_)) => Err(unknown()),
            Err(_) => Err(Error::NoAnswer),
        }
    }

    /// Hands on a WebRTC client's candidates, as an SDP fragment.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], also when it is over.
    pub fn candidates(&self, session: &SessionId, attachment: String, fragment: String) -> Result<(), Error> {
        self.order(session, Order::Candidates { attachment, fragment })
    }

    /// A WebRTC client goes; the session waits for its player.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], also when it is over.
    pub fn hang_up(&self, session: &SessionId, attachment: String) -> Result<(), Error> {
        self.order(session, Order::HangUp { attachment })
    }

    fn order(&self, session: &SessionId, order: Order) -> Result<(), Error> {
        let known = self.inner.table().order(session, order);
        known
            .then_some(())
            .ok_or_else(|| Error::UnknownSession(session.clone()))
    }

    /// Servers that help WebRTC clients to reach this host.
    #[must_use]
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.inner.config.ice_servers
    }

    /// Ends a session and waits until nothing of it is left. Does nothing to one that is over.
    ///
    /// # Errors
    /// [`Error::UnknownSession`]; [`Error::Stays`] where it is to give way and its player is there, or may be back in a moment.
    pub async fn end(&self, session: &SessionId, reason: End) -> Result<(), Error> {
        let life = {
            let table = self.inner.table();
            if reason == End::GaveWay && !table.gives_way(session, &self.inner.config, now()) {
                return Err(Error::Stays(session.clone()));
            }
            table.order(session, Order::End { reason });
            table.life(session)
        };
        let mut life = life.ok_or_else(|| Error::UnknownSession(session.clone()))?;
        // The supervisor's patience with a worker is bounded, so this ends; an error is a supervisor that has ended.
        drop(life.wait_for(|life| matches!(life, Life::Gone(_))).await);
        Ok(())
    }

    /// Keeps copies of the titles in `folder` parked: as many as their manifests say, unless [`Self::set_parked`] says otherwise. The
    /// folder is looked at again every few seconds: copies of what changed are replaced. Within a tokio runtime; once.
    pub fn park_titles(&self, folder: PathBuf) {
        tokio::spawn(park::keep(Arc::downgrade(&self.inner), folder));
    }

    /// Wants `n` copies of a title parked, whatever its manifest says; `None`: as it says. A title with `profile = "boot"` never is.
    pub fn set_parked(&self, title: TitleId, n: Option<u16>) {
        self.inner.pool().set(title, n);
        self.inner.pool_changed.notify_one();
    }

    /// Wants `copies` of a title parked for `lapse`, within the bounds of its manifest; of several such asks the highest holds. `false`:
    /// no title of this name is kept parked here.
    #[must_use]
    pub fn ask_parked(&self, title: &TitleId, copies: u16, lapse: Micros) -> bool {
        let now = now();
        let known = self.inner.pool().ask(title, copies, now + lapse, now);
        self.inner.pool_changed.notify_one();
        known
    }

    /// What is wanted parked of each title, and what is.
    #[must_use]
    pub fn warm(&self) -> Vec<Warm> {
        let copies = self.inner.table().copies();
        self.inner.pool().warm(now(), &copies)
    }

    /// What the host has and how much of it is used.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let machine = load::machine(self.inner.config.slots);
        let table = self.inner.table();
        Capacity {
            millicores: machine.millicores,
            millicores_charged: table.millicores_charged(),
            memory_available: machine.memory_available,
            slots: machine.slots,
            sessions: u32::try_from(table.live_ids().len()).unwrap_or(u32::MAX),
            bitrate_max: self.inner.config.bitrate_max,
        }
    }

    /// The program that does what checkers ask, with its arguments; empty: there is none.
    pub(crate) fn prover(&self) -> &[PathBuf] {
        &self.inner.config.prover
    }

    /// Changes with every change of a session's state.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// How many more sessions of a usual title could start, if copies and those that wait for their player gave way.
    #[must_use]
    pub fn room(&self) -> u32 {
        self.inner.table().spare(&self.inner.config, now())
    }

    /// Addresses that media is received on.
    #[must_use]
    pub fn media_addresses(&self) -> &[IpAddr] {
        &self.inner.config.media_addresses
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.inner.table().is_closed()
    }

    /// Takes no new sessions, ends all, and waits until nothing of them is left and what was saved is put away: some seconds at most.
    pub async fn stop(&self) {
        let live = {
            let mut table = self.inner.table();
            table.close();
            table.all_ids()
        };
        for session in live {
            self.inner.table().order(
                &session,
                Order::End {
                    reason: End::EngineStopping,
                },
            );
        }
        // Whoever is being placed finds the table closed.
        drop(self.inner.turn.lock().await);
        let lives = self.inner.table().lives();
        for mut life in lives {
            // Supervisors are patient for a bounded time; an error is a session that never came to be.
            drop(life.wait_for(|life| matches!(life, Life::Gone(_))).await);
        }
        self.inner.keeping.finish().await;
        if let Err(error) = std::fs::remove_dir(&self.inner.config.run_root) {
            tracing::debug!(%error, "the run root stays");
        }
    }

    /// Kills every worker at once. [`Self::stop`] then has less to wait for.
    pub fn kill(&self) {
        self.inner.force.send_replace(true);
    }
}

impl Inner {
    /// What workers are told of the encoders.
    pub(crate) fn encoders(&self) -> Vec<MeasuredEncoder> {
        self.encoders.get().cloned().unwrap_or_default()
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ticket(&self, session: &SessionId, key: Option<String>) -> Result<String, Error> {
        let (player, epoch) = self
            .table()
            .lease(session)
            .ok_or_else(|| Error::UnknownSession(session.clone()))?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = WallTime::from_micros(Micros::from(since_1970).as_micros());
        let claims = Claims {
            id: hex(&random::<16>()?),
            player,
            session: session.to_string(),
            epoch,
            key,
            expires: now + LIFE,
        };
        self.issuer.issue(&claims).map_err(Error::Ticket)
    }

    /// Wakes those who watch sessions.
    pub(crate) fn on_change(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn record_sessions(&self) {
        self.on_change();
        let live = self.table().live_ids().len();
        firstlight_telemetry::sessions_active(u32::try_from(live).unwrap_or(u32::MAX));
        let copies = self.table().copies();
        let parked = copies.iter().filter(|copy| !copy.booting).count();
        firstlight_telemetry::copies_parked(u32::try_from(parked).unwrap_or(u32::MAX));
    }
}

/// Runs `work`, which may wait for a disk, apart from the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let inner = Arc::clone(inner);
    tokio::task::spawn_blocking(move || work(&inner))
        .await
        .unwrap_or(Err(Error::Stopping))
}

/// Measures what sessions use, until the host is gone.
async fn measure(inner: std::sync::Weak<Inner>) {
    let mut before = now();
    let mut ticks = tokio::time::interval(MEASURE_EVERY);
    loop {
        ticks.tick().await;
        if inner
            .upgrade()
            .is_none_or(|inner| inner.table().live_ids().is_empty())
        {
            if inner.strong_count() == 0 {
                return;
            }
            continue;
        }
        let Ok(processes) = tokio::task::spawn_blocking(load::processes).await else {
            return;
        };
        let Some(inner) = inner.upgrade() else { return };
        let millis = now().since(before).as_micros() / 1000;
        before = now();
        inner.table().on_processes(&processes, millis);
    }
}

/// 100 bits: not to be guessed, though knowing one gives nothing away.
pub(crate) fn random_session() -> Result<SessionId, Error> {
    Ok(random_letters::<20>()?
        .parse()
        .expect("invariant: twenty characters of the alphabet are an id"))
}

/// Five bits each.
pub(crate) fn random_letters<const N: usize>() -> Result<String, Error> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bytes = random::<N>()?;
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    Ok(bytes.iter().map(letter).collect())
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A worker answers when it has its candidates; a slow STUN server takes half a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Often enough to notice a hog before the next player comes, rarely enough to cost nothing (a millisecond).
const MEASURE_EVERY: Duration = Duration::from_secs(5);
