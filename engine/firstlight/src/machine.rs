//! A machine that runs sessions, opened for `up` and for `host`.

use crate::cli::Machine;
use crate::{checker, encoders, run_root};
use anyhow::{Context, Result, bail};
use firstlight_container::Isolation;
use firstlight_host::{Config, Host};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// Opens the host that `options` describe, with what must last in `data`; its sessions receive media at `addresses`.
pub(crate) fn open(
    options: &Machine,
    data: &Path,
    addresses: &[IpAddr],
    isolation: &Isolation,
) -> Result<Host> {
    if let Some(forced) = &options.encoder {
        encoders::require(forced)?;
    }
    let worker = std::env::current_exe().context("the engine's own program cannot be found")?;
    let config = Config::builder(
        data.to_owned(),
        run_root::choose(data),
        vec![worker, "worker".into()],
    )
    .prover(checker::prover(data)?)
    .cgroup_root(isolation.cgroup_root.clone())
    .media_addresses(addresses.to_vec())
    .media_ports(options.media_ports.clone())
    .ice_servers(options.ice.ice_server.clone())
    .slots(options.slots)
    .wait(Duration::from_secs(options.wait_s.into()))
    .yield_after(Duration::from_secs(options.yield_after_s.into()))
    .bitrate_max(options.bitrate_max)
    .encoder(options.encoder.clone())
    .build()?;
    Ok(Host::open(config)?)
}

/// Refuses to begin without titles.
pub(crate) fn require_titles(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        bail!(
            "there is no folder {} of titles; name one with --titles",
            folder.display()
        );
    }
    Ok(())
}

/// Whether sessions can be started at all.
pub(crate) fn require(isolation: &Isolation) -> Result<()> {
    if !isolation.can_start() {
        let why = if isolation.programs.is_granted() {
            &isolation.sandbox
        } else {
            &isolation.programs
        };
        bail!("{} (see firstlight doctor)", why.words());
    }
    Ok(())
}
