//! A relay that records everything it carries has nothing of the picture, and what it changes is dropped and counted.
//!
//! The relay here carries with the very code that `firstlight relay` carries with; only its gate is another one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use bytes::Bytes;
use firstlight_bridge::{Counters, Gate, Way, carry_quic};
use firstlight_link::Report;
use firstlight_quic::{Dial, Identity, Listener};
use firstlight_seal::{AttachmentId, Keypair, PublicKey, Seal, Side};
use firstlight_wire::{EventKind, Kind, MEDIA_HEADER_BYTES};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use support::{Client, Options, SESSION, Worker, decode_pictures, read_barcodes, run, wall};
use web_transport_quinn::ClientBuilder;
use web_transport_quinn::proto::ConnectRequest;

/// Everything that passed, and what is done to it.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    datagrams: Vec<(Way, Bytes)>,
    control: Vec<(Way, Vec<u8>)>,
    /// Every so many datagrams, one is not handed on as it is; 0: none.
    change_every: usize,
    changed: Vec<(Way, Bytes)>,
    /// The next control message to the host is changed.
    change_control: bool,
}

impl Gate for Recorder {
    fn datagram(&self, way: Way, datagram: Bytes) -> Option<Bytes> {
        let mut record = self.0.lock().unwrap();
        record.datagrams.push((way, datagram.clone()));
        let n = record.datagrams.len();
        if record.change_every == 0 || !n.is_multiple_of(record.change_every) {
            return Some(datagram);
        }
        // Each place of a datagram in turn, and each bit of it.
        let n = record.changed.len();
        let mut bytes = datagram.to_vec();
        let before = record
            .datagrams
            .iter()
            .rev()
            .skip(1)
            .find(|(other, _)| *other == way)
            .map(|(_, datagram)| datagram.clone());
        match (n % 16, before) {
            (14, Some(before)) if !record.changed.contains(&(way, before.clone())) => bytes = before.to_vec(),
            (15, _) => bytes.truncate(bytes.len() - 1),
            _ => {
                let at = n * 7 % bytes.len();
                bytes[at] ^= 1 << (n % 8);
            }
        }
        record.changed.push((way, bytes.clone().into()));
        Some(bytes.into())
    }

    fn control(&self, way: Way, mut message: Vec<u8>) -> Option<Vec<u8>> {
        let mut record = self.0.lock().unwrap();
        record.control.push((way, message.clone()));
        if way == Way::ToHost && std::mem::take(&mut record.change_control) {
            let last = message.len() - 1;
            message[last] ^= 1;
        }
        Some(message)
    }
}

/// Carries whoever knocks to the worker.
struct Carrier {
    address: SocketAddr,
    certificate: Vec<u8>,
    recorder: Recorder,
}

impl Carrier {
    fn open(worker: &Worker) -> Self {
        let identity = Identity::generate(wall()).unwrap();
        let mut listener = Listener::open(&["127.0.0.1:0".parse().unwrap()], &identity).unwrap();
        let recorder = Recorder::default();
        let carrier = Self {
            address: listener.addresses()[0],
            certificate: from_hex(&identity.fingerprint().hex()),
            recorder: recorder.clone(),
        };
        let (port, certificate) = (worker.port, worker.certificate.clone());
        tokio::spawn(async move {
            while let Some(attempt) = listener.attempt().await {
                let dial = Dial {
                    address: ([127, 0, 0, 1], port).into(),
                    certificates: vec![certificate.clone().try_into().unwrap()],
                    path: format!("/v1/media?via=relay&{}", attempt.query_text()),
                    origin: None,
                    narrow: true,
                };
                let host = dial.attach().await.unwrap();
                let player = attempt.accept().await.unwrap();
                let counters = Arc::new(Counters::default());
                tokio::spawn(carry_quic(player, host, counters, recorder.clone()));
            }
        });
        carrier
    }

    /// A player with keys of his own, as a page has them.
    async fn attach(&self, worker: &Worker) -> Client {
        let (own, id) = (Keypair::generate().unwrap(), AttachmentId::generate().unwrap());
        let ticket = worker.ticket_with(|claims| claims.key = Some(own.public().text()));
        let url = format!(
            "https://{}/v1/media?ticket={ticket}&attach={}",
            self.address,
            id.text()
        );
        let client = ClientBuilder::new()
            .with_server_certificate_hashes(vec![self.certificate.clone()])
            .unwrap();
        let request = ConnectRequest::new(url.parse::<url::Url>().unwrap());
        let session = client.connect(request).await.unwrap();
        let host = PublicKey::read(&worker.seal_key).unwrap();
        let seal = Seal::new(Side::Player, &own, &host, SESSION, &id);
        Client::begin_with(session, Some(seal)).await
    }

    fn with<T>(&self, look: impl FnOnce(&mut Record) -> T) -> T {
        look(&mut self.recorder.0.lock().unwrap())
    }
}

fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Pieces of 12 bytes of the access units that occur anywhere in what was carried.
fn pieces_found(units: &[support::Unit], carried: &[Vec<u8>]) -> usize {
    const PIECE: usize = 12;
    let windows: BTreeSet<&[u8]> = carried.iter().flat_map(|bytes| bytes.windows(PIECE)).collect();
    let pieces = units.iter().flat_map(|unit| unit.nals.chunks_exact(PIECE));
    // A run of one byte is no piece of a picture.
    let telling = pieces.filter(|piece| piece.iter().collect::<BTreeSet<_>>().len() > 4);
    telling.filter(|piece| windows.contains(piece)).count()
}

/// Pictures that a decoder finds when it is given what was carried, without so many bytes at the front of each datagram.
fn pictures_found(carried: &[Vec<u8>], skip: usize) -> usize {
    let rest = carried.iter().filter_map(|bytes| bytes.get(skip..));
    decode_pictures(rest.flatten().copied().collect()).len()
}

/// How far bytes are from evenly spread: chi squared over 256 values, of which noise has 255 in the mean, with a deviation of 22.6.
fn unevenness(bytes: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.for_each(|byte| counts[usize::from(byte)] += 1);
    let expected = f64::from(counts.iter().sum::<u32>()) / 256.0;
    counts
        .iter()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum()
}

/// What was changed on the way to the player is refused, everything else opens, and once.
fn refused_and_opened(client: &Client, genuine: &[(Way, Bytes)], changed: &[(Way, Bytes)]) {
    let to_player = |all: &[(Way, Bytes)]| -> BTreeSet<Bytes> {
        let all = all.iter().filter(|(way, _)| *way == Way::ToPlayer);
        all.map(|(_, bytes)| bytes.clone()).collect()
    };
    let (genuine, changed) = (to_player(genuine), to_player(changed));
    let mut seen = BTreeSet::new();
    for (datagram, opened) in &client.sealed {
        // One that comes again is genuine the first time.
        let again = !seen.insert(datagram);
        assert!(
            *opened || changed.contains(datagram),
            "what was not changed opens"
        );
        assert!(
            !*opened || genuine.contains(datagram),
            "only what was sealed opens"
        );
        assert!(!(*opened && again), "nothing opens twice");
    }
}

#[test]
fn what_a_relay_records_holds_no_picture() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let carrier = Carrier::open(&worker);
        let mut client = carrier.attach(&worker).await;
        client.secret().await;
        client.press(EventKind::KeyDown(30));
        client
            .until("pictures, sound and an acknowledged key", |c| {
                c.units.len() >= 120 && c.audio_packets > 0 && c.acked.iter().any(|ack| ack.acknowledged > 0)
            })
            .await;
        assert!(
            read_barcodes(&client.units).len() >= 100,
            "the player has pictures"
        );

        let (to_player, all, control) = carrier.with(|record| {
            let datagrams = record.datagrams.iter();
            let of = |way| datagrams.clone().filter(move |(to, _)| *to == way);
            let bytes = |(_, datagram): &(Way, Bytes)| datagram.to_vec();
            (
                of(Way::ToPlayer).map(bytes).collect::<Vec<_>>(),
                datagrams.clone().map(bytes).collect::<Vec<_>>(),
                record
                    .control
                    .iter()
                    .map(|(_, message)| message.clone())
                    .collect::<Vec<_>>(),
            )
        });
        assert!(all.iter().all(|bytes| Kind::of(bytes) == Ok(Kind::Sealed)));
        assert!(
            control.len() >= 3,
            "Hello, Welcome and an acknowledgement were carried"
        );

        // What would find a picture does find it in what the player opened.
        assert!(pieces_found(&client.units, &client.opened) > 1_000);
        assert!(pictures_found(&client.opened, MEDIA_HEADER_BYTES) > 50);
        assert!(unevenness(client.opened.iter().flatten().copied()) > EVEN);

        assert_eq!(pieces_found(&client.units, &all), 0, "no piece of a picture");
        assert_eq!(pieces_found(&client.units, &control), 0);
        for skip in [0, 1, SEALED_HEAD_BYTES, SEALED_HEAD_BYTES + MEDIA_HEADER_BYTES] {
            assert_eq!(pictures_found(&to_player, skip), 0, "without {skip} bytes");
        }
        let bodies = all
            .iter()
            .flat_map(|bytes| bytes[SEALED_HEAD_BYTES..].iter().copied());
        assert!(
            unevenness(bodies.clone()) < EVEN,
            "{} in {}",
            unevenness(bodies.clone()),
            bodies.count()
        );
        let controls = control.iter().flat_map(|bytes| bytes[8..].iter().copied());
        assert!(unevenness(controls.clone()) < EVEN, "{}", unevenness(controls));
    });
    let stats = worker.wait_for("statistics", |r| matches!(r, Report::Stats(_)));
    let Report::Stats(stats) = stats else {
        unreachable!()
    };
    assert_eq!(
        stats.malformed_total, 0,
        "nothing was changed, and everything opened"
    );
}

#[test]
fn what_a_relay_changes_is_dropped_and_counted_and_the_session_goes_on() {
    let mut worker = Worker::start(&Options::beacon());
    let changed_to_host = std::cell::Cell::new(0);
    run(async {
        let carrier = Carrier::open(&worker);
        let mut client = carrier.attach(&worker).await;
        client.secret().await;
        client.until("a picture", |c| !c.units.is_empty()).await;
        carrier.with(|record| record.change_every = 10);
        client.press(EventKind::KeyDown(30));
        client.press(EventKind::KeyUp(30));
        let refused = |c: &Client| c.sealed.iter().filter(|(_, opened)| !opened).count();
        let before = client.units.len();
        client
            .until("pictures and keys in spite of it", |c| {
                refused(c) >= 200
                    && c.units.len() >= before + 60
                    && c.acked.iter().any(|ack| ack.acknowledged >= 2)
            })
            .await;

        let changed = carrier.with(|record| {
            record.change_every = 0;
            changed_to_host.set(
                record
                    .changed
                    .iter()
                    .filter(|(way, _)| *way == Way::ToHost)
                    .count(),
            );
            record.changed.clone()
        });
        let more = client.units.len() + 10;
        client
            .until("the session goes on", |c| c.units.len() > more)
            .await;

        let genuine = carrier.with(|record| record.datagrams.clone());
        refused_and_opened(&client, &genuine, &changed);
        // Whatever came out is whole, and so is what refers to it: barcodes are right but for those of the screen before the app drew.
        let readings = read_barcodes(&client.units);
        assert!(
            readings.len() * 20 >= client.units.len() * 19,
            "{} of {}",
            readings.len(),
            client.units.len()
        );
    });
    let most = u64::try_from(changed_to_host.get()).unwrap();
    assert!(most > 0, "something was changed on the way to the host");
    let stats = worker.wait_for(
        "what was dropped",
        |r| matches!(r, Report::Stats(s) if s.malformed_total > 0),
    );
    let Report::Stats(stats) = stats else {
        unreachable!()
    };
    assert!(
        stats.malformed_total <= most,
        "{} of {most}",
        stats.malformed_total
    );
}

#[test]
fn a_relay_that_changes_a_control_message_ends_the_attachment_and_nothing_more() {
    let worker = Worker::start(&Options::beacon());
    run(async {
        let carrier = Carrier::open(&worker);
        let mut client = carrier.attach(&worker).await;
        client.welcome().await;
        carrier.with(|record| record.change_control = true);
        client.secret().await;
        assert_eq!(client.until_closed().await, 3, "the protocol is broken");
        let mut again = carrier.attach(&worker).await;
        again.until("a picture", |c| !c.units.is_empty()).await;
    });
}

/// docs/PROTOCOL.md, 8.
const SEALED_HEAD_BYTES: usize = 10;
/// Ten deviations over the mean of noise.
const EVEN: f64 = 255.0 + 10.0 * 22.6;
