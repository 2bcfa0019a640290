//! The operator's word to a running host: a socket in its data folder, which only he may open.
//!
//! A line in: `status`, `drain`, `open` or `leave`. A line out, JSON: `{"state":"draining","sessions":2,"connected":true}`.

use super::Agent;
use crate::Error;
use firstlight_fleet::messages::HostState;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader as AsyncReader};
use tokio::net::{UnixListener, UnixStream};

/// What a host is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Say how it is.
    Status,
    /// Take no more sessions.
    Drain,
    /// Take sessions again.
    Open,
    /// Take no more sessions, and end when the last has ended.
    Leave,
}

impl Word {
    const ALL: [(&'static str, Self); 4] = [
        ("status", Self::Status),
        ("drain", Self::Drain),
        ("open", Self::Open),
        ("leave", Self::Leave),
    ];

    fn text(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, word)| *word == self)
            .map_or("", |(text, _)| text)
    }
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it takes sessions.
    pub state: HostState,
    /// Sessions that hold a slot.
    pub sessions: u32,
    /// Whether the bus to the cell is connected.
    #[serde(default)]
    pub connected: bool,
    /// What the cell's checks of it came to: `unproven`, `admitted` or `refused`; none: nothing was heard of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<String>,
    /// Why the cell sends no players here, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Listens for words in the data folder until it is dropped with its runtime.
///
/// # Errors
/// [`Error::Path`] when the socket cannot be made.
pub fn listen(data: &Path, agent: Agent) -> Result<(), Error> {
    let path = socket(data);
    // What a killed host left; the folder's lock says that no other one runs.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::path(&path)(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path).map_err(Error::path(&path))?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let served = tokio::time::timeout(WORD_WITHIN, serve(stream, &agent)).await;
                    if !matches!(served, Ok(Ok(()))) {
                        tracing::debug!("a word to the host was not heard");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the host hears no more words");
                    return;
                }
            }
        }
    });
    Ok(())
}

async fn serve(mut stream: UnixStream, agent: &Agent) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    AsyncReader::new(read.take(LINE_BYTES_MAX))
        .read_line(&mut line)
        .await?;
    let word = Word::ALL.iter().find(|(text, _)| *text == line.trim());
    match word {
        Some((_, Word::Status)) => {}
        Some((_, Word::Drain)) => agent.drain(true),
        Some((_, Word::Open)) => agent.drain(false),
        Some((_, Word::Leave)) => agent.inner.set_state(HostState::Leaving),
        None => return write.write_all(b"{\"error\":\"no such word\"}\n").await,
    }
    let (standing, why) = agent.inner.proving.standing().unzip();
    let status = Status {
        standing,
        why: why.filter(|why| !why.is_empty()),
        state: agent.state(),
        sessions: agent.inner.settings.host.capacity().sessions,
        connected: agent.inner.settings.bus.is_connected(),
    };
    let answer = serde_json::to_string(&status).map_err(io::Error::other)?;
    write.write_all(format!("{answer}\n").as_bytes()).await
}

/// Says `word` to the host that runs in this data folder. Blocks.
///
/// # Errors
/// When none runs there, or it does not answer.
pub fn say(data: &Path, word: Word) -> io::Result<Status> {
    let mut stream = BlockingStream::connect(socket(data))?;
    stream.set_read_timeout(Some(WORD_WITHIN))?;
    stream.write_all(format!("{}\n", word.text()).as_bytes())?;
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line)? == 0 {
        // It ended while it was asked.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_str(&line).map_err(io::Error::other)
}

fn socket(data: &Path) -> PathBuf {
    data.join("host.sock")
}

const LINE_BYTES_MAX: u64 = 64;
const WORD_WITHIN: Duration = Duration::from_secs(5);
