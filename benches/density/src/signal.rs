//! Offers and answers of WebRTC between the two processes: over TCP, each behind its length.

use anyhow::{Result, ensure};
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The sender's side.
pub(crate) struct Desk(TcpListener);

impl Desk {
    pub(crate) async fn open() -> Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?))
    }

    pub(crate) fn port(&self) -> Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// The next offer, and where its answer goes.
    pub(crate) async fn offer(&self) -> Result<(String, TcpStream)> {
        let (mut stream, _) = self.0.accept().await?;
        Ok((read(&mut stream).await?, stream))
    }
}

/// The player's side.
pub(crate) async fn ask(port: u16, offer: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    write(&mut stream, offer).await?;
    read(&mut stream).await
}

pub(crate) async fn write(stream: &mut TcpStream, text: &str) -> Result<()> {
    stream.write_u32(u32::try_from(text.len())?).await?;
    Ok(stream.write_all(text.as_bytes()).await?)
}

async fn read(stream: &mut TcpStream) -> Result<String> {
    let length = usize::try_from(stream.read_u32().await?)?;
    ensure!(length <= BYTES_MAX, "{length} bytes of SDP");
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8(text)?)
}

const BYTES_MAX: usize = 64 << 10;
