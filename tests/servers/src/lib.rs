//! PostgreSQL and NATS for tests and benches: Debian's programs on free ports of 127.0.0.1, with their data in temporary
//! folders. They can be killed as a power cut would, and started again on what they left; they end with the value that stands
//! for them.

mod nats;
mod postgres;

pub use nats::Nats;
pub use postgres::{Postgres, Safety};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

/// A process that ends with this value, and with this program should that be killed.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        if let Ok(pid) = i32::try_from(self.0.id()) {
            // An error is a process that has gone.
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        drop(self.0.wait());
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on. Another program may take it first: those who use it say so and are started again.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Until `port` is listened on, or `process` has ended.
fn await_port(process: &mut Process, port: u16) -> Result<()> {
    let began = Instant::now();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while began.elapsed() < READY_WITHIN {
        if process.has_ended() {
            bail!("it ended at once");
        }
        if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("it did not listen on {port} in time")
}

/// A loaded machine with a slow disk.
const READY_WITHIN: Duration = Duration::from_secs(60);
