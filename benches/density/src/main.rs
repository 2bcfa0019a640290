//! Density bench: what the send path costs, beside bare quinn at the same rate and sizes.
//!
//! ```text
//! density send: Sender (packetise, pace, history) -> firstlight-quic --UDP--> density play: Receiver -> feedback
//! density send --bare: the same sizes at the same times, quinn datagrams --UDP--> density play --bare: reads
//! ```
//!
//! Two processes, each on one thread, so that what the senders cost is one process's processor time. `density.mjs` runs them in
//! turns and says which bars hold.

mod bare;
mod machine;
mod play;
mod send;
mod units;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// What the send path costs; started by density.mjs.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    side: Side,
}

#[derive(Debug, Subcommand)]
enum Side {
    /// Serves sessions, and prints what that took
    Send(Send),
    /// Plays them
    Play(Play),
}

/// Options of the sending side.
#[derive(Args, Clone, Debug)]
pub(crate) struct Send {
    /// Sessions
    #[arg(long)]
    pub(crate) sessions: usize,
    /// Seconds to measure
    #[arg(long)]
    pub(crate) seconds: u64,
    /// H.264 in Annex B with access unit delimiters
    #[arg(long)]
    pub(crate) units: PathBuf,
    /// quinn alone
    #[arg(long)]
    pub(crate) bare: bool,
}

/// Options of the playing side.
#[derive(Args, Clone, Debug)]
pub(crate) struct Play {
    /// Sessions
    #[arg(long)]
    pub(crate) sessions: usize,
    /// UDP port on the loopback
    #[arg(long)]
    pub(crate) port: u16,
    /// What the sender printed: the certificate, or its hash
    #[arg(long)]
    pub(crate) certificate: String,
    /// quinn alone
    #[arg(long)]
    pub(crate) bare: bool,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match Cli::parse().side {
        Side::Send(options) if options.bare => runtime.block_on(bare::send(&options)),
        Side::Send(options) => runtime.block_on(send::send(&options)),
        Side::Play(options) if options.bare => runtime.block_on(bare::play(&options)),
        Side::Play(options) => runtime.block_on(play::play(&options)),
    }
}

/// Rate rule, path MTU and caches have settled by then.
pub(crate) const SETTLE: Duration = Duration::from_secs(4);
/// Pictures a second.
pub(crate) const FPS: u64 = 60;
