//! The sessions of this host, live and lately ended, and what each holds.

use crate::account::Account;
use crate::admission::{Cost, Holder, Verdict, decide, may_park};
use crate::entry::{Entry, Life, Phase};
use crate::load;
use crate::pool::{CopyView, Installed};
use crate::ports::Ports;
use crate::session::{Ended, Session};
use crate::{Config, Error};
use firstlight_fleet::messages::Quality;
use firstlight_link::{Answer, Offer, Order, Report};
use firstlight_title::Title;
use firstlight_units::{ByteCount, Micros, SessionId, Timestamp, TitleId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use tokio::sync::{mpsc, oneshot, watch};

/// All of them.
#[derive(Debug)]
pub(crate) struct Table {
    entries: BTreeMap<SessionId, Entry>,
    /// What claimed copies are called now, by what their supervisors know them as.
    claimed: BTreeMap<SessionId, SessionId>,
    /// Those that are over, oldest first.
    ended: VecDeque<(Timestamp, SessionId)>,
    ports: Ports,
    stopping: bool,
}

/// What a new session was given.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) session: SessionId,
    pub(crate) slot: u32,
    pub(crate) port: u16,
    pub(crate) rtc_port: Option<u16>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) life: watch::Receiver<Life>,
}

/// A parked copy that a player was given.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) session: SessionId,
    pub(crate) slot: u32,
    pub(crate) life: watch::Receiver<Life>,
}

/// Where an applicant goes.
#[derive(Debug)]
pub(crate) enum Room {
    New(Reservation),
    Parked(Claimed),
}

/// What has ended.
#[derive(Debug)]
pub(crate) enum Gone {
    Session(SessionId, Ended),
    /// A copy that never was anybody's.
    Copy(TitleId, Ended),
}

/// Whoever asks for a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applicant<'a> {
    pub(crate) player: &'a str,
    pub(crate) title: &'a Title,
    pub(crate) dir: &'a Path,
    pub(crate) cost: Cost,
    /// A parked copy will do.
    pub(crate) warm: bool,
    /// The slot that a lease names; none: any.
    pub(crate) slot: Option<u32>,
}

impl Table {
    pub(crate) fn new(ports: Ports) -> Self {
        Self {
            entries: BTreeMap::new(),
            claimed: BTreeMap::new(),
            ended: VecDeque::new(),
            ports,
            stopping: false,
        }
    }

    /// Whether `applicant` may start, and who would have to give way.
    pub(crate) fn judge(
        &self,
        applicant: Applicant<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Verdict, Error> {
        if self.stopping {
            return Err(Error::Stopping);
        }
        let own = self
            .live()
            .filter(|(_, entry)| entry.player == applicant.player && !entry.over())
            .count();
        if u32::try_from(own).is_ok_and(|own| own >= config.sessions_per_player) {
            return Err(Error::TooMany(config.sessions_per_player));
        }
        let mut holders = self.holders(now, config);
        let mut wanted = applicant.cost;
        if let Some(copy) = self.claimable(applicant) {
            // It becomes the session, and its memory is in use already.
            holders.retain(|holder| holder.session != copy);
            wanted.memory = ByteCount::new(0);
        }
        Ok(decide(&load::machine(config.slots), &holders, wanted))
    }

    /// Whether one more copy of a title may boot: nobody waits for a first picture, there is memory for it and a player beside it, and ports are left.
    pub(crate) fn may_park(&self, cost: Cost, config: &Config, now: Timestamp) -> bool {
        let starting = self
            .live()
            .any(|(_, entry)| entry.copy.is_none() && matches!(entry.phase, Phase::Starting | Phase::Ready));
        let copies = self.live().filter(|(_, entry)| entry.copy.is_some()).count();
        let most = config.media_ports.len() / PORTS_PER_COPY;
        !self.stopping
            && !starting
            && copies < most
            && may_park(&load::machine(config.slots), &self.holders(now, config), cost)
    }

    fn holders(&self, now: Timestamp, config: &Config) -> Vec<Holder> {
        let yield_after = config.yield_after.into();
        self.live()
            .map(|(id, entry)| entry.holder(id, now, yield_after))
            .collect()
    }

    /// The parked copy that has waited longest for such an applicant.
    fn claimable(&self, applicant: Applicant<'_>) -> Option<SessionId> {
        let title = applicant.title;
        // Two sessions of a player write to one folder; a copy takes the folder's place, which the other would not notice.
        let shares = !title.run.persist.is_empty()
            && self
                .sessions()
                .any(|(_, entry)| entry.player == applicant.player && entry.title == title.id);
        if !applicant.warm || shares {
            return None;
        }
        let fits = |entry: &Entry| {
            let of = entry.copy.as_ref();
            matches!(entry.phase, Phase::Parked)
                && of.is_some_and(|of| of.title == *title && of.dir == applicant.dir)
        };
        let ready = self.live().filter(|(_, entry)| fits(entry));
        ready
            .min_by_key(|(_, entry)| entry.started)
            .map(|(id, _)| id.clone())
    }

    /// Gives `applicant` a slot, and a parked copy or a port. A copy of nobody that stands in the way of a port is named in the error.
    pub(crate) fn room(
        &mut self,
        session: SessionId,
        applicant: Applicant<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Room, Error> {
        match self.claimable(applicant) {
            Some(copy) => Ok(Room::Parked(self.claim(&copy, session, applicant)?)),
            None => self.reserve(session, applicant, config, now).map(Room::New),
        }
    }

    fn claim(
        &mut self,
        copy: &SessionId,
        session: SessionId,
        applicant: Applicant<'_>,
    ) -> Result<Claimed, Error> {
        let slot = self.pick_slot(applicant)?;
        let mut entry = self
            .entries
            .remove(copy)
            .ok_or_else(|| Error::UnknownSession(copy.clone()))?;
        entry.copy = None;
        applicant.player.clone_into(&mut entry.player);
        entry.slot = slot;
        entry.phase = Phase::Starting;
        entry.parked = true;
        let life = entry.life.subscribe();
        self.entries.insert(session.clone(), entry);
        self.claimed.insert(copy.clone(), session.clone());
        Ok(Claimed { session, slot, life })
    }

    /// The slot that the lease names, or the first that is free.
    fn pick_slot(&self, applicant: Applicant<'_>) -> Result<u32, Error> {
        let slots: BTreeSet<u32> = self.sessions().map(|(_, entry)| entry.slot).collect();
        let free = || {
            (0..=u32::MAX)
                .find(|slot| !slots.contains(slot))
                .unwrap_or(u32::MAX)
        };
        let slot = applicant.slot.unwrap_or_else(free);
        if slots.contains(&slot) {
            return Err(Error::SlotTaken(slot));
        }
        Ok(slot)
    }

    /// How many more sessions of a usual title could start, if copies and those that wait for their player gave way.
    pub(crate) fn spare(&self, config: &Config, now: Timestamp) -> u32 {
        let mut holders = self.holders(now, config);
        holders.retain(|holder| holder.waiting_since.is_none() && !holder.parked);
        let machine = load::machine(config.slots);
        let cost = Cost::of(&firstlight_title::Display::default());
        let mut room = 0;
        while !self.stopping && room < ROOM_MAX && decide(&machine, &holders, cost) == Verdict::Admit {
            let session = format!("r{room}")
                .parse()
                .expect("invariant: letters and digits are an id");
            holders.push(Holder {
                session,
                cost,
                waiting_since: None,
                young: true,
                parked: false,
            });
            room += 1;
        }
        room
    }

    /// The slots that the next `n` sessions get.
    pub(crate) fn next_slots(&self, n: usize) -> Vec<u32> {
        let slots: BTreeSet<u32> = self.sessions().map(|(_, entry)| entry.slot).collect();
        (0..=u32::MAX)
            .filter(|slot| !slots.contains(slot))
            .take(n)
            .collect()
    }

    /// Gives `applicant` a slot and a port.
    fn reserve(
        &mut self,
        session: SessionId,
        applicant: Applicant<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Reservation, Error> {
        let slot = self.pick_slot(applicant)?;
        self.reserve_ports(session, slot, applicant, config, now)
    }

    /// Gives a copy ports, and no slot: it gets one with its player.
    pub(crate) fn reserve_copy(
        &mut self,
        id: SessionId,
        of: &Installed,
        config: &Config,
        now: Timestamp,
    ) -> Result<Reservation, Error> {
        let applicant = Applicant {
            player: "",
            title: &of.title,
            dir: &of.dir,
            cost: Cost::of(&of.title.display),
            warm: false,
            slot: None,
        };
        let reservation = self.reserve_ports(id.clone(), 0, applicant, config, now)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.copy = Some(of.clone());
        }
        Ok(reservation)
    }

    /// The oldest copy of nobody: where ports are short, it gives way.
    pub(crate) fn oldest_copy(&self) -> Option<SessionId> {
        let copies = self
            .live()
            .filter(|(_, entry)| entry.copy.is_some() && !entry.over());
        copies
            .min_by_key(|(_, entry)| entry.started)
            .map(|(id, _)| id.clone())
    }

    /// What a copy that is nobody's is a copy of.
    pub(crate) fn copy_of(&self, id: &SessionId) -> Option<TitleId> {
        let entry = self.entries.get(id).filter(|entry| entry.copy.is_some())?;
        Some(entry.title.clone())
    }

    /// The copies that are nobody's.
    pub(crate) fn copies(&self) -> Vec<CopyView> {
        let copies = self.live().filter(|(_, entry)| !entry.over());
        copies
            .filter_map(|(id, entry)| {
                Some(CopyView {
                    id: id.clone(),
                    of: entry.copy.clone()?,
                    booting: matches!(entry.phase, Phase::Starting),
                })
            })
            .collect()
    }

    fn reserve_ports(
        &mut self,
        session: SessionId,
        slot: u32,
        applicant: Applicant<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Reservation, Error> {
        let mut taken: BTreeSet<u16> = self
            .live()
            .flat_map(|(_, entry)| [Some(entry.port), entry.rtc_port])
            .flatten()
            .collect();
        let no_port = Error::NoPort(self.ports.range());
        let port = self.ports.pick(&taken, &config.media_addresses).ok_or(no_port)?;
        taken.insert(port);
        // A session without it is worth more than none.
        let rtc_port = self.ports.pick(&taken, &config.media_addresses);
        let (orders, orders_out) = mpsc::channel(ORDERS_MAX);
        let (life, life_out) = watch::channel(Life::Starting);
        let entry = Entry {
            copy: None,
            parked: false,
            player: applicant.player.to_owned(),
            title: applicant.title.id.clone(),
            phase: Phase::Starting,
            slot,
            epoch: 0,
            port,
            rtc_port,
            offers: BTreeMap::new(),
            cost: applicant.cost,
            measured: None,
            started: now,
            cert_sha256: Vec::new(),
            seal_key: String::new(),
            stats: None,
            start: None,
            account: None,
            orders,
            life,
            pid: None,
            ticks: 0,
        };
        self.entries.insert(session.clone(), entry);
        Ok(Reservation {
            session,
            slot,
            port,
            rtc_port,
            orders: orders_out,
            life: life_out,
        })
    }

    /// Takes back a reservation that came to nothing.
    pub(crate) fn cancel(&mut self, session: &SessionId) {
        self.entries.remove(session);
        self.ended.retain(|(_, id)| id != session);
    }

    /// What a supervisor's session is called: a copy's changes when it is claimed.
    pub(crate) fn name(&self, supervised: &SessionId) -> SessionId {
        self.claimed.get(supervised).unwrap_or(supervised).clone()
    }

    pub(crate) fn set_epoch(&mut self, session: &SessionId, epoch: u64) {
        if let Some(entry) = self.entries.get_mut(session) {
            entry.epoch = epoch;
        }
    }

    pub(crate) fn set_pid(&mut self, session: &SessionId, pid: Option<u32>) {
        if let Some(entry) = self.entries.get_mut(session) {
            entry.pid = pid;
        }
    }

    /// Records what a worker said.
    pub(crate) fn on_report(&mut self, supervised: &SessionId, report: Report, now: Timestamp) {
        let session = self.name(supervised);
        let Some(entry) = self.entries.get_mut(&session) else {
            return;
        };
        if entry.over() {
            return;
        }
        if let Some(account) = &mut entry.account {
            account.on_report(now, &report);
        }
        match report {
            Report::Ready {
                cert_sha256,
                seal_key,
            } => {
                entry.cert_sha256 = cert_sha256;
                entry.seal_key = seal_key;
                entry.phase = Phase::Ready;
            }
            Report::Certificate { cert_sha256 } => entry.cert_sha256 = cert_sha256,
            Report::Parked { .. } => entry.phase = Phase::Parked,
            Report::FirstPicture { .. } | Report::Played(_) => {}
            Report::Attached { .. } => entry.phase = Phase::Attached,
            Report::Waiting { left_s, away } => entry.phase = entry.phase.waiting(now, left_s, away),
            Report::Started(start) => entry.start = Some(start),
            Report::Stats(stats) => entry.stats = Some(stats),
            Report::Answer { attachment, answer } => {
                // Nobody waits any more: the client has gone.
                drop(
                    entry
                        .offers
                        .remove(&attachment)
                        .map(|waiting| waiting.send(answer)),
                );
            }
            Report::Ended {
                reason,
                detail,
                exit_code,
                tail,
            } => {
                let ended = Ended {
                    reason,
                    detail,
                    exit_code,
                    tail,
                };
                entry.close_account(now, &ended);
                entry.phase = Phase::Ending(ended);
            }
        }
        let ready = !matches!(entry.phase, Phase::Starting | Phase::Parked | Phase::Ending(_));
        // Also wakes those who wait for any other change.
        entry.life.send_modify(|life| {
            if ready && *life == Life::Starting {
                *life = Life::Ready;
            }
        });
    }

    /// The worker has exited and nothing of it is left. Returns how it ended: as the worker said, or else `ended`.
    pub(crate) fn on_gone(&mut self, supervised: &SessionId, ended: Ended, now: Timestamp) -> Gone {
        let session = self
            .claimed
            .remove(supervised)
            .unwrap_or_else(|| supervised.clone());
        let Some(entry) = self.entries.get_mut(&session) else {
            return Gone::Session(session, ended);
        };
        let ended = if let Phase::Ending(reported) = &entry.phase {
            reported.clone()
        } else {
            ended
        };
        entry.close_account(now, &ended);
        entry.phase = Phase::Gone(ended.clone());
        entry.pid = None;
        entry.life.send_replace(Life::Gone(ended.clone()));
        if entry.copy.is_some() {
            let title = entry.title.clone();
            self.entries.remove(&session);
            return Gone::Copy(title, ended);
        }
        self.ended.push_back((now, session.clone()));
        self.forget(now);
        Gone::Session(session, ended)
    }

    /// Drops what ended long ago.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.ended.front()
            && (self.ended.len() > ENDED_MAX || now.since(*at) > ENDED_KEPT)
        {
            if let Some((_, session)) = self.ended.pop_front() {
                self.entries.remove(&session);
            }
        }
    }

    /// Gives the worker an order. `false` if there is no such session, or it is over.
    pub(crate) fn order(&self, session: &SessionId, order: Order) -> bool {
        let Some(entry) = self.entries.get(session).filter(|entry| !entry.over()) else {
            return false;
        };
        if let Err(error) = entry.orders.try_send(order) {
            tracing::warn!(%session, %error, "an order was dropped");
        }
        true
    }

    /// Whether it may be ended now to make room, or is over.
    pub(crate) fn gives_way(&self, session: &SessionId, config: &Config, now: Timestamp) -> bool {
        let entry = self.entries.get(session);
        entry.is_none_or(|entry| entry.over() || entry.gives_way(now, config.yield_after.into()))
    }

    /// Hands an offer to the worker. `None` if there is no such session, or it is over, or too many offers wait.
    pub(crate) fn offer(&mut self, session: &SessionId, offer: Offer) -> Option<oneshot::Receiver<Answer>> {
        let entry = self.entries.get_mut(session).filter(|entry| !entry.over())?;
        entry.offers.retain(|_, waiting| !waiting.is_closed());
        if entry.offers.len() >= OFFERS_MAX {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        entry.offers.insert(offer.attachment.clone(), answer);
        self.order(session, Order::Offer(Box::new(offer)));
        Some(answered)
    }

    pub(crate) fn view(&self, session: &SessionId, now: Timestamp) -> Option<Session> {
        let entry = self.entries.get(session).filter(|entry| entry.copy.is_none())?;
        Some(entry.view(session, now))
    }

    pub(crate) fn views(&self, now: Timestamp) -> Vec<Session> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.copy.is_none())
            .map(|(id, entry)| entry.view(id, now))
            .collect()
    }

    /// Begins to write down how a session is.
    pub(crate) fn open_account(&mut self, session: &SessionId, account: Account) {
        if let Some(entry) = self.entries.get_mut(session).filter(|entry| !entry.over()) {
            entry.account = Some(account);
        }
    }

    /// How a session was so far.
    pub(crate) fn quality(&self, session: &SessionId, now: Timestamp) -> Option<Quality> {
        let account = self.entries.get(session)?.account.as_ref()?;
        Some(account.quality(now))
    }

    /// Player and epoch of a session that can be attached to.
    pub(crate) fn lease(&self, session: &SessionId) -> Option<(String, u64)> {
        let entry = self
            .entries
            .get(session)
            .filter(|entry| !entry.over() && entry.copy.is_none())?;
        Some((entry.player.clone(), entry.epoch))
    }

    pub(crate) fn life(&self, session: &SessionId) -> Option<watch::Receiver<Life>> {
        self.entries.get(session).map(|entry| entry.life.subscribe())
    }

    /// What to wait on for every live session.
    pub(crate) fn lives(&self) -> Vec<watch::Receiver<Life>> {
        self.live().map(|(_, entry)| entry.life.subscribe()).collect()
    }

    /// The live sessions.
    pub(crate) fn live_ids(&self) -> Vec<SessionId> {
        self.sessions().map(|(id, _)| id.clone()).collect()
    }

    /// And the copies that are nobody's.
    pub(crate) fn all_ids(&self) -> Vec<SessionId> {
        self.live().map(|(id, _)| id.clone()).collect()
    }

    /// Refuses new sessions from here on.
    pub(crate) fn close(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.stopping
    }

    /// What the live sessions are charged together.
    pub(crate) fn millicores_charged(&self) -> u32 {
        let each = self
            .sessions()
            .map(|(_, entry)| entry.cost.with_measured(entry.measured).millicores);
        each.fold(0, u32::saturating_add)
    }

    /// Takes in what every process used, `millis` after the time before.
    pub(crate) fn on_processes(&mut self, processes: &load::Processes, millis: u64) {
        for entry in self.entries.values_mut() {
            let Some(pid) = entry.pid else { continue };
            let ticks = load::ticks_of_family(processes, pid);
            // A process that ended takes its time with it, so that the sum can fall; and the first look has no before.
            if entry.ticks > 0 && matches!(entry.phase, Phase::Attached) {
                entry.measured = Some(load::millicores(ticks.saturating_sub(entry.ticks), millis));
            }
            entry.ticks = ticks;
        }
    }

    fn live(&self) -> impl Iterator<Item = (&SessionId, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.live())
    }

    fn sessions(&self) -> impl Iterator<Item = (&SessionId, &Entry)> {
        self.live().filter(|(_, entry)| entry.copy.is_none())
    }
}

/// A copy takes two, and so does a session: copies get at most half of them.
const PORTS_PER_COPY: usize = 4;
/// Virtual phones on the largest machine.
const ROOM_MAX: u32 = 1024;
/// Offers of one session that wait for their answer; a player makes one at a time.
const OFFERS_MAX: usize = 8;
/// A start, an end, some cancelled tickets, an offer and its candidates.
const ORDERS_MAX: usize = 16;
/// Ended sessions whose reason and report can be read; ten to fifty kilobytes each.
const ENDED_MAX: usize = 1000;
const ENDED_KEPT: Micros = Micros::from_secs(3600);
