//! The thread that a session's processes are children of.
//!
//! The kernel's parent-death signal follows the *thread* that forked, not the process. The keeper lives exactly as long as
//! the container, whatever thread the caller happens to start it from. It also leaves the machine's IPC namespace where it may:
//! that, too, is a matter of the thread, and what it starts inherits it.

use crate::Error;
use nix::sched::{CloneFlags, unshare};
use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

struct Birth {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

/// Starts processes that die with it. When it is dropped, what it started and is still alive is killed by the kernel.
#[derive(Debug)]
pub(crate) struct Keeper {
    births: Option<SyncSender<Birth>>,
    thread: Option<JoinHandle<()>>,
    apart: bool,
}

impl Keeper {
    pub(crate) fn new() -> Result<Self, Error> {
        let (births, orders) = sync_channel::<Birth>(1);
        let (tell, told) = sync_channel(1);
        let run = move || {
            if tell.send(unshare(CloneFlags::CLONE_NEWIPC).is_ok()).is_err() {
                return;
            }
            while let Ok(Birth { mut command, reply }) = orders.recv() {
                // An asker that has gone leaves the child to be killed when this thread ends.
                drop(reply.send(command.spawn()));
            }
        };
        let thread = Builder::new()
            .name("keeper".into())
            .spawn(run)
            .map_err(Error::start("the keeper thread"))?;
        Ok(Self {
            births: Some(births),
            thread: Some(thread),
            apart: told.recv().unwrap_or(false),
        })
    }

    /// Whether it, and so what it starts, has an IPC namespace of its own.
    pub(crate) fn is_apart(&self) -> bool {
        self.apart
    }

    pub(crate) fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = sync_channel(1);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let births = self.births.as_ref().ok_or_else(gone)?;
        births.send(Birth { command, reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.births = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the keeper thread panicked");
        }
    }
}
