//! Warm pools: what this cell's sessions teach, and what hosts are asked because of it.
//!
//! Every cell hears of every session that begins, whichever placed it, so that cells forecast alike. How far players are, each learns from
//! the sessions that it placed: only it knows whose network they are in.

use crate::inner::Inner;
use crate::state::State;
use firstlight_fleet::messages::{Ask, Beat};
use firstlight_indexer::Park;
use firstlight_units::{HostId, Micros, Timestamp, TitleId};
use std::sync::Arc;
use std::time::Duration;

impl State {
    /// A session began.
    pub(crate) fn began(&mut self, now: Timestamp, title: &TitleId, host: &HostId) {
        self.pools.record(&self.registry, now, title, host.as_str());
    }

    /// How long copies boot, and how far players are, as a host says.
    pub(crate) fn learn(&mut self, host: &HostId, beat: &Beat) {
        for title in beat.titles.iter().filter(|title| title.boot_ms > 0) {
            let boot = Micros::from_millis(title.boot_ms.into());
            self.pools.boots(&self.registry, &title.id, boot);
        }
        let Some(region) = self.registry.region_of_host(host.as_str()) else {
            return;
        };
        for held in beat.held.iter().filter(|held| held.rtt_us > 0) {
            let rtt = Micros::new(held.rtt_us.into());
            // A host speaks for its own sessions only.
            let own = self
                .sessions
                .get(&held.session)
                .is_some_and(|session| session.host == *host);
            let seen = own.then(|| self.sessions.measured(&held.session, rtt)).flatten();
            if let Some((network, rtt)) = seen {
                self.paths.record(network, region, rtt);
            }
        }
    }
}

/// Asks hosts to keep what is wanted of them, in the background: one that does not hear it is asked again before it matters.
pub(crate) fn ask(inner: &Arc<Inner>) {
    let now = inner.now();
    let parks = {
        let state = &mut *inner.state();
        let parks = state.pools.plan(&state.registry, now);
        firstlight_telemetry::copies_asked(state.pools.asked());
        parks
    };
    for park in parks {
        let inner = Arc::clone(inner);
        tokio::spawn(async move { ask_one(&inner, park).await });
    }
}

async fn ask_one(inner: &Inner, park: Park) {
    let Ok(host) = park.host.parse::<HostId>() else {
        return;
    };
    tracing::info!(%host, title = %park.title, copies = park.copies, "is asked to keep copies parked");
    let lapse_s = u32::try_from(park.lapse.as_micros() / 1_000_000).unwrap_or(u32::MAX);
    let ask = Ask::Park {
        title: park.title,
        copies: park.copies.into(),
        lapse_s: Some(lapse_s),
    };
    if let Err(error) = inner.ask(&host, ask, ASK_WITHIN).await {
        tracing::debug!(%host, %error, "did not hear how many copies to park");
    }
}

/// It only has to be heard.
const ASK_WITHIN: Duration = Duration::from_secs(5);
