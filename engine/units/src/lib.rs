//! Newtypes for time, rate, size and ids, and the [`Stage`] enum.
//!
//! Every other room speaks in these types; bare integers stop at parsers and FFI. Nothing here reads a clock.

mod class;
mod counter;
mod id;
mod pacing;
mod rate;
mod stage;
mod ticks;
mod time;

pub use class::Class;
pub use counter::Unwrapper;
pub use id::{FrameId, HostId, IdError, InputId, PacketSeq, Region, SessionId, TitleId};
pub use pacing::Pacing;
pub use rate::{Bitrate, ByteCount};
pub use stage::Stage;
pub use ticks::Ticks;
pub use time::{Micros, RemoteTime, Timestamp, WallTime};
