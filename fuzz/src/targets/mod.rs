//! The targets, by what they feed.

pub(crate) mod cores;
pub(crate) mod text;
pub(crate) mod wire;
