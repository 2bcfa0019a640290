//! The way in: WebTransport to the session's media port, and the control stream.

use crate::Error;
use crate::api::Endpoint;
use firstlight_wire::control::{
    ClientMessage, Hello, ResumeAck, ServerMessage, client_message, server_message,
};
use firstlight_wire::{FrameDecoder, write_frame};
use prost::Message as _;
use std::time::Duration;
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{ClientBuilder, RecvStream, SendStream, Session};

/// Attaches with a ticket.
pub(crate) async fn attach(endpoint: &Endpoint, ticket: &str) -> Result<Session, Error> {
    let odd = |what: &str| Error::Answer {
        what: format!("{what} of the endpoint"),
    };
    let mut url = url::Url::parse(&endpoint.url).map_err(|_| odd("the URL"))?;
    let at = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    );
    url.query_pairs_mut().append_pair("ticket", ticket);
    let hashes = endpoint
        .cert_sha256
        .iter()
        .map(|hex| from_hex(hex))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| odd("the certificate hash"))?;
    let client = ClientBuilder::new()
        .with_server_certificate_hashes(hashes)
        .map_err(|source| Error::NotAdmitted {
            at: at.clone(),
            source,
        })?;
    let connecting = client.connect(ConnectRequest::new(url));
    match tokio::time::timeout(ATTACH_WITHIN, connecting).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(web_transport_quinn::ClientError::Connection(
            web_transport_quinn::quinn::ConnectionError::TimedOut,
        )))
        | Err(_) => Err(Error::NoMedia {
            at,
            within_s: ATTACH_WITHIN.as_secs(),
        }),
        Ok(Err(source)) => Err(Error::NotAdmitted { at, source }),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * HASH_BYTES || !text.is_ascii() {
        return None;
    }
    (0..HASH_BYTES)
        .map(|n| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok())
        .collect()
}

/// The control stream.
pub(crate) struct Control {
    writer: SendStream,
    reader: RecvStream,
    decoder: FrameDecoder,
    chunk: Vec<u8>,
}

impl Control {
    /// Opens it and says hello.
    pub(crate) async fn open(session: &Session) -> Result<Self, Error> {
        let (writer, reader) = session.open_bi().await.map_err(broken)?;
        let mut control = Self {
            writer,
            reader,
            decoder: FrameDecoder::default(),
            chunk: vec![0; CHUNK_BYTES],
        };
        let hello = Hello {
            version: 1,
            version_oldest: 1,
            codecs: vec![crate::CODEC.to_owned()],
            reference_recovery: true,
            user_agent: concat!("firstlight-probe/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        control.say(client_message::Message::Hello(hello)).await?;
        Ok(control)
    }

    async fn say(&mut self, message: client_message::Message) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let message = ClientMessage {
            message: Some(message),
        };
        write_frame(&message, &mut bytes).map_err(broken)?;
        self.writer.write_all(&bytes).await.map_err(broken)
    }

    /// Some bytes of the stream; `None` at its end. May be dropped while it waits.
    pub(crate) async fn read(&mut self) -> Result<Option<usize>, Error> {
        self.reader.read(&mut self.chunk).await.map_err(broken)
    }

    /// The messages that end in the bytes just read. A resume secret is acknowledged: it was stored as well as a page does.
    pub(crate) async fn take(&mut self, bytes: usize) -> Result<Vec<server_message::Message>, Error> {
        let mut messages = Vec::new();
        let mut rest = self.chunk.get(..bytes).unwrap_or_default();
        while let Some(message) = self.decoder.decode(&mut rest).map_err(broken)? {
            messages.extend(ServerMessage::decode(message).map_err(broken)?.message);
        }
        let secrets: Vec<u32> = messages.iter().filter_map(generation).collect();
        for generation in secrets {
            let ack = ResumeAck { generation };
            self.say(client_message::Message::ResumeAck(ack)).await?;
        }
        Ok(messages)
    }
}

fn generation(message: &server_message::Message) -> Option<u32> {
    use server_message::Message as M;
    match message {
        M::Welcome(welcome) => welcome.resume.as_ref().map(|resume| resume.generation),
        M::ResumeSecret(resume) => Some(resume.generation),
        M::CursorShape(_)
        | M::CursorPosition(_)
        | M::Ended(_)
        | M::Report(_)
        | M::Rumble(_)
        | M::Clipboard(_)
        | M::ClipboardTaken(_) => None,
    }
}

pub(crate) fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Broken(std::io::Error::other(error))
}

/// SHA-256.
const HASH_BYTES: usize = 32;
/// A page gives up as late.
const ATTACH_WITHIN: Duration = Duration::from_secs(10);
const CHUNK_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hashes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 32), text in ".{0,70}") {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            prop_assert_eq!(from_hex(&hex), Some(bytes));
            if let Some(read) = from_hex(&text) {
                prop_assert_eq!(read.len(), HASH_BYTES);
            }
        }
    }
}
