//! As much of HTTP/1.1 as a player's client needs here: one connection, kept, one request at a time.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// To one gateway.
#[derive(Debug)]
pub(crate) struct Line {
    authority: String,
    stream: Option<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Line {
    /// To `http://HOST:PORT`.
    pub(crate) fn to(origin: &str) -> Result<Self> {
        let authority = origin.strip_prefix("http://").context("no http address")?;
        Ok(Self {
            authority: authority.to_owned(),
            stream: None,
        })
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.authority);
        self.ask(&request).await
    }

    pub(crate) async fn delete(&mut self, path: &str, headers: &str) -> Result<()> {
        let request = format!(
            "DELETE {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n",
            self.authority
        );
        let mut stream = TcpStream::connect(&self.authority).await?;
        stream.write_all(request.as_bytes()).await?;
        // What it is answered with has no body, and nobody looks at it.
        stream.read_buf(&mut Vec::new()).await?;
        Ok(())
    }

    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: &str) -> Result<Answer> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.authority,
            body.len()
        );
        self.ask(&request).await
    }

    async fn ask(&mut self, request: &str) -> Result<Answer> {
        let kept = self.stream.is_some();
        match self.once(request).await {
            // A kept connection may have been closed meanwhile; every request here may be repeated.
            Err(_) if kept => {
                self.stream = None;
                self.once(request).await
            }
            answer => answer,
        }
    }

    async fn once(&mut self, request: &str) -> Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.authority).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request.as_bytes()).await?;
        let answer = read(&mut stream).await?;
        self.stream = Some(stream);
        Ok(answer)
    }
}

async fn read(stream: &mut TcpStream) -> Result<Answer> {
    let mut bytes = Vec::new();
    loop {
        if let Some((head, body)) = split(&bytes) {
            let status = head.split(' ').nth(1).context("no status")?.parse()?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>())
            });
            if body.len() >= length.context("no length")?? {
                let body = String::from_utf8_lossy(body).into_owned();
                return Ok(Answer { status, body });
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > ANSWER_BYTES_MAX {
            bail!("the answer ended early");
        }
    }
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&bytes[..at]).ok()?, &bytes[at + 4..]))
}

const ANSWER_BYTES_MAX: usize = 1 << 20;
