//! Files, tokens, and what an encoder says.

use firstlight_checker::report::{Report, trace};
use firstlight_netem::Trace;
use firstlight_ticket::Verifier;
use firstlight_units::WallTime;
use std::path::Path;

pub(crate) fn h264(bytes: &[u8]) {
    firstlight_encoder::fuzz_h264(bytes);
}

pub(crate) fn access_unit(bytes: &[u8]) {
    firstlight_encoder::fuzz_access_unit(bytes);
}

pub(crate) fn title(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = firstlight_title::parse(&text, Path::new("title.toml")) {
        assert!(!error.to_string().is_empty());
    }
}

/// Nobody has the key that belongs to this one: whatever is taken for a ticket was forged.
pub(crate) fn ticket(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut verifier = Verifier::new(PUBLIC_KEY, "session".to_owned(), "player".to_owned(), 1);
    assert!(verifier.verify(&text, WallTime::from_micros(0)).is_err());
}

pub(crate) fn trace(bytes: &[u8]) {
    drop(Trace::parse(&String::from_utf8_lossy(bytes)));
}

/// Another host's report: whatever it says can be shown and traced, or is refused.
pub(crate) fn report(bytes: &[u8]) {
    let Ok(report) = serde_json::from_slice::<Report>(bytes) else {
        return;
    };
    let trace = serde_json::to_value(trace::of(&report)).unwrap_or_default();
    assert!(trace["traceEvents"].is_array());
    let again: Result<Report, _> = serde_json::to_vec(&report).and_then(|json| serde_json::from_slice(&json));
    assert!(again.is_ok_and(|again| again == report));
}

/// Of RFC 8032, 7.1, test 1.
const PUBLIC_KEY: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];
