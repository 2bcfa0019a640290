//! The binary: configuration and command line; joins drivers to cores.
fn main() {}
