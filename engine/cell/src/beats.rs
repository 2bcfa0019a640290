//! What hosts say: beats and reports.

use crate::inner::{Inner, wall_now};
use crate::sessions::Session;
use crate::state::heard;
use crate::{Error, accounts, waiting};
use firstlight_checker::admission::Standing;
use firstlight_fleet::messages::{Ask, Beat, Channel, Opened, Refusal, Reply, Report, SessionView};
use firstlight_fleet::{Cause, LeaseState, Message, Renewal, Subject};
use firstlight_link::End;
use firstlight_units::{HostId, Micros, SessionId};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Admits everybody who has joined.
pub(crate) async fn admit_all(inner: &Inner) -> Result<(), Error> {
    let mut after: Option<HostId> = None;
    loop {
        let page = inner.roster.members(after.as_ref(), PAGE).await?;
        for member in &page {
            if member.expelled {
                let mut state = inner.state();
                state.guard.expel(&member.host);
                state.registry.dismiss(member.host.as_str());
            } else {
                inner.admit(&member.host);
            }
        }
        let last = page.last().map(|member| member.host.clone());
        if page.len() < PAGE || last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

/// Listens from here on.
pub(crate) async fn listen(inner: &Arc<Inner>) -> Result<(), Error> {
    let bus = inner.settings.caller.bus();
    let mut beats = bus.subscribe(&Subject::beats()).await?;
    let mut reports = bus.subscribe(&Subject::reports()).await?;
    let weak = Arc::downgrade(inner);
    tokio::spawn(async move {
        loop {
            let (message, channel) = tokio::select! {
                biased;
                message = reports.next() => (message, Channel::Report),
                message = beats.next() => (message, Channel::Beat),
            };
            let (Some(message), Some(inner)) = (message, weak.upgrade()) else {
                return;
            };
            inner.alive().await;
            take(&inner, &message, channel).await;
        }
    });
    Ok(())
}

async fn take(inner: &Arc<Inner>, message: &Message, channel: Channel) {
    let expected = message
        .subject
        .rsplit('.')
        .next()
        .and_then(|id| id.parse::<HostId>().ok());
    let opened = match open(inner, message, channel, expected.as_ref()) {
        // It may have joined through another cell.
        Err(Refusal::Unknown(host)) if is_member(inner, &host).await => {
            inner.admit(&host);
            open(inner, message, channel, expected.as_ref())
        }
        opened => opened,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(refusal) => return refuse(&refusal),
    };
    let done = if matches!(channel, Channel::Beat) {
        match Beat::read(&opened.body) {
            Ok(beat) => {
                on_beat(inner, &opened.from, (opened.boot, opened.sequence), &beat);
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    } else {
        match Report::read(&opened.body) {
            Ok(report) => {
                let id = report.session.session.clone();
                on_report(inner, &opened.from, report.session).await;
                if let Some(quality) = report.quality {
                    accounts::keep(inner, &opened.from, &id, &quality).await;
                }
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    };
    if let Err(refusal) = done {
        inner.state().guard.count(&refusal);
        refuse(&refusal);
    }
}

/// Nobody who places a player waits while a signature is checked.
fn open(
    inner: &Inner,
    message: &Message,
    channel: Channel,
    expected: Option<&HostId>,
) -> Result<Opened, Refusal> {
    let now = wall_now();
    let looked = inner.state().guard.look(channel, expected, &message.body, now)?;
    let proven = looked.prove();
    inner.state().guard.take(proven, now)
}

fn refuse(refusal: &Refusal) {
    tracing::debug!(%refusal, "a message is not taken");
    firstlight_telemetry::message_refused(refusal.word());
}

async fn is_member(inner: &Inner, host: &HostId) -> bool {
    let member = inner.roster.member(host).await;
    matches!(member, Ok(Some(member)) if !member.expelled)
}

async fn on_report(inner: &Inner, host: &HostId, view: SessionView) {
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

fn on_beat(inner: &Arc<Inner>, host: &HostId, (boot, seq): (u64, u64), beat: &Beat) {
    let now = inner.now();
    let judged = inner.judged()(host);
    let (anew, renew) = {
        let mut state = inner.state();
        let admitted = !judged || state.checks.standing(host, beat.spec.cores) == Standing::Admitted;
        if state
            .registry
            .handle_beat(now, &heard(host, (boot, seq), beat, admitted))
            .is_err()
        {
            return;
        }
        let lease = inner.settings.lease;
        let notes = state.hosts.entry(host.clone()).or_default();
        let anew = notes.boot != boot;
        notes.hear(now, boot, beat);
        // A third of its time, so that two may fail.
        let every = lease.scale(1, 3);
        let due = notes.renewed_at.is_none_or(|at| now.since(at) >= every);
        // What fails while it boots was nobody's session, and a renewal would confirm it: until it is ready its claim's own time counts.
        let renew = due && beat.held.iter().any(|held| !held.starting);
        if renew {
            notes.renewed_at = Some(now);
        }
        state.learn(host, beat);
        (anew, renew)
    };
    let weak = Arc::downgrade(inner);
    if anew {
        let (weak, host) = (weak.clone(), host.clone());
        tokio::spawn(async move {
            if let Some(inner) = weak.upgrade() {
                ask_sessions(&inner, &host).await;
            }
        });
    }
    if renew {
        let ready = beat.held.iter().filter(|held| !held.starting);
        let held = ready.cloned().map(Renewal::from).collect();
        tokio::spawn(renew_held(weak, host.clone(), held));
    }
    waiting::dispatch(inner);
}

/// A host that was not known, or started anew: what does it have? What the store has confirmed there and it knows nothing of is
/// over: it was lost with the host's last life.
pub(crate) async fn ask_sessions(inner: &Inner, host: &HostId) {
    accounts::recall(inner, host).await;
    // Before the ask: what is confirmed by now is on the host, or nowhere.
    let leased = inner.settings.store.live(host).await.unwrap_or_default();
    let sessions = match inner.ask(host, Ask::Sessions, SESSIONS_WITHIN).await {
        Ok(Reply::Sessions { sessions }) => sessions,
        Ok(_) => return,
        Err(error) => {
            tracing::debug!(%host, %error, "does not say what it has");
            return;
        }
    };
    // A list as long as a message holds may not be all of it.
    let whole = sessions.len() < SESSIONS_LISTED_MAX;
    let known: BTreeSet<SessionId> = sessions.iter().map(|view| view.session.clone()).collect();
    for view in sessions {
        on_report(inner, host, view).await;
    }
    let gone = leased
        .into_iter()
        .filter(|lease| whole && lease.state == LeaseState::Confirmed && !known.contains(&lease.session));
    for lease in gone {
        tracing::info!(%host, session = %lease.session, "was lost when its host stopped");
        let ended = inner
            .settings
            .store
            .release(&lease.session, lease.fence, Cause::Expired)
            .await;
        if let Err(error) = ended {
            tracing::warn!(%error, "a lease is left to its end");
        }
        let now = inner.now();
        let mut state = inner.state();
        state.sessions.lose_one(now, &lease.session);
        state.vacated(&lease.slot);
    }
}

/// The host says that it holds these. Those that the store knows to be over it is to end.
async fn renew_held(inner: Weak<Inner>, host: HostId, held: Vec<Renewal>) {
    let Some(inner) = inner.upgrade() else { return };
    inner.alive().await;
    let ttl: Micros = inner.settings.lease;
    let renewed = match inner.settings.store.renew(&host, held, ttl).await {
        Ok(renewed) => renewed,
        Err(error) => {
            tracing::warn!(%host, %error, "leases were not renewed");
            // Soon again: there is time until they end.
            if let Some(notes) = inner.state().hosts.get_mut(&host) {
                notes.renewed_at = None;
            }
            return;
        }
    };
    for session in renewed.over {
        tracing::warn!(%host, %session, "holds a session whose lease is over");
        let ask = Ask::End {
            session,
            reason: End::EngineFault,
        };
        if let Err(error) = inner.ask(&host, ask, SESSIONS_WITHIN).await {
            tracing::debug!(%host, %error, "did not end it");
        }
    }
}

const PAGE: usize = 256;
/// As many as a host lists.
const SESSIONS_LISTED_MAX: usize = 500;
const SESSIONS_WITHIN: Duration = Duration::from_secs(5);
