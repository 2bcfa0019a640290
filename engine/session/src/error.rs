//! What can end a session from the engine's side.

/// A fault of the worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No key for sealing.
    #[error("no key can be made")]
    Seal(#[source] firstlight_seal::Error),
    /// The host's first order was not a start, or not readable.
    #[error("the host's first order is not a start order: {0}")]
    Order(String),
    /// Standard input ended or broke before the first order.
    #[error("no order came from the host")]
    NoOrder(#[source] std::io::Error),
    /// The title's manifest is not usable.
    #[error(transparent)]
    Title(#[from] firstlight_title::Error),
    /// The ticket key is not usable.
    #[error("the ticket key is not 32 bytes in hex")]
    TicketKey,
    /// The sandbox, the display or the sound failed.
    #[error(transparent)]
    Container(#[from] firstlight_container::Error),
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] firstlight_encoder::Error),
    /// No encoder could be chosen.
    #[error(transparent)]
    Backend(#[from] firstlight_backends::Error),
    /// The media port or the link failed.
    #[error(transparent)]
    Transport(#[from] firstlight_quic::Error),
    /// The sound encoder failed.
    #[error("the sound encoder failed")]
    Opus(#[from] opus::Error),
    /// The network runtime or a thread could not be made.
    #[error("cannot start {what}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A thread of the worker died.
    #[error("the {0} thread died")]
    ThreadDied(&'static str),
}

impl Error {
    /// The error and all its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}
