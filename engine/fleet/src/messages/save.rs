//! What a host asks of its gateway about what a session's player has saved.

use super::{Refusal, VERSION, understood};
use crate::identity::{hex, unhex};
use crate::{Key, PublicKey, serde_text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firstlight_units::{Micros, SessionId, WallTime};
use serde::{Deserialize, Serialize};

/// What a host wants with the saves of a session that it holds, or held: a header of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveAsk {
    /// [`VERSION`].
    pub v: u32,
    /// The host's public key: 64 hexadecimal digits.
    pub key: String,
    /// The session.
    #[serde(with = "serde_text")]
    pub session: SessionId,
    /// Its lease's fence.
    pub fence: u64,
    /// What is wanted.
    #[serde(flatten)]
    pub verb: SaveVerb,
    /// When this was written.
    #[serde(with = "serde_text::wall")]
    pub at: WallTime,
    /// Signature of all of it by the key: 128 hexadecimal digits.
    pub proof: String,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum SaveVerb {
    /// To know what is newest, before the app starts.
    Open,
    /// To have a version: the body of the answer.
    Read {
        /// Which.
        version: u64,
    },
    /// To put this into the place of what is newest: the body of the request.
    Write(Written),
    /// Nothing more comes of this session.
    Close,
}

/// An archive that is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256: 64 hexadecimal digits.
    pub sha256: String,
    /// The session is over: nothing more comes of it.
    pub last: bool,
}

impl SaveAsk {
    /// Written and signed at `now`.
    #[must_use]
    pub fn new(key: &Key, session: SessionId, fence: u64, verb: SaveVerb, now: WallTime) -> Self {
        let mut ask = Self {
            v: VERSION,
            key: key.public().to_hex(),
            session,
            fence,
            verb,
            at: now,
            proof: String::new(),
        };
        ask.proof = hex(&key.sign(&ask.covered()));
        ask
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
        if let SaveVerb::Write(written) = &self.verb
            && unhex::<32>(&written.sha256).is_none()
        {
            return Err(Refusal::Absurd("the digest"));
        }
        if now.since(self.at) > OFF_MAX || self.at.since(now) > OFF_MAX {
            return Err(Refusal::NotNow);
        }
        if !key.verify(&self.covered(), &proof) {
            return Err(Refusal::Forged);
        }
        Ok(key)
    }

    /// As a header's value.
    #[must_use]
    pub fn to_header(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From a header's value.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn from_header(value: &str) -> Result<Self, Refusal> {
        if value.len() > HEADER_BYTES_MAX {
            return Err(Refusal::Malformed);
        }
        let json = URL_SAFE_NO_PAD.decode(value).map_err(|_| Refusal::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)
    }

    /// Lengths go first, so that no two asks read the same.
    fn covered(&self) -> Vec<u8> {
        let mut covered = PURPOSE.to_vec();
        let (verb, numbers, digest) = match &self.verb {
            SaveVerb::Open => ("open", [0, 0], ""),
            SaveVerb::Read { version } => ("read", [*version, 0], ""),
            SaveVerb::Write(written) => (
                "write",
                [written.bytes, written.last.into()],
                written.sha256.as_str(),
            ),
            SaveVerb::Close => ("close", [0, 0], ""),
        };
        let numbers = [self.fence, numbers[0], numbers[1], self.at.as_micros()].map(|n| n.to_string());
        let texts = [self.key.as_str(), self.session.as_str(), verb, digest];
        for part in texts.into_iter().chain(numbers.iter().map(String::as_str)) {
            covered.extend_from_slice(format!("{}:", part.len()).as_bytes());
            covered.extend_from_slice(part.as_bytes());
        }
        covered
    }
}

const PURPOSE: &[u8] = b"firstlight save 1\0";
/// A machine whose clock is further off than this has its seals refused as well.
const OFF_MAX: Micros = Micros::from_secs(30);
/// It has some 450.
const HEADER_BYTES_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);

    fn ask(verb: SaveVerb) -> SaveAsk {
        SaveAsk::new(&Key::from_seed(&[3; 32]), "s1".parse().unwrap(), 7, verb, NOW)
    }

    fn written() -> SaveVerb {
        SaveVerb::Write(Written {
            bytes: 12,
            sha256: "ab".repeat(32),
            last: true,
        })
    }

    #[test]
    fn what_is_signed_is_what_is_asked() {
        for verb in [
            SaveVerb::Open,
            SaveVerb::Read { version: 3 },
            written(),
            SaveVerb::Close,
        ] {
            let ask = ask(verb);
            let read = SaveAsk::from_header(&ask.to_header()).unwrap();
            assert_eq!(read, ask);
            assert_eq!(read.check(NOW).unwrap(), Key::from_seed(&[3; 32]).public());
            assert_eq!(read.check(NOW + Micros::from_secs(31)), Err(Refusal::NotNow));
        }
    }

    #[test]
    fn whatever_is_changed_is_a_forgery() {
        let changes: [fn(&mut SaveAsk); 6] = [
            |ask| ask.session = "s2".parse().unwrap(),
            |ask| ask.fence = 8,
            |ask| ask.verb = SaveVerb::Close,
            |ask| ask.at = NOW + Micros::new(1),
            |ask| ask.key = Key::from_seed(&[4; 32]).public().to_hex(),
            |ask| {
                if let SaveVerb::Write(written) = &mut ask.verb {
                    written.last = false;
                }
            },
        ];
        for change in changes {
            let mut ask = ask(written());
            change(&mut ask);
            assert_eq!(ask.check(NOW), Err(Refusal::Forged), "{ask:?}");
        }
        let mut absurd = ask(written());
        absurd.verb = SaveVerb::Write(Written {
            bytes: 1,
            sha256: "zz".into(),
            last: false,
        });
        assert_eq!(absurd.check(NOW), Err(Refusal::Absurd("the digest")));
        for header in ["", "!", "e30", &"a".repeat(5000)] {
            assert_eq!(SaveAsk::from_header(header), Err(Refusal::Malformed));
        }
    }
}
