//! Who has joined, and with what others may. Kept as [`crate::Records`].

use crate::messages::{Enrol, Refusal};
use crate::{Error, Expect, PublicKey, Record, Store, Swapped, serde_text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firstlight_units::{HostId, Region, WallTime};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who has joined a cell. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Roster {
    store: Arc<dyn Store>,
}

/// A host that has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    #[serde(with = "serde_text")]
    pub host: HostId,
    /// Its public key, hex.
    pub key: String,
    /// For people.
    pub name: String,
    /// Where it said it was when it joined.
    #[serde(with = "serde_text")]
    pub region: Region,
    /// When it joined.
    #[serde(with = "serde_text::wall")]
    pub joined_at: WallTime,
    /// An operator has thrown it out.
    #[serde(default)]
    pub expelled: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    expires_at: u64,
    uses: u32,
}

/// Why a host may not join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Its wish is not genuine, or cannot be.
    #[error("the wish to join is not taken: {0}")]
    Refused(#[from] Refusal),
    /// The token is unknown, used up or too old.
    #[error("the join token is unknown, used up or too old")]
    Token,
    /// An operator has thrown it out.
    #[error("this host was expelled")]
    Expelled,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] Error),
}

impl Roster {
    /// Of the cell with this store.
    #[must_use]
    pub const fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Makes a token that `uses` hosts may join with until `expires_at`. Only its digest is kept.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn token(&self, uses: u32, expires_at: WallTime) -> Result<String, Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(Error::Random)?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        let kept = Token {
            expires_at: expires_at.as_micros(),
            uses,
        };
        self.store
            .put(TOKENS, &name_of(&token), Expect::Any, write(&kept))
            .await?;
        Ok(token)
    }

    /// Lets a host join: with a token, or because it has joined before.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(&self, enrol: &Enrol, now: WallTime) -> Result<Member, JoinError> {
        let key = enrol.check(now)?;
        let before = self.member(&key.id()).await?;
        match &before {
            Some(member) if member.expelled => return Err(JoinError::Expelled),
            Some(_) => {}
            None => self.redeem(&enrol.token, now).await?,
        }
        let member = Member {
            host: key.id(),
            key: enrol.key.clone(),
            name: enrol.name.clone(),
            region: enrol.region.clone(),
            joined_at: before.map_or(now, |member| member.joined_at),
            expelled: false,
        };
        self.write(&member).await?;
        Ok(member)
    }

    /// Takes a key in without a token: this machine's own.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn take_in(
        &self,
        key: &PublicKey,
        name: &str,
        region: Region,
        now: WallTime,
    ) -> Result<Member, Error> {
        let member = Member {
            host: key.id(),
            key: key.to_hex(),
            name: name.to_owned(),
            region,
            joined_at: now,
            expelled: false,
        };
        self.write(&member).await?;
        Ok(member)
    }

    /// Says that asks sealed with this key are the cell's.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn add_cell_key(&self, key: &PublicKey) -> Result<(), Error> {
        self.store
            .put(CELL_KEYS, key.id().as_str(), Expect::Any, key.to_hex())
            .await?;
        Ok(())
    }

    /// Keys that asks are sealed with, in hexadecimal digits: one for each indexer that ever worked on this store.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn cell_keys(&self) -> Result<Vec<String>, Error> {
        let records = self.store.list(CELL_KEYS, None, CELL_KEYS_MAX).await?;
        Ok(records.into_iter().map(|record| record.body).collect())
    }

    /// Throws a host out for good.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn expel(&self, host: &HostId) -> Result<bool, Error> {
        let Some(mut member) = self.member(host).await? else {
            return Ok(false);
        };
        member.expelled = true;
        self.write(&member).await?;
        Ok(true)
    }

    /// A host that has joined or was thrown out.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn member(&self, host: &HostId) -> Result<Option<Member>, Error> {
        let record = self.store.get(MEMBERS, host.as_str()).await?;
        record.as_ref().map(read).transpose()
    }

    /// Up to `limit` of them in the order of their ids, from the one after `after`.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub async fn members(&self, after: Option<&HostId>, limit: usize) -> Result<Vec<Member>, Error> {
        let records = self.store.list(MEMBERS, after.map(HostId::as_str), limit).await?;
        records.iter().map(read).collect()
    }

    async fn write(&self, member: &Member) -> Result<(), Error> {
        self.store
            .put(MEMBERS, member.host.as_str(), Expect::Any, write(member))
            .await?;
        Ok(())
    }

    /// Of several who come with the last use of a token, one is let in.
    async fn redeem(&self, token: &str, now: WallTime) -> Result<(), JoinError> {
        if !token.starts_with(PREFIX) {
            return Err(JoinError::Token);
        }
        let name = name_of(token);
        for _ in 0..ROUNDS_MAX {
            let record = self.store.get(TOKENS, &name).await?.ok_or(JoinError::Token)?;
            let mut kept: Token = read(&record)?;
            if kept.uses == 0 || kept.expires_at <= now.as_micros() {
                return Err(JoinError::Token);
            }
            kept.uses -= 1;
            let expect = Expect::Revision(record.revision);
            if let Swapped::Done(_) = self.store.put(TOKENS, &name, expect, write(&kept)).await? {
                return Ok(());
            }
        }
        Err(Error::Busy.into())
    }
}

fn name_of(token: &str) -> String {
    crate::identity::hex(digest(&SHA256, token.as_bytes()).as_ref())
}

fn read<T: for<'de> Deserialize<'de>>(record: &Record) -> Result<T, Error> {
    serde_json::from_str(&record.body)
        .map_err(|error| Error::Damaged(format!("record {}: {error}", record.key)))
}

fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

const PREFIX: &str = "flj_";
const TOKENS: &str = "join-tokens";
const MEMBERS: &str = "hosts";
const CELL_KEYS: &str = "cell-keys";
/// Indexers of one cell.
const CELL_KEYS_MAX: usize = 64;
/// Hosts that come with the same token at once.
const ROUNDS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Embedded, Key};

    const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);
    const LATER: WallTime = WallTime::from_micros(1_700_000_600_000_000);

    fn enrol(seed: u8, token: &str) -> Enrol {
        let key = Key::from_seed(&[seed; 32]);
        Enrol::new(&key, token.into(), "box".into(), "eu".parse().unwrap(), NOW)
    }

    fn roster() -> Roster {
        Roster::new(Arc::new(Embedded::memory(Clock::standing(NOW))))
    }

    #[tokio::test]
    async fn a_token_lets_in_as_many_as_it_says() {
        let roster = roster();
        let token = roster.token(1, LATER).await.unwrap();
        let first = roster.join(&enrol(1, &token), NOW).await.unwrap();
        assert_eq!(first.host, Key::from_seed(&[1; 32]).public().id());
        assert!(matches!(
            roster.join(&enrol(2, &token), NOW).await,
            Err(JoinError::Token)
        ));
        roster.join(&enrol(1, ""), NOW).await.unwrap();
        assert_eq!(roster.members(None, 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_too_old_unknown_or_expelled_stays_outside() {
        let roster = roster();
        let token = roster.token(5, NOW).await.unwrap();
        for token in [token.as_str(), "", "flj_guess", "' OR 1=1"] {
            assert!(matches!(
                roster.join(&enrol(1, token), NOW).await,
                Err(JoinError::Token)
            ));
        }
        let token = roster.token(5, LATER).await.unwrap();
        let member = roster.join(&enrol(1, &token), NOW).await.unwrap();
        assert!(roster.expel(&member.host).await.unwrap());
        assert!(matches!(
            roster.join(&enrol(1, &token), NOW).await,
            Err(JoinError::Expelled)
        ));
        let mut forged = enrol(2, &token);
        forged.name = "another".into();
        assert!(matches!(
            roster.join(&forged, NOW).await,
            Err(JoinError::Refused(Refusal::Forged))
        ));
    }

    #[tokio::test]
    async fn each_indexer_says_once_what_its_asks_are_sealed_with() {
        let roster = roster();
        let keys = [1, 2].map(|seed| Key::from_seed(&[seed; 32]).public());
        for key in keys.iter().chain(&keys) {
            roster.add_cell_key(key).await.unwrap();
        }
        let mut known = roster.cell_keys().await.unwrap();
        known.sort_unstable();
        let mut expected = keys.map(|key| key.to_hex()).to_vec();
        expected.sort_unstable();
        assert_eq!(known, expected);
    }

    #[tokio::test]
    async fn of_several_with_the_last_use_one_is_let_in() {
        let roster = roster();
        let token = roster.token(1, LATER).await.unwrap();
        let mut let_in = 0;
        for seed in 1..9 {
            let_in += usize::from(roster.join(&enrol(seed, &token), NOW).await.is_ok());
        }
        assert_eq!(let_in, 1);
    }
}
