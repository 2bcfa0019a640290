//! What a clock shows that stood still while its reader did.

/// Ticks of a clock with `frequency` ticks a second, less those of `paused` nanoseconds.
pub(crate) fn less(ticks: u64, frequency: u64, paused: u64) -> u64 {
    let pause = u128::from(paused) * u128::from(frequency) / 1_000_000_000;
    ticks.saturating_sub(u64::try_from(pause).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_left_out_in_the_clock_s_own_unit() {
        let ten_seconds = 10_000_000_000;
        assert_eq!(less(12_345, 1_000, ten_seconds), 2_345);
        assert_eq!(less(12_345_000_000, 1_000_000_000, ten_seconds), 2_345_000_000);
        assert_eq!(less(12_345, 1_000, 0), 12_345);
        assert_eq!(
            less(5, 1_000, ten_seconds),
            0,
            "never backwards past the beginning"
        );
        assert_eq!(less(u64::MAX, u64::MAX, u64::MAX), 0);
    }
}
