//! A real title through the whole worker to a client.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use firstlight_link::{End, Order, Report};
use firstlight_wire::EventKind;
use firstlight_wire::control::{VideoLimits, client_message, server_message};
use support::{Client, Options, Worker, read_barcodes, run};

fn nal_types(nals: &[u8]) -> Vec<u8> {
    let starts = nals.windows(4).filter(|w| w[..3] == [0, 0, 1]);
    starts.map(|w| w[3] & 31).collect()
}

#[test]
fn the_picture_begins_with_an_idr_moves_and_answers_input() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        worker.wait_for("the first picture", |r| matches!(r, Report::FirstPicture { .. }));
        let mut client = Client::attach(&worker).await;
        client.until("pictures", |c| c.units.len() >= 60).await;
        let first = &client.units[0];
        assert!(first.meta.idr);
        let kinds = nal_types(&first.nals);
        assert_eq!(kinds.first(), Some(&7), "{kinds:?}");
        assert!(kinds.contains(&8) && kinds.contains(&5), "{kinds:?}");
        assert_eq!(
            client.units.iter().filter(|u| u.meta.idr).count(),
            1,
            "an IDR comes only where it was asked for"
        );

        for code in [30, 31, 32] {
            client.press(EventKind::KeyDown(code));
            client.press(EventKind::KeyUp(code));
        }
        let answered = |c: &Client| {
            c.units
                .last()
                .is_some_and(|u| u.meta.trace.is_some_and(|t| t.input >= 6))
                && c.units.len() > 70
        };
        client.until("a picture that answers", answered).await;
        let more = client.units.len() + 10;
        client.until("ten more", |c| c.units.len() > more).await;
        let readings = read_barcodes(&client.units);
        assert!(
            readings.len() + 2 >= client.units.len(),
            "{} of {}",
            readings.len(),
            client.units.len()
        );
        assert!(
            readings.windows(2).all(|w| w[0].frame <= w[1].frame),
            "the pictures are in order"
        );
        assert_eq!(readings.first().unwrap().inputs, 0);
        assert_eq!(readings.last().unwrap().inputs, 3);
    });
    worker.order(&Order::End {
        reason: End::ByOperator,
    });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::ByOperator,
            ..
        }
    ));
}

#[test]
fn the_trace_tells_where_the_time_went() {
    let worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client
            .until("pictures", |c| {
                c.units.iter().filter(|u| !u.meta.still).count() >= 120
            })
            .await;
        for unit in client.units.iter().filter(|u| !u.meta.still) {
            let trace = unit.meta.trace.unwrap();
            assert_eq!((trace.width, trace.height), (1280, 720));
            let host = unit.meta.sent_at.since(unit.meta.captured_at).as_micros();
            let parts = u64::from(trace.capture) + u64::from(trace.convert) + u64::from(trace.encode);
            assert!(
                parts + u64::from(trace.packetize) <= host + 1,
                "{trace:?} in {host}"
            );
            assert!(trace.capture > 0 && trace.encode > 0, "{trace:?}");
        }
    });
}

#[test]
fn sound_comes_all_the_time() {
    let worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client
            .until("a second of sound", |c| c.audio_packets >= 100)
            .await;
        let welcome = client.welcome().await;
        assert_eq!(welcome.audio.unwrap().frame_us, 10_000);
    });
}

#[test]
fn a_host_that_dies_takes_its_sessions_along() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        worker.hang_up();
        assert_eq!(client.until_closed().await, 5);
        assert!(client.ended().is_some_and(|e| !e.message.is_empty()));
    });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::EngineStopping,
            ..
        }
    ));
}

#[test]
fn a_loss_is_followed_by_a_clean_picture_without_an_idr() {
    let worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        client.until("pictures", |c| c.units.len() > 30).await;
        let next = client.units.last().unwrap().meta.frame.low() + 1;
        client.lose = next + 2..next + 4;
        client
            .until("a recovery", |c| c.units.iter().any(|u| u.meta.recovery))
            .await;
        let more = client.units.len() + 20;
        client.until("it goes on", |c| c.units.len() > more).await;
        assert_eq!(client.units.iter().filter(|u| u.meta.idr).count(), 1);
        let recovery = client.units.iter().position(|u| u.meta.recovery).unwrap();
        assert!(
            client.units[recovery].meta.reference.low() < next + 2,
            "it predicts from before the loss"
        );
        let readings = read_barcodes(&client.units);
        assert!(
            readings.len() + 2 >= client.units.len(),
            "{} of {}",
            readings.len(),
            client.units.len()
        );
    });
}

#[test]
fn a_client_that_follows_no_recovery_gets_an_idr_and_no_more_than_it_wants() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        let limits = VideoLimits {
            bitrate_max_bps: 1_000_000,
            reference_recovery: false,
        };
        client.say(client_message::Message::VideoLimits(limits)).await;
        let limited = |m: &server_message::Message| matches!(m, server_message::Message::Report(report) if report.target_bps == 1_000_000);
        client
            .until("the limit", |c| c.messages.iter().any(limited))
            .await;
        let next = client.units.last().unwrap().meta.frame.low() + 1;
        client.lose = next + 2..next + 4;
        client
            .until("an IDR", |c| c.units.iter().filter(|u| u.meta.idr).count() >= 2)
            .await;
        assert!(client.units.iter().all(|u| !u.meta.recovery));
    });
    // The runtime is gone, and with it the client, without a word: as when the line is cut.
    worker.wait_for("the silence to be noticed", |r| {
        matches!(r, Report::Waiting { .. })
    });
}

#[test]
fn a_signal_ends_the_session_in_order_and_ctrl_c_is_the_hosts_business() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        worker.signal("INT");
        let more = client.units.len() + 10;
        client.until("it goes on", |c| c.units.len() > more).await;
        worker.signal("TERM");
        assert_eq!(client.until_closed().await, 5);
    });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::EngineStopping,
            ..
        }
    ));
}
