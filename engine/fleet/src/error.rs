//! What can go wrong.

use crate::SlotRef;
use firstlight_units::SessionId;
use std::time::Duration;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store refuses or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address names no store that this engine has.
    #[error("{0:?} names no store: expected memory, redb:PATH or postgres://USER@HOST/DATABASE")]
    Url(String),
    /// The address names no place for saves that this engine has.
    #[error("{0:?} names no place for saves: expected folder:PATH or postgres://USER@HOST/DATABASE")]
    BlobsUrl(String),
    /// The store could not be opened or reached.
    #[error("the store cannot be reached")]
    Unreachable(#[source] Source),
    /// The store went away during a call. Whether the call was carried out is not known: repeat it with the same key.
    #[error("the store went away during the call")]
    Gone(#[source] Source),
    /// No answer in time. Whether the call was carried out is not known: repeat it with the same key.
    #[error("the store did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// More calls wait than the store takes.
    #[error("the store has more calls waiting than it takes")]
    Busy,
    /// A newer engine has changed the store in a way that this one does not understand.
    #[error(
        "the store has schema {found}, which serves engines of schema {oldest} and later; this engine has {ours}"
    )]
    SchemaTooNew {
        /// The store's.
        found: u32,
        /// The oldest that may use it.
        oldest: u32,
        /// This engine's.
        ours: u32,
    },
    /// The store could not be brought to this engine's schema.
    #[error("the store could not be brought to schema {to}")]
    Migration {
        /// Which step.
        to: u32,
        /// Why.
        #[source]
        source: Source,
    },
    /// What is stored makes no sense.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// There is no such lease, or it was forgotten.
    #[error("there is no lease of session {0}")]
    UnknownLease(SessionId),
    /// The lease is over.
    #[error("the lease of session {0} is over")]
    LeaseOver(SessionId),
    /// The caller's fence is not the lease's.
    #[error("fence {given} of {slot} is not that of its lease, {current}")]
    StaleFence {
        /// Which slot.
        slot: SlotRef,
        /// The caller's.
        given: u64,
        /// The lease's.
        current: u64,
    },
    /// An idempotency key was used for another player or title.
    #[error("this key was used for another player or title")]
    KeyReused,
    /// Another lease has this session's name.
    #[error("session {0} has a lease under another key")]
    SessionReused(SessionId),
    /// A value is out of its range.
    #[error("{what}: {given}, at most {most}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// How large it is.
        given: usize,
        /// How large it may be.
        most: usize,
    },
    /// A name has a form that is not allowed.
    #[error("{what} has a form that is not allowed")]
    Invalid {
        /// Which name.
        what: &'static str,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// A key's file cannot be used.
    #[error("cannot use the key {}", .path.display())]
    KeyFile {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the same call may succeed when it is repeated, with the same key.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Gone(_) | Self::Timeout(_) | Self::Busy
        )
    }
}

/// Why the bus refuses or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The address names no bus that this engine has.
    #[error("{0:?} names no bus: expected local or nats://HOST:PORT")]
    Url(String),
    /// The bus could not be reached.
    #[error("the bus cannot be reached")]
    Unreachable(#[source] Source),
    /// The connection is down; it is being made again.
    #[error("the bus is disconnected")]
    Disconnected,
    /// Nobody listens there.
    #[error("nobody listens on {0}")]
    NobodyListens(String),
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// More waits than the bus takes.
    #[error("the bus has more waiting than it takes")]
    Busy,
    /// A message is larger than the bus carries.
    #[error("a message of {given} bytes; the bus carries {most}")]
    TooLarge {
        /// Its size.
        given: usize,
        /// The most.
        most: usize,
    },
    /// A subject has a form that is not allowed.
    #[error("{0:?} is no subject")]
    Subject(String),
}

impl BusError {
    /// Whether the same call may succeed when it is repeated.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Disconnected
                | Self::NobodyListens(_)
                | Self::Timeout(_)
                | Self::Busy
        )
    }
}

/// The address of a bus without its name and password, for others.
#[must_use]
pub fn without_login(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// The address of a store or a bus without what may be a password.
#[must_use]
pub fn shown(url: &str) -> String {
    let url: String = url.chars().take(200).collect();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_or_told_to_others_holds_no_password() {
        let url = "nats://gateway:se@cret@bus.example:4222";
        assert_eq!(shown(url), "nats://…@bus.example:4222");
        assert_eq!(without_login(url), "nats://bus.example:4222");
        assert_eq!(without_login("tls://bus.example"), "tls://bus.example");
        assert_eq!(without_login("local"), "local");
    }
}
