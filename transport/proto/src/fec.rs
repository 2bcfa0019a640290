//! Parity of a unit's fragments: a systematic Reed-Solomon code over GF(2^8).
//!
//! ```text
//! parity[j] = sum over i of 1 / ((200 + j) xor i) * fragment[i]        (byte by byte, the last fragment filled up with zeros)
//! ```
//!
//! The coefficients are a Cauchy matrix, every square part of which can be inverted: any `k` of fragments and parity packets
//! give back all `k` fragments. It needs no set-up per size, which a Vandermonde matrix does. The field is that of the
//! `reed-solomon-erasure` crate (polynomial 0x11D). The rule is that of `docs/PROTOCOL.md`, section 2.5.

use firstlight_wire::{PARITY_DATA_MAX, PARITY_MAX};
use reed_solomon_erasure::galois_8::{div, mul, mul_slice_xor};

/// Adds a fragment's share to a parity shard; a shard begins as zeros and is at least as long as any fragment.
pub fn add(parity: u8, fragment: u8, data: &[u8], shard: &mut [u8]) {
    if let Some(shard) = shard.get_mut(..data.len()) {
        mul_slice_xor(coefficient(parity, fragment), data, shard);
    }
}

/// Turns shards into the missing fragments. `parities[n]` is the number of the shard `shards[n]`, from which every fragment that came
/// must have been taken with [`add`] (taking is adding here); `missing` names as many fragments. `false` when the lengths differ or
/// there are more of them than parity can be.
pub fn solve(parities: &[u8], missing: &[u8], shards: &mut [Vec<u8>]) -> bool {
    let n = missing.len();
    if parities.len() != n || shards.len() != n || n > usize::from(PARITY_MAX) {
        return false;
    }
    let mut matrix = [[0u8; PARITY_MAX as usize]; PARITY_MAX as usize];
    for (row, parity) in matrix.iter_mut().zip(parities) {
        for (cell, fragment) in row.iter_mut().zip(missing) {
            *cell = coefficient(*parity, *fragment);
        }
    }
    for at in 0..n {
        // A Cauchy matrix needs no exchange of rows: none of its leading parts is singular.
        let pivot = matrix[at];
        if pivot[at] == 0 {
            return false;
        }
        let scale = div(1, pivot[at]);
        matrix[at] = pivot.map(|cell| mul(cell, scale));
        let pivot = matrix[at];
        let (before, rest) = shards.split_at_mut(at);
        let Some((own, after)) = rest.split_first_mut() else {
            return false;
        };
        own.iter_mut().for_each(|byte| *byte = mul(*byte, scale));
        let others = before.iter_mut().chain(after.iter_mut());
        for (row, shard) in (0..n).filter(|row| *row != at).zip(others) {
            let factor = matrix[row][at];
            if factor == 0 || shard.len() != own.len() {
                continue;
            }
            for (cell, above) in matrix[row].iter_mut().zip(pivot) {
                *cell ^= mul(factor, above);
            }
            mul_slice_xor(factor, own, shard);
        }
    }
    true
}

fn coefficient(parity: u8, fragment: u8) -> u8 {
    #[expect(clippy::cast_possible_truncation, reason = "200 fits")]
    const FIRST: u8 = PARITY_DATA_MAX as u8;
    // The two ranges do not meet, so the sum is never zero.
    match FIRST.wrapping_add(parity) ^ fragment {
        0 => 0,
        sum => div(1, sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_so_many_give_back_all(
            k in 1usize..60,
            length in 1usize..40,
            seed in any::<u64>(),
            lost in prop::collection::btree_set(0u8..60, 1..12),
            skip in 0u8..40,
        ) {
            let byte = |i: usize, n: usize| (seed >> ((i * 7 + n * 3) % 57)) as u8 ^ (i * 31 + n) as u8;
            let data: Vec<Vec<u8>> = (0..k).map(|i| (0..length).map(|n| byte(i, n)).collect()).collect();
            let missing: Vec<u8> = lost.into_iter().filter(|i| usize::from(*i) < k).collect();
            let parities: Vec<u8> = (skip..skip + missing.len() as u8).collect();
            let mut shards: Vec<Vec<u8>> = parities
                .iter()
                .map(|parity| {
                    let mut shard = vec![0; length];
                    for (i, data) in data.iter().enumerate() {
                        add(*parity, i as u8, data, &mut shard);
                    }
                    shard
                })
                .collect();
            for (parity, shard) in parities.iter().zip(&mut shards) {
                for (i, data) in data.iter().enumerate().filter(|(i, _)| !missing.contains(&(*i as u8))) {
                    add(*parity, i as u8, data, shard);
                }
            }
            prop_assert!(solve(&parities, &missing, &mut shards));
            for (fragment, shard) in missing.iter().zip(&shards) {
                prop_assert_eq!(&data[usize::from(*fragment)], shard);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(!solve(&[1], &[], &mut []));
        assert!(!solve(&[1], &[3], &mut []));
        assert!(solve(&[], &[], &mut []));
    }
}
