//! Asks hosts, in the cell's name.

use super::{Ask, Asked, Channel, Guard, Refusal, Refused, Replied, Reply, Signer, VERSION};
use crate::{Bus, BusError, Subject};
use firstlight_units::{HostId, Micros, WallTime};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Asks hosts, in the cell's name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    bus: Arc<dyn Bus>,
    signer: Arc<Signer>,
}

/// Why an ask came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The bus did not carry it, or nobody replied. Whether it was done is not known, unless nobody listened.
    #[error("the host was not reached")]
    Bus(#[from] BusError),
    /// What came back is not the host's reply.
    #[error("the reply is not the host's")]
    Reply(#[from] Refusal),
    /// The host does not do it.
    #[error("{0}")]
    Refused(Refused),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl Caller {
    /// Over `bus`, sealed by the cell's `signer`.
    #[must_use]
    pub const fn new(bus: Arc<dyn Bus>, signer: Arc<Signer>) -> Self {
        Self { bus, signer }
    }

    /// The bus that it asks over.
    #[must_use]
    pub const fn bus(&self) -> &Arc<dyn Bus> {
        &self.bus
    }

    /// Asks `host` and waits for its reply.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, host: &HostId, ask: Ask, within: Duration) -> Result<Reply, AskError> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(AskError::Random)?;
        // Within what JSON's readers keep exactly.
        let id = u64::from_be_bytes(id) >> 12;
        let asked = Asked {
            v: VERSION,
            id,
            to: host.clone(),
            ask,
        };
        let sealed = self.signer.seal(Channel::Ask, &asked.write(), wall_now());
        let answer = self.bus.request(&Subject::ask(host), sealed, within).await?;
        let mut guard = Guard::default();
        guard.admit(host.clone());
        let opened = guard.open(Channel::Reply, Some(host), &answer, wall_now())?;
        let replied = Replied::read(&opened.body)?;
        if replied.id != id {
            return Err(Refusal::Replayed.into());
        }
        if let Reply::Refused(refused) = replied.reply {
            return Err(AskError::Refused(refused));
        }
        Ok(replied.reply)
    }
}

/// By this machine's clock.
pub(crate) fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}
