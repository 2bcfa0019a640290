//! Reports: what became of a host's sessions.
//!
//! A session that ended has the store work, more than once. So each host has its lane, in which its reports stay in order. What
//! a full lane has no room for is lost: a lease that nobody ends ends by itself.

use crate::inner::Inner;
use crate::lanes::Lanes;
use crate::sessions::Session;
use crate::{Error, accounts, incoming};
use firstlight_fleet::messages::{Channel, Refusal, Report, SessionView};
use firstlight_fleet::{Message, Subject};
use firstlight_units::HostId;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

/// Listens from here on.
pub(crate) async fn listen(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut reports = inner.settings.caller.bus().subscribe(&Subject::reports()).await?;
    let weak = Arc::downgrade(inner);
    let lanes = Lanes::open(LANES, move |message| take(weak.clone(), message));
    tokio::spawn(async move {
        while let Some(message) = reports.next().await {
            let host = message.subject.clone();
            match lanes.send(&host, message) {
                ControlFlow::Continue(true) => {}
                ControlFlow::Continue(false) => incoming::lost(&host),
                ControlFlow::Break(()) => return,
            }
        }
    });
    Ok(())
}

async fn take(inner: Weak<Inner>, message: Message) -> ControlFlow<()> {
    let Some(inner) = inner.upgrade() else {
        return ControlFlow::Break(());
    };
    inner.alive().await;
    read(&inner, &message).await;
    ControlFlow::Continue(())
}

async fn read(inner: &Inner, message: &Message) {
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
