//! From a claim to what the check came to: four challenges, four records.

use super::{Checks, keep};
use crate::error::Error;
use crate::inner::Inner;
use firstlight_checker::admission::Outcome;
use firstlight_checker::challenge::{Answer, Challenge, Claim, Task, Verdict, judge, plan, promise};
use firstlight_checker::evidence::{Record, Signed, check_answer};
use firstlight_checker::{Digest, from_text, to_text};
use firstlight_fleet::messages::{Ask, AskError, Reply};
use firstlight_fleet::{BusError, PublicKey};
use firstlight_units::{HostId, Micros};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Asks for everything until something is not proven; `failed`: how many checks of this host were not passed before.
pub(super) async fn all(
    inner: &Arc<Inner>,
    checks: &Checks,
    (host, failed): (&HostId, u64),
    claim: &Claim,
) -> Result<Outcome, Error> {
    let member = inner.roster.member(host).await?.ok_or(Error::UnknownHost)?;
    let key = PublicKey::from_hex(&member.key).ok_or(Error::UnknownHost)?;
    let mut verdicts = Vec::new();
    for (task, within) in plan(claim) {
        let record = one(inner, checks, (host, key), task, within).await?;
        inner.alive().await;
        verdicts.push((task.part(), record.verdict));
        keep::record(inner, checks, &record, failed).await?;
        if record.verdict != Verdict::Proven {
            break;
        }
    }
    Ok(Outcome::of(&verdicts))
}

async fn one(
    inner: &Arc<Inner>,
    checks: &Checks,
    (host, key): (&HostId, PublicKey),
    task: Task,
    within: Micros,
) -> Result<Record, Error> {
    let reveal = random()?;
    let challenge = Challenge {
        host: *key.as_bytes(),
        checker: *checks.signer.key().public().as_bytes(),
        at: inner.wall(),
        seed: random()?,
        promise: promise(&reveal),
        task,
        within,
    };
    let challenge_signed = checks.signer.key().sign(&challenge.statement());
    let ask = Ask::Prove {
        challenge: to_text(&challenge.write()),
        signed: to_text(&challenge_signed),
    };
    let began = Instant::now();
    let reply = inner.ask(host, ask, Duration::from(within) + PATIENCE).await;
    let took = Micros::from(began.elapsed());
    let answer = answer_of(&challenge, reply)?;
    let decoder = Arc::clone(&checks.decoder);
    let sealed = tokio::task::spawn_blocking(move || {
        let stated = answer.as_ref().map(|(answer, _)| answer);
        let verdict = judge(&challenge, stated, took, &reveal, &*decoder);
        verdict.map(|verdict| Record {
            challenge,
            challenge_signed,
            answer,
            took,
            reveal,
            verdict,
            signed: [0; 64],
        })
    });
    let mut record = sealed.await.map_err(|_| Error::Stopping)?.map_err(Error::Check)?;
    record.signed = checks.signer.key().sign(&record.statement());
    Ok(record)
}

/// What the host has signed, if anything.
fn answer_of(challenge: &Challenge, reply: Result<Reply, Error>) -> Result<Option<(Answer, Signed)>, Error> {
    let reply = match reply {
        Ok(reply) => reply,
        // The checker's own end of the bus: nothing that the host could do about.
        Err(Error::Ask(AskError::Bus(error)))
            if !matches!(error, BusError::NobodyListens(_) | BusError::Timeout(_)) =>
        {
            return Err(Error::Ask(AskError::Bus(error)));
        }
        Err(error) => {
            tracing::debug!(%error, "a challenge was not answered");
            return Ok(None);
        }
    };
    let Reply::Proof { answer, signed } = reply else {
        return Ok(None);
    };
    let read = || {
        let answer = Answer::read(&from_text(&answer, ANSWER_BYTES_MAX).ok()?).ok()?;
        let signed = from_text(&signed, ANSWER_BYTES_MAX).ok()?.try_into().ok()?;
        check_answer(challenge, &answer, &signed).ok()?;
        Some((answer, signed))
    };
    Ok(read())
}

fn random() -> Result<Digest, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// A late answer is evidence too; one that comes later than this is as good as none.
const PATIENCE: Duration = Duration::from_secs(3);
/// As messages have it.
const ANSWER_BYTES_MAX: usize = 56 * 1024;
