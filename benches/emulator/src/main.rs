//! Puts real programs behind an emulated path: UDP and TCP on loopback go through the links of `firstlight-netem`.
//!
//! ```text
//! stdin (JSON lines) -> Driver <- sockets
//!                         |  ^
//!                         v  |
//!                        Path (netem) -> sockets, stdout (JSON lines)
//! ```
//!
//! One process is one path: all flows share its bottleneck, as a browser's requests and its media do. It ends with its stdin.
//! TCP ends here on both sides; what is lost in between is sent again as TCP would, with a window that grows and halves. Marks
//! "congestion experienced" are counted, not written into headers.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod alarm;
mod command;
mod driver;
mod ffi;
mod path;
mod tcp;
mod udp;

use command::Request;
use driver::Driver;
use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (lines, requests) = mpsc::channel(REQUESTS_MAX);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    Driver::new()?.run(requests).await
}

/// Answers one line.
pub(crate) async fn answer(driver: &mut Driver, line: &str) -> std::io::Result<()> {
    let answer = match serde_json::from_str::<Request>(line) {
        Ok(Request { id, command }) => {
            let mut answer = match driver.obey(command).await {
                Ok(answer) => answer,
                Err(error) => json!({ "error": format!("{error:#}") }),
            };
            if let Value::Object(map) = &mut answer {
                map.insert("id".to_owned(), id.into());
            }
            answer
        }
        Err(error) => json!({ "error": error.to_string() }),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()
}

/// A driver asks and waits for the answer.
const REQUESTS_MAX: usize = 16;
