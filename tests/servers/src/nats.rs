//! A NATS server.

use crate::{Process, await_port, free_port};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A NATS server without JetStream.
#[derive(Debug)]
pub struct Nats {
    process: Option<Process>,
    port: u16,
    config: Option<PathBuf>,
    env: Vec<(String, String)>,
}

impl Nats {
    /// Starts one.
    ///
    /// # Errors
    /// When Debian's `nats-server` is not installed or does not start.
    pub fn start() -> Result<Self> {
        Self::started(None, &[])
    }

    /// Starts one with a configuration, which finds `env` in its environment.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn configured(config: &Path, env: &[(&str, &str)]) -> Result<Self> {
        Self::started(Some(config.to_owned()), env)
    }

    fn started(config: Option<PathBuf>, env: &[(&str, &str)]) -> Result<Self> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut nats = Self {
            process: None,
            port: 0,
            config,
            env: env.iter().map(own).collect(),
        };
        for _ in 0..3 {
            nats.port = free_port()?;
            if nats.restart().is_ok() {
                return Ok(nats);
            }
        }
        nats.restart()?;
        Ok(nats)
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new("nats-server");
        if let Some(config) = &self.config {
            // Without the fixed port of its own figures, which two tests at once would want.
            command.arg("-c").arg(config).args(["-m", "0"]);
        }
        let child = command
            .envs(self.env.iter().cloned())
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nats-server cannot be started: apt-get install nats-server")?;
        let mut process = Process(child);
        await_port(&mut process, self.port).context("nats-server")?;
        self.process = Some(process);
        Ok(())
    }
}
