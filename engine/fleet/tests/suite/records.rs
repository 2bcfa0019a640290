//! Shared documents.

use super::{Fixture, number};
use firstlight_fleet::{Expect, Swapped};
use std::sync::Arc;

pub(crate) async fn of_eight_who_swap_one_does(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let bucket = format!("bucket{}", number());
    for round in 0..10 {
        let there = store.get(&bucket, "key").await.unwrap();
        let expect = there.map_or(Expect::Absent, |record| Expect::Revision(record.revision));
        let racers: Vec<_> = (0..8)
            .map(|racer| {
                let (store, bucket) = (Arc::clone(&store), bucket.clone());
                tokio::spawn(async move {
                    let body = format!("{round} {racer}");
                    store.put(&bucket, "key", expect, body).await.unwrap()
                })
            })
            .collect();
        let mut done = 0;
        for racer in racers {
            done += usize::from(matches!(racer.await.unwrap(), Swapped::Done(_)));
        }
        assert_eq!(done, 1, "round {round}");
    }
    if let Some(store) = fixture.crashed().await {
        assert!(
            store
                .get(&bucket, "key")
                .await
                .unwrap()
                .unwrap()
                .body
                .starts_with('9')
        );
    }
}

pub(crate) async fn a_bucket_is_listed_in_order(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let bucket = format!("bucket{}", number());
    for key in ["b", "a-1", "a1", "B", "a"] {
        store
            .put(&bucket, key, Expect::Any, format!("of {key}"))
            .await
            .unwrap();
    }
    let keys = |records: Vec<firstlight_fleet::Record>| -> Vec<String> {
        records.into_iter().map(|r| r.key).collect()
    };
    assert_eq!(
        keys(store.list(&bucket, None, 3).await.unwrap()),
        ["B", "a", "a-1"]
    );
    assert_eq!(
        keys(store.list(&bucket, Some("a-1"), 10).await.unwrap()),
        ["a1", "b"]
    );
    let there = store.get(&bucket, "a").await.unwrap().unwrap();
    assert_eq!(there.body, "of a");
    let stale = Expect::Revision(there.revision + 1_000_000);
    assert_eq!(
        store.remove(&bucket, "a", stale).await.unwrap(),
        Swapped::Conflict(Some(there.revision))
    );
    let expect = Expect::Revision(there.revision);
    assert_eq!(
        store.remove(&bucket, "a", expect).await.unwrap(),
        Swapped::Done(there.revision)
    );
    assert_eq!(
        store.remove(&bucket, "a", expect).await.unwrap(),
        Swapped::Conflict(None)
    );
    assert_eq!(
        store.remove(&bucket, "a", Expect::Any).await.unwrap(),
        Swapped::Done(0)
    );
    assert!(
        store
            .put(&bucket, "a\0", Expect::Any, String::new())
            .await
            .is_err()
    );
    assert!(
        store
            .put(&bucket, "a", Expect::Any, "x".repeat(1 << 20))
            .await
            .is_err()
    );
}
