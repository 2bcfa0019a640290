//! Schemas of other engines.

use super::*;
use firstlight_test_servers as servers;

async fn bare(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(2)
        .connect(url)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_schema_before_is_brought_up_to_date_and_later_ones_are_used_or_refused() {
    let server = servers::Postgres::start(servers::Safety::Process).unwrap();
    server.create("fleet").unwrap();
    let url = server.url("fleet");
    let pool = bare(&url).await;
    migrate(&pool, 1).await.unwrap();
    sqlx::raw_sql("INSERT INTO firstlight.slots VALUES ('h', 1, 41, NULL)")
        .execute(&pool)
        .await
        .unwrap();

    let store = Postgres::connect(&url).await.unwrap();
    let done = store.put("b", "k", Expect::Absent, "x".into()).await.unwrap();
    assert!(matches!(done, Swapped::Done(_)));
    let slot = SlotRef {
        host: "h".parse().unwrap(),
        slot: 1,
    };
    let wish = Acquire {
        key: "k".into(),
        session: "s".parse().unwrap(),
        player: "p".into(),
        title: "t".parse().unwrap(),
        candidates: vec![slot],
        ttl: Micros::from_secs(60),
        decision: String::new(),
    };
    let acquired = store.acquire(wish).await.unwrap();
    assert!(
        matches!(acquired, Acquired::Lease { ref lease, .. } if lease.fence == 42),
        "{acquired:?}"
    );
    // An engine of the schema before goes on beside it.
    migrate(&pool, 1).await.unwrap();

    let set = |schema: u32, oldest: u32| {
        let pool = pool.clone();
        async move {
            sqlx::query("UPDATE firstlight.meta SET schema = $1, oldest = $2")
                .bind(i32::try_from(schema).unwrap())
                .bind(i32::try_from(oldest).unwrap())
                .execute(&pool)
                .await
                .unwrap();
        }
    };
    set(SCHEMA + 1, SCHEMA).await;
    Postgres::connect(&url).await.unwrap();
    set(SCHEMA + 2, SCHEMA + 1).await;
    let refused = Postgres::connect(&url).await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::SchemaTooNew { found, oldest, ours } if (found, oldest, ours) == (SCHEMA + 2, SCHEMA + 1, SCHEMA)
        ),
        "{refused:?}"
    );
    drop(server);
    assert!(matches!(
        Postgres::connect(&url).await,
        Err(Error::Unreachable(_))
    ));
}

#[tokio::test]
async fn an_address_is_read_or_refused_without_its_password() {
    let refused = Postgres::connect("postgres://u:secret@h:notaport/d")
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Url(_)));
    assert!(!refused.to_string().contains("secret"), "{refused}");
}
