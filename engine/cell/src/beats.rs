//! Beats: that a host is there, and what it has.

use crate::inner::{Inner, Waiting, wall_now};
use crate::state::heard;
use crate::{Error, accounts, incoming, reports, waiting};
use firstlight_checker::admission::Standing;
use firstlight_fleet::messages::{Ask, Beat, Channel, Opened, Refusal, Reply};
use firstlight_fleet::{Cause, LeaseState, Renewal, Subject};
use firstlight_link::End;
use firstlight_units::{HostId, Micros, SessionId};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

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

/// Which slots somebody has a lease on: their hosts may say that they are free, since what ended while nobody listened is not told yet.
pub(crate) async fn read_leases(inner: &Inner) -> Result<(), Error> {
    let mut after: Option<SessionId> = None;
    loop {
        let page = inner.settings.store.all_live(after.as_ref(), PAGE).await?;
        let (now, wall) = (inner.now(), wall_now());
        let mut state = inner.state();
        for lease in &page {
            let span = lease.expires_at.since(wall).min(inner.settings.lease);
            let of_host = state.leased.entry(lease.slot.host.clone()).or_default();
            of_host.insert(lease.slot.slot, now + span);
        }
        let last = page.last().map(|lease| lease.session.clone());
        if page.len() < PAGE || last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

/// Listens from here on. Nothing here waits for the store.
pub(crate) async fn listen(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut beats = inner.settings.caller.bus().subscribe(&Subject::beats()).await?;
    let strangers = strangers(Arc::downgrade(inner));
    let weak = Arc::downgrade(inner);
    tokio::spawn(async move {
        while let Some(message) = beats.next().await {
            let Some(inner) = weak.upgrade() else { return };
            inner.alive().await;
            match incoming::open(&inner, &message, Channel::Beat) {
                Ok(opened) => take(&inner, &opened),
                Err(refusal) => {
                    // It beats again in a second.
                    let asked = matches!(&refusal, Refusal::Unknown(host) if strangers.try_send(host.clone()).is_ok());
                    if !asked {
                        incoming::refused(&refusal);
                    }
                }
            }
        }
    });
    Ok(())
}

/// Hosts that beat and were never heard of: some joined through another cell, and are admitted.
fn strangers(inner: Weak<Inner>) -> mpsc::Sender<HostId> {
    let (told, mut strangers) = mpsc::channel::<HostId>(STRANGERS_MAX);
    tokio::spawn(async move {
        while let Some(host) = strangers.recv().await {
            let Some(inner) = inner.upgrade() else { return };
            inner.alive().await;
            if inner.state().guard.knows(&host) {
                continue;
            }
            if incoming::is_member(&inner, &host).await {
                inner.admit(&host);
            } else {
                incoming::refused(&Refusal::Unknown(host));
            }
        }
    });
    told
}

fn take(inner: &Arc<Inner>, opened: &Opened) {
    match Beat::read(&opened.body) {
        Ok(beat) => on_beat(inner, &opened.from, (opened.boot, opened.sequence), &beat),
        Err(refusal) => incoming::refuse(inner, &refusal),
    }
}

/// What a beat asks for.
struct Due {
    /// A look at what the host has: it, or its process, was not known.
    look: Option<Look>,
    /// Its leases are to be renewed.
    renewal: bool,
}

enum Look {
    /// Nobody had a lease on it when this cell began, and it has nobody: of thousands of hosts most have nothing to say.
    Record,
    Sessions,
}

fn on_beat(inner: &Arc<Inner>, host: &HostId, (boot, seq): (u64, u64), beat: &Beat) {
    let Some(due) = note(inner, host, (boot, seq), beat) else {
        return;
    };
    inner.beats.notify_waiters();
    let weak = Arc::downgrade(inner);
    if let Some(look) = due.look {
        let (weak, host) = (weak.clone(), host.clone());
        tokio::spawn(async move {
            let Some(inner) = weak.upgrade() else { return };
            match look {
                Look::Record => {
                    let _turn = inner.turn(Waiting::Nobody).await;
                    accounts::recall(&inner, &host).await;
                }
                Look::Sessions => ask_sessions(&inner, &host, Waiting::Nobody).await,
            }
        });
    }
    if due.renewal {
        let ready = beat.held.iter().filter(|held| !held.starting);
        let held = ready.cloned().map(Renewal::from).collect();
        tokio::spawn(renew_held(weak, host.clone(), held));
    }
}

/// Takes a beat in. None: it is older than what is known.
fn note(inner: &Inner, host: &HostId, (boot, seq): (u64, u64), beat: &Beat) -> Option<Due> {
    let now = inner.now();
    let judged = inner.judged()(host);
    let mut state = inner.state();
    let admitted = !judged || state.checks.standing(host, beat.spec.cores) == Standing::Admitted;
    let ending = state.ending(now, host, beat);
    let told = heard(host, (boot, seq), beat, admitted, &ending);
    state.registry.handle_beat(now, &told).ok()?;
    let first = !state.hosts.contains_key(host);
    let leased = state.leased.remove(host).is_some();
    let notes = state.hosts.entry(host.clone()).or_default();
    let look = (notes.boot != boot).then_some(if first && !leased && beat.held.is_empty() {
        Look::Record
    } else {
        Look::Sessions
    });
    notes.hear(now, boot, beat, ending);
    // A third of its time, so that two may fail.
    let every = inner.settings.lease.scale(1, 3);
    let due = notes.renewed_at.is_none_or(|at| now.since(at) >= every);
    // What fails while it boots was nobody's session, and a renewal would confirm it: until it is ready its claim's own time counts.
    let renewal = due && beat.held.iter().any(|held| !held.starting);
    if renewal {
        notes.renewed_at = Some(now);
    }
    state.learn(host, beat);
    // In the same breath: whoever comes just now is behind those who wait.
    if state.registry.is_free(host.as_str()) {
        waiting::hold(&mut state, inner.settings.near);
    }
    Some(Due { look, renewal })
}

/// A host that was not known, or started anew: what does it have? What the store has confirmed there and it knows nothing of is
/// over: it was lost with the host's last life.
pub(crate) async fn ask_sessions(inner: &Inner, host: &HostId, waiting: Waiting) {
    let turn = inner.turn(waiting).await;
    accounts::recall(inner, host).await;
    // Before the ask: what is confirmed by now is on the host, or nowhere.
    let leased = inner.settings.store.live(host).await.unwrap_or_default();
    // A host that does not answer keeps nobody's turn.
    drop(turn);
    let sessions = match inner.ask(host, Ask::Sessions, SESSIONS_WITHIN).await {
        Ok(Reply::Sessions { sessions }) => sessions,
        Ok(_) => return,
        Err(error) => {
            tracing::debug!(%host, %error, "does not say what it has");
            return;
        }
    };
    let _turn = inner.turn(waiting).await;
    // A list as long as a message holds may not be all of it.
    let whole = sessions.len() < SESSIONS_LISTED_MAX;
    let known: BTreeSet<SessionId> = sessions.iter().map(|view| view.session.clone()).collect();
    for view in sessions {
        reports::on_report(inner, host, view).await;
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
        waiting::hold(&mut state, inner.settings.near);
    }
}

/// The host says that it holds these. Those that the store knows to be over it is to end.
async fn renew_held(inner: Weak<Inner>, host: HostId, held: Vec<Renewal>) {
    let Some(inner) = inner.upgrade() else { return };
    inner.alive().await;
    let ttl: Micros = inner.settings.lease;
    // Without a turn: behind the looks at thousands of new hosts it would come when the lease has ended.
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
/// More are heard a second later.
const STRANGERS_MAX: usize = 256;
const SESSIONS_WITHIN: Duration = Duration::from_secs(5);
