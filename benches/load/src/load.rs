//! Players who ask at their own pace, whatever becomes of those before them, and what they got.

use crate::cell::TITLE;
use crate::client::Line;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What the fleet is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Everything is there.
    Calm,
    /// The first cell is without PostgreSQL and NATS.
    WithoutServices,
    /// And without its gateway.
    WithoutGateway,
    /// It has just come back.
    Back,
    /// It has been back for a while.
    After,
}

/// What became of a request.
#[derive(Debug)]
struct Got {
    stage: Stage,
    asked: Instant,
    took: Duration,
    /// Or why there is none.
    session: Result<Session, String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Case {
    name: Stage,
    requests: usize,
    errors: usize,
    /// What they were told, and how many were.
    reasons: BTreeMap<String, usize>,
    /// Of those who got a session, those who waited for their turn.
    queued: usize,
    /// Sessions in the other cell than the first.
    elsewhere: usize,
    /// From the moment at which a request was due to its answer, at the client.
    took_ms: Distribution,
    /// From request to signed ticket, at the gateway.
    claim_ms: Distribution,
}

#[derive(Debug, Serialize)]
struct Distribution {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
    n: usize,
}

/// How long after a failure somebody had a session in the other cell.
#[derive(Debug, Serialize)]
pub(crate) struct Elsewhere {
    stage: Stage,
    after_ms: f64,
}

pub(crate) struct Fleet {
    shared: Arc<Shared>,
    asking: JoinHandle<()>,
    /// When each stage began.
    began: Mutex<BTreeMap<Stage, Instant>>,
}

struct Shared {
    origins: Vec<String>,
    stage: Mutex<Stage>,
    got: Mutex<Vec<Got>>,
    /// Connections that are kept, by cell.
    idle: Vec<Mutex<Vec<Line>>>,
    /// Requests under way.
    places: Arc<Semaphore>,
}

impl Fleet {
    /// Begins to ask `rate` times a second: the first of `origins`, and the next where that sends on or does not answer.
    pub(crate) fn start(origins: &[String], rate: u32) -> Result<Self> {
        let shared = Arc::new(Shared {
            origins: origins.to_vec(),
            stage: Mutex::new(Stage::Calm),
            got: Mutex::default(),
            idle: origins.iter().map(|_| Mutex::default()).collect(),
            places: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        });
        let every = Duration::from_secs(1).checked_div(rate).context("a rate of 0")?;
        let asks = Arc::clone(&shared);
        let asking = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every);
            for number in 0u64.. {
                let due = ticks.tick().await.into_std();
                tokio::spawn(Arc::clone(&asks).player(number, due));
            }
        });
        Ok(Self {
            shared,
            asking,
            began: Mutex::default(),
        })
    }

    /// Lets time go by.
    pub(crate) async fn pass(&self, stage: Stage, span: Duration) {
        *lock(&self.shared.stage) = stage;
        lock(&self.began).insert(stage, Instant::now());
        tokio::time::sleep(span).await;
    }

    /// Stops asking, and waits for the last answers.
    pub(crate) async fn finish(self) -> Result<(Vec<Case>, Vec<Elsewhere>)> {
        self.asking.abort();
        let all = u32::try_from(UNDER_WAY_MAX)?;
        drop(self.shared.places.acquire_many(all).await?);
        let got = std::mem::take(&mut *lock(&self.shared.got));
        let began = std::mem::take(&mut *lock(&self.began));
        let cases = began.keys().map(|stage| case(*stage, &got)).collect();
        let lost = [Stage::WithoutServices, Stage::WithoutGateway];
        let elsewhere = lost.iter().filter_map(|stage| {
            let since = began.get(stage)?;
            let after = got
                .iter()
                .filter(|got| got.cell() == Some(1) && got.asked >= *since)
                .map(|got| got.asked + got.took - *since);
            Some(Elsewhere {
                stage: *stage,
                after_ms: after.min()?.as_secs_f64() * 1e3,
            })
        });
        let elsewhere = elsewhere.collect();
        Ok((cases, elsewhere))
    }
}

/// What a player got.
#[derive(Clone, Copy, Debug)]
struct Session {
    cell: usize,
    queued: bool,
    claim_ms: f64,
}

impl Shared {
    async fn player(self: Arc<Self>, number: u64, due: Instant) {
        let Ok(_place) = self.places.acquire().await else {
            return;
        };
        let stage = *lock(&self.stage);
        let mut waits = None;
        let asked = tokio::time::timeout(PATIENCE, self.ask(number, &mut waits)).await;
        lock(&self.got).push(Got {
            stage,
            asked: due,
            took: due.elapsed(),
            session: asked.unwrap_or_else(|_| Err("no answer".to_owned())),
        });
        // A page that goes gives its place up.
        if let Some((origin, turn)) = waits
            && let Ok(mut line) = Line::to(&origin)
        {
            drop(tokio::time::timeout(PATIENCE, line.delete(&turn, &who(number))).await);
        }
    }

    /// As a player's page asks: it waits for its turn where there is a queue, and goes where it is sent.
    ///
    /// `waits`: where he waits, and for what turn, as long as he does.
    async fn ask(&self, number: u64, waits: &mut Option<(String, String)>) -> Result<Session, String> {
        let odd = |what: &str| format!("an answer without {what}");
        let who = who(number);
        let headers = format!("{who}idempotency-key: k\r\n");
        let body = format!("{{\"title\":\"{TITLE}\",\"wait\":true}}");
        for (at, idle) in self.idle.iter().enumerate() {
            let kept = lock(idle).pop();
            let mut line = match kept {
                Some(line) => line,
                None => Line::to(&self.origins[at]).map_err(|error| error.to_string())?,
            };
            // No answer: that cell is away.
            let Ok(mut answer) = line.post("/v1/sessions", &headers, &body).await else {
                continue;
            };
            let mut queued = false;
            let answered = loop {
                let answered: serde_json::Value =
                    serde_json::from_str(&answer.body).map_err(|_| odd("JSON"))?;
                if answer.status != 202 {
                    break answered;
                }
                queued = true;
                let turn = answered["queue"].as_str().ok_or_else(|| odd("a queue"))?;
                let turn = format!("/v1/queue/{turn}");
                *waits = Some((self.origins[at].clone(), turn.clone()));
                let turn = line.get(&turn, &who).await;
                answer = turn.map_err(|_| "the gateway went away".to_owned())?;
            };
            *waits = None;
            lock(idle).push(line);
            if answer.status == 201 {
                let claim_ms = answered["timing"]["ready_ms"].as_f64();
                return Ok(Session {
                    cell: at,
                    queued,
                    claim_ms: claim_ms.ok_or_else(|| odd("a time"))?,
                });
            }
            if answered["elsewhere"].is_null() {
                let kind = answered["type"].as_str().unwrap_or_default();
                return Err(format!("{} {kind}", answer.status));
            }
        }
        Err("no cell answered".to_owned())
    }
}

fn who(number: u64) -> String {
    format!("authorization: Bearer flp_{number:0>43}\r\n")
}

impl Got {
    fn cell(&self) -> Option<usize> {
        self.session.as_ref().ok().map(|session| session.cell)
    }
}

fn case(stage: Stage, got: &[Got]) -> Case {
    let of_stage = || got.iter().filter(|got| got.stage == stage);
    let sessions = || of_stage().filter_map(|got| Some((got.took, got.session.as_ref().ok()?)));
    let mut reasons = BTreeMap::new();
    for reason in of_stage().filter_map(|got| got.session.as_ref().err()) {
        *reasons.entry(reason.clone()).or_default() += 1;
    }
    // Of those who waited it is their turn's, and the wait is in what the whole took.
    let claims = sessions().filter(|(_, session)| !session.queued);
    Case {
        name: stage,
        requests: of_stage().count(),
        errors: reasons.values().sum(),
        reasons,
        queued: sessions().filter(|(_, session)| session.queued).count(),
        elsewhere: of_stage().filter(|got| got.cell() == Some(1)).count(),
        took_ms: distribution(sessions().map(|(took, _)| took.as_secs_f64() * 1e3).collect()),
        claim_ms: distribution(claims.map(|(_, session)| session.claim_ms).collect()),
    }
}

fn distribution(mut of: Vec<f64>) -> Distribution {
    of.sort_unstable_by(f64::total_cmp);
    let n = of.len();
    let at = |per_mille: usize| of.get((n * per_mille / 1000).min(n.saturating_sub(1))).copied();
    Distribution {
        p50: at(500).unwrap_or(0.0),
        p95: at(950).unwrap_or(0.0),
        p99: at(990).unwrap_or(0.0),
        max: at(1000).unwrap_or(0.0),
        n,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A player waits no longer for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than as many seconds of silence as anybody waits, at any rate that two cores carry.
const UNDER_WAY_MAX: usize = 10_000;
