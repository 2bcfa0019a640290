//! The beacon.
fn main() {}
