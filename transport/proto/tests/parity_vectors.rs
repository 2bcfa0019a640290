//! The parity vectors that Rust and TypeScript share: `FIRSTLIGHT_WRITE_VECTORS=1` writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

use firstlight_proto::fec;
use std::fmt::Write;

/// Fragments of a unit, bytes of the unit.
const UNITS: [(usize, usize); 4] = [(1, 9), (3, 29), (20, 1_000), (200, 800)];
/// Their first, second and last parity packets.
const NUMBERS: [u8; 3] = [0, 1, 54];

#[test]
fn the_shared_vectors_are_what_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../wire/vectors/parity.json");
    let made = vectors();
    if std::env::var_os("FIRSTLIGHT_WRITE_VECTORS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made);
}

fn vectors() -> String {
    let mut out = String::from("[\n");
    for (index, (fragments, length)) in UNITS.into_iter().enumerate() {
        let unit: Vec<u8> = (0..length)
            .map(|n| (n * 37 + fragments * 11 + n / 256) as u8)
            .collect();
        let step = length.div_ceil(fragments);
        let shards: Vec<String> = NUMBERS
            .iter()
            .map(|number| {
                let mut shard = vec![0; step];
                for (fragment, data) in unit.chunks(step).enumerate() {
                    fec::add(*number, fragment as u8, data, &mut shard);
                }
                format!("{{\"number\": {number}, \"hex\": \"{}\"}}", hex(&shard))
            })
            .collect();
        let comma = if index + 1 < UNITS.len() { "," } else { "" };
        writeln!(
            out,
            "  {{\"fragments\": {fragments}, \"unit\": \"{}\", \"parity\": [{}]}}{comma}",
            hex(&unit),
            shards.join(", ")
        )
        .unwrap();
    }
    out.push_str("]\n");
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
