//! Hosts that operators let nothing new onto: written down, so that it outlives a gateway and holds at all of them.
//!
//! Whoever cordons writes first and knows second. The other cells of the store read the list once a second: what is longer than a
//! second ago holds everywhere.

use crate::Error;
use crate::inner::{Inner, wall_now};
use crate::state::State;
use firstlight_fleet::{Expect, Records};
use firstlight_units::HostId;
use serde::Serialize;
use std::collections::BTreeSet;

/// What is cordoned, as far as this cell knows.
#[derive(Debug, Default)]
pub(crate) struct Cordons {
    hosts: BTreeSet<HostId>,
    /// Rises with each change that was made here: a list that was read across one is not believed.
    changes: u64,
}

/// What is written down of one.
#[derive(Debug, Serialize)]
struct Written {
    /// Microseconds since 1970.
    at_us: u64,
}

impl Cordons {
    pub(crate) fn has(&self, host: &HostId) -> bool {
        self.hosts.contains(host)
    }
}

/// Writes it down, then holds to it.
pub(crate) async fn set(inner: &Inner, host: &HostId, on: bool) -> Result<(), Error> {
    if !inner.state().registry.knows(host.as_str()) {
        return Err(Error::UnknownHost);
    }
    let store = &inner.settings.store;
    if on {
        let at_us = wall_now().as_micros();
        let body = serde_json::to_string(&Written { at_us }).unwrap_or_default();
        store.put(BUCKET, host.as_str(), Expect::Any, body).await?;
    } else {
        store.remove(BUCKET, host.as_str(), Expect::Any).await?;
    }
    let mut state = inner.state();
    state.cordons.changes += 1;
    state.hold(host, on);
    Ok(())
}

/// Takes up what others have written down.
pub(crate) async fn read(inner: &Inner) -> Result<(), Error> {
    let changes = inner.state().cordons.changes;
    let written = list(inner.settings.store.as_ref()).await?;
    let mut state = inner.state();
    if state.cordons.changes != changes {
        return Ok(());
    }
    let lifted: Vec<HostId> = state.cordons.hosts.difference(&written).cloned().collect();
    let laid: Vec<HostId> = written.difference(&state.cordons.hosts).cloned().collect();
    for host in &lifted {
        state.hold(host, false);
    }
    for host in &laid {
        state.hold(host, true);
    }
    Ok(())
}

async fn list(records: &(impl Records + ?Sized)) -> Result<BTreeSet<HostId>, Error> {
    let mut hosts = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = records.list(BUCKET, after.as_deref(), PAGE).await?;
        hosts.extend(page.iter().filter_map(|record| record.key.parse::<HostId>().ok()));
        after = page.last().map(|record| record.key.clone());
        if page.len() < PAGE || after.is_none() {
            return Ok(hosts);
        }
    }
}

impl State {
    /// The operator's word on a host, also for one that is not known yet or no longer.
    fn hold(&mut self, host: &HostId, on: bool) {
        if on {
            self.cordons.hosts.insert(host.clone());
        } else {
            self.cordons.hosts.remove(host);
        }
        self.registry.cordon(host.as_str(), on);
    }
}

const BUCKET: &str = "cordons";
const PAGE: usize = 256;
