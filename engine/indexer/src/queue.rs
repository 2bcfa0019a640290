//! Who waits for a slot, in which order, and for how long.
//!
//! Order: by round, then by arrival. A player's first request is in round 0, the next one, or one made while the player holds a
//! session, a round later; so nobody gets a second place before everybody who asked has had a first.
//!
//! A place that becomes free is **granted** to the first entry that can use it and is held for a few seconds; who does not fetch
//! it loses it. Whoever is not heard of for [`SILENT_MAX`] has gone, and nobody waits behind a closed tab.

use crate::forecast::{Forecast, HORIZON};
use firstlight_units::{Micros, TitleId, WallTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A request that has to wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Names it: not to be guessed.
    pub id: String,
    /// Pseudonym of the player.
    pub player: String,
    /// The title's id.
    pub title: String,
    /// Sessions that the player holds.
    pub holds: u32,
    /// What the caller needs to place it later; opaque here.
    pub order: String,
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was asked.
    pub asked: Asked,
    /// Since when, microseconds since 1970.
    pub since_us: u64,
    /// When its player was last heard of.
    pub seen_us: u64,
    /// 0 for a first request.
    pub round: u32,
    /// A place that is held for it: at which host, and until when. Not kept over a restart.
    #[serde(skip)]
    pub granted: Option<(Arc<str>, WallTime)>,
}

/// Everybody who waits, to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// In no order.
    pub entries: Vec<Entry>,
}

/// Why a request cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too many wait already.
    Queue,
    /// Too many of this player's.
    Player,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1 is next.
    pub place: u32,
    /// How long it will take, in the middle of what is likely.
    pub estimate: Micros,
}

/// A region that would be sooner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Its name.
    pub region: Arc<str>,
    /// How far it is, there and back.
    pub rtt: Micros,
    /// How long it would take there.
    pub estimate: Micros,
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub struct Queue {
    entries: BTreeMap<String, Entry>,
    order: BTreeSet<Turn>,
    /// By title: those for whom no place is held.
    waiting: BTreeMap<String, BTreeSet<Turn>>,
    by_player: BTreeMap<String, BTreeSet<String>>,
}

/// Round, arrival, and the entry that has them.
type Turn = (u32, u64, String);

impl Queue {
    /// Adds a request. One that waits already is heard of anew.
    ///
    /// # Errors
    /// [`Full`].
    pub fn enter(&mut self, now: WallTime, asked: Asked) -> Result<(), Full> {
        if self.seen(now, &asked.id) {
            return Ok(());
        }
        if self.entries.len() >= QUEUE_MAX {
            return Err(Full::Queue);
        }
        let own = self.by_player.get(&asked.player).map_or(0, BTreeSet::len);
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        if own >= PLAYER_MAX {
            return Err(Full::Player);
        }
        let round = asked.holds.saturating_add(own);
        self.insert(Entry {
            asked,
            since_us: now.as_micros(),
            seen_us: now.as_micros(),
            round,
            granted: None,
        });
        Ok(())
    }

    /// Takes up again what was written down. Those who are not heard of soon are dropped like any.
    pub fn restore(&mut self, now: WallTime, state: QueueState) {
        for mut entry in state.entries {
            if self.entries.len() >= QUEUE_MAX || self.entries.contains_key(&entry.asked.id) {
                continue;
            }
            // Nobody could be heard while nobody listened; and a clock that was set back lets nobody wait from the future.
            entry.seen_us = now.as_micros();
            entry.since_us = entry.since_us.min(now.as_micros());
            self.insert(entry);
        }
    }

    fn insert(&mut self, entry: Entry) {
        let id = entry.asked.id.clone();
        self.order.insert(entry.turn());
        set(&mut self.waiting, &entry.asked.title, entry.turn());
        set(&mut self.by_player, &entry.asked.player, id.clone());
        self.entries.insert(id, entry);
    }

    /// Everything, to be written down.
    #[must_use]
    pub fn state(&self) -> QueueState {
        QueueState {
            entries: self.entries.values().cloned().collect(),
        }
    }

    /// Its player wants to be placed otherwise, at the same place in the queue. `false`: it does not wait.
    pub fn reorder(&mut self, id: &str, order: String) -> bool {
        let entry = self.entries.get_mut(id);
        entry.map(|entry| entry.asked.order = order).is_some()
    }

    /// Its player was heard of. `false`: it does not wait.
    pub fn seen(&mut self, now: WallTime, id: &str) -> bool {
        let entry = self.entries.get_mut(id);
        entry.map(|entry| entry.seen_us = now.as_micros()).is_some()
    }

    /// An entry.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Everybody, in their turn.
    pub fn in_turn(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().filter_map(|(_, _, id)| self.entries.get(id))
    }

    /// A player's own, in no order.
    pub fn of_player(&self, player: &str) -> impl Iterator<Item = &Entry> {
        let own = self.by_player.get(player).into_iter().flatten();
        own.filter_map(|id| self.entries.get(id))
    }

    /// The titles of those for whom no place is held.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.waiting.keys().map(String::as_str)
    }

    /// The first `most` of those who want one of these titles and for whom no place is held, in their turn.
    #[must_use]
    pub fn next_of(&self, titles: &[String], most: usize) -> Vec<&Entry> {
        let of_title = |title| self.waiting.get(title).into_iter().flatten().take(most);
        let mut turns: Vec<&Turn> = titles.iter().flat_map(of_title).collect();
        turns.sort_unstable();
        let ids = turns.into_iter().take(most).map(|(_, _, id)| id);
        ids.filter_map(|id| self.entries.get(id)).collect()
    }

    /// Takes an entry out: it was placed, or it gave up.
    pub fn leave(&mut self, id: &str) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        self.order.remove(&entry.turn());
        unset(&mut self.waiting, &entry.asked.title, &entry.turn());
        unset(&mut self.by_player, &entry.asked.player, &id.to_owned());
        Some(entry)
    }

    /// Holds a place for an entry.
    pub fn grant(&mut self, now: WallTime, id: &str, host: Arc<str>) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.granted = Some((host, now + GRANTED_FOR));
            unset(&mut self.waiting, &entry.asked.title, &entry.turn());
        }
    }

    /// Takes a held place back from an entry, which goes on waiting.
    pub fn ungrant(&mut self, id: &str) -> Option<Arc<str>> {
        let entry = self.entries.get_mut(id)?;
        let (host, _) = entry.granted.take()?;
        set(&mut self.waiting, &entry.asked.title, entry.turn());
        Some(host)
    }

    /// Drops who has gone and takes back what was not fetched. Returns those who were dropped, and the hosts whose places are
    /// free again.
    pub fn expire(&mut self, now: WallTime) -> (Vec<Entry>, Vec<Arc<str>>) {
        let silent = now.before(SILENT_MAX).as_micros();
        let gone: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.seen_us < silent)
            .map(|(id, _)| id.clone())
            .collect();
        let gone: Vec<Entry> = gone.iter().filter_map(|id| self.leave(id)).collect();
        let mut free: Vec<Arc<str>> = gone
            .iter()
            .filter_map(|entry| entry.granted.as_ref().map(|(host, _)| Arc::clone(host)))
            .collect();
        let unfetched = |entry: &&Entry| entry.granted.as_ref().is_some_and(|(_, until)| *until <= now);
        let unfetched = self.entries.values().filter(unfetched);
        let ids: Vec<String> = unfetched.map(|entry| entry.asked.id.clone()).collect();
        free.extend(ids.iter().filter_map(|id| self.ungrant(id)));
        (gone, free)
    }

    /// Where an entry stands. `ends` are those of the sessions that make room for it.
    #[must_use]
    pub fn place(&self, id: &str, ends: &Forecast) -> Option<Place> {
        let entry = self.entries.get(id)?;
        let ahead = self.order.range(..entry.turn()).count();
        if entry.granted.is_some() {
            return Some(Place {
                place: 1,
                estimate: Micros::ZERO,
            });
        }
        Some(Place {
            place: u32::try_from(ahead + 1).unwrap_or(u32::MAX),
            estimate: ends.until(ahead + 1),
        })
    }
}

impl Alternative {
    /// The best of `others` that is worth offering to somebody who would wait for `here`: it is sooner by a lot, not by a little,
    /// and among those it is the nearest.
    #[must_use]
    pub fn best(here: Micros, others: impl IntoIterator<Item = Self>) -> Option<Self> {
        others
            .into_iter()
            .filter(|other| other.estimate + SOONER_BY < here && other.estimate < here.scale(1, 2))
            .min_by_key(|other| (other.rtt, other.estimate))
    }
}

impl Entry {
    /// The title, where its id is one.
    #[must_use]
    pub fn title(&self) -> Option<TitleId> {
        self.asked.title.parse().ok()
    }

    fn turn(&self) -> Turn {
        (self.round, self.since_us, self.asked.id.clone())
    }
}

fn set<T: Ord>(index: &mut BTreeMap<String, BTreeSet<T>>, key: &str, value: T) {
    index.entry(key.to_owned()).or_default().insert(value);
}

/// No key is kept that has nothing.
fn unset<T: Ord>(index: &mut BTreeMap<String, BTreeSet<T>>, key: &str, value: &T) {
    if let Some(values) = index.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(key);
        }
    }
}

/// Who stands behind so many waits past [`HORIZON`] anyway.
const QUEUE_MAX: usize = 10_000;
/// One waits and one more in another tab.
const PLAYER_MAX: u32 = 2;
/// A page asks every few seconds, and a hidden one at least every minute (browsers slow its timers to that).
const SILENT_MAX: Micros = Micros::from_secs(90);
/// Some asks of a page.
const GRANTED_FOR: Micros = Micros::from_secs(15);
/// Less is not worth a longer way to every picture.
const SOONER_BY: Micros = Micros::from_secs(10);
const _: () = assert!(HORIZON.as_micros() > SOONER_BY.as_micros());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lengths;
    use proptest::prelude::*;

    fn at(s: u64) -> WallTime {
        WallTime::from_micros(1_000_000_000_000 + s * 1_000_000)
    }

    fn asked(id: &str, player: &str) -> Asked {
        Asked {
            id: id.into(),
            player: player.into(),
            title: "t".into(),
            holds: 0,
            order: String::new(),
        }
    }

    fn ids(queue: &Queue) -> Vec<&str> {
        queue.in_turn().map(|entry| entry.asked.id.as_str()).collect()
    }

    #[test]
    fn first_requests_come_before_second_ones() {
        let mut queue = Queue::default();
        queue.enter(at(0), asked("a1", "a")).unwrap();
        queue.enter(at(1), asked("a2", "a")).unwrap();
        queue.enter(at(2), asked("b1", "b")).unwrap();
        let plays = Asked {
            holds: 1,
            ..asked("c1", "c")
        };
        queue.enter(at(0), plays).unwrap();
        assert_eq!(ids(&queue), ["a1", "b1", "c1", "a2"]);
        assert_eq!(queue.enter(at(3), asked("a3", "a")), Err(Full::Player));
        assert_eq!(queue.enter(at(4), asked("a1", "a")), Ok(()));
        queue.leave("a1");
        assert_eq!(queue.enter(at(5), asked("a3", "a")), Ok(()));
    }

    #[test]
    fn places_and_estimates_fall_as_others_go() {
        let mut queue = Queue::default();
        let ends = Forecast::new(&Lengths::default(), [60, 600].map(Micros::from_secs));
        for n in 0..3 {
            queue
                .enter(at(n), asked(&format!("e{n}"), &format!("p{n}")))
                .unwrap();
        }
        let before = queue.place("e2", &ends).unwrap();
        assert_eq!(before.place, 3);
        queue.leave("e0");
        let after = queue.place("e2", &ends).unwrap();
        assert_eq!(after.place, 2);
        assert!(after.estimate < before.estimate);
        assert!(queue.place("e0", &ends).is_none());
    }

    #[test]
    fn a_place_that_is_not_fetched_goes_to_the_next_and_a_closed_tab_is_dropped() {
        let mut queue = Queue::default();
        queue.enter(at(0), asked("a", "a")).unwrap();
        queue.enter(at(1), asked("b", "b")).unwrap();
        queue.grant(at(2), "a", "h".into());
        assert_eq!(
            queue.place("a", &Forecast::default()).unwrap().estimate,
            Micros::ZERO
        );
        assert_eq!(queue.expire(at(10)), (Vec::new(), Vec::new()));
        assert_eq!(queue.expire(at(18)).1, ["h".into()]);
        queue.grant(at(20), "a", "h".into());
        queue.seen(at(80), "b");
        let (gone, free) = queue.expire(at(95));
        assert_eq!((gone.len(), free), (1, vec!["h".into()]));
        assert_eq!(ids(&queue), ["b"]);
    }

    #[test]
    fn who_waits_is_kept_over_a_restart_and_in_order() {
        let mut queue = Queue::default();
        for n in 0..5 {
            queue
                .enter(at(n), asked(&format!("e{}", 4 - n), &format!("p{n}")))
                .unwrap();
        }
        let text = serde_json::to_string(&queue.state()).unwrap();
        let mut again = Queue::default();
        again.restore(at(1000), serde_json::from_str(&text).unwrap());
        assert_eq!(ids(&again), ids(&queue));
        assert_eq!(again.expire(at(1001)).0, Vec::new());
        assert_eq!(again.expire(at(1100)).0.len(), 5);
    }

    #[test]
    fn another_region_is_offered_only_when_it_is_much_sooner() {
        let other = |name: &str, rtt, estimate| Alternative {
            region: name.into(),
            rtt: Micros::from_millis(rtt),
            estimate: Micros::from_secs(estimate),
        };
        let here = Micros::from_secs(60);
        let offered = Alternative::best(
            here,
            [other("far", 90, 0), other("near", 40, 5), other("same", 10, 55)],
        );
        assert_eq!(offered.unwrap().region.as_ref(), "near");
        assert_eq!(
            Alternative::best(Micros::from_secs(5), [other("far", 90, 0)]),
            None
        );
    }

    proptest! {
        /// Whatever comes and goes: the order is total, the bounds hold, nobody is overtaken by a later request of the same round, and
        /// the next of a title are those who have no place, in their turn.
        #[test]
        fn fair_and_bounded(steps in prop::collection::vec((0u8..6, 0u8..12, 0u8..6), 1..200)) {
            let mut queue = Queue::default();
            for (n, (player, entry, what)) in (0u64..).zip(steps) {
                let id = format!("e{entry}");
                match what {
                    0 | 1 => drop(queue.enter(at(n), Asked {
                        title: format!("t{}", entry % 3),
                        ..asked(&id, &format!("p{player}"))
                    })),
                    2 => drop(queue.leave(&id)),
                    3 => queue.grant(at(n), &id, "h".into()),
                    4 => drop(queue.ungrant(&id)),
                    _ => drop(queue.expire(at(n))),
                }
                let titles = ["t0".to_owned(), "t2".to_owned()];
                let wants = |e: &&Entry| e.granted.is_none() && titles.contains(&e.asked.title);
                let next: Vec<&Entry> = queue.in_turn().filter(wants).take(3).collect();
                prop_assert_eq!(queue.next_of(&titles, 3), next);
                let without: BTreeSet<&str> =
                    queue.in_turn().filter(|e| e.granted.is_none()).map(|e| e.asked.title.as_str()).collect();
                prop_assert!(queue.titles().eq(without));
                let turn: Vec<(u32, u64)> = queue.in_turn().map(|e| (e.round, e.since_us)).collect();
                prop_assert!(turn.is_sorted());
                prop_assert_eq!(turn.len(), queue.len());
                let own = queue.in_turn().filter(|e| e.asked.player == format!("p{player}")).count();
                prop_assert!(own <= PLAYER_MAX as usize);
                prop_assert_eq!(queue.of_player(&format!("p{player}")).count(), own);
            }
        }
    }
}
