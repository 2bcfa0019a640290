//! Glass-to-glass bench: the floor encoder.
fn main() {}
