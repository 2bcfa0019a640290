//! From a TCP connection to an encrypted one.

use crate::Tls;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// An encrypted connection.
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// Why a connection was not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It took too long.
    #[error("the TLS handshake took too long")]
    TooSlow,
    /// It was not encrypted; it was told so.
    #[error("the connection is not encrypted")]
    Plain,
    /// It broke.
    #[error("the TLS handshake failed")]
    Broken(#[source] io::Error),
}

impl Tls {
    /// Shakes hands. A client that speaks plain HTTP gets an answer in words.
    ///
    /// # Errors
    /// When there is no encrypted connection; the stream is closed then.
    pub async fn accept(&self, stream: TcpStream) -> Result<TlsStream, Refused> {
        timeout(HANDSHAKE_WITHIN, self.shake(stream))
            .await
            .map_err(|_| Refused::TooSlow)?
    }

    async fn shake(&self, stream: TcpStream) -> Result<TlsStream, Refused> {
        let mut first = [0];
        let read = stream.peek(&mut first).await.map_err(Refused::Broken)?;
        if read == 1 && first != [TLS_HANDSHAKE] {
            return Err(explain(stream)
                .await
                .map_or_else(Refused::Broken, |()| Refused::Plain));
        }
        TlsAcceptor::from(std::sync::Arc::clone(&self.config))
            .accept(stream)
            .await
            .map_err(Refused::Broken)
    }
}

/// Answers without looking at what was asked, then lets the client finish: a close with unread bytes would cut the answer off.
async fn explain(mut stream: TcpStream) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\r\n{WORDS}",
        WORDS.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut left = stream.take(LISTENED_TO_BYTES);
    tokio::io::copy(&mut left, &mut tokio::io::sink()).await.map(drop)
}

const WORDS: &str = "This port speaks HTTPS only: write https:// before its address.\n";
/// The content type of a TLS record that begins a connection (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// Two round trips of a bad line, and a busy machine; it also bounds how long a plain client may go on talking.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// A request's head; a client that has more to say is cut off.
const LISTENED_TO_BYTES: u64 = 64 << 10;
