//! Density bench: what the send path costs, beside bare quinn and bare webrtc at the same rate and sizes.
//!
//! ```text
//! density send: Sender (packetise, pace, history) [-> seal] -> firstlight-quic --UDP--> density play: Receiver -> feedback
//!                                                 -> firstlight-rtc, SRTP --UDP--> density play: webrtc, transport-wide feedback
//! bare: the same sizes at the same times, quinn datagrams or RTP packets --UDP--> density play: reads
//! ```
//!
//! Two processes, each on one thread, so that what the senders cost is one process's processor time. `density.mjs` runs them in
//! turns and says which bars hold.

mod bare;
mod machine;
mod path;
mod play;
mod rtc;
mod send;
mod signal;
mod units;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
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

/// What sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Over {
    /// The whole path over QUIC
    Quic,
    /// The same, sealed to the player
    Sealed,
    /// The whole path over WebRTC
    Rtc,
    /// quinn alone
    BareQuic,
    /// The webrtc crate alone
    BareRtc,
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
    /// What sends
    #[arg(long)]
    pub(crate) over: Over,
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
    /// What sends
    #[arg(long)]
    pub(crate) over: Over,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match Cli::parse().side {
        Side::Send(options) => runtime.block_on(async {
            match options.over {
                Over::Quic | Over::Sealed => send::send(&options).await,
                Over::Rtc => send::send_rtc(&options).await,
                Over::BareQuic => bare::send(&options).await,
                Over::BareRtc => rtc::send_bare(&options).await,
            }
        }),
        Side::Play(options) => runtime.block_on(async {
            match options.over {
                Over::Quic | Over::Sealed => play::play(&options).await,
                Over::Rtc | Over::BareRtc => rtc::play(&options).await,
                Over::BareQuic => bare::play(&options).await,
            }
        }),
    }
}

/// Rate rule, path MTU and caches have settled by then.
pub(crate) const SETTLE: Duration = Duration::from_secs(4);
/// Pictures a second.
pub(crate) const FPS: u64 = 60;
