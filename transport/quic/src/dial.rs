//! The other end: attaching to a host on somebody's behalf.

use crate::trust::Trust;
use crate::window::WideOpenFactory;
use crate::{Error, Link};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use web_transport_quinn::http::{HeaderName, HeaderValue};
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{ClientError, ConnectError, Session};

/// What is asked of a host.
#[derive(Clone)]
pub struct Dial {
    /// Where it receives media.
    pub address: SocketAddr,
    /// SHA-256 of each certificate that it may prove itself with.
    pub certificates: Vec<[u8; 32]>,
    /// Path and query; the query holds a ticket or a secret.
    pub path: String,
    /// The origin of the page on whose behalf this is, where there is one.
    pub origin: Option<String>,
    /// Whether everything that comes fits every path that it may be taken on over: the host then looks for no larger packets.
    pub narrow: bool,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Dial {
    /// Attaches; within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Refused`] with the host's status; [`Error::Unreachable`] when it does not answer in time or proves to be somebody else.
    pub async fn attach(self) -> Result<Link, Error> {
        tokio::time::timeout(ANSWER_WITHIN, self.connect())
            .await
            .map_err(|_| Error::Unreachable(None))?
    }

    async fn connect(self) -> Result<Link, Error> {
        let unreachable = |error: ClientError| match error {
            ClientError::HttpError(ConnectError::ErrorStatus(status)) => Error::Refused(status.as_u16()),
            other @ (ClientError::UnexpectedEnd
            | ClientError::Connection(_)
            | ClientError::WriteError(_)
            | ClientError::ReadError(_)
            | ClientError::SettingsError(_)
            | ClientError::HttpError(_)
            | ClientError::QuinnError(_)
            | ClientError::InvalidDnsName(_)
            | ClientError::Rustls(_)) => Error::Unreachable(Some(other)),
        };
        let endpoint = open_endpoint(local_for(self.address), self.narrow)?;
        let config = client_config(&self.certificates)?;
        let connecting = endpoint
            .connect_with(config, self.address, NAME)
            .map_err(|error| unreachable(error.into()))?;
        let connection = connecting.await.map_err(|error| unreachable(error.into()))?;
        let url = format!("https://{NAME}:{}{}", self.address.port(), self.path);
        let url = url.parse::<url::Url>().map_err(|_| Error::Refused(BAD_REQUEST))?;
        let mut request = ConnectRequest::new(url);
        if let Some(origin) = self.origin {
            let origin = HeaderValue::try_from(origin).map_err(|_| Error::Refused(BAD_REQUEST))?;
            request = request.with_header(HeaderName::from_static("origin"), origin);
        }
        let session = Session::connect(connection, request).await.map_err(unreachable)?;
        Ok(Link::new(session))
    }
}

pub(crate) fn local_for(address: SocketAddr) -> SocketAddr {
    if address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    }
}

pub(crate) fn open_endpoint(local: SocketAddr, narrow: bool) -> Result<quinn::Endpoint, Error> {
    let bind = |source| Error::Bind {
        address: local,
        source,
    };
    let mut config = quinn::EndpointConfig::default();
    if narrow {
        config
            .max_udp_payload_size(NARROW_BYTES)
            .map_err(|error| bind(std::io::Error::other(error)))?;
    }
    let socket = UdpSocket::bind(local).map_err(bind)?;
    quinn::Endpoint::new(config, None, socket, Arc::new(quinn::TokioRuntime)).map_err(bind)
}

fn client_config(certificates: &[[u8; 32]]) -> Result<quinn::ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (certificates, digests) = (certificates.to_vec(), Arc::clone(&provider));
    // By its hash alone, as a page does.
    let trust = Trust::new(Arc::clone(&provider), move |end_entity: &CertificateDer<'_>| {
        let digest = web_transport_quinn::crypto::sha256(&digests, end_entity);
        let pinned = certificates.iter().any(|known| known == digest.as_ref());
        pinned
            .then_some(())
            .ok_or_else(|| rustls::CertificateError::UnknownIssuer.into())
    });
    tls_with(provider, Arc::new(trust))
}

pub(crate) fn tls_with(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<quinn::ClientConfig, Error> {
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    tls.alpn_protocols = vec![web_transport_quinn::ALPN.as_bytes().to_vec()];
    let tls: QuicClientConfig = tls.try_into().map_err(Error::Quic)?;
    let mut transport = quinn::TransportConfig::default();
    transport
        // What a player sends is small, and the rate of what comes is the host's business.
        .congestion_controller_factory(Arc::new(WideOpenFactory))
        .datagram_send_buffer_size(SEND_BUFFER_BYTES)
        .datagram_receive_buffer_size(Some(RECEIVE_BUFFER_BYTES))
        .max_idle_timeout(Some(quinn::VarInt::from_u32(IDLE_MILLIS).into()))
        .keep_alive_interval(Some(KEEP_ALIVE));
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// The certificate is pinned; the name only fills a field.
const NAME: &str = "localhost";
const BAD_REQUEST: u16 = 400;
/// What QUIC asks of every path (RFC 9000, 14): it passes on the other half of the way whatever that is like.
const NARROW_BYTES: u16 = 1_200;
/// The player behind it gives up sooner.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Input and feedback of a player: a few kilobytes a second each.
const SEND_BUFFER_BYTES: usize = 256 << 10;
/// An IDR that comes as one burst; what is not taken on in time is lost.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;
/// As the host's.
const IDLE_MILLIS: u32 = 8_000;
/// A firewall between a relay and a host forgets what is silent.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
