//! What is fed with hostile bytes, and what must hold whatever they are.
//!
//! ```text
//! corpus/TARGET/* -> Mutator (seeded) -> Target::run -> a panic is a finding, kept in crashes/TARGET
//! ```
//!
//! A target panics where something does not hold, and has no other result. The runner of this crate is deterministic and needs no
//! tools; `libfuzzer/` drives the same targets by coverage where nightly Rust and cargo-fuzz are at hand.

mod mutate;
mod script;
mod targets;

pub use mutate::Mutator;

/// Something that takes any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also its folder in the corpus.
    pub name: &'static str,
    /// Runs by default: about five seconds of a test build.
    pub runs: u32,
    /// Bytes of an input at the most.
    pub bytes_max: usize,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("wire_media", 2_000_000, 2_048, targets::wire::media),
    target("wire_feedback", 1_500_000, 2_048, targets::wire::feedback),
    target("wire_input", 1_500_000, 2_048, targets::wire::input),
    target("wire_clock", 2_000_000, 256, targets::wire::clock),
    target("wire_control", 700_000, 4_096, targets::wire::control),
    target("h264", 200_000, 1_024, targets::text::h264),
    target("access_unit", 200_000, 1_024, targets::text::access_unit),
    target("title", 150_000, 4_096, targets::text::title),
    target("ticket", 700_000, 1_024, targets::text::ticket),
    target("fleet_seal", 30_000, 2_048, targets::fleet::seal),
    target("fleet_message", 250_000, 4_096, targets::fleet::message),
    target("saves", 20_000, 8_192, targets::saves::saves),
    target("evidence", 400_000, 4_096, targets::evidence::evidence),
    target("trace", 600_000, 4_096, targets::text::trace),
    target("route", 250_000, 1_024, targets::carried::route),
    target("relay_query", 120_000, 1_024, targets::carried::query),
    target("websocket", 700_000, 2_048, targets::carried::message),
    target("outbox", 30_000, 4_096, targets::carried::outbox),
    target("seal_keys", 600_000, 256, targets::sealed::keys),
    target("seal", 600, 8_192, targets::sealed::seal),
    target("parity", 30_000, 8_192, targets::sealed::parity),
    target("offer", 500, 16_384, targets::rtc::offer),
    target("trickle", 250_000, 4_096, targets::rtc::trickle),
    target("rtcp", 170_000, 1_024, targets::rtc::reports),
    target("report", 60_000, 8_192, targets::text::report),
    target("receive", 70_000, 16_384, targets::cores::receive),
    target("send", 15_000, 16_384, targets::cores::send),
    target("input", 100_000, 8_192, targets::cores::input),
    target("screen", 20_000, 4_096, targets::screen::screen),
];

const fn target(name: &'static str, runs: u32, bytes_max: usize, run: fn(&[u8])) -> Target {
    Target {
        name,
        runs,
        bytes_max,
        run,
    }
}

/// The target of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
