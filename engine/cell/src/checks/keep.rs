//! What lasts: who is checked by whom, what it came to, the records, and the log of them.
//!
//! | Bucket | Key | What |
//! |---|---|---|
//! | `checks` | host | its [`Admission`], until when a checker is at it, and what committees found of its sessions |
//! | `evidence` | `HOST.PART`, `HOST.failed.N` | the last record of each part, and the last [`FAILED_KEPT`] that were not proven |
//! | `evidence-log` | `CHECKER.EPOCH` | the digests of an epoch's records; closed: its root, signed |

use super::Checks;
use crate::error::Error;
use crate::inner::Inner;
use firstlight_checker::accounts::{Cases, Difference};
use firstlight_checker::admission::{Admission, Outcome};
use firstlight_checker::challenge::Verdict;
use firstlight_checker::evidence::{Epoch, Log, Record};
use firstlight_checker::{from_text, to_text};
use firstlight_fleet::{self as fleet, Expect, Swapped};
use firstlight_units::{HostId, Micros, WallTime};
use serde::{Deserialize, Serialize};

/// A host's checks, as they are kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    admission: Admission,
    /// Until when somebody is at it, microseconds since 1970.
    #[serde(default)]
    claimed_until: u64,
    /// What large committees have found of its sessions.
    #[serde(default)]
    cases: Cases,
    /// The last sessions that are counted in that, by their digests.
    #[serde(default)]
    counted: Vec<String>,
}

/// A check that this cell alone may finish.
#[derive(Debug)]
pub(super) struct Claimed {
    /// Names the claim: nobody else's ends at the same moment.
    until: u64,
    failed: u64,
}

impl Claimed {
    /// How many checks of the host were not passed before.
    pub(super) const fn failed(&self) -> u64 {
        self.failed
    }
}

/// What a committee has found in a session.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// The session's digest, in base64.
    pub(crate) session: &'a str,
    pub(crate) what: Difference,
    /// The committee was a large one.
    pub(crate) large: bool,
    /// For the host's provider.
    pub(crate) why: String,
}

/// An epoch of a checker's log, as it is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct KeptEpoch {
    number: u64,
    /// When its first record came, microseconds since 1970.
    #[serde(default)]
    began_at: u64,
    /// [`Epoch::digest`] of the one before, in base64.
    before: String,
    /// Digests of its records, in base64.
    records: Vec<String>,
    /// Its root and the checker's signature, in base64; empty while it is open.
    #[serde(default)]
    root: String,
    #[serde(default)]
    signed: String,
}

impl KeptEpoch {
    /// Full, a day old, or closed by one who did not come to open the next.
    fn is_over(&self, now: WallTime) -> bool {
        let old = now.since(WallTime::from_micros(self.began_at)) > EPOCH;
        !self.signed.is_empty() || self.records.len() >= EPOCH_RECORDS || (old && !self.records.is_empty())
    }

    /// What it comes to.
    fn epoch(&self) -> Result<Epoch, Error> {
        let mut log = Log::default();
        for text in &self.records {
            log.append(digest_of(text)?);
        }
        Ok(Epoch {
            number: self.number,
            records: u32::try_from(log.len()).unwrap_or(u32::MAX),
            root: log.root(),
            before: digest_of(&self.before)?,
        })
    }
}

/// Reads what is known of all hosts.
pub(super) async fn load(inner: &Inner) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let page = inner.settings.store.list(CHECKS, after.as_deref(), PAGE).await?;
        for record in &page {
            let kept: Kept = read(record)?;
            if let Ok(host) = record.key.parse::<HostId>() {
                inner.state().checks.admissions.insert(host, kept.admission);
            }
        }
        let last = page.last().map(|record| record.key.clone());
        if page.len() < PAGE || last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

/// Says that this cell checks the host. [`None`]: another does, or it is not due.
pub(super) async fn claim(inner: &Inner, host: &HostId, cores: u32) -> Result<Option<Claimed>, Error> {
    let store = &inner.settings.store;
    let there = store.get(CHECKS, host.as_str()).await?;
    let now = inner.wall();
    let (mut kept, expect) = match &there {
        Some(record) => (read::<Kept>(record)?, Expect::Revision(record.revision)),
        None => (Kept::default(), Expect::Absent),
    };
    if kept.claimed_until > now.as_micros() || !kept.admission.is_due(now, cores) {
        inner
            .state()
            .checks
            .admissions
            .insert(host.clone(), kept.admission);
        return Ok(None);
    }
    kept.claimed_until = (now + CLAIMED_FOR).as_micros();
    let claimed = store.put(CHECKS, host.as_str(), expect, write(&kept)).await?;
    Ok(match claimed {
        Swapped::Done(_) => Some(Claimed {
            until: kept.claimed_until,
            failed: kept.admission.failed,
        }),
        Swapped::Conflict(_) => None,
    })
}

/// Writes down what a check came to, unless another cell has taken it over meanwhile.
pub(super) async fn settle(
    inner: &Inner,
    (host, cores): (&HostId, u32),
    claimed: Claimed,
    outcome: Outcome,
) -> Result<Admission, Error> {
    let chance = chance()?;
    let settled = change(inner, host, |kept| {
        if kept.claimed_until != claimed.until {
            return None;
        }
        kept.admission.on_check(inner.wall(), cores, outcome, chance);
        kept.claimed_until = 0;
        Some(kept.admission.clone())
    });
    settled.await?.ok_or(Error::Overtaken)
}

/// A checker has told of a session of the host's.
pub(crate) async fn looked(inner: &Inner, host: &HostId) -> Result<(), Error> {
    let counted = change(inner, host, |kept| {
        kept.cases.on_looked();
        Some(())
    });
    counted.await.map(drop)
}

/// A committee has found something in a session of the host's. [`None`]: that session was counted before. Otherwise how the host stands,
/// and whether it was penalised for it.
pub(crate) async fn found(
    inner: &Inner,
    host: &HostId,
    found: &Found<'_>,
) -> Result<Option<(Admission, bool)>, Error> {
    let counted = change(inner, host, |kept| {
        if kept.counted.iter().any(|counted| counted == found.session) {
            return None;
        }
        kept.counted.push(found.session.to_owned());
        let surplus = kept.counted.len().saturating_sub(COUNTED_MAX);
        kept.counted.drain(..surplus);
        let penalised = found.large && kept.cases.on_found(found.what);
        if penalised {
            kept.admission.on_penalty(inner.wall(), found.why.clone());
        }
        Some((kept.admission.clone(), penalised))
    });
    counted.await
}

/// Changes what is kept of a host; [`None`]: nothing was to be changed.
async fn change<T>(
    inner: &Inner,
    host: &HostId,
    mut how: impl FnMut(&mut Kept) -> Option<T>,
) -> Result<Option<T>, Error> {
    let store = &inner.settings.store;
    for _ in 0..ROUNDS_MAX {
        let there = store.get(CHECKS, host.as_str()).await?;
        let (mut kept, expect) = match &there {
            Some(record) => (read::<Kept>(record)?, Expect::Revision(record.revision)),
            None => (Kept::default(), Expect::Absent),
        };
        let Some(come) = how(&mut kept) else {
            return Ok(None);
        };
        if let Swapped::Done(_) = store.put(CHECKS, host.as_str(), expect, write(&kept)).await? {
            inner
                .state()
                .checks
                .admissions
                .insert(host.clone(), kept.admission);
            return Ok(Some(come));
        }
    }
    Err(Error::Store(fleet::Error::Busy))
}

/// Keeps a record, and puts its digest into the log.
pub(super) async fn record(
    inner: &Inner,
    checks: &Checks,
    record: &Record,
    failed: u64,
) -> Result<(), Error> {
    let store = &inner.settings.store;
    let host = record.host();
    let key = match record.verdict {
        Verdict::Proven | Verdict::GaveWay => format!("{host}.{}", record.challenge.task.part().word()),
        // The oldest is written over: a check ends with the first that is not proven.
        Verdict::Failed(_) => format!("{host}.failed.{:02}", failed % FAILED_KEPT),
    };
    // First the log: what is in it cannot be taken back unnoticed.
    append(inner, checks, record).await?;
    store.put(EVIDENCE, &key, Expect::Any, record.to_text()).await?;
    Ok(())
}

/// All records that are kept of a host, one a line.
pub(crate) async fn evidence(inner: &Inner, host: &HostId) -> Result<String, Error> {
    let first = format!("{host}.");
    let found = inner
        .settings
        .store
        .list(EVIDENCE, Some(&first), EVIDENCE_MAX)
        .await?;
    let own = found
        .into_iter()
        .take_while(|record| record.key.starts_with(&first));
    Ok(own.map(|record| record.body + "\n").collect())
}

async fn append(inner: &Inner, checks: &Checks, record: &Record) -> Result<(), Error> {
    let checker = record.checker();
    for _ in 0..ROUNDS_MAX {
        let mut open = last_epoch(inner, &checker).await?;
        if open.kept.is_over(inner.wall()) {
            let Some(next) = close(inner, checks, &checker, open).await? else {
                continue;
            };
            open = next;
        }
        if open.kept.records.is_empty() {
            open.kept.began_at = inner.wall().as_micros();
        }
        open.kept.records.push(to_text(&record.digest()));
        let key = epoch_key(&checker, open.kept.number);
        let done = inner
            .settings
            .store
            .put(LOG, &key, open.expect, write(&open.kept))
            .await?;
        if let Swapped::Done(_) = done {
            return Ok(());
        }
    }
    Err(Error::Store(fleet::Error::Busy))
}

struct Open {
    kept: KeptEpoch,
    expect: Expect,
}

async fn last_epoch(inner: &Inner, checker: &str) -> Result<Open, Error> {
    let store = &inner.settings.store;
    let head = store.get(LOG, &head_key(checker)).await?;
    let number = head.map(|head| read::<u64>(&head)).transpose()?.unwrap_or(0);
    let there = store.get(LOG, &epoch_key(checker, number)).await?;
    Ok(match there {
        Some(record) => Open {
            kept: read(&record)?,
            expect: Expect::Revision(record.revision),
        },
        None => Open {
            kept: KeptEpoch {
                number,
                before: before_of(inner, checker, number).await?,
                ..KeptEpoch::default()
            },
            expect: Expect::Absent,
        },
    })
}

/// What an epoch names the one before it by.
async fn before_of(inner: &Inner, checker: &str, number: u64) -> Result<String, Error> {
    let Some(last) = number.checked_sub(1) else {
        return Ok(to_text(&[0; 32]));
    };
    let there = inner.settings.store.get(LOG, &epoch_key(checker, last)).await?;
    let missing = || {
        Error::Store(fleet::Error::Damaged(format!(
            "epoch {last} of the log is missing"
        )))
    };
    let kept: KeptEpoch = read(&there.ok_or_else(missing)?)?;
    Ok(to_text(&kept.epoch()?.digest()))
}

/// Signs the root of a full epoch, and opens the next. [`None`]: somebody has changed it meanwhile.
async fn close(inner: &Inner, checks: &Checks, checker: &str, mut open: Open) -> Result<Option<Open>, Error> {
    let store = &inner.settings.store;
    let epoch = open.kept.epoch()?;
    open.kept.root = to_text(&epoch.root);
    open.kept.signed = to_text(&checks.signer.key().sign(&epoch.statement()));
    let key = epoch_key(checker, epoch.number);
    if let Swapped::Conflict(_) = store.put(LOG, &key, open.expect, write(&open.kept)).await? {
        return Ok(None);
    }
    let number = epoch.number + 1;
    store
        .put(LOG, &head_key(checker), Expect::Any, write(&number))
        .await?;
    Ok(Some(Open {
        kept: KeptEpoch {
            number,
            before: to_text(&epoch.digest()),
            ..KeptEpoch::default()
        },
        expect: Expect::Absent,
    }))
}

fn digest_of(text: &str) -> Result<[u8; 32], Error> {
    let bytes = from_text(text, 64).map_err(Error::Check)?;
    bytes
        .try_into()
        .map_err(|_| Error::Store(fleet::Error::Damaged("a digest in the log".to_owned())))
}

fn epoch_key(checker: &str, number: u64) -> String {
    format!("{checker}.{number:010}")
}

fn head_key(checker: &str) -> String {
    format!("{checker}.head")
}

pub(crate) fn read<T: for<'de> Deserialize<'de>>(record: &fleet::Record) -> Result<T, Error> {
    let damaged = |error| fleet::Error::Damaged(format!("record {}: {error}", record.key));
    serde_json::from_str(&record.body).map_err(|error| Error::Store(damaged(error)))
}

pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Uniform in 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
pub(crate) fn chance() -> Result<f64, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok((u64::from_be_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64)
}

const CHECKS: &str = "checks";
const EVIDENCE: &str = "evidence";
const LOG: &str = "evidence-log";
const PAGE: usize = 256;
/// A check takes five seconds at most, and its judgement less.
const CLAIMED_FOR: Micros = Micros::from_secs(30);
/// As many sessions of one host may be judged at the same time.
const COUNTED_MAX: usize = 32;
/// Of a host: its provider may appeal against the last ones.
const FAILED_KEPT: u64 = 16;
const EVIDENCE_MAX: usize = 64;
/// A root a day, and more where there is more.
const EPOCH: Micros = Micros::from_secs(86_400);
/// Their digests fill half of what a document may hold.
const EPOCH_RECORDS: usize = 512;
const ROUNDS_MAX: usize = 16;
