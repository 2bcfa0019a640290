//! Signed, single-use tickets: issue and verify.
