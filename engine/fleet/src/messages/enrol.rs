//! How a host joins.

use super::{Refusal, VERSION, understood};
use crate::identity::{hex, unhex};
use crate::{Key, PublicKey, serde_text};
use firstlight_units::{HostId, Micros, Region, WallTime};
use serde::{Deserialize, Serialize};

/// A host wants to join: the body of `POST /v1/hosts/enrol`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Enrol {
    /// [`VERSION`].
    pub v: u32,
    /// Its public key: 64 hexadecimal digits.
    pub key: String,
    /// The join token. Not needed by a host that has joined before.
    #[serde(default)]
    pub token: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Where it is.
    #[serde(with = "serde_text")]
    pub region: Region,
    /// When this was written.
    #[serde(with = "serde_text::wall")]
    pub at: WallTime,
    /// Signature of all of it by the key: 128 hexadecimal digits.
    pub proof: String,
}

impl std::fmt::Debug for Enrol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrol")
            .field("key", &self.key)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// It has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// [`VERSION`].
    pub v: u32,
    /// The host's id.
    #[serde(with = "serde_text")]
    pub host: HostId,
    /// The bus: `nats://…`.
    pub bus: String,
    /// Public keys that asks are sealed with.
    pub cell_keys: Vec<String>,
    /// Milliseconds between beats.
    pub beat_ms: u32,
    /// The gateway keeps what players have saved, and brings it to the host that a session is placed on.
    #[serde(default)]
    pub saves: bool,
}

impl Enrol {
    /// Written and signed at `now`.
    #[must_use]
    pub fn new(key: &Key, token: String, name: String, region: Region, now: WallTime) -> Self {
        let mut enrol = Self {
            v: VERSION,
            key: key.public().to_hex(),
            token,
            name,
            region,
            at: now,
            proof: String::new(),
        };
        enrol.proof = hex(&key.sign(&enrol.covered()));
        enrol
    }

    /// Whose key it is, if the proof holds and is of `now`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(&self, now: WallTime) -> Result<PublicKey, Refusal> {
        if !understood(self.v) {
            return Err(Refusal::Version(self.v));
        }
        let key = PublicKey::from_hex(&self.key).ok_or(Refusal::Malformed)?;
        let proof = unhex::<64>(&self.proof).ok_or(Refusal::Malformed)?;
        if !self.name.is_empty() && !super::beat::is_word(&self.name, 64) {
            return Err(Refusal::Absurd("the name"));
        }
        if self.token.len() > 256 {
            return Err(Refusal::Absurd("the token"));
        }
        if now.since(self.at) > OFF_MAX || self.at.since(now) > OFF_MAX {
            return Err(Refusal::NotNow);
        }
        if !key.verify(&self.covered(), &proof) {
            return Err(Refusal::Forged);
        }
        Ok(key)
    }

    /// Lengths go first, so that no two wishes read the same.
    fn covered(&self) -> Vec<u8> {
        let mut covered = PURPOSE.to_vec();
        let at = self.at.as_micros().to_string();
        for part in [&self.key, &self.token, &self.name, self.region.as_str(), &at] {
            covered.extend_from_slice(format!("{}:", part.len()).as_bytes());
            covered.extend_from_slice(part.as_bytes());
        }
        covered
    }
}

const PURPOSE: &[u8] = b"firstlight enrol 1\0";
/// A machine whose clock is further off than this has its seals refused as well.
const OFF_MAX: Micros = Micros::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);

    fn enrol() -> Enrol {
        let key = Key::from_seed(&[3; 32]);
        Enrol::new(&key, "flj_x".into(), "box".into(), "eu".parse().unwrap(), NOW)
    }

    #[test]
    fn the_key_proves_itself() {
        assert_eq!(
            enrol().check(NOW).unwrap().id(),
            Key::from_seed(&[3; 32]).public().id()
        );
        let mut stolen = enrol();
        stolen.key = Key::from_seed(&[4; 32]).public().to_hex();
        assert_eq!(stolen.check(NOW), Err(Refusal::Forged));
        let mut renamed = enrol();
        renamed.name = "bo".into();
        assert_eq!(renamed.check(NOW), Err(Refusal::Forged));
        assert_eq!(enrol().check(NOW + Micros::from_secs(31)), Err(Refusal::NotNow));
    }

    #[test]
    fn a_token_is_not_printed() {
        assert!(!format!("{:?}", enrol()).contains("flj_"));
    }
}
