//! The cell's doors: start, look, end, and what operators do.

use crate::fault::Faults;
use crate::inner::{ASK_WITHIN, Inner, Life, wall_now};
use crate::sessions::Session;
use crate::state::{HostPage, Overview, RegionRow};
use crate::{Checks, Error, Seen, accounts, beats, cases, checks, cordon, place, reaper, reports, waiting};
use firstlight_fleet::messages::{Ask, Caller, Quality, Reply, Summary};
use firstlight_fleet::{Bus, PublicKey, Roster, Store};
use firstlight_indexer::{self as indexer, Explanation, TitleTerms};
use firstlight_link::{Answer, Credential, End, IceServer};
use firstlight_units::{HostId, Micros, SessionId, TitleId};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::time::Instant;

/// What a cell is made of.
#[derive(Debug)]
pub struct Settings {
    /// Where leases are kept.
    pub store: Arc<dyn Store>,
    /// Asks hosts.
    pub caller: Caller,
    /// This machine's own host, if it has one: reached by the name that the gateway is reached by.
    pub local: Option<HostId>,
    /// Servers that help WebRTC clients to reach hosts.
    pub ice_servers: Vec<IceServer>,
    /// How often hosts beat.
    pub beat_every: Micros,
    /// How long a lease is good for once its host has confirmed it, from each time that it says so.
    pub lease: Micros,
    /// How long a host has to confirm one.
    pub claim_within: Micros,
    /// Farther regions are offered, not chosen, but for the nearest that has the title.
    pub near: Micros,
    /// Sessions that one player may have.
    pub per_player: u32,
    /// How hosts are checked before players are sent to them; none: they are taken at their word.
    pub checks: Option<Checks>,
    /// Takes the report of each session that has ended, as JSON, as long as there is room.
    pub ended: Option<SyncSender<serde_json::Value>>,
    /// Where it dies, in tests.
    pub faults: Faults,
}

impl Settings {
    /// The usual ones.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, caller: Caller) -> Self {
        Self {
            store,
            caller,
            local: None,
            ice_servers: Vec::new(),
            beat_every: Micros::from_secs(1),
            lease: Micros::from_secs(30),
            claim_within: Micros::from_secs(45),
            near: Micros::from_millis(80),
            per_player: 4,
            checks: None,
            ended: None,
            faults: Faults::default(),
        }
    }
}

/// Who wants to play what.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Start {
    /// Pseudonym of the player.
    pub player: String,
    /// The title's id.
    pub title: String,
    /// The same key of the same player is the same session.
    pub key: Option<String>,
    /// Nothing was found under the key a moment ago: that it was not taken since, the store sees when the lease is acquired.
    #[serde(skip)]
    pub fresh: bool,
    /// Origins whose pages may attach.
    pub origins: Vec<String>,
    /// How far regions are, there and back, in microseconds, as the page measured.
    #[serde(default)]
    pub rtts_us: Vec<(String, u64)>,
    /// Farther regions will do.
    #[serde(default)]
    pub far: bool,
    /// Rather wait than be refused.
    #[serde(default)]
    pub wait: bool,
    /// Pseudonym of the player's network, the same for all who share a line: what their sessions saw tells how far regions are.
    #[serde(default)]
    pub network: Option<u64>,
}

/// What becomes of a [`Start`].
#[derive(Debug)]
pub enum Outcome {
    /// A session.
    Started(Box<Started>),
    /// Its place in the queue.
    Queued(Queued),
}

/// A session that takes its player's ticket.
#[derive(Clone)]
pub struct Started {
    /// The session.
    pub session: Session,
    /// What its player attaches with; single use.
    pub ticket: String,
    /// Where the time went.
    pub timing: Timing,
    /// Why this host.
    pub decision: Option<Explanation>,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Started")
            .field("session", &self.session.view.session)
            .finish_non_exhaustive()
    }
}

/// Where the time of a start went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// Until there was a lease.
    pub placed: Micros,
    /// Until it could be attached to.
    pub ready: Micros,
    /// A parked copy was thawed.
    pub parked: bool,
    /// Of the time until it was ready: until the player's saves were there.
    pub saves: Micros,
}

/// A place in the queue.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Names it.
    pub id: String,
    /// 1 is next.
    pub place: u32,
    /// How long it will take.
    pub estimate: Micros,
    /// A region that would be sooner.
    pub alternative: Option<indexer::Alternative>,
}

/// A cell. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cell {
    pub(crate) inner: Arc<Inner>,
}

impl Cell {
    /// Begins to listen to the hosts, and takes up who waits. Within a tokio runtime.
    ///
    /// # Errors
    /// When the store or the bus does not answer.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let cell = Self {
            inner: Arc::new(Inner::new(settings)),
        };
        cordon::read(&cell.inner).await?;
        beats::admit_all(&cell.inner).await?;
        beats::read_leases(&cell.inner).await?;
        checks::run(&cell.inner).await?;
        cases::run(&cell.inner);
        waiting::restore(&cell.inner).await?;
        reports::listen(&cell.inner).await?;
        beats::listen(&cell.inner).await?;
        reaper::run(&cell.inner);
        Ok(cell)
    }

    /// Starts a session, or lets its player wait.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(&self, start: Start) -> Result<Outcome, Error> {
        let inner = Arc::clone(&self.inner);
        // On a task of its own: a caller who goes away (a closed tab) leaves nothing half done.
        self.outlives(async move { place::start(&inner, start).await })
            .await
    }

    /// Whether the same request was made before, and came to something or waits.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_known(&self, player: &str, key: &str) -> Result<bool, Error> {
        place::is_known(&self.inner, player, key).await
    }

    /// Asks for a waiting player's turn; holds the answer back for up to `within` while nothing changes.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or as [`Self::start`].
    pub async fn turn(&self, id: &str, player: &str, within: Duration) -> Result<Outcome, Error> {
        let (inner, id, player) = (Arc::clone(&self.inner), id.to_owned(), player.to_owned());
        self.outlives(async move { waiting::turn(&inner, &id, &player, within).await })
            .await
    }

    /// A waiting player takes farther regions, too, at the same place in the queue.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or when the store does not answer.
    pub async fn widen(&self, id: &str, player: &str) -> Result<(), Error> {
        waiting::widen(&self.inner, id, player).await
    }

    /// A waiting player gives up.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`].
    pub async fn leave_queue(&self, id: &str, player: &str) -> Result<(), Error> {
        waiting::leave(&self.inner, id, player).await
    }

    async fn outlives<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match tokio::spawn(work).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }

    /// A session, live or lately ended; its host is asked while it lives.
    pub async fn session(&self, id: &SessionId) -> Option<Session> {
        self.inner.look(id).await
    }

    /// How a session was: of one that has ended, from the store; of another, as its host says.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], [`Error::NoAnswer`], or what keeps the store from answering.
    pub async fn quality(&self, id: &SessionId) -> Result<Quality, Error> {
        if let Some(kept) = accounts::find(&self.inner, id).await? {
            return Ok(kept);
        }
        let asked = self.inner.ask_of(id, |session| Ask::Quality { session }).await?;
        let Reply::Quality(quality) = asked else {
            return Err(Error::NoAnswer);
        };
        Ok(*quality)
    }

    /// All that are known, as their hosts said last.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.inner.state().sessions.all().cloned().collect()
    }

    /// Why a session was placed where it was: JSON, from the store.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn decision(&self, id: &SessionId) -> Result<Option<String>, Error> {
        let lease = self.inner.settings.store.lease(id).await?;
        Ok(lease.map(|lease| lease.decision).filter(|text| !text.is_empty()))
    }

    /// A new ticket for a session's player; with his client's public key, everything is sealed to it.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], also when it is over.
    pub async fn ticket(&self, id: &SessionId, key: Option<String>) -> Result<String, Error> {
        let ask = |session| Ask::Ticket { session, key };
        let Reply::Ticket { ticket } = self.inner.ask_of(id, ask).await? else {
            return Err(Error::NoAnswer);
        };
        Ok(ticket)
    }

    /// Offers a session a client that wants to attach over WebRTC. Also returns what the attachment is called.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], [`Error::NoAnswer`].
    pub async fn offer(
        &self,
        id: &SessionId,
        credential: Credential,
        sdp: String,
    ) -> Result<(String, Answer), Error> {
        let ask = |session| Ask::Offer {
            session,
            credential,
            sdp,
        };
        let Reply::Offered { attachment, answer } = self.inner.ask_of(id, ask).await? else {
            return Err(Error::NoAnswer);
        };
        Ok((attachment, answer))
    }

    /// Hands on a WebRTC client's candidates.
    ///
    /// # Errors
    /// [`Error::UnknownSession`].
    pub async fn candidates(
        &self,
        id: &SessionId,
        attachment: String,
        fragment: String,
    ) -> Result<(), Error> {
        let ask = |session| Ask::Candidates {
            session,
            attachment,
            fragment,
        };
        self.inner.ask_of(id, ask).await.map(drop)
    }

    /// A WebRTC client goes.
    ///
    /// # Errors
    /// [`Error::UnknownSession`].
    pub async fn hang_up(&self, id: &SessionId, attachment: String) -> Result<(), Error> {
        let ask = |session| Ask::HangUp { session, attachment };
        self.inner.ask_of(id, ask).await.map(drop)
    }

    /// Ends a session and waits until nothing of it is left. Does nothing to one that is over.
    ///
    /// # Errors
    /// [`Error::UnknownSession`].
    pub async fn end(&self, id: &SessionId, reason: End) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        let id = id.clone();
        self.outlives(async move { inner.end(&id, reason).await }).await
    }

    /// This machine's own host.
    #[must_use]
    pub fn local(&self) -> Option<&HostId> {
        self.inner.settings.local.as_ref()
    }

    /// Servers that help WebRTC clients.
    #[must_use]
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.inner.settings.ice_servers
    }

    /// Names a title that can be played, and what is set for it.
    pub fn set_title(&self, id: &TitleId, terms: TitleTerms) {
        let mut state = self.inner.state();
        state.registry.set_title(id, terms);
        state.titles.insert(id.clone());
    }

    /// Who has joined, and with what others may.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.inner.roster
    }

    /// The bus to the hosts.
    #[must_use]
    pub fn bus(&self) -> &Arc<dyn Bus> {
        self.inner.settings.caller.bus()
    }

    /// A host has joined: its beats are listened to from here on.
    pub fn admit(&self, host: &HostId) {
        self.inner.admit(host);
    }

    /// Up to `limit` hosts in the order of their ids, from the one after `after`.
    #[must_use]
    pub fn hosts(&self, after: Option<&str>, limit: usize) -> HostPage {
        self.inner.state().host_rows(after, limit, self.inner.judged())
    }

    /// For how long this cell has known a session.
    #[must_use]
    pub fn known_for(&self, id: &SessionId) -> Option<Micros> {
        let now = self.inner.now();
        self.inner.state().sessions.known_for(now, id)
    }

    /// The records that are kept of a host's checks and the cases about its sessions, one a line, for `firstlight checker verify`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn evidence(&self, host: &HostId) -> Result<String, Error> {
        Ok(checks::evidence(&self.inner, host).await? + &cases::of(&self.inner, host).await?)
    }

    /// Lets the checker with this key testify.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn register(&self, key: &PublicKey) -> Result<(), Error> {
        cases::register(&self.inner, key).await
    }

    /// Somebody saw a session whom its host did not choose: its player, or (`by`) a checker that signed what it saw.
    ///
    /// # Errors
    /// [`Error::UnknownWitness`], or what keeps the store from answering.
    pub async fn testify(&self, seen: &Seen, by: Option<(PublicKey, [u8; 64])>) -> Result<(), Error> {
        cases::testify(&self.inner, seen, by).await
    }

    /// Regions.
    #[must_use]
    pub fn regions(&self) -> Vec<RegionRow> {
        self.inner.state().region_rows()
    }

    /// The whole cell.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let (now, wall) = (self.inner.now(), wall_now());
        self.inner.state().overview(now, wall)
    }

    /// Nothing new goes to the host, or it may again: from here at once, from the other cells of the store within a second, and
    /// also after a restart.
    ///
    /// # Errors
    /// [`Error::UnknownHost`], or what keeps the store from answering; then nothing has changed here.
    pub async fn cordon(&self, host: &HostId, on: bool) -> Result<(), Error> {
        cordon::set(&self.inner, host, on).await?;
        waiting::dispatch(&self.inner);
        Ok(())
    }

    /// Tells a host to take nothing new and to finish what runs, or to take sessions again.
    ///
    /// # Errors
    /// [`Error::UnknownHost`], [`Error::Ask`].
    pub async fn drain(&self, host: &HostId, on: bool) -> Result<(), Error> {
        if !self.inner.state().registry.knows(host.as_str()) {
            return Err(Error::UnknownHost);
        }
        self.inner
            .ask(host, Ask::Drain { on }, ASK_WITHIN)
            .await
            .map(drop)
    }

    /// What other cells are told of this one.
    #[must_use]
    pub fn summary(&self) -> Summary {
        if self.is_stopping() || self.inner.is_away() {
            return Summary::closed();
        }
        self.inner.state().summary()
    }

    /// Waits until this cell has been without its store or without its bus for `span`.
    pub async fn away(&self, span: Duration) {
        loop {
            let since = self.inner.away_since();
            if since.is_some_and(|since| since.elapsed() >= span) {
                return;
            }
            tokio::time::sleep(AWAY_EVERY).await;
        }
    }

    /// Waits until a host was heard of. `false`: not within that time.
    pub async fn heard(&self, host: &HostId, within: Duration) -> bool {
        let until = Instant::now() + within;
        loop {
            let beat = self.inner.beats.notified();
            if self.inner.state().hosts.contains_key(host) {
                return true;
            }
            if tokio::time::timeout_at(until, beat).await.is_err() {
                return false;
            }
        }
    }

    /// Takes no new sessions from here on.
    pub fn stop(&self) {
        self.inner.life.send_if_modified(|life| {
            let open = *life == Life::Open;
            if open {
                *life = Life::Stopping;
            }
            open
        });
        self.inner.news.notify_waiters();
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.inner.life.borrow() != Life::Open
    }

    /// Stops it as a kill would: whatever it was doing is left as it is. For tests.
    pub fn kill(&self) {
        self.inner.life.send_replace(Life::Dead);
        self.inner.news.notify_waiters();
    }
}

/// Often enough that nobody waits for it.
const AWAY_EVERY: Duration = Duration::from_millis(20);
