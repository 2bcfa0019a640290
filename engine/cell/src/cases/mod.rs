//! The cell as one of many checkers: cases are opened, looked at by committees, and what they come to is done.
//!
//! ```text
//! testimony + host's account ─differ─> cases/DIGEST ──each checking cell, once a second: its word, if one is wanted──┐
//!                                           ^───────────────compare and swap─────────────────────────────────────────┘
//! closed ──> counted for the host (once) ──> cases-closed/HOST.TIME.DIGEST ──> ranked lower │ refused, and told why
//! ```
//!
//! A checker keeps no secrets of a case: its numbers and salts follow from its key, so that one that was killed goes on where it was.
//! Whatever is written here is taken only where its signatures hold ([`firstlight_checker::case`]).

mod jury;
mod open;

pub use jury::Seen;
pub(crate) use open::{register, testify, told};

use crate::checks::{self, Checks, chance, read, write};
use crate::error::Error;
use crate::inner::{Inner, Life};
use firstlight_checker::case::{Case, Outcome, Stage, Truth, Wanted, Word};
use firstlight_checker::matter::{Matter, Witness};
use firstlight_checker::{Digest, to_text};
use firstlight_fleet::{Expect, Record, Swapped};
use firstlight_units::{HostId, Micros, WallTime};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Begins to look at cases, where hosts are checked at all.
pub(crate) fn run(inner: &Arc<Inner>) {
    if let Some(checks) = inner.settings.checks.clone() {
        tokio::spawn(tick(Arc::downgrade(inner), checks));
    }
}

async fn tick(inner: Weak<Inner>, checks: Checks) {
    let mut turn = 0u32;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if *inner.life.borrow() != Life::Open {
            return;
        }
        if let Err(error) = look(&inner, &checks, turn).await {
            tracing::warn!(%error, "cases were not looked at");
        }
        turn = turn.wrapping_add(1);
    }
}

async fn look(inner: &Arc<Inner>, checks: &Checks, turn: u32) -> Result<(), Error> {
    if turn.is_multiple_of(SEEN_EACH) {
        jury::appear(inner, checks).await?;
    }
    if chance()? < CONTROLS_PER_TURN {
        open::control(inner, checks).await?;
    }
    let there = inner.settings.store.list(CASES, None, CASES_MAX).await?;
    for record in there {
        inner.alive().await;
        if let Err(error) = step(inner, checks, &record).await {
            tracing::warn!(case = record.key, %error, "a case was not gone on with");
        }
    }
    Ok(())
}

/// This checker's part of a case, and what time brings about.
async fn step(inner: &Arc<Inner>, checks: &Checks, record: &Record) -> Result<(), Error> {
    let mut case: Case = read(record)?;
    let spoke = speak(checks, &mut case)?;
    let went_on = case.on_time(inner.wall()).map_err(Error::Case)?;
    if spoke || went_on {
        // Another checker was faster: this one speaks again in a second.
        let expect = Expect::Revision(record.revision);
        let put = inner.settings.store.put(CASES, &record.key, expect, write(&case));
        if let Swapped::Conflict(_) = put.await? {
            return Ok(());
        }
    }
    if case.stage() == Stage::Closed {
        close(inner, checks, record, case).await?;
    }
    Ok(())
}

/// Says what is wanted of this checker. Whether it did.
fn speak(checks: &Checks, case: &mut Case) -> Result<bool, Error> {
    let key = checks.signer.key();
    let me = *key.public().as_bytes();
    let Some(wanted) = case.wanted(&me) else {
        return Ok(false);
    };
    let word = match wanted {
        Wanted::Promise => {
            let promise = case.promise(&me, &secret(checks, case, None));
            Word::Promise(promise, key.sign(&case.word_statement(None, &promise)))
        }
        Wanted::Number => Word::Number(secret(checks, case, None)),
        Wanted::Commit(round) => {
            let finding = case.finding().map_err(Error::Case)?;
            let salt = secret(checks, case, Some(round));
            let commitment = case.commitment(round, &me, finding, &salt);
            Word::Commit(
                commitment,
                key.sign(&case.word_statement(Some(round), &commitment)),
            )
        }
        Wanted::Open(round) => {
            let finding = case.finding().map_err(Error::Case)?;
            Word::Open(finding, secret(checks, case, Some(round)))
        }
    };
    case.hear(&me, word).map_err(Error::Case)?;
    Ok(true)
}

/// What nobody else can know, and this checker finds again after a restart: a digest of a signature that it shows to nobody.
fn secret(checks: &Checks, case: &Case, round: Option<usize>) -> Digest {
    let what = case.word_statement(round, &case.digest());
    firstlight_checker::secret_of(
        &checks
            .signer
            .key()
            .sign(&[b"firstlight secret 1\0".as_slice(), &what].concat()),
    )
}

/// What follows from a case. Whoever does it first writes it down as closed; until then each step may be the last of its process.
async fn close(inner: &Arc<Inner>, checks: &Checks, record: &Record, mut case: Case) -> Result<(), Error> {
    let store = &inner.settings.store;
    let outcome = match case.verify() {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(case = record.key, %error, "a case does not hold, and nothing comes of it");
            store.remove(CASES, &record.key, Expect::Any).await?;
            return Ok(());
        }
    };
    let own = case.opener().map_err(Error::Case)? == *checks.signer.key().public().as_bytes();
    if own {
        case.truth = open::truth(checks, &case)?;
    } else if inner.wall().since(closed_at(&case)) < OPENER_WITHIN {
        // It alone can say what the case was all along.
        return Ok(());
    }
    let matter = case.matter().map_err(Error::Case)?;
    if case.truth.as_ref().is_none_or(|(truth, _)| *truth == Truth::Real) {
        held_against(inner, &record.key, &matter, outcome).await?;
    }
    let name = format!("{}.{}", matter.host_id(), record.key);
    if let Swapped::Done(_) = store.put(CLOSED, &name, Expect::Absent, write(&case)).await? {
        let truth = case.truth.as_ref().map(|(truth, _)| *truth);
        firstlight_telemetry::case_closed(word(outcome, truth, matter.by));
        jury::mark(inner, &case).await?;
    }
    store.remove(CASES, &record.key, Expect::Any).await?;
    forget(inner, &matter.host_id()).await
}

/// The host is ranked lower, and penalised where the same was found often enough; only by what a checker saw. Who plays is a name that
/// anybody can make up: his word is judged and written down, and costs the host nothing.
async fn held_against(
    inner: &Arc<Inner>,
    case: &str,
    matter: &Matter,
    outcome: Outcome,
) -> Result<(), Error> {
    if outcome == Outcome::Dismissed || matter.by == Witness::Player {
        return Ok(());
    }
    let (Ok(host), Ok(Some(what))) = (matter.host_id().parse::<HostId>(), matter.difference()) else {
        return Ok(());
    };
    if inner.roster.member(&host).await?.is_none() {
        return Ok(());
    }
    // What a case is called by in the evidence begins with its time.
    let name = case.split_once('-').map_or(case, |(_, name)| name);
    let found = checks::Found {
        session: &to_text(&matter.session),
        what,
        large: outcome == Outcome::Penalised,
        why: format!("sessions: {} (case {name})", what.words()),
    };
    let Some((admission, penalised)) = checks::found(inner, &host, &found).await? else {
        return Ok(());
    };
    tracing::info!(%host, what = what.word(), penalised, "a committee has found against a host");
    crate::accounts::lower(inner, &host).await;
    if penalised {
        checks::tell_standing(inner, &host, &admission).await;
    }
    Ok(())
}

/// All cases of a host that are kept, one a line.
pub(crate) async fn of(inner: &Inner, host: &HostId) -> Result<String, Error> {
    let first = format!("{host}.");
    let found = inner
        .settings
        .store
        .list(CLOSED, Some(&first), KEPT_MAX * 2)
        .await?;
    let own = found
        .into_iter()
        .take_while(|record| record.key.starts_with(&first));
    Ok(own.map(|record| record.body + "\n").collect())
}

/// Keeps the last cases of a host.
async fn forget(inner: &Inner, host: &str) -> Result<(), Error> {
    let store = &inner.settings.store;
    let first = format!("{host}.");
    let found = store.list(CLOSED, Some(&first), KEPT_MAX * 2).await?;
    let own: Vec<_> = found
        .into_iter()
        .take_while(|record| record.key.starts_with(&first))
        .collect();
    let surplus = own.len().saturating_sub(KEPT_MAX);
    for oldest in own.into_iter().take(surplus) {
        store.remove(CLOSED, &oldest.key, Expect::Any).await?;
    }
    Ok(())
}

/// A name that sorts by time.
fn name_of(case: &Case, at: WallTime) -> String {
    let digest = to_text(&case.digest());
    format!("{:016}-{digest:.16}", at.as_micros())
}

fn closed_at(case: &Case) -> WallTime {
    WallTime::from_micros(case.until())
}

const fn word(outcome: Outcome, truth: Option<Truth>, by: Witness) -> &'static str {
    match (truth, outcome, by) {
        (Some(Truth::ControlGood | Truth::ControlBad), _, _) => "control",
        (_, Outcome::Dismissed, _) => "dismissed",
        (_, Outcome::RankedLower | Outcome::Penalised, Witness::Player) => "doubted",
        (_, Outcome::RankedLower, Witness::Checker) => "ranked_lower",
        (_, Outcome::Penalised, Witness::Checker) => "penalised",
    }
}

const EVERY: Duration = Duration::from_secs(1);
/// Turns between two words that a checker is there.
const SEEN_EACH: u32 = 10;
/// One an hour, at random, besides those that go with real cases.
const CONTROLS_PER_TURN: f64 = 1.0 / 3_600.0;
/// What is looked at in one turn; the rest waits.
const CASES_MAX: usize = 64;
/// Of a host.
const KEPT_MAX: usize = 16;
/// Whoever opened a case looks once a second; one that was killed is not waited for.
const OPENER_WITHIN: Micros = Micros::from_secs(30);
const CASES: &str = "cases";
const CLOSED: &str = "cases-closed";
