//! What indexers ask of a host.

use super::{Quality, Refusal, SessionView, VERSION, understood};
use crate::serde_text;
use firstlight_link::{Answer, Credential, End};
use firstlight_units::{HostId, SessionId, TitleId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An ask on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// [`VERSION`].
    pub v: u32,
    /// Binds the reply to it: random.
    pub id: u64,
    /// For whom it is.
    #[serde(with = "serde_text")]
    pub to: HostId,
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Start a session in a slot. The same session twice is one session.
    Claim(Box<Claim>),
    /// End a session. One that is over stays so.
    End {
        /// Which.
        #[serde(with = "serde_text")]
        session: SessionId,
        /// Why, for its player.
        reason: End,
    },
    /// A new ticket for a session's player.
    Ticket {
        /// Which.
        #[serde(with = "serde_text")]
        session: SessionId,
        /// The player's public key, where everything is to be sealed to it.
        #[serde(default)]
        key: Option<String>,
    },
    /// A client wants to attach over WebRTC.
    Offer {
        /// To which.
        #[serde(with = "serde_text")]
        session: SessionId,
        /// What it lets itself in with.
        credential: Credential,
        /// The SDP.
        sdp: String,
    },
    /// A WebRTC client's candidates.
    Candidates {
        /// Of which.
        #[serde(with = "serde_text")]
        session: SessionId,
        /// As in the reply to its offer.
        attachment: String,
        /// An SDP fragment.
        fragment: String,
    },
    /// A WebRTC client goes.
    HangUp {
        /// From which.
        #[serde(with = "serde_text")]
        session: SessionId,
        /// As in the reply to its offer.
        attachment: String,
    },
    /// A session as it is, with its statistics.
    Session {
        /// Which.
        #[serde(with = "serde_text")]
        session: SessionId,
    },
    /// How a session was so far.
    Quality {
        /// Which.
        #[serde(with = "serde_text")]
        session: SessionId,
    },
    /// All of them, also those that ended lately.
    Sessions,
    /// Take no more sessions, or do so again.
    Drain {
        /// No more.
        on: bool,
    },
    /// Keep so many copies of a title booted and frozen.
    Park {
        /// Which.
        #[serde(with = "serde_text")]
        title: TitleId,
        /// How many.
        copies: u32,
        /// For so many seconds: of several such asks the highest holds, within the title's own bounds. None: until it is asked anew,
        /// whatever the title's bounds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lapse_s: Option<u32>,
    },
    /// Prove what it claims: a checker's challenge.
    Prove {
        /// The challenge, as `firstlight-checker` writes it, in base64.
        challenge: String,
        /// The checker's signature of it, in base64.
        signed: String,
    },
    /// Hear what its checks came to.
    Standing {
        /// `unproven`, `admitted` or `refused`.
        standing: String,
        /// Why not, for its provider; empty where there is nothing to say.
        why: String,
    },
}

/// A session that is to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Its id.
    #[serde(with = "serde_text")]
    pub session: SessionId,
    /// Pseudonym of its player: `[0-9a-z]{1,128}`.
    pub player: String,
    /// The title.
    #[serde(with = "serde_text")]
    pub title: TitleId,
    /// The slot.
    pub slot: u32,
    /// The lease's fence.
    pub fence: u64,
    /// Origins whose pages may attach.
    pub origins: Vec<String>,
    /// The version that the title must have; none: whichever is installed.
    #[serde(default)]
    pub title_version: Option<String>,
}

/// A reply on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replied {
    /// [`VERSION`].
    pub v: u32,
    /// The ask's.
    pub id: u64,
    /// What is replied.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What is replied.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// The session takes its player's ticket.
    Claimed(Box<Claimed>),
    /// It is done.
    Done,
    /// A ticket.
    Ticket {
        /// Single use.
        ticket: String,
    },
    /// What becomes of an offer.
    Offered {
        /// What the attachment is called from here on.
        attachment: String,
        /// What becomes of it.
        answer: Answer,
    },
    /// A session.
    Session(Box<SessionView>),
    /// How a session was so far.
    Quality(Box<Quality>),
    /// Sessions.
    Sessions {
        /// Each without its statistics.
        sessions: Vec<SessionView>,
    },
    /// What it has to show for a challenge.
    Proof {
        /// The answer, as `firstlight-checker` writes it, in base64.
        answer: String,
        /// The host's signature of it, in base64.
        signed: String,
    },
    /// It is not done.
    Refused(Refused),
}

/// A session that takes its player's ticket.
#[derive(Clone, Serialize, Deserialize)]
pub struct Claimed {
    /// As it is.
    pub view: SessionView,
    /// What its player attaches with; single use.
    pub ticket: String,
    /// Where players and gateways reach the port.
    pub addresses: Vec<IpAddr>,
    /// Microseconds to find room.
    pub placed_us: u64,
    /// Microseconds until it was ready, that included.
    pub ready_us: u64,
    /// A parked copy was thawed.
    #[serde(default)]
    pub parked: bool,
    /// Of that, microseconds until the player's saves were there.
    #[serde(default)]
    pub saves_us: u64,
}

impl std::fmt::Debug for Claimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claimed")
            .field("session", &self.view.session)
            .finish_non_exhaustive()
    }
}

/// Why a host does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refused {
    /// Cores, memory or slots are used up.
    #[error("the host is full")]
    Full,
    /// It takes no more sessions.
    #[error("the host drains")]
    Draining,
    /// It ends those that it has.
    #[error("the host is stopping")]
    Stopping,
    /// The slot had a lease with this fence or a higher one.
    #[error("fence {given} is not higher than {last}, the last of slot {slot}")]
    StaleFence {
        /// Which slot.
        slot: u32,
        /// The claim's.
        given: u64,
        /// The highest that was seen.
        last: u64,
    },
    /// A session is in the slot.
    #[error("slot {slot} is taken")]
    SlotTaken {
        /// Which.
        slot: u32,
    },
    /// The host does not have this slot.
    #[error("the host has no slot {slot}")]
    NoSuchSlot {
        /// Which.
        slot: u32,
    },
    /// The host does not have this title, or not in this version.
    #[error("the host does not have the title")]
    UnknownTitle,
    /// There is no such session, or it is over.
    #[error("the host has no such session")]
    UnknownSession,
    /// The session was to give way, and its player is there, or may be back in a moment.
    #[error("the session does not give way")]
    Stays,
    /// The player has as many sessions as one player may have.
    #[error("the player has {most} sessions")]
    TooMany {
        /// How many.
        most: u32,
    },
    /// The session ended before it was ready.
    #[error("the session ended before it was ready: {detail}")]
    Stillborn {
        /// For the operator.
        detail: String,
    },
    /// The session did not answer.
    #[error("the session did not answer")]
    NoAnswer,
    /// What the player has saved cannot be brought: without it, nothing is started.
    #[error("the player's saves cannot be brought: {detail}")]
    NoSaves {
        /// For the operator.
        detail: String,
    },
    /// The ask makes no sense.
    #[error("{what}")]
    BadAsk {
        /// What about it.
        what: String,
    },
    /// The host failed.
    #[error("the host failed: {detail}")]
    Failed {
        /// For the operator.
        detail: String,
    },
}

impl Refused {
    /// Whether another slot or host may do it.
    #[must_use]
    pub const fn try_elsewhere(&self) -> bool {
        !matches!(
            self,
            Self::TooMany { .. } | Self::UnknownSession | Self::Stays | Self::NoAnswer | Self::BadAsk { .. }
        )
    }
}

impl Asked {
    /// Reads a message's content.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Version`], [`Refusal::Absurd`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let asked: Self = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !understood(asked.v) {
            return Err(Refusal::Version(asked.v));
        }
        if let Ask::Claim(claim) = &asked.ask {
            claim.check()?;
        }
        if let Ask::Prove { challenge, signed } = &asked.ask
            && (challenge.len() > CHALLENGE_BYTES_MAX || signed.len() > SIGNED_BYTES_MAX)
        {
            return Err(Refusal::Absurd("the challenge"));
        }
        if let Ask::Standing { standing, why } = &asked.ask {
            let lines =
                super::beat::is_word(standing, 64) && (why.is_empty() || super::beat::is_word(why, 400));
            if !lines {
                return Err(Refusal::Absurd("the standing"));
            }
        }
        Ok(asked)
    }

    /// As a message's content.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Claim {
    fn check(&self) -> Result<(), Refusal> {
        let player = !self.player.is_empty()
            && self.player.len() <= 128
            && self
                .player
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        let origins = self.origins.len() <= 64
            && self
                .origins
                .iter()
                .all(|origin| super::beat::is_word(origin, 300));
        let checks = [
            (player, "the player"),
            (origins, "the origins"),
            (self.fence > 0, "a fence of 0"),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Refusal::Absurd(what)),
            None => Ok(()),
        }
    }
}

impl Replied {
    /// To the ask with this id.
    #[must_use]
    pub const fn new(id: u64, reply: Reply) -> Self {
        Self {
            v: VERSION,
            id,
            reply,
        }
    }

    /// Reads a message's content.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Version`], [`Refusal::Absurd`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let replied: Self = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        if !understood(replied.v) {
            return Err(Refusal::Version(replied.v));
        }
        match &replied.reply {
            Reply::Claimed(claimed) => claimed.view.check()?,
            Reply::Session(view) => view.check()?,
            Reply::Quality(quality) => quality.check()?,
            Reply::Sessions { sessions } => sessions.iter().try_for_each(SessionView::check)?,
            Reply::Proof { answer, signed } => {
                if answer.len() > PROOF_BYTES_MAX || signed.len() > SIGNED_BYTES_MAX {
                    return Err(Refusal::Absurd("the proof"));
                }
            }
            Reply::Done | Reply::Ticket { .. } | Reply::Offered { .. } | Reply::Refused(_) => {}
        }
        Ok(replied)
    }

    /// As a message's content.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// As text; a challenge has some 200 bytes.
const CHALLENGE_BYTES_MAX: usize = 1_024;
/// An Ed25519 signature, as text.
const SIGNED_BYTES_MAX: usize = 128;
/// 40 KiB, as text.
const PROOF_BYTES_MAX: usize = 56 * 1024;
