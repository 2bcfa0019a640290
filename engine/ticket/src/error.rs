//! Why there is no ticket.

/// A ticket that is refused or cannot be made. Says nothing about the token's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system has no random numbers.
    #[error("the system gives no random bytes")]
    Random,
    /// The seed is no key.
    #[error("the seed of the ticket key is not random")]
    Seed,
    /// The claims cannot be written down.
    #[error("the claims cannot be written as a ticket of at most {most} bytes")]
    Claims {
        /// The longest ticket.
        most: usize,
    },
    /// Not made by the issuer: wrong key, changed, or no ticket at all.
    #[error("the ticket is not signed by this engine")]
    Forged,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
    /// It has been used.
    #[error("the ticket was used before")]
    Reused,
    /// It is for another session.
    #[error("the ticket is for another session")]
    WrongSession,
    /// It is for another player.
    #[error("the ticket is for another player")]
    WrongPlayer,
    /// It is for another lease of the slot.
    #[error("the ticket is for another lease")]
    WrongEpoch,
    /// A route to an address that no host can have.
    #[error("the route leads nowhere")]
    Nowhere,
    /// It was called back.
    #[error("the ticket was revoked")]
    Revoked,
    /// More tickets in use at once than can be remembered.
    #[error("more than {most} tickets were used within their life")]
    TooMany {
        /// How many are remembered.
        most: usize,
    },
}
