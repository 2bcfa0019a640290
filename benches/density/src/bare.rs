//! quinn alone: datagrams of the same sizes at the same times, with the same settings of QUIC, read and thrown away.

use crate::machine::{now, resident, tell};
use crate::send::{Counts, Opened, PERIOD_US, measure};
use crate::units::Recording;
use crate::{Play, Send};
use anyhow::{Context, Result};
use bytes::Bytes;
use firstlight_quic::Alarm;
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::MEDIA_HEADER_BYTES;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};

pub(crate) async fn send(options: &Send) -> Result<()> {
    let recording = Rc::new(Recording::open(&options.units)?);
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
    let der = made.cert.der().clone();
    let endpoint = quinn::Endpoint::server(
        server(der.clone(), made.signing_key.serialize_der())?,
        "127.0.0.1:0".parse()?,
    )?;
    tell(&Opened {
        port: endpoint.local_addr()?.port(),
        certificate: der.iter().map(|b| format!("{b:02x}")).collect(),
    })?;
    let before = resident()?;
    let counts = Rc::new(Counts::default());
    let tasks = LocalSet::new();
    tasks
        .run_until(async {
            for n in 0..options.sessions {
                let connection = endpoint.accept().await.context("the port closed")?.await?;
                tokio::task::spawn_local(one(connection, recording.clone(), counts.clone(), n));
            }
            let result = measure(&counts, Duration::from_secs(options.seconds), before).await?;
            endpoint.close(0u32.into(), b"");
            endpoint.wait_idle().await;
            tell(&result)
        })
        .await
}

/// A session: at each picture's time, as many datagrams as it would be cut into.
async fn one(
    connection: quinn::Connection,
    recording: Rc<Recording>,
    counts: Rc<Counts>,
    n: usize,
) -> Result<()> {
    let mut alarm = Alarm::open()?;
    let content = Bytes::from(vec![0x5a; 2_048]);
    let mut next: Timestamp = now() + Micros::new(n as u64 * 7_919 % PERIOD_US);
    for frame in 1u64.. {
        while now() < next {
            alarm.set(Some(next));
            alarm.ring().await;
        }
        next += Micros::new(PERIOD_US);
        // WebTransport's own byte is left out on both sides.
        let most = connection.max_datagram_size().unwrap_or(1_200) - 1;
        let length = 1 + recording.get(frame).len();
        let fragments = length.div_ceil(most - MEDIA_HEADER_BYTES);
        let step = length.div_ceil(fragments);
        let (mut left, mut packets, mut bytes) = (length, 0, 0);
        while left > 0 {
            let size = step.min(left) + MEDIA_HEADER_BYTES;
            left -= step.min(left);
            if connection.send_datagram(content.slice(..size)).is_err() {
                return Ok(());
            }
            packets += 1;
            bytes += size as u64;
        }
        counts.add(|t| {
            t.units += 1;
            t.packets += packets;
            t.bytes += bytes;
        });
    }
    Ok(())
}

pub(crate) async fn play(options: &Play) -> Result<()> {
    let der = options.certificate.as_bytes().chunks(2).map(|pair| {
        let text = std::str::from_utf8(pair)?;
        Ok(u8::from_str_radix(text, 16)?)
    });
    let der = der
        .collect::<Result<Vec<u8>>>()
        .context("the certificate is not hex")?;
    let config = client(der.into())?;
    let tasks = LocalSet::new();
    let datagrams = tasks
        .run_until(async {
            let mut players = JoinSet::new();
            for _ in 0..options.sessions {
                let address = ([127, 0, 0, 1], options.port).into();
                let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse()?)?;
                let connecting = endpoint.connect_with(config.clone(), address, NAME)?;
                let connection = connecting.await?;
                players.spawn_local(async move {
                    let mut count = 0u64;
                    while connection.read_datagram().await.is_ok() {
                        count += 1;
                    }
                    count
                });
            }
            let mut all = 0;
            while let Some(count) = players.join_next().await {
                all += count?;
            }
            anyhow::Ok(all)
        })
        .await?;
    tell(&serde_json::json!({ "datagrams": datagrams }))
}

fn server(certificate: CertificateDer<'static>, key: Vec<u8>) -> Result<quinn::ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let tls = quinn::crypto::rustls::QuicServerConfig::try_from(tls)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(firstlight_quic::transport()));
    Ok(config)
}

fn client(certificate: CertificateDer<'static>) -> Result<quinn::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate)?;
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
    Ok(quinn::ClientConfig::new(Arc::new(tls)))
}

const NAME: &str = "localhost";
