//! A small cell of real processes on PostgreSQL and NATS: two gateways, two hosts with a slot each. Processes are killed and lines cut at
//! every step of a placement, clocks are wrong, hosts lie; afterwards no slot was had twice, no session that a player was told of is
//! forgotten, and every slot is free or somebody's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cells;
mod clocks;
mod kills;
mod lies;
mod line;
mod partitions;
mod process;
mod races;
mod rig;
mod saves;
