//! What a cell has in memory, all of which it could find again.

use crate::checks::{self, Known};
use crate::cordon::Cordons;
use crate::sessions::Sessions;
use firstlight_checker::Score;
use firstlight_checker::admission::Standing;
use firstlight_checker::challenge::Claim;
use firstlight_checker::host::Record;
use firstlight_fleet::SlotRef;
use firstlight_fleet::messages::{
    Beat, Guard, HostState, RegionSummary, SessionState, Summary, TitleSummary, VERSION,
};
use firstlight_indexer as indexer;
use firstlight_indexer::{Entry, Forecast, Lengths, Paths, Pools, Queue, Registry};
use firstlight_units::{HostId, Micros, Timestamp, TitleId, WallTime};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Notify;

/// All of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) registry: Registry,
    pub(crate) guard: Guard,
    pub(crate) queue: Queue,
    /// Those who ask for their turn right now, by their entries.
    pub(crate) asking: BTreeMap<String, Arc<Notify>>,
    pub(crate) lengths: Lengths,
    /// When places are expected to become free, and when that was reckoned.
    forecast: Option<(Timestamp, Arc<Forecast>)>,
    pub(crate) sessions: Sessions,
    pub(crate) hosts: BTreeMap<HostId, HostNotes>,
    /// Slots that somebody had a lease on when this cell began, of hosts that were not heard yet, and until when that is believed.
    pub(crate) leased: BTreeMap<HostId, BTreeMap<u32, Timestamp>>,
    /// What hosts' sessions say of them, as far as it was read or heard.
    pub(crate) records: BTreeMap<HostId, Record>,
    pub(crate) titles: BTreeSet<TitleId>,
    /// Copies that hosts are asked to keep parked.
    pub(crate) pools: Pools,
    /// Round trips that sessions saw, by the players' networks.
    pub(crate) paths: Paths,
    pub(crate) cordons: Cordons,
    pub(crate) checks: Known,
    /// How long the last placements took, microseconds.
    pub(crate) took: VecDeque<u64>,
}

/// What is known of a host besides what decisions need.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostNotes {
    pub(crate) name: String,
    pub(crate) boot: u64,
    pub(crate) slots: u32,
    pub(crate) held: BTreeSet<u32>,
    /// Slots that somebody has a lease on, whose beats do not tell of it yet, and until when that is believed.
    pub(crate) granted: BTreeMap<u32, Timestamp>,
    /// Slots whose session is over while its lease may not be yet, and until when that is believed: whoever asked the store for one would
    /// ask in vain.
    ending: BTreeMap<u32, Timestamp>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) state: Option<HostState>,
    pub(crate) position: Option<(i32, i32)>,
    pub(crate) renewed_at: Option<Timestamp>,
    /// When the last beat came, and what it claims.
    pub(crate) claim: Option<(Timestamp, Claim)>,
}

/// A host, for operators.
#[derive(Clone, Debug)]
pub struct HostRow {
    /// Its id.
    pub host: String,
    /// For people.
    pub name: String,
    /// Where it is.
    pub region: String,
    /// `open`, `draining`, `cordoned`, `left`, `lost`, or what its checks came to: `unproven` or `refused`.
    pub state: &'static str,
    /// An operator lets nothing new onto it.
    pub cordoned: bool,
    /// It finishes what runs and takes nothing new, by its own word.
    pub draining: bool,
    /// Why it is refused, for its provider.
    pub why: Option<String>,
    /// Sessions that it has room for at most.
    pub slots: u32,
    /// Of those, in use.
    pub used: u32,
    /// How busy its cores are, 0 to 1.
    pub load: f64,
    /// What it adds to every click.
    pub stages_ms: f64,
    /// North and east, thousandths of a degree.
    pub position: Option<(i32, i32)>,
    /// Copies that are booted and frozen, by title.
    pub parked: BTreeMap<String, u32>,
    /// Titles that it has.
    pub titles: u32,
    /// How good its last minutes were, 0 to 100; none: nobody played there yet.
    pub score: Option<f64>,
    /// The part of its minutes that were good, as far as its record proves it, 0 to 100.
    pub standing: f64,
    /// Minutes that its record is made of.
    pub minutes: u64,
}

/// Some of the hosts.
#[derive(Clone, Debug)]
pub struct HostPage {
    /// In the order of their ids.
    pub rows: Vec<HostRow>,
    /// After which the next page begins, where there is one.
    pub next: Option<String>,
}

/// One who waits, for operators.
#[derive(Clone, Debug)]
pub struct WaitingRow {
    /// Pseudonym of the player.
    pub player: String,
    /// What he wants to play.
    pub title: String,
    /// 1 is next.
    pub place: u32,
    /// For how long he has waited.
    pub waited: Micros,
    /// How long it will take.
    pub estimate: Micros,
    /// The host at which a place is held for him.
    pub held_at: Option<String>,
}

/// A region, for everybody.
#[derive(Clone, Debug)]
pub struct RegionRow {
    /// Its name.
    pub region: String,
    /// Hosts that are there.
    pub hosts: u32,
    /// Of those, draining or cordoned.
    pub closed: u32,
    /// Slots of those that take sessions.
    pub slots: u64,
    /// Of those, not taken.
    pub free: u64,
}

/// A title's warm pool in a region, for operators.
#[derive(Clone, Debug)]
pub struct PoolRow {
    /// The title's id.
    pub title: String,
    /// The region's name.
    pub region: String,
    /// Sessions that are expected to begin in a minute.
    pub per_minute: f64,
    /// Parked copies that hosts were asked for beyond what they keep by themselves.
    pub asked: u32,
}

/// The whole cell, for operators.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Regions.
    pub regions: Vec<RegionRow>,
    /// Warm pools that there is demand for.
    pub pools: Vec<PoolRow>,
    /// Sessions that run.
    pub sessions: usize,
    /// Requests that wait.
    pub queue: usize,
    /// The first of them, in turn.
    pub waiting: Vec<WaitingRow>,
    /// Mean length of a session.
    pub session_mean_s: f64,
    /// Median and 99th percentile of the last placements, microseconds.
    pub placed_us: (u64, u64),
    /// Messages that were refused, by word.
    pub refused: BTreeMap<&'static str, u64>,
}

impl State {
    pub(crate) fn new(settings: indexer::Settings) -> Self {
        Self {
            registry: Registry::new(settings),
            guard: Guard::default(),
            queue: Queue::default(),
            asking: BTreeMap::new(),
            lengths: Lengths::default(),
            forecast: None,
            sessions: Sessions::default(),
            hosts: BTreeMap::new(),
            leased: BTreeMap::new(),
            records: BTreeMap::new(),
            titles: BTreeSet::new(),
            pools: Pools::default(),
            paths: Paths::default(),
            cordons: Cordons::default(),
            checks: Known::default(),
            took: VecDeque::new(),
        }
    }

    /// Slots of a host that may be free, at most `most`.
    pub(crate) fn slots(&self, now: Timestamp, host: &HostId, most: usize) -> Vec<SlotRef> {
        let Some(notes) = self.hosts.get(host) else {
            return Vec::new();
        };
        let free = |slot: &u32| {
            let marks = [notes.granted.get(slot), notes.ending.get(slot)];
            let taken = marks.into_iter().flatten().any(|until| *until > now);
            !notes.held.contains(slot) && !taken
        };
        (0..notes.slots)
            .filter(free)
            .take(most)
            .map(|slot| SlotRef {
                host: host.clone(),
                slot,
            })
            .collect()
    }

    /// A lease on a slot was granted here: within `span` its host tells of it, or it came to nothing.
    pub(crate) fn granted(&mut self, now: Timestamp, slot: &SlotRef, span: Micros) {
        if let Some(notes) = self.hosts.get_mut(&slot.host) {
            notes.granted.insert(slot.slot, now + span);
        }
    }

    /// The lease came to nothing: the slot may be free.
    pub(crate) fn given_back(&mut self, slot: &SlotRef) {
        if let Some(notes) = self.hosts.get_mut(&slot.host) {
            notes.granted.remove(&slot.slot);
        }
    }

    /// A host has taken a session. Where a beat has told of it already, the slot is not counted twice.
    pub(crate) fn took(&mut self, slot: &SlotRef) {
        let told = self
            .hosts
            .get(&slot.host)
            .is_some_and(|notes| notes.held.contains(&slot.slot));
        self.registry.settle(slot.host.as_str(), !told);
    }

    /// Nobody has a lease on it any more. Said twice, it counts once.
    pub(crate) fn vacated(&mut self, slot: &SlotRef) {
        let Some(notes) = self.hosts.get_mut(&slot.host) else {
            return;
        };
        let marks = [
            notes.granted.remove(&slot.slot).is_some(),
            notes.held.remove(&slot.slot),
            notes.ending.remove(&slot.slot).is_some(),
        ];
        if marks.contains(&true) {
            self.registry.vacated(slot.host.as_str());
        }
    }

    /// What `ending` of a host's notes is by this beat.
    pub(crate) fn ending(&self, now: Timestamp, host: &HostId, beat: &Beat) -> BTreeMap<u32, Timestamp> {
        match (self.hosts.get(host), self.leased.get(host)) {
            (Some(notes), _) => notes.ending(now, beat),
            (None, Some(leased)) => ending(leased.iter().map(|(slot, until)| (*slot, *until)), now, beat),
            (None, None) => BTreeMap::new(),
        }
    }

    /// Whether any host was heard within the last `span`.
    pub(crate) fn hears(&self, now: Timestamp, span: Micros) -> bool {
        let heard = |notes: &HostNotes| notes.claim.as_ref().is_some_and(|(at, _)| now.since(*at) <= span);
        self.hosts.values().any(heard)
    }

    /// Whether the last that a host said is that it goes.
    pub(crate) fn has_left(&self, host: &HostId) -> bool {
        let notes = self.hosts.get(host);
        notes.is_some_and(|notes| notes.state == Some(HostState::Leaving) && notes.held.is_empty())
    }

    /// Up to `limit` hosts, from the one after `after`. Only those are looked at closely: of a large fleet the ids are a lot already.
    pub(crate) fn host_rows(
        &self,
        after: Option<&str>,
        limit: usize,
        judged: impl Fn(&HostId) -> bool,
    ) -> HostPage {
        let later = self
            .registry
            .ids()
            .filter(|id| after.is_none_or(|after| &***id > after));
        let mut ids: Vec<&Arc<str>> = later.collect();
        ids.sort_unstable();
        let more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().filter(|_| more).map(ToString::to_string);
        let views = ids.into_iter().filter_map(|id| self.registry.host(id));
        HostPage {
            rows: views.map(|view| self.row(view, &judged)).collect(),
            next,
        }
    }

    fn row(&self, view: indexer::HostView, judged: &impl Fn(&HostId) -> bool) -> HostRow {
        let id: Option<HostId> = view.host.parse().ok();
        let left = id.as_ref().is_some_and(|id| self.has_left(id));
        let notes = id
            .as_ref()
            .and_then(|id| self.hosts.get(id))
            .cloned()
            .unwrap_or_default();
        let record = id
            .as_ref()
            .and_then(|id| self.records.get(id))
            .copied()
            .unwrap_or_default();
        let judged = id.filter(judged);
        let cores = notes.claim.map_or(0, |(_, claim)| claim.cores);
        let standing = judged.as_ref().map(|id| self.checks.standing(id, cores));
        let state = match (view.lost, view.cordoned, standing, view.state) {
            (true, ..) if left => "left",
            (true, ..) => "lost",
            (false, true, ..) => "cordoned",
            (false, false, Some(standing @ (Standing::Unproven | Standing::Refused)), _) => standing.word(),
            (false, false, _, indexer::State::Draining) => "draining",
            (false, false, _, indexer::State::Open) => "open",
        };
        let why = judged.and_then(|id| self.checks.why(&id).map(str::to_owned));
        let parked = view.titles.iter().filter(|(_, parked)| *parked > 0);
        HostRow {
            host: view.host.to_string(),
            name: notes.name,
            region: view.region.to_string(),
            state,
            cordoned: view.cordoned,
            draining: view.state == indexer::State::Draining,
            why,
            slots: view.slots.into(),
            used: u32::from(view.slots).saturating_sub(view.free.into()),
            load: f64::from(view.load) / 1e3,
            stages_ms: view.stages.as_millis_f64(),
            position: notes.position,
            parked: parked
                .map(|(title, n)| (title.to_string(), u32::from(*n)))
                .collect(),
            titles: u32::try_from(view.titles.len()).unwrap_or(u32::MAX),
            score: record.routing().map(Score::percent),
            standing: record.standing().percent(),
            minutes: record.minutes().1,
        }
    }

    pub(crate) fn region_rows(&self) -> Vec<RegionRow> {
        let row = |region: indexer::RegionView| RegionRow {
            region: region.region.to_string(),
            hosts: region.hosts,
            closed: region.closed,
            slots: region.slots,
            free: region.free,
        };
        self.registry
            .regions()
            .filter(|region| region.hosts > 0)
            .map(row)
            .collect()
    }

    /// What other cells are told: roughly how many slots are free where, and what can be played.
    pub(crate) fn summary(&self) -> Summary {
        let region = |row: RegionRow| {
            Some(RegionSummary {
                region: row.region.parse().ok()?,
                free: row.free.checked_ilog2().map_or(0, |log| 1 << log),
            })
        };
        let titles = self.titles.iter().filter(|title| self.registry.could_ever(title));
        Summary {
            v: VERSION,
            open: true,
            regions: self.region_rows().into_iter().filter_map(region).collect(),
            titles: titles.map(|id| TitleSummary { id: id.clone() }).collect(),
        }
    }

    fn pool_rows(&mut self, now: Timestamp) -> Vec<PoolRow> {
        let row = |pool: indexer::Pool| PoolRow {
            title: pool.title.to_string(),
            region: pool.region.to_string(),
            per_minute: pool.per_minute,
            asked: pool.asked,
        };
        let pools = self.pools.pools(&self.registry, now);
        pools.into_iter().map(row).collect()
    }

    pub(crate) fn overview(&mut self, now: Timestamp, wall: WallTime) -> Overview {
        let mut took: Vec<u64> = self.took.iter().copied().collect();
        took.sort_unstable();
        let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)));
        Overview {
            regions: self.region_rows(),
            pools: self.pool_rows(now),
            sessions: self.sessions.live(),
            queue: self.queue.len(),
            waiting: self.waiting_rows(now, wall),
            session_mean_s: self.lengths.mean().as_secs_f64(),
            placed_us: (at(50).copied().unwrap_or(0), at(99).copied().unwrap_or(0)),
            refused: self.guard.refusals().clone(),
        }
    }

    /// When places are expected to become free. Everybody who waits asks, and it is of all sessions: it may be [`FORECAST_FOR`] old.
    pub(crate) fn forecast(&mut self, now: Timestamp) -> Arc<Forecast> {
        if let Some((at, forecast)) = &self.forecast
            && now.since(*at) < FORECAST_FOR
        {
            return Arc::clone(forecast);
        }
        let forecast = Arc::new(Forecast::new(&self.lengths, self.sessions.ages(now)));
        self.forecast = Some((now, Arc::clone(&forecast)));
        forecast
    }

    fn waiting_rows(&mut self, now: Timestamp, wall: WallTime) -> Vec<WaitingRow> {
        let ends = self.forecast(now);
        let row = |entry: &Entry| {
            let place = self.queue.place(&entry.asked.id, &ends)?;
            Some(WaitingRow {
                player: entry.asked.player.clone(),
                title: entry.asked.title.clone(),
                place: place.place,
                waited: Micros::new(wall.as_micros().saturating_sub(entry.since_us)),
                estimate: place.estimate,
                held_at: entry.granted.as_ref().map(|(host, _)| host.to_string()),
            })
        };
        self.queue.in_turn().take(WAITING_SHOWN).filter_map(row).collect()
    }

    pub(crate) fn record_took(&mut self, took: Micros) {
        if self.took.len() >= TOOK_KEPT {
            self.took.pop_front();
        }
        self.took.push_back(took.as_micros());
    }
}

/// As decisions need it. `boot` and `seq` are those of its seal; `admitted`: players are sent to it; `ending`: as [`State::ending`] says.
pub(crate) fn heard(
    host: &HostId,
    (boot, seq): (u64, u64),
    beat: &Beat,
    admitted: bool,
    ending: &BTreeMap<u32, Timestamp>,
) -> indexer::Beat {
    let narrow = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    // A host counts slots up to its last free one: those that it holds above are as much its own.
    let numbered = usize::try_from(beat.slots).unwrap_or(usize::MAX);
    let below = beat.held.iter().filter(|held| held.slot < beat.slots).count();
    let unheld = narrow(numbered.saturating_sub(below));
    let slots = unheld.saturating_add(narrow(beat.held.len()));
    let free = unheld.saturating_sub(narrow(ending.range(..beat.slots).count()));
    let open = admitted && beat.state == HostState::Open;
    let charged = u64::from(beat.spec.millicores_charged);
    let load = charged / u64::from(beat.spec.cores.max(1));
    indexer::Beat {
        host: host.as_str().into(),
        boot,
        seq,
        region: beat.region.as_str().into(),
        state: if open {
            indexer::State::Open
        } else {
            indexer::State::Draining
        },
        slots,
        free: if open { free } else { 0 },
        spec: indexer::Spec {
            kilopixels_per_s: beat.spec.cores.saturating_mul(KILOPIXELS_PER_CORE),
            memory_mib: u32::try_from(beat.spec.memory_available_bytes >> 20).unwrap_or(u32::MAX),
        },
        stages: Micros::new(u64::from(beat.spec.stages_us).min(STAGES_MAX_US)),
        load: u16::try_from(load.min(1000)).unwrap_or(1000),
        price: u32::try_from(beat.price_micros / 10).unwrap_or(u32::MAX),
        titles: beat
            .titles
            .iter()
            .map(|title| indexer::BeatTitle {
                title: title.id.clone(),
                parked: u8::try_from(title.parked).unwrap_or(u8::MAX),
            })
            .collect(),
    }
}

impl HostNotes {
    /// What `ending` is by this beat.
    fn ending(&self, now: Timestamp, beat: &Beat) -> BTreeMap<u32, Timestamp> {
        let over = self.held.iter().map(|slot| (*slot, now + ENDING_KEPT));
        let before = self.ending.iter().map(|(slot, until)| (*slot, *until));
        ending(over.chain(before), now, beat)
    }

    /// Takes a beat in.
    pub(crate) fn hear(&mut self, now: Timestamp, boot: u64, beat: &Beat, ending: BTreeMap<u32, Timestamp>) {
        self.ending = ending;
        self.name.clone_from(&beat.name);
        self.boot = boot;
        self.slots = beat.slots;
        self.held = beat.held.iter().map(|held| held.slot).collect();
        self.granted
            .retain(|slot, until| !self.held.contains(slot) && *until > now);
        self.claim = Some((now, checks::claim_of(beat)));
        self.addresses.clone_from(&beat.addresses);
        self.state = Some(beat.state);
        self.position = beat.position.map(|at| (at.lat_milli, at.lon_milli));
    }
}

/// Those of the slots that are believed to be taken and that a host does not hold.
fn ending(
    slots: impl Iterator<Item = (u32, Timestamp)>,
    now: Timestamp,
    beat: &Beat,
) -> BTreeMap<u32, Timestamp> {
    let held: BTreeSet<u32> = beat.held.iter().map(|held| held.slot).collect();
    slots
        .filter(|(slot, until)| *until > now && !held.contains(slot))
        .collect()
}

/// Whether a session's player can be let in again.
pub(crate) const fn is_live(state: &SessionState) -> bool {
    !state.is_over()
}

/// Drawing, converting and encoding 720p at 60 takes half a core (see the host's admission).
const KILOPIXELS_PER_CORE: u32 = 110_592;
/// A report's release takes less, or the store is away; and what is reported to nobody ends with its lease.
const ENDING_KEPT: Micros = Micros::from_secs(5);
const STAGES_MAX_US: u64 = 1_000_000;
const TOOK_KEPT: usize = 1024;
/// Estimates are of seconds to hours.
const FORECAST_FOR: Micros = Micros::from_millis(250);
/// As many as anybody reads.
const WAITING_SHOWN: usize = 50;

/// Region of a candidate, by name.
pub(crate) fn region_name(registry: &Registry, region: indexer::RegionId) -> Arc<str> {
    registry.region_name(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_fleet::messages::Held;

    /// Of a host of so many slots that holds these.
    fn holding(slots: u32, held: &[u32]) -> Beat {
        let hold = |slot: &u32| Held {
            slot: *slot,
            fence: 1,
            session: "s".parse().unwrap(),
            rtt_us: 0,
            starting: false,
        };
        Beat {
            slots,
            held: held.iter().map(hold).collect(),
            ..Beat::new("here".parse().unwrap())
        }
    }

    fn told(slots: u32, held: &[u32], state: HostState) -> (u16, u16) {
        let beat = Beat {
            state,
            ..holding(slots, held)
        };
        let heard = heard(&"h".parse().unwrap(), (1, 1), &beat, true, &BTreeMap::new());
        (heard.slots, heard.free)
    }

    #[test]
    fn a_slot_is_free_when_its_lease_is_and_not_when_its_session_is() {
        let host: HostId = "h".parse().unwrap();
        let mut state = State::new(indexer::Settings::default());
        let mut at = Timestamp::from_micros(1_000_000);
        let mut beat = |state: &mut State, held: &[u32]| {
            at += Micros::from_secs(1);
            let beat = holding(2, held);
            let ending = state.ending(at, &host, &beat);
            let notes = state.hosts.entry(host.clone()).or_default();
            let free = heard(&host, (1, 1), &beat, true, &ending).free;
            notes.hear(at, 1, &beat, ending);
            let slots = state.slots(at, &host, 9);
            (free, slots.iter().map(|slot| slot.slot).collect::<Vec<_>>())
        };
        assert_eq!(beat(&mut state, &[0]), (1, vec![1]));
        assert_eq!(beat(&mut state, &[]), (1, vec![1]));
        state.vacated(&SlotRef {
            host: host.clone(),
            slot: 0,
        });
        assert_eq!(beat(&mut state, &[]), (2, vec![0, 1]));
        // Of what is reported to nobody it is believed for a while.
        beat(&mut state, &[0]);
        for _ in 0..5 {
            assert_eq!(beat(&mut state, &[]), (1, vec![1]));
        }
        assert_eq!(beat(&mut state, &[]), (2, vec![0, 1]));
        // What somebody had when the cell began, and one that is still held.
        state.hosts.clear();
        let leased = [0, 1].map(|slot| (slot, Timestamp::from_micros(60_000_000)));
        state.leased.insert(host.clone(), leased.into());
        assert_eq!(beat(&mut state, &[1]), (0, vec![]));
    }

    #[test]
    fn a_hosts_slots_are_those_that_are_free_and_those_that_it_holds() {
        assert_eq!(told(3, &[], HostState::Open), (3, 3));
        assert_eq!(told(3, &[1], HostState::Open), (3, 2));
        // Full: no slot is numbered for want of a free one.
        assert_eq!(told(0, &[0, 1], HostState::Open), (2, 0));
        // The first has ended, and the second goes on.
        assert_eq!(told(1, &[1], HostState::Open), (2, 1));
        assert_eq!(told(3, &[1], HostState::Draining), (3, 0));
    }
}
