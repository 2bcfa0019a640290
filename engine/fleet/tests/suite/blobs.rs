//! What every place for blobs must do.

use super::number;
use bytes::Bytes;
use firstlight_fleet::{Blobs, Error, PIECE_BYTES_MAX};
use std::sync::Arc;

/// `reopened`: the same place, as another process finds it.
pub(crate) async fn run(blobs: Arc<dyn Blobs>, reopened: Arc<dyn Blobs>) {
    pieces_are_read_as_they_were_written(&blobs, &reopened).await;
    what_was_removed_is_gone_and_nothing_else_is(&blobs).await;
    they_are_listed_in_order_and_with_their_age(&blobs).await;
    several_are_written_at_once(&blobs).await;
    what_cannot_be_is_refused(&blobs).await;
}

fn name() -> String {
    format!("p{}.free-doom.ab", number())
}

fn bytes(n: u8, length: usize) -> Bytes {
    Bytes::from(vec![n; length])
}

async fn pieces_are_read_as_they_were_written(blobs: &Arc<dyn Blobs>, reopened: &Arc<dyn Blobs>) {
    let blob = name();
    assert_eq!(blobs.read(&blob, 0).await.unwrap(), None);
    blobs.write(&blob, 0, bytes(1, PIECE_BYTES_MAX)).await.unwrap();
    blobs.write(&blob, 1, bytes(2, 5)).await.unwrap();
    // A write whose answer was lost comes again.
    blobs.write(&blob, 1, bytes(3, 7)).await.unwrap();
    for place in [blobs, reopened] {
        assert_eq!(
            place.read(&blob, 0).await.unwrap(),
            Some(bytes(1, PIECE_BYTES_MAX))
        );
        assert_eq!(place.read(&blob, 1).await.unwrap(), Some(bytes(3, 7)));
        assert_eq!(place.read(&blob, 2).await.unwrap(), None);
    }
}

async fn what_was_removed_is_gone_and_nothing_else_is(blobs: &Arc<dyn Blobs>) {
    let (gone, stays) = (name(), name());
    for blob in [&gone, &stays] {
        blobs.write(blob, 0, bytes(1, 3)).await.unwrap();
        blobs.write(blob, 1, bytes(1, 3)).await.unwrap();
    }
    blobs.remove(&gone).await.unwrap();
    blobs.remove(&gone).await.unwrap();
    assert_eq!(blobs.read(&gone, 0).await.unwrap(), None);
    assert_eq!(blobs.read(&gone, 1).await.unwrap(), None);
    assert_eq!(blobs.read(&stays, 1).await.unwrap(), Some(bytes(1, 3)));
}

async fn they_are_listed_in_order_and_with_their_age(blobs: &Arc<dyn Blobs>) {
    let prefix = format!("list{}.", number());
    let named: Vec<String> = ["a", "b", "c"].map(|end| format!("{prefix}{end}")).into();
    let before = blobs.now().await.unwrap();
    for blob in named.iter().rev() {
        blobs.write(blob, 0, bytes(1, 1)).await.unwrap();
    }
    let listed = blobs.list(Some(&prefix), 2).await.unwrap();
    let names: Vec<&String> = listed.iter().map(|entry| &entry.name).collect();
    assert_eq!(names, [&named[0], &named[1]]);
    // File systems tell the time in steps of a few milliseconds.
    let second = firstlight_units::Micros::from_secs(1);
    assert!(listed.iter().all(|entry| before.since(entry.written_at) < second));
    let rest = blobs.list(Some(&named[1]), 1).await.unwrap();
    assert_eq!(rest[0].name, named[2]);
}

async fn several_are_written_at_once(blobs: &Arc<dyn Blobs>) {
    let tasks: Vec<_> = (0..8u8)
        .map(|n| {
            let blobs = Arc::clone(blobs);
            tokio::spawn(async move {
                let blob = name();
                for piece in 0..4 {
                    blobs.write(&blob, piece, bytes(n, 1_000)).await.unwrap();
                }
                (n, blob)
            })
        })
        .collect();
    for task in tasks {
        let (n, blob) = task.await.unwrap();
        assert_eq!(blobs.read(&blob, 3).await.unwrap(), Some(bytes(n, 1_000)));
    }
}

async fn what_cannot_be_is_refused(blobs: &Arc<dyn Blobs>) {
    for blob in ["", "..", "../x", "a/b", "A", "x' OR '1'='1", "a\0b"] {
        let refusals = [
            blobs.write(blob, 0, bytes(1, 1)).await.err(),
            blobs.read(blob, 0).await.err(),
            blobs.remove(blob).await.err(),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Some(Error::Invalid { .. })), "{blob:?}");
        }
    }
    let long = bytes(1, PIECE_BYTES_MAX + 1);
    assert!(matches!(
        blobs.write(&name(), 0, long).await,
        Err(Error::TooLarge { .. })
    ));
}
