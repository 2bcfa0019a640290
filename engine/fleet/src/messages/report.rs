//! What a host says of a session.

use super::{Refusal, VERSION, understood};
use crate::serde_text;
use firstlight_link::{End, Stats};
use firstlight_units::{SessionId, TitleId};
use serde::{Deserialize, Serialize};

/// A session changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub v: u32,
    /// The session as it is.
    #[serde(flatten)]
    pub session: SessionView,
    /// How it was; of a session that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<Quality>>,
}

/// How a session was, as its host says.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Pseudonym of its player.
    pub player: String,
    /// What lets others read it: a secret.
    pub link: String,
    /// Mean scores of its minutes, ten-thousandths.
    #[serde(default)]
    pub minutes: Vec<u16>,
    /// The report of `firstlight-checker`, as JSON.
    pub report: serde_json::Value,
    /// What the host counted itself; none: it is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What a host counted of a session, and its signature of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Seconds with a player.
    pub seconds: u64,
    /// Access units that it encoded.
    pub units: u64,
    /// Bytes that it sent.
    pub bytes: u64,
    /// By the host, in base64; empty until it leaves the host.
    #[serde(default)]
    pub signed: String,
}

impl std::fmt::Debug for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quality")
            .field("player", &self.player)
            .finish_non_exhaustive()
    }
}

impl Quality {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`Refusal::Absurd`].
    pub fn check(&self) -> Result<(), Refusal> {
        let checks = [
            (self.player.len() <= 128, "the player"),
            ((16..=128).contains(&self.link.len()), "the report's link"),
            (
                self.told.as_ref().is_none_or(|told| told.signed.len() <= 128),
                "the account's signature",
            ),
            (
                self.minutes.len() <= MINUTES_MAX && self.minutes.iter().all(|score| *score <= 10_000),
                "the minutes",
            ),
            (
                self.report.is_object() && self.report.to_string().len() <= REPORT_BYTES_MAX,
                "the report",
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Refusal::Absurd(what)),
            None => Ok(()),
        }
    }
}

/// A session as its host sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    #[serde(with = "serde_text")]
    pub session: SessionId,
    /// Pseudonym of its player.
    pub player: String,
    /// The title played.
    #[serde(with = "serde_text")]
    pub title: TitleId,
    /// Its slot.
    pub slot: u32,
    /// Its lease's fence.
    pub fence: u64,
    /// Where it stands.
    #[serde(flatten)]
    pub state: SessionState,
    /// The UDP port that media is received on.
    pub port: u16,
    /// The UDP port of WebRTC; none where none was free.
    #[serde(default)]
    pub rtc_port: Option<u16>,
    /// SHA-256 of each certificate in use, hex.
    #[serde(default)]
    pub cert_sha256: Vec<String>,
    /// Its public key, for players whose packets are sealed; empty until it is ready.
    #[serde(default)]
    pub seal_key: String,
    /// The last second while its player is attached; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Box<Stats>>,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SessionState {
    /// The worker sets it up.
    Starting,
    /// It takes its player's ticket.
    Ready,
    /// It is played.
    Attached,
    /// It is frozen until its player comes back.
    Waiting {
        /// Time left.
        left_s: u32,
    },
    /// It is over.
    Ended {
        /// Why.
        reason: End,
        /// For the operator and the publisher.
        detail: String,
        /// The app's exit code, if it exited.
        #[serde(default)]
        exit_code: Option<i32>,
        /// Last lines of the app or the worker.
        #[serde(default)]
        tail: Vec<String>,
    },
}

impl SessionState {
    /// It is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

impl Report {
    /// Of a session.
    #[must_use]
    pub const fn new(session: SessionView) -> Self {
        Self {
            v: VERSION,
            session,
            quality: None,
        }
    }

    /// Reads a message's content and refuses what cannot be.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Version`], [`Refusal::Absurd`], [`Refusal::ForeignSlot`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let report: Self = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !understood(report.v) {
            return Err(Refusal::Version(report.v));
        }
        report.session.check()?;
        if let Some(quality) = &report.quality {
            quality.check()?;
        }
        Ok(report)
    }

    /// As a message's content.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl SessionView {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`Refusal::Absurd`], [`Refusal::ForeignSlot`].
    pub fn check(&self) -> Result<(), Refusal> {
        if self.slot >= super::beat::SLOTS_MAX {
            return Err(Refusal::ForeignSlot(self.slot));
        }
        let certificates = self.cert_sha256.iter();
        let digests = certificates
            .clone()
            .all(|hex| crate::identity::unhex::<32>(hex).is_some());
        let tail = if let SessionState::Ended { tail, detail, .. } = &self.state {
            tail.len() <= TAIL_LINES_MAX && detail.len() <= TEXT_BYTES_MAX
        } else {
            true
        };
        let checks = [
            (self.player.len() <= 128, "the player"),
            (self.seal_key.len() <= 128, "the seal's key"),
            (digests && certificates.count() <= 8, "the certificates"),
            (tail, "the last lines"),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Refusal::Absurd(what)),
            None => Ok(()),
        }
    }
}

/// A panic with its backtrace.
const TAIL_LINES_MAX: usize = 80;
const TEXT_BYTES_MAX: usize = 4096;
/// Half a day.
const MINUTES_MAX: usize = 720;
/// With the minutes and the rest, it fits a record.
const REPORT_BYTES_MAX: usize = 56 * 1024;
