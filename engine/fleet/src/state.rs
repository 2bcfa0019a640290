//! Leases, events and records as plain maps, and the rules. Pure: time is a parameter, and every change is also returned, so
//! that whoever keeps them on a disk writes down the same.

use crate::event::{Cursor, Event, LeaseChange, NewEvent, TOPIC_LEASE};
use crate::lease::check_ttl;
use crate::record::{Expect, Record, Swapped};
use crate::{Acquire, Acquired, Cause, Error, Lease, LeaseState, Renewal, Renewed, SlotRef};
use firstlight_units::{HostId, Micros, SessionId, WallTime};
use std::collections::{BTreeMap, BTreeSet};

/// Everything but the events, which are read from where they are written.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The last fence of each slot that ever had a lease, and the session whose lease is not over.
    slots: BTreeMap<SlotRef, Slot>,
    leases: BTreeMap<SessionId, Lease>,
    keys: BTreeMap<String, SessionId>,
    players: BTreeSet<(String, SessionId)>,
    hosts: BTreeSet<(HostId, SessionId)>,
    /// Those that are not over, by when they are due.
    due: BTreeSet<(WallTime, SessionId)>,
    ended: BTreeSet<(WallTime, SessionId)>,
    records: BTreeMap<(String, String), Record>,
    /// Names of the events that are kept, by number and back.
    dedupes: BTreeMap<String, u64>,
    /// Numbers events and revisions.
    pub(crate) number: u64,
    changes: Vec<Change>,
}

/// A slot that had a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) fence: u64,
    pub(crate) session: Option<SessionId>,
}

/// What is different after a call.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The slot's last fence.
    Fence(SlotRef, u64),
    Lease(Box<Lease>),
    Forget(SessionId),
    Event(Event, Option<String>),
    /// The event of this number is forgotten.
    Unevent(u64),
    Record(String, Record),
    Unrecord(String, String),
}

impl State {
    /// What has changed since this was last called.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// A fence as it was stored.
    pub(crate) fn restore_fence(&mut self, slot: SlotRef, fence: u64) {
        self.slots.entry(slot).or_default().fence = fence;
    }

    /// A lease as it was stored.
    pub(crate) fn restore_lease(&mut self, lease: Lease) {
        if !lease.is_over() {
            self.slots.entry(lease.slot.clone()).or_default().session = Some(lease.session.clone());
        }
        self.index(lease);
    }

    /// A record as it was stored.
    pub(crate) fn restore_record(&mut self, bucket: String, record: Record) {
        self.number = self.number.max(record.revision);
        self.records.insert((bucket, record.key.clone()), record);
    }

    /// An event as it was stored.
    pub(crate) fn restore_event(&mut self, number: u64, dedupe: Option<String>) {
        self.number = self.number.max(number);
        if let Some(dedupe) = dedupe {
            self.dedupes.insert(dedupe, number);
        }
    }

    /// Forgets events, by number and name.
    pub(crate) fn forget_events(&mut self, events: Vec<(u64, Option<String>)>) {
        for (number, dedupe) in events {
            if let Some(dedupe) = dedupe {
                self.dedupes.remove(&dedupe);
            }
            self.changes.push(Change::Unevent(number));
        }
    }

    pub(crate) fn acquire(&mut self, wish: Acquire, now: WallTime) -> Result<Acquired, Error> {
        wish.check()?;
        if let Some(lease) = self.lease_of_key(&wish.key) {
            if lease.player != wish.player || lease.title != wish.title {
                return Err(Error::KeyReused);
            }
            let lease = Box::new(lease.clone());
            return Ok(Acquired::Lease { lease, fresh: false });
        }
        if self.leases.contains_key(&wish.session) {
            return Err(Error::SessionReused(wish.session));
        }
        let Some(slot) = wish
            .candidates
            .iter()
            .find(|slot| self.is_free(slot, now))
            .cloned()
        else {
            return Ok(Acquired::NoneFree);
        };
        self.end_overdue_holder(&slot, now);
        let held = self.slots.entry(slot.clone()).or_default();
        held.fence += 1;
        held.session = Some(wish.session.clone());
        let fence = held.fence;
        self.changes.push(Change::Fence(slot.clone(), fence));
        let lease = Lease {
            session: wish.session,
            key: wish.key,
            player: wish.player,
            title: wish.title,
            slot,
            fence,
            state: LeaseState::Granted,
            granted_at: now,
            expires_at: now + wish.ttl,
            ended_at: None,
            decision: wish.decision,
        };
        self.store(lease.clone(), true, now);
        let lease = Box::new(lease);
        Ok(Acquired::Lease { lease, fresh: true })
    }

    fn is_free(&self, slot: &SlotRef, now: WallTime) -> bool {
        let holder = self.slots.get(slot).and_then(|slot| slot.session.as_ref());
        holder
            .and_then(|session| self.leases.get(session))
            .is_none_or(|lease| !lease.is_live(now))
    }

    fn end_overdue_holder(&mut self, slot: &SlotRef, now: WallTime) {
        let holder = self.slots.get(slot).and_then(|slot| slot.session.clone());
        if let Some(lease) = holder.and_then(|session| self.leases.get(&session).cloned()) {
            self.end(lease, Cause::Expired, now);
        }
    }

    pub(crate) fn confirm(
        &mut self,
        session: &SessionId,
        fence: u64,
        ttl: Micros,
        now: WallTime,
    ) -> Result<Lease, Error> {
        check_ttl(ttl)?;
        let mut lease = self.held(session, fence)?;
        if lease.is_over() {
            return Err(Error::LeaseOver(session.clone()));
        }
        let tell = lease.state != LeaseState::Confirmed;
        lease.state = LeaseState::Confirmed;
        lease.expires_at = now + ttl;
        self.store(lease.clone(), tell, now);
        Ok(lease)
    }

    pub(crate) fn renew(
        &mut self,
        host: &HostId,
        held: Vec<Renewal>,
        ttl: Micros,
        now: WallTime,
    ) -> Result<Renewed, Error> {
        check_ttl(ttl)?;
        let mut renewed = Renewed::default();
        for Renewal { session, fence } in held {
            let lease = self.leases.get(&session);
            let lease = lease.filter(|l| l.slot.host == *host && l.fence == fence && !l.is_over());
            let Some(mut lease) = lease.cloned() else {
                renewed.over.push(session);
                continue;
            };
            renewed.kept += 1;
            let tell = lease.state != LeaseState::Confirmed;
            lease.state = LeaseState::Confirmed;
            lease.expires_at = lease.expires_at.max(now + ttl);
            self.store(lease, tell, now);
        }
        Ok(renewed)
    }

    pub(crate) fn release(
        &mut self,
        session: &SessionId,
        fence: u64,
        cause: Cause,
        now: WallTime,
    ) -> Result<Lease, Error> {
        let lease = self.held(session, fence)?;
        // Of two who claim the same lease, one may hear nothing and the other be answered.
        let taken = cause == Cause::Refused && lease.state == LeaseState::Confirmed;
        if lease.is_over() || taken {
            return Ok(lease);
        }
        // What ended before it was confirmed, no player was told of.
        let early = cause == Cause::Released && lease.state == LeaseState::Granted;
        Ok(self.end(lease, if early { Cause::Refused } else { cause }, now))
    }

    pub(crate) fn expire(&mut self, grace: Micros, limit: usize, now: WallTime) -> Vec<Lease> {
        let overdue = self.due.iter().take_while(|(due, _)| *due + grace <= now);
        let sessions: Vec<SessionId> = overdue.take(limit).map(|(_, session)| session.clone()).collect();
        let leases = sessions
            .iter()
            .filter_map(|session| self.leases.get(session).cloned());
        let leases: Vec<Lease> = leases.collect();
        leases
            .into_iter()
            .map(|lease| self.end(lease, Cause::Expired, now))
            .collect()
    }

    /// Forgets what ended before `before`, and returns how many.
    pub(crate) fn sweep(&mut self, before: WallTime) -> usize {
        let old = self.ended.iter().take_while(|(at, _)| *at < before);
        let old: Vec<SessionId> = old.take(SWEEP_MAX).map(|(_, session)| session.clone()).collect();
        for session in &old {
            if let Some(lease) = self.leases.remove(session) {
                self.keys.remove(&lease.key);
                self.players.remove(&(lease.player, session.clone()));
                self.ended
                    .remove(&(lease.ended_at.unwrap_or_default(), session.clone()));
            }
            self.changes.push(Change::Forget(session.clone()));
        }
        old.len()
    }

    pub(crate) fn lease(&self, session: &SessionId) -> Option<&Lease> {
        self.leases.get(session)
    }

    pub(crate) fn lease_of_key(&self, key: &str) -> Option<&Lease> {
        self.leases.get(self.keys.get(key)?)
    }

    pub(crate) fn of_player(&self, player: &str) -> Vec<Lease> {
        let from = (player.to_owned(), first_session());
        let own = self
            .players
            .range(from..)
            .take_while(|(whose, _)| whose == player);
        let mut leases: Vec<Lease> = own.filter_map(|(_, s)| self.leases.get(s).cloned()).collect();
        leases.sort_by(|a, b| b.granted_at.cmp(&a.granted_at).then(a.session.cmp(&b.session)));
        leases
    }

    pub(crate) fn live(&self, host: &HostId) -> Vec<Lease> {
        let from = (host.clone(), first_session());
        let own = self.hosts.range(from..).take_while(|(whose, _)| whose == host);
        own.filter_map(|(_, s)| self.leases.get(s).cloned()).collect()
    }

    pub(crate) fn all_live(&self, after: Option<&SessionId>, limit: usize) -> Vec<Lease> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let leases = self
            .leases
            .range::<SessionId, _>((from, std::ops::Bound::Unbounded));
        let live = leases.map(|(_, lease)| lease).filter(|lease| !lease.is_over());
        live.take(limit).cloned().collect()
    }

    pub(crate) fn append(&mut self, event: NewEvent, now: WallTime) -> Result<(), Error> {
        event.check()?;
        if let Some(dedupe) = &event.dedupe {
            if self.dedupes.contains_key(dedupe) {
                return Ok(());
            }
            self.dedupes.insert(dedupe.clone(), self.number + 1);
        }
        self.tell(event.topic, event.key, event.body, event.dedupe, now);
        Ok(())
    }

    pub(crate) fn get(&self, bucket: &str, key: &str) -> Option<&Record> {
        self.records.get(&(bucket.to_owned(), key.to_owned()))
    }

    pub(crate) fn list(&self, bucket: &str, after: Option<&str>, limit: usize) -> Vec<Record> {
        let from = (bucket.to_owned(), after.unwrap_or_default().to_owned());
        let all = self
            .records
            .range((std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded));
        let own = all.take_while(|((of, _), _)| of == bucket).take(limit);
        own.map(|(_, record)| record.clone()).collect()
    }

    pub(crate) fn put(
        &mut self,
        bucket: &str,
        key: &str,
        expect: Expect,
        body: String,
    ) -> Result<Swapped, Error> {
        crate::record::check(bucket, key, &body)?;
        let there = self.get(bucket, key).map(|record| record.revision);
        if !expect.holds(there) {
            return Ok(Swapped::Conflict(there));
        }
        self.number += 1;
        let record = Record {
            key: key.to_owned(),
            revision: self.number,
            body,
        };
        self.changes
            .push(Change::Record(bucket.to_owned(), record.clone()));
        self.records.insert((bucket.to_owned(), key.to_owned()), record);
        Ok(Swapped::Done(self.number))
    }

    pub(crate) fn remove(&mut self, bucket: &str, key: &str, expect: Expect) -> Swapped {
        let there = self.get(bucket, key).map(|record| record.revision);
        if !expect.holds(there) {
            return Swapped::Conflict(there);
        }
        if there.is_some() {
            self.records.remove(&(bucket.to_owned(), key.to_owned()));
            self.changes
                .push(Change::Unrecord(bucket.to_owned(), key.to_owned()));
        }
        Swapped::Done(there.unwrap_or(0))
    }

    /// A lease that the caller knows the fence of.
    fn held(&self, session: &SessionId, fence: u64) -> Result<Lease, Error> {
        let lease = self.leases.get(session);
        let lease = lease.ok_or_else(|| Error::UnknownLease(session.clone()))?;
        if lease.fence != fence {
            return Err(Error::StaleFence {
                slot: lease.slot.clone(),
                given: fence,
                current: lease.fence,
            });
        }
        Ok(lease.clone())
    }

    fn end(&mut self, mut lease: Lease, cause: Cause, now: WallTime) -> Lease {
        lease.state = LeaseState::Ended { cause };
        lease.ended_at = Some(now);
        if let Some(slot) = self.slots.get_mut(&lease.slot)
            && slot.session.as_ref() == Some(&lease.session)
        {
            slot.session = None;
        }
        self.store(lease.clone(), true, now);
        lease
    }

    fn store(&mut self, lease: Lease, tell: bool, now: WallTime) {
        self.changes.push(Change::Lease(Box::new(lease.clone())));
        if tell {
            let change = LeaseChange::of(&lease);
            let body = serde_json::to_string(&change).unwrap_or_default();
            self.tell(TOPIC_LEASE.to_owned(), lease.session.to_string(), body, None, now);
        }
        self.index(lease);
    }

    fn index(&mut self, lease: Lease) {
        let session = lease.session.clone();
        if let Some(before) = self.leases.get(&session) {
            self.due.remove(&(before.expires_at, session.clone()));
        }
        let host = (lease.slot.host.clone(), session.clone());
        if lease.is_over() {
            self.hosts.remove(&host);
            self.ended
                .insert((lease.ended_at.unwrap_or_default(), session.clone()));
        } else {
            self.hosts.insert(host);
            self.due.insert((lease.expires_at, session.clone()));
        }
        self.keys.insert(lease.key.clone(), session.clone());
        self.players.insert((lease.player.clone(), session.clone()));
        self.leases.insert(session, lease);
    }

    fn tell(&mut self, topic: String, key: String, body: String, dedupe: Option<String>, now: WallTime) {
        self.number += 1;
        let event = Event {
            cursor: Cursor {
                batch: 0,
                number: self.number,
            },
            at: now,
            topic,
            key,
            body,
        };
        self.changes.push(Change::Event(event, dedupe));
    }
}

/// Before every session.
fn first_session() -> SessionId {
    "0".parse().expect("invariant: a digit is a session's id")
}

/// Of one call: a millisecond's or two's work.
pub(crate) const SWEEP_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot(n: u32) -> SlotRef {
        SlotRef {
            host: "h".parse().unwrap(),
            slot: n,
        }
    }

    fn wish(n: u32, slots: &[u32]) -> Acquire {
        Acquire {
            key: format!("k{n}"),
            session: format!("s{n}").parse().unwrap(),
            player: "p".into(),
            title: "t".parse().unwrap(),
            candidates: slots.iter().copied().map(slot).collect(),
            ttl: Micros::from_secs(5),
            decision: String::new(),
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Acquire(u32, Vec<u32>),
        Confirm(u32),
        Release(u32),
        Pass(u64),
        Expire,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u32..12, prop::collection::vec(0u32..4, 1..4)).prop_map(|(n, slots)| Step::Acquire(n, slots)),
            (0u32..12).prop_map(Step::Confirm),
            (0u32..12).prop_map(Step::Release),
            (0u64..4_000_000).prop_map(Step::Pass),
            Just(Step::Expire),
        ]
    }

    proptest! {
        #[test]
        fn a_slot_has_one_live_lease_and_its_fences_only_rise(steps in prop::collection::vec(step(), 1..80)) {
            let mut state = State::default();
            let mut now = WallTime::from_micros(1_000_000);
            let mut fences: BTreeMap<SlotRef, u64> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Acquire(n, slots) => {
                        if let Ok(Acquired::Lease { lease, fresh: true }) = state.acquire(wish(n, &slots), now) {
                            let before = fences.insert(lease.slot.clone(), lease.fence).unwrap_or(0);
                            prop_assert!(lease.fence > before);
                        }
                    }
                    Step::Confirm(n) => {
                        let session = format!("s{n}").parse().unwrap();
                        if let Some(fence) = state.lease(&session).map(|lease| lease.fence) {
                            let _confirmed = state.confirm(&session, fence, Micros::from_secs(5), now);
                        }
                    }
                    Step::Release(n) => {
                        let session = format!("s{n}").parse().unwrap();
                        if let Some(fence) = state.lease(&session).map(|lease| lease.fence) {
                            let _released = state.release(&session, fence, Cause::Released, now);
                        }
                    }
                    Step::Pass(us) => now += Micros::new(us),
                    Step::Expire => drop(state.expire(Micros::ZERO, 10, now)),
                }
                let mut taken = BTreeSet::new();
                for lease in state.all_live(None, 100) {
                    prop_assert!(taken.insert(lease.slot.clone()), "two leases of {}", lease.slot);
                }
            }
        }
    }
}
