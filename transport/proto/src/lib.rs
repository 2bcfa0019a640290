//! Sans-IO send and receive: packetizer, pacer, rate rule, loss recovery, feedback, input, clock, and when the title draws.
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
pub mod fec;
pub mod input;
pub mod phase;
pub mod rate;
pub mod receive;
pub mod send;
mod window;

/// The value nearest to `newest` whose low bits are `low`; what would be below zero is taken as it is.
pub(crate) fn near(newest: u64, low: u32) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the cut is the point")]
    let ahead = low.wrapping_sub(newest as u32).cast_signed();
    newest
        .checked_add_signed(ahead.into())
        .unwrap_or_else(|| low.into())
}

/// The value that stands for the first one seen of a counter, one wrap up: what was sent before it may come after it.
pub(crate) const fn first(low: u32) -> u64 {
    (1 << 32) + low as u64
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn low_bits_are_restored_next_to_the_newest() {
        let wrap = 1u64 << 32;
        assert_eq!(near(5, 3), 3);
        assert_eq!(near(wrap + 5, 3), wrap + 3);
        assert_eq!(near(wrap + 5, u32::MAX), wrap - 1);
        assert_eq!(near(wrap - 2, 4), wrap + 4);
        assert_eq!(near(5, u32::MAX), u64::from(u32::MAX));
        assert_eq!(near(7 * wrap + 5, u32::MAX - 1), 7 * wrap - 2);
    }
}
