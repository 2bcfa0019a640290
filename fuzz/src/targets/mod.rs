//! The targets, by what they feed.

pub(crate) mod carried;
pub(crate) mod cores;
pub(crate) mod evidence;
pub(crate) mod fleet;
pub(crate) mod rtc;
pub(crate) mod saves;
pub(crate) mod screen;
pub(crate) mod sealed;
pub(crate) mod text;
pub(crate) mod wire;
