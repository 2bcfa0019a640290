//! Reports: what became of a host's sessions.
//!
//! A session that ended has the store work, more than once. So hosts don't wait for each other, but each for itself: its reports stay in order.

use crate::inner::Inner;
use crate::sessions::Session;
use crate::{Error, accounts, incoming};
use firstlight_fleet::messages::{Channel, Refusal, Report, SessionView};
use firstlight_fleet::{Message, Subject};
use firstlight_units::HostId;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// Listens from here on.
pub(crate) async fn listen(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut reports = inner.settings.caller.bus().subscribe(&Subject::reports()).await?;
    let lanes: Vec<_> = (0..LANES).map(|_| lane(Arc::downgrade(inner))).collect();
    tokio::spawn(async move {
        while let Some(message) = reports.next().await {
            let Some(lane) = lanes.get(lane_of(&message.subject)) else {
                return;
            };
            if lane.send(message).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn lane(inner: Weak<Inner>) -> mpsc::Sender<Message> {
    let (lane, mut messages) = mpsc::channel(LANE_MAX);
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            let Some(inner) = inner.upgrade() else { return };
            inner.alive().await;
            take(&inner, &message).await;
        }
    });
    lane
}

fn lane_of(subject: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or(0)
}

async fn take(inner: &Inner, message: &Message) {
    let opened = match incoming::open(inner, message, Channel::Report) {
        Err(Refusal::Unknown(host)) if incoming::is_member(inner, &host).await => {
            inner.admit(&host);
            incoming::open(inner, message, Channel::Report)
        }
        opened => opened,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(refusal) => return incoming::refused(&refusal),
    };
    let report = match Report::read(&opened.body) {
        Ok(report) => report,
        Err(refusal) => return incoming::refuse(inner, &refusal),
    };
    let id = report.session.session.clone();
    on_report(inner, &opened.from, report.session).await;
    if let Some(quality) = report.quality {
        accounts::keep(inner, &opened.from, &id, &quality).await;
    }
}

pub(crate) async fn on_report(inner: &Inner, host: &HostId, view: SessionView) {
    let addresses = inner.addresses(host);
    inner
        .hear(Session {
            view,
            host: host.clone(),
            addresses,
            lost: false,
        })
        .await;
}

/// As many as the connections that a store is held with: a slot that is not given back is missing to whoever clicks next.
const LANES: usize = 16;
/// Further ones wait on the bus, and are lost where its own room is used up: a lease that nobody ends ends by itself.
const LANE_MAX: usize = 256;
