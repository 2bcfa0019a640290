//! What checkers ask of this host, done by a process that gives way to players.
//!
//! ```text
//! challenge (the cell's key) -> idle? -> prover process -> answer -> signed by the host's key
//!                                            ^ killed when a claim comes
//! ```

use super::Inner;
use firstlight_checker::challenge::{Answer, Challenge, Proof};
use firstlight_checker::evidence::holds;
use firstlight_checker::{from_text, to_text};
use firstlight_fleet::messages::{Refused, Reply};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{RwLock, RwLockReadGuard, watch};

/// One proof at a time, and none beside a player.
#[derive(Debug, Default)]
pub(crate) struct Proving {
    /// Written while the prover lives, and read by every claim until its session has its memory: claims do not wait for each other.
    turn: RwLock<()>,
    /// Claims so far.
    claims: watch::Sender<u64>,
    /// How many players there was room for before the prover filled the memory.
    room: Mutex<Option<u32>>,
    /// What the last check came to: a word, and why not.
    standing: Mutex<Option<(String, String)>>,
}

impl Proving {
    /// A player comes: kills the prover, and waits until its memory is free. No other begins before the guard is dropped.
    pub(crate) async fn give_way(&self) -> RwLockReadGuard<'_, ()> {
        self.claims.send_modify(|claims| *claims += 1);
        self.turn.read().await
    }

    /// How many players there is room for if the prover gives way; [`None`]: there is no prover.
    pub(crate) fn room(&self) -> Option<u32> {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A checker says what its check came to.
    pub(super) fn hear(&self, standing: String, why: String) {
        if why.is_empty() {
            tracing::info!(standing, "the cell has checked this host");
        } else {
            tracing::warn!(standing, why, "the cell sends no players here");
        }
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some((standing, why));
    }

    /// What the last check came to: `unproven`, `admitted` or `refused`, and why not; [`None`]: there was none.
    pub(crate) fn standing(&self) -> Option<(String, String)> {
        self.standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_room(&self, room: Option<u32>) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = room;
    }
}

/// Answers a challenge.
pub(super) async fn answer(inner: &Inner, challenge: &str, signed: &str) -> Result<Reply, Refused> {
    let challenge = genuine(inner, challenge, signed)?;
    let answer = Answer {
        challenge: challenge.digest(),
        proof: proof(inner, &challenge).await,
    };
    let signed = inner.settings.signer.key().sign(&answer.statement());
    Ok(Reply::Proof {
        answer: to_text(&answer.write()),
        signed: to_text(&signed),
    })
}

/// A challenge to this host, by a checker of its cell.
fn genuine(inner: &Inner, challenge: &str, signed: &str) -> Result<Challenge, Refused> {
    let bad = |what: &str| Refused::BadAsk {
        what: what.to_owned(),
    };
    let read = from_text(challenge, TEXT_BYTES_MAX).and_then(|bytes| Challenge::read(&bytes));
    let challenge = read.map_err(|error| bad(&format!("the challenge: {error}")))?;
    let signed = from_text(signed, TEXT_BYTES_MAX).ok();
    let signed = signed.and_then(|bytes| bytes.try_into().ok());
    let signed = signed.ok_or_else(|| bad("the challenge's signature cannot be"))?;
    let settings = &inner.settings;
    let ours = challenge.host == *settings.signer.key().public().as_bytes();
    let theirs = settings
        .cell_keys
        .iter()
        .any(|key| *key.as_bytes() == challenge.checker);
    if !ours || !theirs || !holds(&challenge.checker, &challenge.statement(), &signed) {
        return Err(bad("the challenge is not to this host, or not its cell's"));
    }
    Ok(challenge)
}

async fn proof(inner: &Inner, challenge: &Challenge) -> Proof {
    let proving = &inner.proving;
    let host = &inner.settings.host;
    let mut claims = proving.claims.subscribe();
    // A second checker, or a claim, is there already.
    let Ok(_turn) = proving.turn.try_write() else {
        return Proof::GaveWay;
    };
    if host.capacity().sessions > 0 || host.is_stopping() {
        return Proof::GaveWay;
    }
    let mut prover = match Prover::start(host.prover()) {
        Ok(prover) => prover,
        Err(why) => return cannot(challenge, &why),
    };
    proving.set_room(Some(host.room()));
    let proof = tokio::select! {
        biased;
        // An error is the end of the agent, and of this task.
        _ = claims.changed() => Proof::GaveWay,
        said = prover.ask(challenge) => said.unwrap_or_else(|why| cannot(challenge, &why)),
        () = tokio::time::sleep(Duration::from(challenge.within) + PATIENCE) => {
            let task = challenge.task.part().word();
            tracing::warn!(task, "the prover has not the time that a checker gives it");
            Proof::Unfinished
        }
    };
    prover.end().await;
    proving.set_room(None);
    proof
}

fn cannot(challenge: &Challenge, why: &str) -> Proof {
    let task = challenge.task.part().word();
    tracing::warn!(task, why, "cannot prove what a checker asks for");
    Proof::Cannot
}

/// The process that does it; killed when dropped.
struct Prover {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<Take<ChildStdout>>,
    stderr: Take<ChildStderr>,
}

impl Prover {
    fn start(program: &[PathBuf]) -> Result<Self, String> {
        let (program, arguments) = program.split_first().ok_or("no prover is configured")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the prover cannot be started: {error}"))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err("the prover has no pipes".to_owned());
        };
        Ok(Self {
            child,
            stdin,
            stdout: BufReader::new(stdout.take(ANSWER_BYTES_MAX)),
            stderr: stderr.take(SAID_BYTES_MAX),
        })
    }

    async fn ask(&mut self, challenge: &Challenge) -> Result<Proof, String> {
        let line = format!("{}\n", to_text(&challenge.write()));
        let failed = |error: std::io::Error| format!("the prover is gone: {error}");
        self.stdin.write_all(line.as_bytes()).await.map_err(failed)?;
        let mut answer = String::new();
        if self.stdout.read_line(&mut answer).await.map_err(failed)? == 0 {
            let mut said = String::new();
            self.stderr.read_to_string(&mut said).await.map_err(failed)?;
            return Err(format!("the prover ended: {}", said.trim()));
        }
        let most = usize::try_from(ANSWER_BYTES_MAX).unwrap_or(0);
        let bytes = from_text(answer.trim_end(), most).map_err(|error| error.to_string())?;
        let answer = Answer::read(&bytes).map_err(|error| error.to_string())?;
        Ok(answer.proof)
    }

    /// Nothing of it is left afterwards, its memory neither.
    async fn end(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "a prover could not be killed");
        }
    }
}

/// As messages have it.
const TEXT_BYTES_MAX: usize = 1_024;
/// 40 KiB as text.
const ANSWER_BYTES_MAX: u64 = 60 * 1024;
const SAID_BYTES_MAX: u64 = 1_024;
/// What comes later is late anyhow; the checker says so.
const PATIENCE: Duration = Duration::from_secs(2);
