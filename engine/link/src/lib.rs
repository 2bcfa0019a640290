//! The messages between a host and its workers.
//!
//! One JSON object per line: [`Order`]s on the worker's standard input, [`Report`]s on its standard output. The first
//! order is [`Order::Start`]. When its standard input ends, a worker stops its session and exits: an engine that died
//! takes its sessions with it.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Longest line either side accepts, in bytes; a longer one is a fault of the peer.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// What a host tells a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Begin: always first, exactly once.
    Start(Box<Start>),
    /// A copy that reported [`Report::Parked`] gets a player; answered by [`Report::Ready`].
    Claim(Box<Claim>),
    /// End the session and exit.
    End {
        /// Why, for the player.
        reason: End,
    },
    /// Refuse the ticket with this id from here on (it was cancelled).
    Revoke {
        /// The ticket's id.
        ticket: String,
    },
    /// A client wants to attach over WebRTC; answered by [`Report::Answer`].
    Offer(Box<Offer>),
    /// Candidates of a client that was answered.
    Candidates {
        /// As in its [`Offer`].
        attachment: String,
        /// An SDP fragment.
        fragment: String,
    },
    /// A client that was answered goes.
    HangUp {
        /// As in its [`Offer`].
        attachment: String,
    },
}

/// A client that wants to attach over WebRTC.
#[derive(Clone, Serialize, Deserialize)]
pub struct Offer {
    /// Tells it apart: not to be guessed, and no secret to its client.
    pub attachment: String,
    /// What it lets itself in with.
    pub credential: Credential,
    /// The SDP.
    pub sdp: String,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer").finish_non_exhaustive()
    }
}

/// What a client lets itself in with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A ticket.
    Ticket(String),
    /// A resume secret.
    Resume(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ticket(_) => "Ticket",
            Self::Resume(_) => "Resume",
        })
    }
}

/// What becomes of an [`Offer`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is let in, as soon as it connects.
    Accepted {
        /// The SDP.
        sdp: String,
        /// A resume secret: the ticket is spent, whether it connects or not.
        resume: String,
    },
    /// Its credential is not honoured.
    Forbidden,
    /// It tried too often.
    TooMany,
    /// Its offer cannot be answered.
    BadOffer(String),
    /// This side failed.
    Failed(String),
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accepted { .. } => f.write_str("Accepted"),
            Self::Forbidden => f.write_str("Forbidden"),
            Self::TooMany => f.write_str("TooMany"),
            Self::BadOffer(words) | Self::Failed(words) => f.write_str(words),
        }
    }
}

/// A server that helps to be reached, as `RTCIceServer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// For TURN.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
}

/// Everything a worker needs to run one session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// Id of the session: `[a-z0-9]{1,32}`.
    pub session: String,
    /// Pseudonym of the player who may attach.
    pub player: String,
    /// The lease epoch of the slot; tickets of another epoch are refused.
    pub epoch: u64,
    /// The title's folder, which holds `title.toml`.
    pub title_dir: PathBuf,
    /// Private folder of this session; the host made it and removes what is left of it.
    pub run_dir: PathBuf,
    /// The player's persistent home for this title.
    pub home: PathBuf,
    /// Cgroup the session's processes belong in, if this machine grants one.
    pub cgroup: Option<PathBuf>,
    /// Addresses to receive media on (UDP); one of the host's media ports, on each family that is to be served.
    pub listen: Vec<SocketAddr>,
    /// As `listen`, for WebRTC: another port. None: no WebRTC.
    #[serde(default)]
    pub rtc_listen: Vec<SocketAddr>,
    /// Servers that help to be reached.
    #[serde(default)]
    pub ice_servers: Vec<IceServer>,
    /// Public key that tickets are checked with (32 bytes, hex).
    pub ticket_key: String,
    /// Origins whose pages may attach, e.g. `http://localhost:8080`. A client without an Origin may attach too.
    pub origins: Vec<String>,
    /// Seconds a session waits, frozen, for its player to come back.
    pub wait_s: u32,
    /// Upper bound of the video bitrate, bits per second.
    pub bitrate_max_bps: u64,
    /// Threads the encoder may use.
    pub encoder_threads: u8,
    /// The video encoders of this machine, as its host measured them. None: the worker takes what its build has.
    #[serde(default)]
    pub encoders: Vec<MeasuredEncoder>,
    /// The one that the operator asks for: an encoder's word, or a codec's.
    #[serde(default)]
    pub encoder: Option<String>,
    /// Boot for no player: `player`, `epoch` and `origins` mean nothing yet, `session` is what the copy is called until its claim, and
    /// `home` is a folder of its own on the file system of the players' homes.
    #[serde(default)]
    pub parked: bool,
}

/// What a host measured of one of its video encoders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredEncoder {
    /// What it is called.
    pub word: String,
    /// Microseconds of a picture of 1280 by 720; 0: it does not work.
    pub picture_us: u32,
}

/// Whose a parked copy becomes. Everything is as in [`Start`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Id of the session.
    pub session: String,
    /// Pseudonym of the player who may attach.
    pub player: String,
    /// The lease epoch of the slot.
    pub epoch: u64,
    /// The player's persistent home for this title; nobody else uses it until the answer.
    pub home: PathBuf,
    /// Origins whose pages may attach.
    pub origins: Vec<String>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The title exited by itself with code 0.
    TitleExited,
    /// The title exited with another code or by a signal.
    TitleCrashed,
    /// The player ended it.
    ByPlayer,
    /// The operator ended it.
    ByOperator,
    /// The engine is stopping.
    EngineStopping,
    /// A fault of the engine (a codec, a driver, the display).
    EngineFault,
    /// It waited for its player and gave its room to another.
    GaveWay,
    /// Its player did not come back in time.
    NotResumed,
}

/// What a worker tells its host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// The media port is open and the app has been started; tickets are taken from here on.
    Ready {
        /// SHA-256 of each certificate in use, hex; the newest first.
        cert_sha256: Vec<String>,
        /// The public key of this session, for players whose packets are sealed.
        #[serde(default)]
        seal_key: String,
    },
    /// The copy is booted to its ready point and frozen; it can be claimed.
    Parked {
        /// Microseconds since the worker began.
        after_us: u64,
    },
    /// The certificate was renewed.
    Certificate {
        /// As in [`Report::Ready`].
        cert_sha256: Vec<String>,
    },
    /// The app drew its first picture.
    FirstPicture {
        /// Microseconds since the worker began.
        after_us: u64,
    },
    /// The player is attached.
    Attached {
        /// `ticket` or `resume`.
        by: String,
        /// What carries it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transport: Option<Transport>,
    },
    /// What becomes of an [`Order::Offer`].
    Answer {
        /// As in the offer.
        attachment: String,
        /// What becomes of it.
        answer: Answer,
    },
    /// The player is gone; the session is frozen and waits.
    Waiting {
        /// Seconds left when this was written.
        left_s: u32,
        /// How he went.
        #[serde(default)]
        away: Away,
    },
    /// How the player's start went; once, as the client says.
    Started(StartTrace),
    /// Once a second while attached.
    Stats(Box<Stats>),
    /// A second passed for the player, as the client says.
    Played(Box<Played>),
    /// The session is over; the process exits next.
    Ended {
        /// Why.
        reason: End,
        /// For the operator and the publisher.
        detail: String,
        /// The app's exit code, if it exited.
        exit_code: Option<i32>,
        /// Last lines the app wrote, oldest first.
        tail: Vec<String>,
    },
}

/// How a player went whose session waits for him.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Away {
    /// By his own doing: he closed the page, or loads it anew.
    #[default]
    Left,
    /// His line fell silent, or his page gave it up to attach anew: he may be back in a moment.
    Cut,
}

/// What carries a player's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Straight from the player.
    WebTransport,
    /// WebRTC, straight or over TURN.
    WebRtc,
    /// A relay.
    Relay,
    /// The gateway.
    WebSocket,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::WebTransport, Self::WebRtc, Self::Relay, Self::WebSocket];

    /// As in metrics and statistics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WebTransport => "webtransport",
            Self::WebRtc => "webrtc",
            Self::Relay => "relay",
            Self::WebSocket => "websocket",
        }
    }
}

/// From a player's click to the first picture he saw, step by step. The steps sum to the whole. Microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartTrace {
    /// The session was a parked copy.
    pub parked: bool,
    /// Click to ticket.
    pub placed_us: u32,
    /// Ticket to open transport.
    pub connected_us: u32,
    /// Open transport to running app; 0 where that ran before.
    pub thawed_us: u32,
    /// That to the first whole access unit at the client.
    pub first_frame_us: u32,
    /// That to its presentation.
    pub shown_us: u32,
    /// Click to presentation.
    pub total_us: u32,
}

/// A second as its player saw it. What this side did is since the second before. Times in microseconds, rates in bits per second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Played {
    /// What it covers.
    pub span_us: u64,
    /// The page could not be seen.
    pub hidden: bool,
    /// Pictures that were sent.
    pub sent: u32,
    /// Pictures that were drawn and not coded: the sender was blocked.
    pub skipped: u32,
    /// One of so many pictures was coded.
    pub divisor: u8,
    /// Pictures shown.
    pub shown: u32,
    /// Of those, the ones that answer an input.
    pub clicks: u32,
    /// Median from input to picture; 0: there was no picture.
    pub delay_us: u32,
    /// Its 95th percentile less that.
    pub variation_us: u32,
    /// Time without a new picture while there was one to show.
    pub frozen_us: u32,
    /// Round trip.
    pub rtt_us: u32,
    /// What the clocks' offset can be wrong by.
    pub clock_error_us: u32,
    /// Means over all pictures, one for each stage; or empty.
    pub stages_us: Vec<i32>,
    /// Means over pictures that answer an input, one for each stage; or empty.
    pub click_stages_us: Vec<i32>,
    /// As decoded.
    pub width: u32,
    /// As decoded.
    pub height: u32,
    /// As drawn; 0: as the title's manifest has it.
    pub drawn_width: u32,
    /// As drawn.
    pub drawn_height: u32,
    /// What the client received.
    pub received_bps: u64,
    /// Video that was coded.
    pub video_bps: u64,
    /// Target of the rate rule.
    pub target_bps: u64,
    /// Frames that never came.
    pub lost: u32,
    /// Frames that came too late.
    pub late: u32,
    /// Frames that the client discarded.
    pub dropped: u32,
}

/// A second of a session's life. Rates are bits per second, times microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// What carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Target of the rate rule.
    pub target_bps: u64,
    /// What was sent.
    pub sent_bps: u64,
    /// Of that, video.
    pub video_bps: u64,
    /// Pictures taken from the display.
    pub captured: u32,
    /// Pictures encoded.
    pub encoded: u32,
    /// Pictures not encoded because the sender was blocked.
    pub skipped: u32,
    /// Packets sent again.
    pub repeated: u32,
    /// IDRs so far.
    pub idr_total: u64,
    /// Recoveries without an IDR so far.
    pub recovery_total: u64,
    /// Datagrams dropped as malformed so far.
    pub malformed_total: u64,
    /// Input events injected so far.
    pub input_total: u64,
    /// Input events or datagrams refused by the rate limit so far.
    pub input_refused_total: u64,
    /// Clients turned away so far.
    pub refused_total: u64,
    /// Smoothed round trip.
    pub rtt_us: u64,
    /// Packets the client reported lost so far.
    pub lost_total: u64,
    /// Frames late at the client so far.
    pub late_total: u64,
    /// Frames dropped by the client so far.
    pub dropped_total: u64,
    /// Median microseconds of capture over the second.
    pub capture_us: u32,
    /// Median microseconds of conversion.
    pub convert_us: u32,
    /// Median microseconds of encoding.
    pub encode_us: u32,
    /// Median microseconds in the pacer.
    pub pace_us: u32,
    /// CPU time inside the encoder and in its own threads, microseconds in this second.
    pub cpu_encoder_us: u64,
    /// CPU time of the rest of the worker, microseconds in this second.
    pub cpu_engine_us: u64,
    /// Pictures decoded by the client, as it says.
    pub decoded: u32,
    /// Pictures shown by the client, as it says.
    pub presented: u32,
    /// Median microseconds of decoding, as the client says.
    pub decode_us: u32,
    /// Median microseconds from commit to presentation, as the client says.
    pub glass_to_glass_us: u32,
    /// Median microseconds from input to the picture that answers it, as the client says.
    pub click_to_photon_us: u32,
    /// Milliseconds without a new picture past the deadline, as the client says.
    pub frozen_ms: u32,
    /// What the title's frame clock goes by: a name of `units::Pacing`.
    pub pacing: String,
    /// Median microseconds that decoded pictures waited for the player's screen, where the client said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_wait_us: Option<u32>,
}
