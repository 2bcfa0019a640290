//! Clients that lie, flood or stay silent: the session goes on, counters rise, memory stays bounded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use firstlight_link::{Report, Stats};
use firstlight_wire::{EventKind, Feedback, Kind, WriteFeedback, WriteInput};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use support::{Client, Options, Worker, run};

/// Random bytes, the same in every run.
struct Noise(TestRng);

impl Noise {
    fn new() -> Self {
        Self(TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.0.next_u64() % n as u64).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.below(most) + 1];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// `bytes` with a few of them changed, cut or doubled.
    fn mutate(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes.truncate(at + 1),
                1 => bytes.extend_from_within(at..),
                _ => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            }
        }
        bytes.truncate(1_100);
        bytes
    }
}

fn stats_of(worker: &mut Worker, wanted: impl Fn(&Stats) -> bool) -> Stats {
    let report = worker.wait_for(
        "statistics",
        |r| matches!(r, Report::Stats(stats) if wanted(stats)),
    );
    let Report::Stats(stats) = report else {
        unreachable!()
    };
    *stats
}

#[test]
fn ten_thousand_random_and_ten_thousand_mutated_datagrams_change_nothing() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        let mut noise = Noise::new();
        let mut genuine = Vec::new();
        WriteFeedback {
            decoded: 5,
            arrivals: &[Some(0), None, Some(64)],
            ..Default::default()
        }
        .write(&mut genuine);
        assert!(Feedback::parse(&genuine).is_ok());
        for n in 0..20_000 {
            let datagram = if n < 10_000 {
                noise.bytes(1_100)
            } else {
                noise.mutate(genuine.clone())
            };
            client.session.send_datagram_wait(datagram.into()).await.unwrap();
            if n % 100 == 0 {
                client.turn().await;
            }
        }
        let more = client.units.len() + 30;
        client
            .until("the session goes on", |c| c.units.len() > more)
            .await;
        // Whatever the lies led to, the picture is whole: the receiver hands on nothing else.
        client.until("a second", |c| !c.messages.is_empty()).await;
    });
    let stats = stats_of(&mut worker, |s| s.malformed_total > 0);
    assert!(stats.malformed_total >= 1_000, "{stats:?}");
}

#[test]
fn ten_thousand_random_and_ten_thousand_mutated_control_messages_change_nothing() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        let mut noise = Noise::new();
        for n in 0..20_000 {
            // A ClientReport with most of its fields.
            let genuine = vec![0x2A, 12, 8, 60, 16, 59, 24, 200, 1, 32, 144, 78, 56, 3];
            let body = if n < 10_000 {
                noise.bytes(60)
            } else {
                noise.mutate(genuine)
            };
            let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
            bytes.extend(body);
            client.say_raw(&bytes).await;
            if client.closed.is_some() {
                break;
            }
        }
        assert!(client.closed.is_none());
        let more = client.units.len() + 30;
        client
            .until("the session goes on", |c| c.units.len() > more)
            .await;
    });
    let stats = stats_of(&mut worker, |s| s.malformed_total > 10_000);
    assert!(stats.malformed_total <= 20_000, "{stats:?}");
}

#[test]
fn an_oversized_control_message_closes_the_attachment_and_the_session_waits() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        client.say_raw(&70_000_u32.to_be_bytes()).await;
        assert_eq!(client.until_closed().await, 3);
        worker.wait_for("the wait", |r| matches!(r, Report::Waiting { .. }));
        let mut again = Client::attach(&worker).await;
        again.until("a picture", |c| !c.units.is_empty()).await;
    });
}

#[test]
fn a_client_that_never_acknowledges_is_sent_little_and_costs_no_memory() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        client.mute = true;
        let reports = |c: &Client| c.messages.len();
        let at = reports(&client) + 3;
        client.until("three seconds", |c| reports(c) >= at).await;
        let before = worker.resident_kb();
        let at = reports(&client) + 5;
        client.until("five seconds more", |c| reports(c) >= at).await;
        assert!(
            worker.resident_kb() < before + 8_192,
            "{before} kB, then {} kB",
            worker.resident_kb()
        );
    });
    let stats = stats_of(&mut worker, |s| s.skipped > 0);
    assert!(stats.encoded < 60, "{stats:?}");
}

#[test]
fn ten_thousand_input_datagrams_a_second_are_held_to_what_a_player_can_do() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        // The encoder has touched all its memory by then.
        client
            .until("input is known", |c| !c.acked.is_empty() && c.units.len() > 60)
            .await;
        let before = worker.resident_kb();
        let event = |n: u16| firstlight_wire::Event {
            kind: EventKind::MoveTo { x: n, y: n },
            age: 0,
        };
        let mut first_event = 1;
        for sequence in 0..30_000_u16 {
            let events = [event(sequence), event(sequence + 1)];
            let mut datagram = Vec::new();
            WriteInput {
                focused: true,
                more: false,
                first_event,
                sent_at: u64::from(sequence),
                buttons: 0,
                sequence,
                pressed: &[],
                events: &events,
                pads: &[],
                contacts: 0,
            }
            .write(&mut datagram);
            assert_eq!(Kind::of(&datagram), Ok(Kind::Input));
            client.session.send_datagram_wait(datagram.into()).await.unwrap();
            if sequence % 50 == 0 {
                client.turn().await;
            }
            first_event = client.acked.last().unwrap().acknowledged + 1;
        }
        let more = client.units.len() + 30;
        client
            .until("the session goes on", |c| c.units.len() > more)
            .await;
        assert!(
            worker.resident_kb() < before + 16_384,
            "{before} kB, then {} kB",
            worker.resident_kb()
        );
    });
    let stats = stats_of(&mut worker, |s| s.input_refused_total > 0);
    assert!(stats.input_total < 30_000, "{stats:?}");
}

#[test]
fn a_client_without_a_control_stream_gets_its_picture() {
    let worker = Worker::start(&Options::beacon());
    run(async {
        let query = format!("ticket={}", worker.ticket());
        let session = support::knock(&worker, &query, None).await.unwrap();
        let mut kinds = Vec::new();
        while kinds.len() < 20 {
            let datagram = tokio::time::timeout(support::DEADLINE, session.read_datagram())
                .await
                .unwrap()
                .unwrap();
            kinds.push(Kind::of(&datagram).unwrap());
        }
        assert!(
            kinds.contains(&Kind::Video) && kinds.contains(&Kind::InputAck),
            "{kinds:?}"
        );
    });
}
