//! A host that cheats, for real: it stands between an unchanged `firstlight host` and the fleet's bus, has that host's key, and says in its name
//! what is not so. `benches/cheats/liars.mjs` runs one of each kind against the checker that ships.
//!
//! ```text
//! firstlight host ──its own bus──> liar ──the fleet's bus──> cell
//!        │ media                      └─ or, far away: media ──delayed──> players
//! ```

mod lie;
mod way;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use firstlight_fleet::messages::{Beat, Channel, Guard, Replied, Report, Signer};
use firstlight_fleet::{Bus, Key, Message, Subject, open_bus};
use firstlight_units::{HostId, Micros, WallTime};
use lie::Liar;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What it lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// It has eight times the cores
    Cores,
    /// Its proofs are made up
    Proofs,
    /// Each session lasted half as long again, and a minute
    Minutes,
    /// It encoded half as many pictures again, that were never sent
    Units,
    /// It is near: media goes by a detour of 120 ms there and back
    Near,
    /// Nothing
    Nothing,
}

/// Lies in a host's name.
#[derive(Debug, Parser)]
#[command(name = "liar")]
struct Arguments {
    /// The bus that the host is on
    #[arg(long)]
    inner: String,
    /// The fleet's
    #[arg(long)]
    outer: String,
    /// The host's data folder
    #[arg(long)]
    data: PathBuf,
    /// What it lies about
    #[arg(long, value_enum)]
    about: Kind,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let key = Key::open(&arguments.data.join("host.key")).context("no host's key")?;
    // Everything that the host says is sealed anew, so that there is one sequence.
    let signer = Signer::new(key, wall_now().as_micros());
    let mut guard = Guard::default();
    guard.admit(signer.id());
    let between = Arc::new(Between {
        host: signer.id(),
        inner: open_bus(&arguments.inner).await?,
        outer: open_bus(&arguments.outer).await?,
        liar: Liar::new(arguments.about),
        guard: Mutex::new(guard),
        signer,
    });
    let beats = tokio::spawn(Arc::clone(&between).carry(Channel::Beat));
    let reports = tokio::spawn(Arc::clone(&between).carry(Channel::Report));
    let asks = tokio::spawn(between.asks());
    tokio::select! {
        done = beats => done??,
        done = reports => done??,
        done = asks => done??,
    }
    Ok(())
}

struct Between {
    host: HostId,
    inner: Arc<dyn Bus>,
    outer: Arc<dyn Bus>,
    liar: Liar,
    guard: Mutex<Guard>,
    signer: Signer,
}

impl Between {
    /// What the host says by itself.
    async fn carry(self: Arc<Self>, channel: Channel) -> Result<()> {
        let to = if channel == Channel::Beat {
            Subject::beat(&self.host)
        } else {
            Subject::report(&self.host)
        };
        let mut said = self.inner.subscribe(&to).await?;
        while let Some(message) = said.next().await {
            let Some(body) = self.opened(channel, &message.body) else {
                continue;
            };
            let body = if channel == Channel::Beat {
                let mut beat = Beat::read(&body)?;
                self.liar.beat(&mut beat);
                beat.write()
            } else {
                let mut report = Report::read(&body)?;
                self.liar.report(&mut report, self.signer.key()).await?;
                report.write()
            };
            let sealed = self.signer.seal(channel, &body, wall_now());
            if let Err(error) = self.outer.publish(&to, sealed).await {
                eprintln!("not carried on: {error}");
            }
        }
        Ok(())
    }

    /// What the host is asked.
    async fn asks(self: Arc<Self>) -> Result<()> {
        let to = Subject::ask(&self.host);
        let mut asked = self.outer.subscribe(&to).await?;
        while let Some(message) = asked.next().await {
            let own = Arc::clone(&self);
            tokio::spawn(async move {
                if let Err(error) = own.answer(message).await {
                    eprintln!("not answered: {error:#}");
                }
            });
        }
        Ok(())
    }

    async fn answer(&self, message: Message) -> Result<()> {
        let to = Subject::ask(&self.host);
        let asked = self
            .inner
            .request(&to, message.body.clone(), ANSWER_WITHIN)
            .await?;
        let body = self
            .opened(Channel::Reply, &asked)
            .context("the host's reply is not its own")?;
        let mut replied: Replied = serde_json::from_slice(&body)?;
        self.liar.reply(&mut replied, self.signer.key()).await?;
        let body = serde_json::to_vec(&replied)?;
        let sealed = self.signer.seal(Channel::Reply, &body, wall_now());
        message.answer(sealed).await?;
        Ok(())
    }

    fn opened(&self, channel: Channel, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = guard.open(channel, Some(&self.host), bytes, wall_now());
        opened.ok().map(|opened| opened.body)
    }
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

/// A claim boots a title.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
