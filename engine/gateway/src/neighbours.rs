//! Other cells of the fleet, for players whom this one cannot have: each is asked every second how it is.
//!
//! ```text
//! GET /v1/summary of each ──1 s──> open? free slots by region, titles
//! a start that comes to nothing here ──> 503 with `elsewhere`: the nearest of them that has room
//! ```
//!
//! A cell is believed for as long as it answers; of one that is silent nobody is sent anywhere. Nothing else is exchanged: a session, its
//! lease and its player's key are of one cell.

use firstlight_fleet::messages::{RegionSummary, Summary};
use firstlight_indexer::{Other, elsewhere};
use firstlight_units::{Micros, TitleId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// The other cells' gateways, in the operator's order.
#[derive(Debug)]
pub struct Neighbours {
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    /// Scheme, name and port, without a slash after them.
    origin: String,
    said: Mutex<Option<Other>>,
}

impl Neighbours {
    /// Asks the gateways at `origins` (scheme, name and port) with `agent` from here on. Within a tokio runtime.
    #[must_use]
    pub fn open(agent: &ureq::Agent, origins: Vec<String>) -> Arc<Self> {
        let cell = |origin| Cell {
            origin,
            said: Mutex::default(),
        };
        let neighbours = Arc::new(Self {
            cells: origins.into_iter().map(cell).collect(),
        });
        for at in 0..neighbours.cells.len() {
            tokio::spawn(keep_asking(Arc::downgrade(&neighbours), at, agent.clone()));
        }
        neighbours
    }

    /// Where a player goes who measured `rtts_us` and wants to play `title`.
    pub(crate) fn choose(&self, title: &TitleId, rtts_us: &[(String, u64)]) -> Option<String> {
        let rtts: BTreeMap<&str, Micros> = rtts_us
            .iter()
            .map(|(region, us)| (region.as_str(), Micros::new(*us)))
            .collect();
        let said: Vec<Option<Other>> = self.cells.iter().map(Cell::said).collect();
        let chosen = elsewhere(said.iter().map(Option::as_ref), title, &rtts, RTT_UNKNOWN)?;
        self.cells.get(chosen).map(|cell| cell.origin.clone())
    }

    /// Where the other cells are.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.cells.iter().map(|cell| cell.origin.clone()).collect()
    }
}

impl Cell {
    fn said(&self) -> Option<Other> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep_asking(neighbours: Weak<Neighbours>, at: usize, agent: ureq::Agent) {
    loop {
        let Some(neighbours) = neighbours.upgrade() else {
            return;
        };
        let Some(cell) = neighbours.cells.get(at) else {
            return;
        };
        let (agent, url) = (agent.clone(), format!("{}/v1/summary", cell.origin));
        let said = tokio::task::spawn_blocking(move || ask(&agent, &url)).await;
        let said = said.ok().flatten();
        let before = std::mem::replace(
            &mut *cell.said.lock().unwrap_or_else(PoisonError::into_inner),
            said.clone(),
        );
        if before.is_some() != said.is_some() {
            tracing::info!(cell = cell.origin, answers = said.is_some(), "another cell");
        }
        drop(neighbours);
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// None: it did not answer, or nothing that makes sense.
fn ask(agent: &ureq::Agent, url: &str) -> Option<Other> {
    let mut answer = agent.get(url).call().ok()?;
    let body = answer
        .body_mut()
        .with_config()
        .limit(SUMMARY_BYTES_MAX)
        .read_to_vec();
    let summary = Summary::read(&body.ok()?).ok()?;
    let region = |of: RegionSummary| (of.region.to_string(), of.free);
    Some(Other {
        open: summary.open,
        free: summary.regions.into_iter().map(region).collect(),
        titles: summary.titles.into_iter().map(|title| title.id).collect(),
    })
}

/// What a cell said is at most this old, and the time that it takes to answer.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Some thousand titles.
const SUMMARY_BYTES_MAX: u64 = 512 * 1024;
/// Of a region that a page did not measure.
const RTT_UNKNOWN: Micros = Micros::from_millis(200);
/// Without its store or its bus for so long, this cell sends players on: a connection that is made anew takes less, and a player notices more.
pub(crate) const AWAY_FOR: Duration = Duration::from_millis(400);
