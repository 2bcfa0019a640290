//! Where events are written, and which.

use anyhow::{Context, Result};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// For a person or a service's journal.
pub(crate) fn to_terminal() -> Result<()> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter()?)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .finish();
    tracing::subscriber::set_global_default(subscriber).context("the log cannot be opened")
}

/// For the host, which adds the time and the session to each line.
pub(crate) fn to_host() -> Result<()> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter()?)
        .with_writer(stderr)
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::set_global_default(subscriber).context("the log cannot be opened")
}

fn filter() -> Result<EnvFilter> {
    let wanted = std::env::var(VARIABLE).unwrap_or_else(|_| "info".to_owned());
    let filter: EnvFilter = wanted.parse().with_context(|| {
        format!("{VARIABLE}={wanted:?} is no filter; try info, debug or firstlight_host=debug")
    })?;
    // At debug they write the request's address, and a ticket is part of that. web_transport_quinn also warns whenever a page
    // goes away without a goodbye, which is how pages go.
    SECRETIVE
        .iter()
        .chain([&REPETITIVE])
        .try_fold(filter, |filter, directive| {
            let directive: Directive = directive.parse().context("a built-in filter")?;
            Ok(filter.add_directive(directive))
        })
}

const VARIABLE: &str = "FIRSTLIGHT_LOG";
/// It tells of each try to connect; what becomes of them is told by the bus.
const REPETITIVE: &str = "async_nats=warn";
const SECRETIVE: [&str; 3] = [
    "web_transport_quinn=error",
    "web_transport_proto=info",
    "quinn_proto=info",
];
