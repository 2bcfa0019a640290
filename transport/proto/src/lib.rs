//! Sans-IO send and receive: packetizer, pacer, rate rule, loss recovery, feedback, input and clock.
//!
//! ```text
//! access units, audio -> send::Sender -> datagrams -> receive::Receiver -> access units, audio
//!                            ^  (history, pacer, rate)      |
//!                            +---------- feedback ----------+
//! ```
//!
//! Cores own no socket, thread, clock or lock: time is a parameter. The rules are those of `docs/PROTOCOL.md`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a test may panic, and cuts numbers on purpose"
    )
)]

pub mod clock;
pub mod input;
pub mod rate;
pub mod receive;
pub mod send;
