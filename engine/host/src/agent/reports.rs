//! Reports: each change of a session's state, once.

use super::Inner;
use crate::session::{Session, State};
use firstlight_checker::accounts::Account;
use firstlight_checker::matter::{session_digest, told_statement};
use firstlight_checker::to_text;
use firstlight_fleet::Subject;
use firstlight_fleet::messages::{Channel, Quality, Report, SessionState, SessionView};
use firstlight_units::SessionId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was said of each session.
type Said = BTreeMap<SessionId, String>;

pub(super) async fn run(inner: Arc<Inner>) {
    let mut changes = inner.settings.host.changes();
    let mut said = Said::new();
    loop {
        if !send_all(&inner, &mut said).await {
            // The bus is away: what is not said is said with the next change, or when it is back.
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(inner.settings.beat_every) => {}
            }
        } else if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Says what is different from `said`. Whether the bus took all of it.
pub(super) async fn send_all(inner: &Arc<Inner>, said: &mut Said) -> bool {
    let sessions = inner.settings.host.sessions();
    said.retain(|id, _| sessions.iter().any(|session| session.id == *id));
    for session in sessions.into_iter().filter(|session| session.epoch > 0) {
        let state = format!("{:?} {:?}", state(&session.state, false), session.cert_sha256);
        if said.get(&session.id) == Some(&state) {
            continue;
        }
        let id = session.id.clone();
        let mut report = Report::new(view(session, false));
        if report.session.state.is_over() {
            report.quality = quality(inner, &id);
        }
        let to = Subject::report(&inner.settings.signer.id());
        if let Err(error) = inner.send(Channel::Report, &to, &report.write()).await {
            tracing::debug!(session = %id, %error, "a report was not sent");
            return false;
        }
        said.insert(id, state);
    }
    true
}

pub(super) fn view(session: Session, with_stats: bool) -> SessionView {
    SessionView {
        state: state(&session.state, true),
        session: session.id,
        player: session.player,
        title: session.title,
        slot: session.slot,
        fence: session.epoch,
        port: session.port,
        rtc_port: session.rtc_port,
        cert_sha256: session.cert_sha256,
        seal_key: session.seal_key,
        stats: session.stats.filter(|_| with_stats),
    }
}

/// How a session was. What its receiver would not take is left out, so that its end is heard of all the same.
fn quality(inner: &Inner, id: &SessionId) -> Option<Box<Quality>> {
    let mut quality = inner.settings.host.quality(id)?;
    if let Some(told) = &mut quality.told {
        let account = Account {
            seconds: told.seconds,
            units: told.units,
            bytes: told.bytes,
        };
        let statement = told_statement(&session_digest(id.as_str()), &account);
        told.signed = to_text(&inner.settings.signer.key().sign(&statement));
    }
    if let Err(refusal) = quality.check() {
        tracing::warn!(session = %id, %refusal, "how a session was is not told");
        return None;
    }
    Some(Box::new(quality))
}

/// A countdown is no change: `exact` asks for it.
fn state(state: &State, exact: bool) -> SessionState {
    match state {
        State::Starting => SessionState::Starting,
        State::Ready => SessionState::Ready,
        State::Attached => SessionState::Attached,
        State::Waiting { left } => SessionState::Waiting {
            left_s: if exact {
                u32::try_from(left.as_secs()).unwrap_or(u32::MAX)
            } else {
                0
            },
        },
        State::Ended(ended) => SessionState::Ended {
            reason: ended.reason,
            detail: cut(&ended.detail),
            exit_code: ended.exit_code,
            tail: ended
                .tail
                .iter()
                .rev()
                .take(TAIL_LINES_MAX)
                .rev()
                .cloned()
                .collect(),
        },
    }
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).collect()
}

/// As many as a report may have.
const TAIL_LINES_MAX: usize = 80;
const DETAIL_CHARS_MAX: usize = 1000;
