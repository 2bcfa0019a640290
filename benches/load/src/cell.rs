//! A cell: PostgreSQL, NATS and the engine's own indexer as processes.

use crate::client::Line;
use anyhow::{Context, Result, bail};
use firstlight_fleet::{Key, Postgres, PublicKey, Store};
use firstlight_test_servers as servers;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) struct Cell {
    folder: PathBuf,
    engine: PathBuf,
    neighbours: Vec<String>,
    postgres: servers::Postgres,
    nats: servers::Nats,
    port: u16,
    gateway: Option<Child>,
}

impl Cell {
    pub(crate) async fn start(
        name: &str,
        folder: &Path,
        engine: &Path,
        neighbours: &[String],
    ) -> Result<Self> {
        let folder = folder.join(name);
        let title = folder.join("titles").join(TITLE);
        std::fs::create_dir_all(&title)?;
        let manifest = format!(
            "id = \"{TITLE}\"\nname = \"{TITLE}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n"
        );
        std::fs::write(title.join("title.toml"), manifest)?;
        // What is acknowledged is on the disk of this machine.
        let postgres = servers::Postgres::start(servers::Safety::Machine)?;
        postgres.create("fleet")?;
        let mut cell = Self {
            folder,
            engine: engine.to_owned(),
            neighbours: neighbours.to_vec(),
            postgres,
            nats: servers::Nats::start()?,
            port: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
            gateway: None,
        };
        cell.start_gateway()?;
        cell.await_hosts(0).await?;
        Ok(cell)
    }

    /// Where its gateway is.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn bus(&self) -> String {
        self.nats.url()
    }

    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(Postgres::connect(&self.postgres.url("fleet")).await?))
    }

    /// What its indexer's asks are sealed with.
    pub(crate) fn key(&self) -> Result<PublicKey> {
        Ok(Key::open(&self.folder.join("data/cell.key"))?.public())
    }

    fn start_gateway(&mut self) -> Result<()> {
        let mut command = Command::new(&self.engine);
        command
            .arg("indexer")
            .args(["--store", &self.postgres.url("fleet"), "--bus", &self.nats.url()])
            .args(["--listen", &format!("127.0.0.1:{}", self.port), "--trust-hosts"])
            .arg("--titles")
            .arg(self.folder.join("titles"))
            .arg("--data")
            .arg(self.folder.join("data"))
            .env("FIRSTLIGHT_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for neighbour in &self.neighbours {
            command.args(["--neighbour", neighbour]);
        }
        std::fs::create_dir_all(self.folder.join("data"))?;
        self.gateway = Some(command.spawn().context("the engine cannot be started")?);
        Ok(())
    }

    /// Until its gateway answers and knows so many hosts.
    pub(crate) async fn await_hosts(&self, hosts: u32) -> Result<()> {
        let began = Instant::now();
        let mut line = Line::to(&self.origin())?;
        while began.elapsed() < READY_WITHIN {
            if let Ok(answer) = line.get("/v1/regions", "").await {
                let regions: serde_json::Value = serde_json::from_str(&answer.body)?;
                let known = regions["regions"][0]["hosts"].as_u64().unwrap_or(0);
                if known >= u64::from(hosts) {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{} does not know {hosts} hosts in time", self.origin())
    }

    pub(crate) fn lose_services(&mut self) {
        self.postgres.kill();
        self.nats.kill();
    }

    pub(crate) fn lose_gateway(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            // An error is a process that has gone.
            drop(gateway.kill());
            drop(gateway.wait());
        }
    }

    pub(crate) fn restore(&mut self) -> Result<()> {
        self.postgres.restart()?;
        self.nats.restart()?;
        self.start_gateway()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.lose_gateway();
    }
}

/// What is played.
pub(crate) const TITLE: &str = "beacon";
const READY_WITHIN: Duration = Duration::from_secs(60);
