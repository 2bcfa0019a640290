//! A real title through the whole worker to a client.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use firstlight_link::{End, Order, Report};
use firstlight_wire::EventKind;
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
            readings.windows(2).all(|w| w[0].frame < w[1].frame),
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
