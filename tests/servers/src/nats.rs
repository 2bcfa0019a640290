//! A NATS server.

use crate::{Process, await_port, free_port};
use anyhow::{Context, Result};
use std::process::{Command, Stdio};

/// A NATS server without JetStream.
#[derive(Debug)]
pub struct Nats {
    process: Option<Process>,
    port: u16,
}

impl Nats {
    /// Starts one.
    ///
    /// # Errors
    /// When Debian's `nats-server` is not installed or does not start.
    pub fn start() -> Result<Self> {
        let mut nats = Self {
            process: None,
            port: 0,
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
        let child = Command::new("nats-server")
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
