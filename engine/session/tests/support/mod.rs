//! A real worker with a real title, and a client that does what a page does.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod client;
mod worker;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use client::{Client, Unit, decode_pictures, knock, read_barcodes, read_barcodes_of};
#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use worker::{EPOCH, Options, PLAYER, SESSION, Worker, now as wall};

use std::time::Duration;

/// Everything a test waits for comes well within this, also on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// Runs a test's body on a runtime like the worker's own.
pub(crate) fn run(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(body);
}
