//! From a testimony and a host's account to a case, and controls beside it.

use super::jury::{Seen, known};
use super::{CASES, name_of};
use crate::checks::{self, Checks, chance, read, write};
use crate::error::Error;
use crate::inner::Inner;
use firstlight_checker::accounts::{Account, Difference, Service};
use firstlight_checker::case::{Case, Truth, promise_truth};
use firstlight_checker::evidence::{Signed, holds};
use firstlight_checker::matter::{Matter, Witness, placed_statement, session_digest, told_statement};
use firstlight_checker::{Digest, from_text, secret_of, to_text};
use firstlight_fleet::messages::{Quality, Told};
use firstlight_fleet::{Expect, Key, PublicKey, Swapped};
use firstlight_units::{HostId, Micros, SessionId, WallTime};
use serde::{Deserialize, Serialize};

/// A testimony, as it is kept until the host has told of the session.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    by_checker: bool,
    witness: String,
    seen: Account,
    service: Service,
    signed: String,
}

/// A player who said this of a host; one alone opens no case.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Doubt {
    #[serde(default)]
    player: Option<String>,
    /// When players' words opened a case last, microseconds since 1970.
    #[serde(default)]
    opened_at: u64,
}

/// An operator lets a checker testify.
pub(crate) async fn register(inner: &Inner, key: &PublicKey) -> Result<(), Error> {
    let store = &inner.settings.store;
    store
        .put(WITNESSES, &key.to_hex(), Expect::Any, "{}".to_owned())
        .await?;
    Ok(())
}

/// Somebody saw a session: its player, or (`by`) a checker who signed what it saw. Said twice, it counts once.
pub(crate) async fn testify(
    inner: &Inner,
    seen: &Seen,
    by: Option<(PublicKey, Signed)>,
) -> Result<(), Error> {
    // Only of sessions that were placed here.
    let host = inner.host_of(&seen.session).await?;
    let Some(checks) = inner.settings.checks.as_ref().filter(|_| inner.judged()(&host)) else {
        return Ok(());
    };
    let mut matter = Matter {
        host: [0; 32],
        session: session_digest(seen.session.as_str()),
        cell: [0; 32],
        placed: [0; 64],
        told: None,
        by: Witness::Player,
        witness: *checks.signer.key().public().as_bytes(),
        seen: seen.seen,
        service: seen.service,
        signed: [0; 64],
    };
    if let Some((key, signed)) = by {
        let there = inner.settings.store.get(WITNESSES, &key.to_hex()).await?;
        matter.by = Witness::Checker;
        matter.witness = *key.as_bytes();
        matter.signed = signed;
        if there.is_none() || !holds(key.as_bytes(), &matter.statement(), &signed) {
            return Err(Error::UnknownWitness);
        }
    } else {
        matter.signed = checks.signer.key().sign(&matter.statement());
    }
    let kept = Kept {
        by_checker: by.is_some(),
        witness: to_text(&matter.witness),
        seen: matter.seen,
        service: matter.service,
        signed: to_text(&matter.signed),
    };
    let store = &inner.settings.store;
    let name = format!(
        "{}.{}",
        seen.session,
        if by.is_some() { "checker" } else { "player" }
    );
    if let Swapped::Conflict(_) = store
        .put(TESTIMONIES, &name, Expect::Absent, write(&kept))
        .await?
    {
        return Ok(());
    }
    forget(inner).await?;
    match crate::accounts::find(inner, &seen.session).await? {
        Some(quality) => compare(inner, checks, &seen.session, &quality, &kept).await,
        // The host has not told of it yet.
        None => Ok(()),
    }
}

/// Those of sessions of which their hosts never told would stay for ever.
async fn forget(inner: &Inner) -> Result<(), Error> {
    let store = &inner.settings.store;
    let kept = store.list(TESTIMONIES, None, KEPT_MAX + SURPLUS_MAX).await?;
    let surplus = kept.len().saturating_sub(KEPT_MAX);
    for any in kept.into_iter().take(surplus) {
        store.remove(TESTIMONIES, &any.key, Expect::Any).await?;
    }
    Ok(())
}

/// A host has told of a session: what is known of it from others is compared.
pub(crate) async fn told(inner: &Inner, id: &SessionId, quality: &Quality) {
    let Some(checks) = &inner.settings.checks else {
        return;
    };
    for who in ["checker", "player"] {
        let done = async {
            let name = format!("{id}.{who}");
            let Some(there) = inner.settings.store.get(TESTIMONIES, &name).await? else {
                return Ok(());
            };
            compare(inner, checks, id, quality, &read(&there)?).await
        };
        if let Err(error) = done.await {
            let error: Error = error;
            tracing::warn!(session = %id, %error, "a testimony was not compared");
        }
    }
}

async fn compare(
    inner: &Inner,
    checks: &Checks,
    id: &SessionId,
    quality: &Quality,
    kept: &Kept,
) -> Result<(), Error> {
    let host = inner.host_of(id).await?;
    if !inner.judged()(&host) {
        return Ok(());
    }
    let member = inner.roster.member(&host).await?.ok_or(Error::UnknownHost)?;
    let key = PublicKey::from_hex(&member.key).ok_or(Error::UnknownHost)?;
    let session = session_digest(id.as_str());
    let signer = checks.signer.key();
    let matter = Matter {
        host: *key.as_bytes(),
        session,
        cell: *signer.public().as_bytes(),
        placed: signer.sign(&placed_statement(&session, key.as_bytes())),
        told: quality
            .told
            .as_ref()
            .and_then(|told| told_of(&session, &key, told)),
        by: if kept.by_checker {
            Witness::Checker
        } else {
            Witness::Player
        },
        witness: fixed(&kept.witness)?,
        seen: kept.seen,
        service: kept.service,
        signed: fixed(&kept.signed)?,
    };
    if matter.by == Witness::Checker {
        checks::looked(inner, &host).await?;
    }
    let Some(what) = matter.difference().map_err(Error::Check)? else {
        return Ok(());
    };
    tracing::info!(%host, session = %id, what = what.word(), by_checker = kept.by_checker, "accounts of a session differ");
    if matter.by == Witness::Player && !is_doubted(inner, &host, what, &quality.player).await? {
        return Ok(());
    }
    begin(inner, checks, &matter, Truth::Real).await?;
    if chance()? < 0.5 {
        control(inner, checks).await?;
    }
    Ok(())
}

/// What the host counted, where it has signed that; what it has not is no account.
fn told_of(session: &Digest, host: &PublicKey, told: &Told) -> Option<(Account, Signed)> {
    let signed: Signed = from_text(&told.signed, TEXT_MAX).ok()?.try_into().ok()?;
    let account = Account {
        seconds: told.seconds,
        units: told.units,
        bytes: told.bytes,
    };
    holds(host.as_bytes(), &told_statement(session, &account), &signed).then_some((account, signed))
}

/// Whether another player has said the same before, and no case came of it today: anybody can be as many players as he likes.
async fn is_doubted(inner: &Inner, host: &HostId, what: Difference, player: &str) -> Result<bool, Error> {
    let store = &inner.settings.store;
    let name = format!("{host}.{}", what.word());
    let there = store.get(DOUBTS, &name).await?;
    let mut doubt: Doubt = there.as_ref().map(read).transpose()?.unwrap_or_default();
    let now = inner.wall();
    if now.since(WallTime::from_micros(doubt.opened_at)) < DOUBTED_EACH {
        return Ok(false);
    }
    let doubted = doubt.player.as_ref().is_some_and(|other| other != player);
    if doubted {
        doubt = Doubt {
            player: None,
            opened_at: now.as_micros(),
        };
    } else {
        doubt.player = Some(player.to_owned());
    }
    let expect = there.map_or(Expect::Absent, |there| Expect::Revision(there.revision));
    let put = store.put(DOUBTS, &name, expect, write(&doubt)).await?;
    // Where another cell was faster, its word is enough.
    Ok(doubted && matches!(put, Swapped::Done(_)))
}

/// A case whose answer is known: of a host that nobody has, so that none is wronged.
pub(super) async fn control(inner: &Inner, checks: &Checks) -> Result<(), Error> {
    let mine = *checks.signer.key().public().as_bytes();
    if known(inner).await?.iter().all(|one| *one == mine) {
        // Nobody to be looked at.
        return Ok(());
    }
    let (host, witness) = (Key::generate()?, Key::generate()?);
    let bad = chance()? < 0.5;
    let session = session_digest(&host.public().to_hex());
    // A real one is as long.
    let seconds = scaled(60, 3_540, chance()?);
    let seen = Account {
        seconds,
        units: seconds * scaled(40, 20, chance()?),
        bytes: seconds * scaled(250_000, 700_000, chance()?),
    };
    let told = Account {
        seconds: seen.seconds + if bad { seen.seconds / 4 + 30 } else { 0 },
        ..seen
    };
    let mut matter = Matter {
        host: *host.public().as_bytes(),
        session,
        cell: mine,
        placed: checks
            .signer
            .key()
            .sign(&placed_statement(&session, host.public().as_bytes())),
        told: Some((told, host.sign(&told_statement(&session, &told)))),
        by: Witness::Checker,
        witness: *witness.public().as_bytes(),
        seen,
        service: Service::default(),
        signed: [0; 64],
    };
    matter.signed = witness.sign(&matter.statement());
    let truth = if bad {
        Truth::ControlBad
    } else {
        Truth::ControlGood
    };
    begin(inner, checks, &matter, truth).await
}

async fn begin(inner: &Inner, checks: &Checks, matter: &Matter, truth: Truth) -> Result<(), Error> {
    let now = inner.wall();
    let sealed = promise_truth(truth, &salt(checks, matter));
    let opener = *checks.signer.key().public().as_bytes();
    let case = Case::open(matter, &opener, &sealed, &known(inner).await?, now);
    let name = name_of(&case, now);
    let put = inner
        .settings
        .store
        .put(CASES, &name, Expect::Absent, write(&case));
    put.await?;
    Ok(())
}

/// What a case of this checker's was all along: it finds what it promised again.
pub(super) fn truth(checks: &Checks, case: &Case) -> Result<Option<(Truth, String)>, Error> {
    let matter = case.matter().map_err(Error::Case)?;
    let salt = salt(checks, &matter);
    let all = [Truth::Real, Truth::ControlGood, Truth::ControlBad];
    let found = all
        .into_iter()
        .find(|truth| case.is_sealed(&promise_truth(*truth, &salt)));
    Ok(found.map(|truth| (truth, to_text(&salt))))
}

fn salt(checks: &Checks, matter: &Matter) -> Digest {
    let what = [b"firstlight salt 1\0".as_slice(), &matter.digest()].concat();
    secret_of(&checks.signer.key().sign(&what))
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], Error> {
    let bytes = from_text(text, TEXT_MAX).map_err(Error::Check)?;
    let damaged = || Error::Store(firstlight_fleet::Error::Damaged("a testimony".to_owned()));
    bytes.try_into().map_err(|_| damaged())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small and not negative"
)]
fn scaled(from: u64, span: u64, chance: f64) -> u64 {
    from + (span as f64 * chance) as u64
}

/// Two for each session whose account is kept.
const KEPT_MAX: usize = 2 * crate::ACCOUNTS_MAX;
const SURPLUS_MAX: usize = 64;
const TESTIMONIES: &str = "testimonies";
const WITNESSES: &str = "witnesses";
const DOUBTS: &str = "doubts";
/// A case of what players say, for each host and each thing that they say.
const DOUBTED_EACH: Micros = Micros::from_secs(86_400);
/// A signature, in base64.
const TEXT_MAX: usize = 128;
