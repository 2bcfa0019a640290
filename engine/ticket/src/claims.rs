//! What a ticket says.

use crate::Error;
use firstlight_units::WallTime;
use pasetors::Public;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Who may attach to what, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Names the ticket; random, never used twice.
    pub id: String,
    /// Pseudonym of the player.
    pub player: String,
    /// The session.
    pub session: String,
    /// Epoch of the lease that the session runs under.
    pub epoch: u64,
    /// The player's public key: whoever attaches with this ticket, everything is sealed to it.
    pub key: Option<String>,
    /// The first moment at which the ticket is void.
    pub expires: WallTime,
}

/// As the token carries them: PASETO's registered claims and `epoch`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    jti: String,
    sub: String,
    aud: String,
    epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    exp: String,
}

impl Claims {
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let payload = Payload {
            jti: self.id.clone(),
            sub: self.player.clone(),
            aud: self.session.clone(),
            epoch: self.epoch,
            key: self.key.clone(),
            exp: write_time(self.expires)?,
        };
        serde_json::to_vec(&payload).map_err(|_| UNWRITABLE)
    }

    /// Only for a payload whose signature holds.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, Error> {
        let payload: Payload = serde_json::from_slice(json).map_err(|_| Error::Forged)?;
        Ok(Self {
            id: payload.jti,
            player: payload.sub,
            session: payload.aud,
            epoch: payload.epoch,
            key: payload.key,
            expires: read_time(&payload.exp).ok_or(Error::Forged)?,
        })
    }
}

pub(crate) fn write_time(at: WallTime) -> Result<String, Error> {
    let nanos = i128::from(at.as_micros()) * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .ok_or(UNWRITABLE)
}

pub(crate) fn read_time(text: &str) -> Option<WallTime> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    u64::try_from(nanos / 1_000).ok().map(WallTime::from_micros)
}

/// The payload of a token, once its signature holds.
pub(crate) fn open(key: &[u8; 32], token: &str, purpose: &[u8]) -> Result<Vec<u8>, Error> {
    // A fourth part would be a footer, which none has; without this check an empty one would be a second spelling.
    if token.len() > TOKEN_BYTES_MAX || token.split('.').count() != 3 {
        return Err(Error::Forged);
    }
    let token = UntrustedToken::<Public, V4>::try_from(token).map_err(|_| Error::Forged)?;
    let key = AsymmetricPublicKey::<V4>::from(key).map_err(|_| Error::Forged)?;
    let trusted = PublicToken::verify(&key, &token, None, Some(purpose)).map_err(|_| Error::Forged)?;
    Ok(trusted.payload().as_bytes().to_vec())
}

/// A ticket travels in the URL of a CONNECT request; with 32-character ids it has about 300 bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 1024;

pub(crate) const UNWRITABLE: Error = Error::Claims {
    most: TOKEN_BYTES_MAX,
};

/// What the signature also covers, so that no other token signed with this key is taken for a ticket.
pub(crate) const PURPOSE: &[u8] = b"firstlight ticket 1";
