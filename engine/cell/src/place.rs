//! From a request to a confirmed session.
//!
//! ```text
//! key known? ──yes──> its session, or the next attempt
//!    │ no
//! rank -> promise -> acquire -> claim -> confirm -> answer
//!    ^                             │ refused or silent: release, next attempt (key#1, key#2, ...)
//!    └─────────────────────────────┘
//! ```

use crate::cell::{Outcome, Start, Started, Timing};
use crate::fault::Step;
use crate::inner::{ASK_WITHIN, END_WITHIN, Inner, Waiting};
use crate::sessions::Session;
use crate::state::region_name;
use crate::{Error, beats, waiting};
use firstlight_fleet::messages::{Ask, AskError, Claim, Claimed, Refused, Reply, SessionView};
use firstlight_fleet::{Acquire, Acquired, BusError, Cause, Lease, LeaseState, SlotRef};
use firstlight_indexer::{Alternative, Explanation, Query, Ranking, RegionId, predict};
use firstlight_link::End;
use firstlight_telemetry::Placed;
use firstlight_units::{HostId, Micros, SessionId, Timestamp, TitleId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One placement on its way.
pub(crate) struct Placement<'a> {
    inner: &'a Inner,
    start: &'a Start,
    title: TitleId,
    /// Of the caller, with its player; a random one where there is none.
    key: String,
    attempt: u32,
    /// Hosts that refused it.
    refused: Vec<Arc<str>>,
    /// Why the last one did.
    why: Option<Refused>,
    began: Timestamp,
}

/// What ranking came to.
pub(crate) enum Ranked {
    Some(Ranking),
    /// None is free near enough; this one would be.
    Far(Alternative),
    None,
}

/// Starts a session, or lets its player wait.
pub(crate) async fn start(inner: &Inner, start: Start) -> Result<Outcome, Error> {
    let done = try_start(inner, start).await;
    firstlight_telemetry::placement(match &done {
        Ok(Outcome::Started(_)) => Placed::Started,
        Ok(Outcome::Queued(_)) => Placed::Queued,
        Err(Error::Full | Error::TooMany(_) | Error::Stopping | Error::Nowhere(_)) => Placed::Refused,
        Err(_) => Placed::Failed,
    });
    done
}

async fn try_start(inner: &Inner, start: Start) -> Result<Outcome, Error> {
    if *inner.life.borrow() != crate::inner::Life::Open {
        return Err(Error::Stopping);
    }
    let unknown = |_| Error::Stillborn("the title's id is none".to_owned());
    let title: TitleId = start.title.parse().map_err(unknown)?;
    if let Some(waiting) = waiting::waits_already(inner, &start) {
        return waiting::turn(inner, &waiting, &start.player, Duration::ZERO).await;
    }
    let mut placement = Placement::new(inner, &start, title)?;
    if let Some(started) = placement.before().await? {
        return Ok(Outcome::Started(Box::new(started)));
    }
    placement.await_beat().await;
    let held = inner.state().sessions.live_of(&start.player);
    if u32::try_from(held).unwrap_or(u32::MAX) >= inner.settings.per_player {
        return Err(Error::TooMany(inner.settings.per_player));
    }
    match placement.run().await? {
        Some(started) => Ok(Outcome::Started(Box::new(started))),
        None => placement.wait().await,
    }
}

/// Whether the same request was made before, and came to something or waits.
pub(crate) async fn is_known(inner: &Inner, player: &str, key: &str) -> Result<bool, Error> {
    let start = Start {
        player: player.to_owned(),
        key: Some(key.to_owned()),
        ..Start::default()
    };
    if waiting::waits_already(inner, &start).is_some() {
        return Ok(true);
    }
    let lease = inner
        .settings
        .store
        .lease_of_key(&format!("{player} {key}#0"))
        .await?;
    Ok(lease.is_some())
}

/// Starts the session of one whose turn it is. None: nobody is free after all.
pub(crate) async fn resume(inner: &Inner, start: &Start) -> Result<Option<Started>, Error> {
    let unknown = |_| Error::Stillborn("the title's id is none".to_owned());
    let title: TitleId = start.title.parse().map_err(unknown)?;
    let mut placement = Placement::new(inner, start, title)?;
    match placement.before().await? {
        Some(started) => Ok(Some(started)),
        None => placement.run().await,
    }
}

impl<'a> Placement<'a> {
    fn new(inner: &'a Inner, start: &'a Start, title: TitleId) -> Result<Self, Error> {
        let key = match &start.key {
            Some(key) => format!("{} {key}", start.player),
            None => format!("{} #{}", start.player, random_id()?),
        };
        Ok(Self {
            inner,
            start,
            title,
            key,
            attempt: 0,
            refused: Vec::new(),
            why: None,
            began: inner.now(),
        })
    }

    fn attempt_key(&self) -> String {
        format!("{}#{}", self.key, self.attempt)
    }

    /// What this key came to before: its session, or nothing and the number of the next attempt.
    async fn before(&mut self) -> Result<Option<Started>, Error> {
        if self.start.key.is_none() || self.start.fresh {
            return Ok(None);
        }
        while self.attempt < KEY_ATTEMPTS_MAX {
            let Some(lease) = self
                .inner
                .settings
                .store
                .lease_of_key(&self.attempt_key())
                .await?
            else {
                return Ok(None);
            };
            if lease.title != self.title {
                return Err(Error::KeyReused);
            }
            match lease.state {
                LeaseState::Ended {
                    cause: Cause::Released,
                } => return Err(Error::UnknownSession(lease.session)),
                // Whoever refused an earlier request, or was not reached by it, may take this one.
                LeaseState::Ended {
                    cause: Cause::Refused | Cause::Expired,
                } => {}
                LeaseState::Granted | LeaseState::Confirmed => {
                    // Whoever began it may be at it still, or may have died; a claim may be repeated.
                    self.inner
                        .state()
                        .registry
                        .promise(lease.slot.host.as_str(), &self.title);
                    if let Some(started) = self.claim(&lease, None).await? {
                        return Ok(Some(started));
                    }
                    continue;
                }
            }
            self.attempt += 1;
        }
        Ok(None)
    }

    /// Places it. None: no host is free.
    async fn run(&mut self) -> Result<Option<Started>, Error> {
        let mut looked = false;
        let most = self.attempt.saturating_add(ATTEMPTS_MAX).min(KEY_ATTEMPTS_MAX);
        while self.attempt < most {
            // What no host would hear of is not begun.
            if !self.inner.settings.caller.bus().is_connected() {
                return Err(Error::Away);
            }
            let Some((lease, why)) = self.acquire().await? else {
                // What is known may be behind; and somebody who is away makes room for somebody who is here. Once.
                if looked || !self.refused.is_empty() {
                    break;
                }
                looked = true;
                if self.refresh().await || self.give_way().await {
                    continue;
                }
                break;
            };
            if let Some(started) = self.claim(&lease, Some(why)).await? {
                return Ok(Some(started));
            }
        }
        self.outcome()
    }

    /// Nobody took it. Where that is for want of room, its player may wait.
    fn outcome(&mut self) -> Result<Option<Started>, Error> {
        match self.why.take() {
            None | Some(Refused::Full | Refused::SlotTaken { .. } | Refused::StaleFence { .. }) => Ok(None),
            Some(Refused::Draining | Refused::Stopping) if self.is_alone() => Err(Error::Stopping),
            Some(Refused::Draining | Refused::Stopping | Refused::NoSuchSlot { .. }) => Ok(None),
            Some(Refused::Stillborn { detail } | Refused::Failed { detail }) => Err(Error::Stillborn(detail)),
            Some(Refused::TooMany { most }) => Err(Error::TooMany(most)),
            Some(Refused::NoSaves { detail }) => Err(Error::Saves(detail)),
            Some(why) => Err(Error::Stillborn(why.to_string())),
        }
    }

    fn is_alone(&self) -> bool {
        self.inner.state().hosts.len() <= 1
    }

    /// Ranks hosts and takes a slot of the best that has one, in the store.
    async fn acquire(&mut self) -> Result<Option<(Lease, Explanation)>, Error> {
        for _ in 0..RANKS_MAX {
            let Some((slots, why)) = self.rank() else {
                return Ok(None);
            };
            self.inner.pass(Step::Ranked).await;
            let wish = Acquire {
                key: self.attempt_key(),
                session: random_session()?,
                player: self.start.player.clone(),
                title: self.title.clone(),
                candidates: slots.clone(),
                ttl: self.inner.settings.claim_within,
                decision: serde_json::to_string(&why).unwrap_or_default(),
            };
            let promised = slots.first().map(|slot| slot.host.clone());
            let acquired = self.inner.settings.store.acquire(wish).await;
            if let Some(host) = promised {
                self.inner.state().registry.settle(host.as_str(), false);
            }
            match acquired? {
                // Another had the same key meanwhile, and is over already: a repetition finds out how.
                Acquired::Lease { lease, .. } if lease.is_over() => return Err(Error::NoAnswer),
                Acquired::Lease { lease, .. } => {
                    let now = self.inner.now();
                    {
                        let mut state = self.inner.state();
                        state.granted(now, &lease.slot, GRANTED_KEPT);
                        state.registry.promise(lease.slot.host.as_str(), &self.title);
                    }
                    self.inner.pass(Step::Acquired).await;
                    return Ok(Some((*lease, why)));
                }
                // Others were faster, everywhere: what is known here is behind.
                Acquired::NoneFree => {
                    let now = self.inner.now();
                    // Whoever has them tells of it within a beat, or never.
                    let span = self.inner.settings.beat_every.scale(2, 1);
                    let mut state = self.inner.state();
                    for slot in &slots {
                        state.granted(now, slot, span);
                    }
                    drop(state);
                    for slot in slots {
                        if self
                            .inner
                            .state()
                            .slots(self.inner.now(), &slot.host, 1)
                            .is_empty()
                        {
                            self.refuse(&slot.host);
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Slots that may be free, the best host's first, one of which is promised to this placement.
    fn rank(&self) -> Option<(Vec<SlotRef>, Explanation)> {
        let now = self.inner.now();
        let mut state = self.inner.state();
        let mut passed_over = self.refused.clone();
        for _ in 0..RANKS_MAX {
            let near = self.inner.settings.near;
            let Ranked::Some(ranking) = ranked(&state, self.start, &self.title, &passed_over, near) else {
                return None;
            };
            let mut slots = Vec::new();
            for candidate in &ranking.candidates {
                let host: HostId = candidate.host.parse().ok()?;
                slots.extend(state.slots(now, &host, SLOTS_PER_HOST));
            }
            if let Some(first) = slots.first() {
                let why = state.registry.explain(&ranking);
                let host = first.host.clone();
                state.registry.promise(host.as_str(), &self.title);
                return Some((slots, why));
            }
            // They count slots as free that others have asked for, or had until just now.
            passed_over.extend(ranking.candidates.into_iter().map(|candidate| candidate.host));
        }
        None
    }

    /// Asks the lease's host to take the session. None: it does not, and the next attempt is due.
    async fn claim(&mut self, lease: &Lease, why: Option<Explanation>) -> Result<Option<Started>, Error> {
        let placed = self.inner.now().since(self.began);
        let host = lease.slot.host.clone();
        let claim = Claim {
            session: lease.session.clone(),
            player: lease.player.clone(),
            title: lease.title.clone(),
            slot: lease.slot.slot,
            fence: lease.fence,
            origins: self.start.origins.clone(),
            title_version: None,
        };
        let asked = self.ask_while_there(&host, Ask::Claim(Box::new(claim))).await;
        self.inner.pass(Step::Claimed).await;
        match asked {
            Ok(Reply::Claimed(claimed)) if !is_of(&claimed.view, lease) => {
                tracing::warn!(%host, session = %lease.session, "has claimed something else");
                self.take_back(lease);
                self.give_up(lease, None).await
            }
            Ok(Reply::Claimed(claimed)) => self.confirm(lease, *claimed, (placed, why)).await,
            Ok(_) => self.give_up(lease, None).await,
            Err(Error::Ask(AskError::Refused(refused))) if refused.try_elsewhere() => {
                self.give_up(lease, Some(refused)).await
            }
            Err(Error::Ask(AskError::Refused(refused))) => {
                self.give_up(lease, Some(refused)).await?;
                self.outcome()
            }
            Err(error) => {
                tracing::warn!(%host, session = %lease.session, %error, "a claim was not answered");
                let unheard = matches!(error, Error::Ask(AskError::Bus(BusError::NobodyListens(_))));
                self.give_up_silent(lease, unheard).await
            }
        }
    }

    /// Asks, and stops waiting when the host is lost.
    async fn ask_while_there(&self, host: &HostId, ask: Ask) -> Result<Reply, Error> {
        let within = self.inner.settings.claim_within.into();
        let asking = self.inner.ask(host, ask, within);
        tokio::pin!(asking);
        loop {
            tokio::select! {
                biased;
                reply = &mut asking => return reply,
                () = self.inner.news.notified() => {
                    if self.inner.state().registry.is_gone(host.as_str()) {
                        return Err(Error::NoAnswer);
                    }
                    self.inner.alive().await;
                }
            }
        }
    }

    /// The host has the session: the store is to know, then its player.
    async fn confirm(
        &mut self,
        lease: &Lease,
        claimed: Claimed,
        (placed, decision): (Micros, Option<Explanation>),
    ) -> Result<Option<Started>, Error> {
        let (store, ttl) = (&self.inner.settings.store, self.inner.settings.lease);
        let mut confirmed = store.confirm(&lease.session, lease.fence, ttl).await;
        if confirmed
            .as_ref()
            .is_err_and(firstlight_fleet::Error::is_transient)
        {
            confirmed = store.confirm(&lease.session, lease.fence, ttl).await;
        }
        match confirmed {
            Ok(_) => {}
            Err(error) if error.is_transient() => {
                self.inner.state().took(&lease.slot);
                return Err(error.into());
            }
            // Its time was up, or another cell gave it up.
            Err(error) => {
                tracing::warn!(session = %lease.session, %error, "came too late");
                self.take_back(lease);
                return self.give_up(lease, None).await;
            }
        }
        self.inner.pass(Step::Confirmed).await;
        let session = self.inner.claimed(&lease.slot.host, &claimed);
        let ready = self.inner.now().since(self.began);
        {
            let mut state = self.inner.state();
            state.took(&lease.slot);
            state.record_took(ready);
        }
        firstlight_telemetry::placed_seconds(placed.as_secs_f64(), ready.as_secs_f64(), claimed.parked);
        self.inner.hear(session.clone()).await;
        self.inner
            .state()
            .sessions
            .set_network(&session.view.session, self.start.network);
        Ok(Some(Started {
            session,
            ticket: claimed.ticket,
            timing: Timing {
                placed,
                ready,
                parked: claimed.parked,
                saves: Micros::new(claimed.saves_us),
            },
            decision,
        }))
    }

    /// The host did not answer a claim. Perhaps it has heard it, and perhaps another cell that claimed the same was answered: then the
    /// session is a player's, and stays. `unheard`: nobody listened, so that it has not.
    async fn give_up_silent(&mut self, lease: &Lease, unheard: bool) -> Result<Option<Started>, Error> {
        let (id, host) = (&lease.session, lease.slot.host.as_str());
        let gone = {
            let now = self.inner.now();
            let mut state = self.inner.state();
            state.registry.settle(host, false);
            // A cell that hears nobody is away itself.
            unheard
                || (state.registry.is_gone(host)
                    && state.hears(now, self.inner.settings.beat_every.scale(2, 1)))
        };
        let cause = if gone { Cause::Expired } else { Cause::Refused };
        match self.inner.settings.store.release(id, lease.fence, cause).await {
            Ok(kept) if !kept.is_over() => return Err(Error::NoAnswer),
            Ok(_) | Err(firstlight_fleet::Error::UnknownLease(_)) => {}
            // A repetition finds out.
            Err(error) => return Err(error.into()),
        }
        if !unheard {
            self.take_back(lease);
        }
        self.inner.pass(Step::Released).await;
        Ok(self.next(lease, None))
    }

    /// Gives a lease back and goes to the next attempt.
    async fn give_up(&mut self, lease: &Lease, why: Option<Refused>) -> Result<Option<Started>, Error> {
        self.inner
            .state()
            .registry
            .settle(lease.slot.host.as_str(), false);
        match self
            .inner
            .settings
            .store
            .release(&lease.session, lease.fence, Cause::Refused)
            .await
        {
            Ok(_) | Err(firstlight_fleet::Error::UnknownLease(_)) => {}
            // It stays until it ends by itself; the next attempt has a key of its own.
            Err(error) => {
                tracing::warn!(session = %lease.session, %error, "a refused lease is left to its end")
            }
        }
        self.inner.pass(Step::Released).await;
        Ok(self.next(lease, why))
    }

    /// The next attempt is due.
    fn next(&mut self, lease: &Lease, why: Option<Refused>) -> Option<Started> {
        // The slot is its own trouble; anything else is the host's.
        if !matches!(why, Some(Refused::SlotTaken { .. } | Refused::StaleFence { .. })) {
            self.refuse(&lease.slot.host);
            self.inner.state().given_back(&lease.slot);
        }
        self.why = why;
        self.attempt += 1;
        None
    }

    fn refuse(&mut self, host: &HostId) {
        let host: Arc<str> = host.as_str().into();
        if !self.refused.contains(&host) {
            self.refused.push(host);
        }
    }

    /// Tells a host, in the background, to drop a session that it may or may not have.
    fn take_back(&self, lease: &Lease) {
        let (caller, host) = (self.inner.settings.caller.clone(), lease.slot.host.clone());
        let ask = Ask::End {
            session: lease.session.clone(),
            reason: End::EngineFault,
        };
        tokio::spawn(async move {
            if let Err(error) = caller.ask(&host, ask, ASK_WITHIN).await {
                tracing::debug!(%host, %error, "nothing was taken back");
            }
        });
    }

    /// A title that was installed just now, or a host that has just come, is told of by the next beat.
    async fn await_beat(&self) {
        let until = Instant::now() + Duration::from(self.inner.settings.beat_every.scale(3, 2));
        loop {
            let beat = self.inner.beats.notified();
            if self.inner.state().registry.could_ever(&self.title) {
                return;
            }
            if tokio::time::timeout_at(until, beat).await.is_err() {
                return;
            }
        }
    }

    /// Asks the hosts, where they are few, what they have. Whether that makes room.
    async fn refresh(&self) -> bool {
        let hosts: Vec<HostId> = {
            let state = self.inner.state();
            // Each that finds no room would ask: a full cell would do nothing else.
            if state.hosts.len() > REFRESH_MAX {
                return false;
            }
            state.hosts.keys().cloned().collect()
        };
        for host in &hosts {
            beats::ask_sessions(self.inner, host, Waiting::Player).await;
        }
        let state = self.inner.state();
        let near = self.inner.settings.near;
        let ranked = ranked(&state, self.start, &self.title, &self.refused, near);
        matches!(ranked, Ranked::Some(_))
    }

    /// Ends a session that waits for its player, the longest first, where this one would rather be refused than stand in line: who stands in
    /// it gets what hosts say in their beats that they have room for. `false`: nobody gives way; a host keeps whom it takes to be back soon.
    async fn give_way(&self) -> bool {
        if self.start.wait {
            return false;
        }
        let away = self.inner.state().sessions.wait_longest(GIVE_WAY_MAX);
        for Session { view, host, .. } in away {
            let ask = Ask::End {
                session: view.session.clone(),
                reason: End::GaveWay,
            };
            if let Err(error) = self.inner.ask(&host, ask, END_WITHIN).await {
                tracing::debug!(session = %view.session, %error, "does not give way");
                continue;
            }
            tracing::info!(session = %view.session, "gave way to a new player");
            drop(self.inner.look(&view.session).await);
            return true;
        }
        false
    }

    /// Lets its player wait.
    async fn wait(&mut self) -> Result<Outcome, Error> {
        if !self.inner.state().registry.could_ever(&self.title) {
            return Err(Error::Nowhere(self.title.clone()));
        }
        if !self.start.wait {
            return Err(Error::Full);
        }
        waiting::enter(self.inner, self.start).await.map(Outcome::Queued)
    }
}

/// Whether a host says what the lease says.
fn is_of(view: &SessionView, lease: &Lease) -> bool {
    view.session == lease.session
        && (view.slot, view.fence) == (lease.slot.slot, lease.fence)
        && (&view.player, &view.title) == (&lease.player, &lease.title)
}

/// Ranks the hosts for a start: near ones, or says which farther region would do.
pub(crate) fn ranked(
    state: &crate::state::State,
    start: &Start,
    title: &TitleId,
    refused: &[Arc<str>],
    near: Micros,
) -> Ranked {
    let rtts = distances(state, start);
    let query = Query {
        title: Some(title),
        rtts: &rtts,
        // Whoever measured nothing is taken to be near everything; whoever measured some, to be far from the rest.
        rtt_unknown: if start.rtts_us.is_empty() {
            Micros::ZERO
        } else {
            RTT_UNKNOWN
        },
        refused,
        ..Query::default()
    };
    // Where nothing nearer ever will be free, the nearest there is will do.
    let nearest = state.registry.nearest(title, &rtts, query.rtt_unknown);
    let near = near.max(nearest.unwrap_or_default());
    let close = Query {
        rtt_max: (!start.far).then_some(near),
        ..query.clone()
    };
    let ranking = state.registry.place(&close);
    if !ranking.candidates.is_empty() {
        return Ranked::Some(ranking);
    }
    match state.registry.place(&query).candidates.first() {
        Some(first) if !start.far => {
            let rtt = rtts.iter().find(|(region, _)| *region == first.region);
            Ranked::Far(Alternative {
                region: region_name(&state.registry, first.region),
                rtt: rtt.map_or(RTT_UNKNOWN, |(_, rtt)| *rtt),
                estimate: Micros::ZERO,
            })
        }
        Some(_) | None => Ranked::None,
    }
}

/// How far the player is from each region, as far as that is known: as the page measured, and as sessions of the same network saw.
fn distances(state: &crate::state::State, start: &Start) -> Vec<(RegionId, Micros)> {
    let measured = |(name, us): &(String, u64)| Some((state.registry.region(name)?, Micros::new(*us)));
    let beacons: BTreeMap<RegionId, Micros> = start.rtts_us.iter().filter_map(measured).collect();
    let distance = |region: RegionId| {
        let seen = start
            .network
            .and_then(|network| state.paths.seen(network, region));
        predict(beacons.get(&region).copied(), seen).map(|rtt| (region, rtt))
    };
    state.registry.region_ids().filter_map(distance).collect()
}

/// Twenty characters of thirty-two: not to be guessed.
pub(crate) fn random_id() -> Result<String, Error> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect())
}

fn random_session() -> Result<SessionId, Error> {
    let id = random_id()?;
    Ok(id
        .parse()
        .expect("invariant: twenty characters of the alphabet are an id"))
}

/// Of one request. Each costs a claim that is refused or silent: after so many the fleet has another trouble.
const ATTEMPTS_MAX: u32 = 8;
/// Of all requests with one key; after so many it is spent.
const KEY_ATTEMPTS_MAX: u32 = 64;
/// Longer than a claim takes; then a beat has told, or it came to nothing.
const GRANTED_KEPT: Micros = Micros::from_secs(60);
/// Rankings whose slots were all taken by others.
const RANKS_MAX: usize = 4;
/// Sessions that are asked to give way; of those that wait longest their hosts keep few.
const GIVE_WAY_MAX: usize = 3;
/// On one machine, or a few, what they say is worth the asking; a large fleet's beats make up for it.
const REFRESH_MAX: usize = 4;
/// So that racing cells find one without asking the store again.
const SLOTS_PER_HOST: usize = 4;
/// Of a region that a page did not measure where it measured others.
const RTT_UNKNOWN: Micros = Micros::from_millis(200);
