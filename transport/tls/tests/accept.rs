//! A real client on a real socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_tls::{Choice, Refused, Tls};
use firstlight_units::WallTime;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime::from_micros(since.as_micros().try_into().unwrap())
}

fn server(file: &Path) -> Tls {
    let choice = Choice::SelfSigned {
        file: file.to_owned(),
        names: vec!["localhost".into(), "127.0.0.1".into()],
    };
    Tls::open(&choice, now()).unwrap()
}

fn client(file: &Path) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn who_trusts_the_certificate_is_served_under_each_of_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tls.pem");
    let tls = server(&file);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for name in ["localhost", "127.0.0.1"] {
        let asking = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let mut stream = client(&file)
                .connect(ServerName::try_from(name).unwrap(), stream)
                .await
                .unwrap();
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let serving = async {
            let mut stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "hello");
        };
        tokio::join!(asking, serving);
    }
}

#[tokio::test]
async fn a_plain_client_reads_why_and_a_silent_or_strange_one_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let tls = server(&dir.path().join("tls.pem"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let accepting = async { tls.accept(listener.accept().await.unwrap().0).await };
    let (text, refused) = tokio::join!(asking, accepting);
    assert!(
        text.starts_with("HTTP/1.1 400") && text.contains("https://"),
        "{text}"
    );
    assert!(matches!(refused, Err(Refused::Plain)));
    // A byte that begins a handshake, and then nonsense; and nothing at all.
    for bytes in [&b"\x16nonsense of some length"[..], b""] {
        let asking = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        };
        let accepting = async { tls.accept(listener.accept().await.unwrap().0).await };
        assert!(matches!(
            tokio::join!(asking, accepting).1,
            Err(Refused::Broken(_))
        ));
    }
}
