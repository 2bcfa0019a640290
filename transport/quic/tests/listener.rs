//! The media port against a real WebTransport client on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and cuts numbers on purpose"
)]

use bytes::Bytes;
use firstlight_netem::Random;
use firstlight_quic::{
    Attempt, Certificates, CloseCode, Error, Fingerprint, Identity, Link, Listener, RENEW_AFTER, Refusal,
};
use firstlight_units::WallTime;
use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use url::Url;
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{Client, ClientBuilder, ClientError, Session, SessionError, WebTransportError};

#[tokio::test]
async fn a_client_with_the_pinned_certificate_attaches_and_both_sides_speak() {
    within(async {
        let mut port = Port::open();
        let (session, link) = port.attach("/v1/media?ticket=abc").await;
        link.send(Bytes::from_static(b"down")).unwrap();
        assert_eq!(session.read_datagram().await.unwrap(), "down");
        session.send_datagram(Bytes::from_static(b"up")).unwrap();
        assert_eq!(link.receive().await.unwrap(), "up");

        let (mut send, mut receive) = session.open_bi().await.unwrap();
        send.write_all(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 0]).await.unwrap();
        let (mut writer, mut reader) = link.control().await.unwrap();
        assert_eq!(reader.read().await.unwrap(), Some(vec![7, 8]));
        assert_eq!(reader.read().await.unwrap(), Some(vec![]));
        writer.write(&[9]).await.unwrap();
        let mut got = [0; 5];
        receive.read_exact(&mut got).await.unwrap();
        assert_eq!(got, [0, 0, 0, 1, 9]);
        send.finish().unwrap();
        assert_eq!(reader.read().await.unwrap(), None);

        link.close(CloseCode::Ended, "the title ended").await;
        assert_eq!(closed(&session).await, (1, "the title ended".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_for_is_seen_before_the_answer() {
    within(async {
        let mut port = Port::open();
        let mut request = ConnectRequest::from(port.url("/v1/media?ticket=a%2Bb&ticket=c"));
        request
            .headers
            .insert("origin", "http://localhost:8080".parse().unwrap());
        let client = port.client();
        let ask = tokio::spawn(async move { client.connect(request).await });
        let attempt = port.listener.attempt().await.unwrap();
        assert_eq!(attempt.path(), "/v1/media");
        assert_eq!(attempt.query("ticket").as_deref(), Some("a+b"));
        assert_eq!(attempt.query("resume"), None);
        assert_eq!(attempt.origin(), Some("http://localhost:8080"));
        assert!(attempt.remote().ip().is_loopback());
        assert!(
            !format!("{attempt:?}").contains("a+b"),
            "a ticket is not for logs"
        );
        attempt.refuse(Refusal::Forbidden).await;
        let error = ask.await.unwrap().err().unwrap();
        assert!(matches!(error, ClientError::HttpError(_)), "{error}");
        assert!(format!("{error:?} {error}").contains("403"), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_client_without_the_pinned_certificate_gets_nowhere() {
    within(async {
        let port = Port::open();
        let stranger = Identity::generate(now()).unwrap().fingerprint();
        let client = pinned(&[stranger]);
        let url = port.url("/v1/media?ticket=abc");
        assert!(matches!(
            client.connect(url).await,
            Err(ClientError::Connection(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_renewed_certificate_serves_new_clients_and_disturbs_nobody() {
    within(async {
        let mut certificates = Certificates::generate(now()).unwrap();
        let before = certificates.fingerprints();
        let mut port = Port::open_with(certificates.current());
        port.pins = before.to_vec();
        let (session, link) = port.attach("/v1/media?ticket=1").await;

        assert!(certificates.renew(now() + RENEW_AFTER).unwrap());
        port.listener.set_identity(certificates.current()).unwrap();
        link.send(Bytes::from_static(b"still here")).unwrap();
        assert_eq!(session.read_datagram().await.unwrap(), "still here");

        // The page learnt both fingerprints before the renewal.
        let (_second, _link) = port.attach("/v1/media?ticket=2").await;
        port.pins = vec![before[0]];
        let old = port.client().connect(port.url("/v1/media?ticket=3")).await;
        assert!(old.is_err(), "the old certificate is not shown any more");
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let identity = Identity::generate(now()).unwrap();
    let error = Listener::open(&[address], &identity).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open UDP {address}"));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("in use"), "{cause}");
    assert!(matches!(error, Error::Bind { .. }));
}

#[tokio::test]
async fn an_oversized_control_message_is_refused_before_it_is_read() {
    within(async {
        let mut port = Port::open();
        let (session, link) = port.attach("/v1/media?ticket=abc").await;
        let (mut send, _receive) = session.open_bi().await.unwrap();
        send.write_all(&65_537u32.to_be_bytes()).await.unwrap();
        let (_writer, mut reader) = link.control().await.unwrap();
        let error = reader.read().await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::ControlTooLong {
                    size: 65_537,
                    most: 65_536
                }
            ),
            "{error}"
        );
        link.close(CloseCode::Protocol, &error.to_string()).await;
        assert_eq!(closed(&session).await.0, 3);
    })
    .await;
}

#[tokio::test]
async fn a_full_send_buffer_says_so_and_drops_nothing() {
    within(async {
        let mut port = Port::open();
        let (session, link) = port.attach("/v1/media?ticket=abc").await;
        // Without yielding, nothing leaves the buffer.
        let mut queued = 0u32;
        let error = loop {
            let mut datagram = vec![0; 1_000];
            datagram[..4].copy_from_slice(&queued.to_be_bytes());
            match link.send(datagram.into()) {
                Ok(()) => queued += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Full { size: 1_000, .. }), "{error}");
        assert!(queued > 2_000 && link.send_space() < 1_100, "{queued}");
        // The oldest is still there: it comes first.
        let first = session.read_datagram().await.unwrap();
        assert_eq!(first[..4], [0; 4]);
        while link.send_space() < 1 << 20 {
            tokio::task::yield_now().await;
        }
        link.send(Bytes::from_static(b"again")).unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_largest_datagram_passes_and_a_larger_one_is_refused() {
    within(async {
        let mut port = Port::open();
        let (session, link) = port.attach("/v1/media?ticket=abc").await;
        let at_first = link.datagram_max();
        assert!(at_first >= 1_100, "{at_first}");
        // QUIC probes for more within the first round trips; loopback carries the largest it tries.
        while link.datagram_max() < 1_300 {
            link.send(Bytes::from_static(b"probe")).unwrap();
            session.read_datagram().await.unwrap();
            tokio::task::yield_now().await;
        }
        let most = link.datagram_max();
        link.send(vec![1; most].into()).unwrap();
        while session.read_datagram().await.unwrap().len() != most {}
        let error = link.send(vec![1; 1_500].into()).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { size: 1_500, most } if most < 1_500),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_random_and_ten_thousand_mutated_packets_disturb_nobody() {
    within(async {
        let mut port = Port::open();
        let (session, link) = port.attach("/v1/media?ticket=abc").await;
        let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut random = Random::new(7);
        for n in 0..20_000u32 {
            let length = 1 + random.below(1_300) as usize;
            let mut packet: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
            if n % 2 == 0 {
                mutate(&mut random, &mut packet);
            }
            noise.send_to(&packet, port.address).unwrap();
            // Few enough that the socket's buffer keeps what is ours.
            if n % 20 == 0 {
                let echo = Bytes::copy_from_slice(&n.to_be_bytes());
                session.send_datagram(echo.clone()).unwrap();
                assert_eq!(link.receive().await.unwrap(), echo);
                link.send(echo.clone()).unwrap();
                assert_eq!(session.read_datagram().await.unwrap(), echo);
            }
        }
        // And it still lets somebody in.
        port.attach("/v1/media?ticket=def").await;
    })
    .await;
}

#[tokio::test]
async fn a_closed_port_tells_its_clients() {
    within(async {
        let mut port = Port::open();
        let (session, link) = port.attach("/v1/media?ticket=abc").await;
        port.listener.close().await;
        session.closed().await;
        assert!(matches!(link.receive().await, Err(Error::Closed(_))));
        assert!(matches!(
            link.send(Bytes::from_static(b"late")),
            Err(Error::Closed(_))
        ));
    })
    .await;
}

/// Makes noise look like QUIC: long headers of version 1, short headers, version negotiation.
fn mutate(random: &mut Random, packet: &mut [u8]) {
    let shapes: [&[u8]; 4] = [
        &[0xC3, 0, 0, 0, 1, 8],
        &[0xE3, 0, 0, 0, 1, 20],
        &[0x43],
        &[0x80, 0, 0, 0, 0, 0],
    ];
    let shape = shapes[random.below(4) as usize];
    for (byte, wanted) in packet.iter_mut().zip(shape) {
        *byte = *wanted;
    }
}

struct Port {
    listener: Listener,
    address: SocketAddr,
    pins: Vec<Fingerprint>,
}

impl Port {
    fn open() -> Self {
        Self::open_with(&Identity::generate(now()).unwrap())
    }

    fn open_with(identity: &Identity) -> Self {
        let listener = Listener::open(&["127.0.0.1:0".parse().unwrap()], identity).unwrap();
        let address = listener.addresses()[0];
        Self {
            listener,
            address,
            pins: vec![identity.fingerprint()],
        }
    }

    fn url(&self, path: &str) -> Url {
        format!("https://{}{path}", self.address).parse().unwrap()
    }

    fn client(&self) -> Client {
        pinned(&self.pins)
    }

    async fn attach(&mut self, path: &str) -> (Session, Link) {
        let client = self.client();
        let url = self.url(path);
        let ask = tokio::spawn(async move { client.connect(url).await.unwrap() });
        let attempt: Attempt = self.listener.attempt().await.unwrap();
        let link = attempt.accept().await.unwrap();
        (ask.await.unwrap(), link)
    }
}

fn pinned(fingerprints: &[Fingerprint]) -> Client {
    let bytes = |print: &Fingerprint| {
        let hex = print.hex();
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    ClientBuilder::new()
        .with_server_certificate_hashes(fingerprints.iter().map(bytes).collect())
        .unwrap()
}

async fn closed(session: &Session) -> (u32, String) {
    match session.closed().await {
        SessionError::WebTransportError(WebTransportError::Closed(code, reason)) => (code, reason),
        other @ (SessionError::ConnectionError(_)
        | SessionError::WebTransportError(_)
        | SessionError::SendDatagramError(_)) => panic!("{other}"),
    }
}

/// A test that hangs is a test that failed.
async fn within(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), test).await.unwrap();
}

fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    WallTime::from_micros(u64::try_from(since.unwrap().as_micros()).unwrap())
}
