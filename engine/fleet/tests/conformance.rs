//! One suite over every store: whatever holds for one holds for all.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod suite;

use firstlight_fleet::{Clock, Embedded, Store};
use firstlight_units::{Micros, WallTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use suite::Fixture;

struct InMemory {
    clock: Clock,
    store: Arc<Embedded>,
}

impl Fixture for InMemory {
    async fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn after(&self, span: Micros) -> Arc<dyn Store> {
        self.clock.pass(span);
        self.store().await
    }

    async fn crashed(&self) -> Option<Arc<dyn Store>> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    let clock = Clock::standing(WallTime::from_micros(1_700_000_000_000_000));
    let store = Arc::new(Embedded::memory(clock.clone()));
    suite::run(&InMemory { clock, store }).await;
}

struct InFile {
    clock: Clock,
    folder: tempfile::TempDir,
    store: Arc<Embedded>,
}

fn open(path: &Path, clock: &Clock) -> Arc<Embedded> {
    Arc::new(Embedded::redb(path, clock.clone()).unwrap())
}

impl Fixture for InFile {
    async fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn after(&self, span: Micros) -> Arc<dyn Store> {
        self.clock.pass(span);
        self.store().await
    }

    /// What a killed process leaves is the file as it is in this instant.
    async fn crashed(&self) -> Option<Arc<dyn Store>> {
        let copy: PathBuf = self.folder.path().join("crashed.redb");
        std::fs::copy(self.folder.path().join("fleet.redb"), &copy).unwrap();
        Some(open(&copy, &self.clock))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redb_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::standing(WallTime::from_micros(1_700_000_000_000_000));
    let store = open(&folder.path().join("fleet.redb"), &clock);
    suite::run(&InFile { clock, folder, store }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let open = || firstlight_fleet::FolderBlobs::open(folder.path().join("saves"));
    let (blobs, reopened) = (open().await.unwrap(), open().await.unwrap());
    suite::blobs::run(Arc::new(blobs), Arc::new(reopened)).await;
}

mod on_postgres {
    use super::suite::{self, Fixture};
    use firstlight_fleet::{Postgres, PostgresBlobs, Store};
    use firstlight_test_servers as servers;
    use firstlight_units::Micros;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct OnServer {
        url: String,
        offset: AtomicI64,
    }

    impl OnServer {
        async fn connect(&self) -> Arc<dyn Store> {
            let offset = self.offset.load(Ordering::SeqCst);
            Arc::new(Postgres::connect_at(&self.url, offset).await.unwrap())
        }
    }

    impl Fixture for OnServer {
        async fn store(&self) -> Arc<dyn Store> {
            self.connect().await
        }

        async fn after(&self, span: Micros) -> Arc<dyn Store> {
            let span = i64::try_from(span.as_micros()).unwrap();
            self.offset.fetch_add(span, Ordering::SeqCst);
            self.connect().await
        }

        /// The server's own crash has a test of its own.
        async fn crashed(&self) -> Option<Arc<dyn Store>> {
            Some(self.connect().await)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres_conforms() {
        let server = servers::Postgres::start(servers::Safety::Process).unwrap();
        server.create("fleet").unwrap();
        let fixture = OnServer {
            url: server.url("fleet"),
            offset: AtomicI64::new(0),
        };
        suite::run(&fixture).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres_keeps_blobs() {
        let server = servers::Postgres::start(servers::Safety::Process).unwrap();
        server.create("fleet").unwrap();
        let url = server.url("fleet");
        let open = || PostgresBlobs::connect(&url);
        let (blobs, reopened) = (open().await.unwrap(), open().await.unwrap());
        suite::blobs::run(Arc::new(blobs), Arc::new(reopened)).await;
    }
}
