//! A PostgreSQL server.

use crate::{Process, READY_WITHIN, await_port, free_port};
use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User, chown};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// A PostgreSQL server with one user, `postgres`, who needs no password.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    programs: PathBuf,
    folder: TempDir,
    /// Root may not run it: whom it runs as then.
    user: Option<User>,
    port: u16,
    safety: Safety,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// The machine: for what is measured.
    Machine,
    /// The process: for tests, which kill nothing else.
    Process,
}

impl Postgres {
    /// Starts one on an empty folder.
    ///
    /// # Errors
    /// When Debian's `postgresql` is not installed or does not start.
    pub fn start(safety: Safety) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("firstlight-postgres-")
            .tempdir()?;
        let user = if Uid::effective().is_root() {
            let user = User::from_name("postgres")?
                .context("there is no user postgres: apt-get install postgresql")?;
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
            Some(user)
        } else {
            None
        };
        let mut postgres = Self {
            process: None,
            programs: programs()?,
            folder,
            user,
            port: 0,
            safety,
        };
        postgres.make()?;
        for _ in 0..3 {
            postgres.port = free_port()?;
            if postgres.restart().is_ok() {
                return Ok(postgres);
            }
        }
        postgres.restart()?;
        Ok(postgres)
    }

    /// Its database of this name.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When there is one of this name.
    pub fn create(&self, database: &str) -> Result<()> {
        let status = self
            .command("createdb")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-U",
                "postgres",
                "-T",
                "template0",
                database,
            ])
            .status()?;
        if !status.success() {
            bail!("no database {database} could be made");
        }
        Ok(())
    }

    /// As `kill -9` of the server.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on what it left.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let began = Instant::now();
        // Processes of a killed server go by themselves, and it does not start beside them.
        loop {
            match self.spawn() {
                Err(_) if began.elapsed() < READY_WITHIN => {
                    std::thread::sleep(std::time::Duration::from_millis(50))
                }
                done => return done,
            }
        }
    }

    fn spawn(&mut self) -> Result<()> {
        let log = self.folder.path().join("log");
        let (fsync, socket) = (self.safety == Safety::Machine, self.folder.path().display());
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1"])
            .args(["-c", &format!("unix_socket_directories={socket}")])
            .args(["-c", &format!("fsync={}", if fsync { "on" } else { "off" })])
            .args([
                "-c",
                "max_connections=100",
                "-c",
                "shared_buffers=128MB",
                "-c",
                "max_wal_size=4GB",
            ])
            .stderr(File::create(&log)?)
            .spawn()
            .context("postgres cannot be started")?;
        let mut process = Process(child);
        await_port(&mut process, self.port)
            .with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        self.process = Some(process);
        self.await_recovery()
    }

    /// It listens before it lets anybody in.
    fn await_recovery(&self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            let mut asked = self.command("pg_isready");
            asked.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if asked.status()?.success() {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        bail!("PostgreSQL let nobody in for too long");
    }

    fn make(&self) -> Result<()> {
        let output = self
            .command("initdb")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args([
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .stderr(Stdio::piped())
            .output()
            .context("initdb cannot be started")?;
        if !output.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal ends the test, which ends it.
            .process_group(0);
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }
}

/// Debian keeps each version's programs apart, and out of PATH.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest =
        versions.max_by_key(|version| version.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    let newest = newest.context("there is no PostgreSQL: apt-get install postgresql")?;
    Ok(newest.path().join("bin"))
}
