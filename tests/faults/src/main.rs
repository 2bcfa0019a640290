//! A process of a small cell, for tests that kill it: a gateway with its indexer, a host, or a host's worker.
//!
//! Its first argument names the role, its second is the role's settings as JSON. What it does it says on its standard output, a
//! line each; with the end of its standard input it ends.

mod gateway;
mod host;
mod worker;

use anyhow::{Context, Result, bail};
use std::io::Write;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next().context("name a role")?;
    if role == "worker" {
        return worker::run();
    }
    let settings = arguments.next().context("give its settings as JSON")?;
    match role.as_str() {
        "gateway" => gateway::run(&serde_json::from_str(&settings)?),
        "host" => host::run(&serde_json::from_str(&settings)?),
        _ => bail!("there is no role {role}"),
    }
}

/// To the test.
pub(crate) fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
