//! A keeper on a machine of its own and in a cell: what holds on one holds on the other.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_fleet::messages::Written;
use firstlight_fleet::{
    Acquire, Acquired, Blobs, Cause, Clock, Embedded, FolderBlobs, Key, Lease, PIECE_BYTES_MAX, Postgres,
    PostgresBlobs, Roster, SlotRef, Store,
};
use firstlight_saves::{Error, Held, Keeper, Limits};
use firstlight_test_servers as servers;
use firstlight_units::{HostId, Micros, TitleId, WallTime};
use ring::digest::{SHA256, digest};
use std::sync::Arc;

struct Scene {
    keeper: Keeper,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    hosts: [HostId; 2],
    number: u32,
}

/// A session of a player with the lease that it has.
struct Played {
    host: HostId,
    held: Held,
    lease: Lease,
}

impl Scene {
    async fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>) -> Self {
        let roster = Roster::new(Arc::clone(&store));
        let mut hosts = Vec::new();
        for seed in [1, 2] {
            let key = Key::from_seed(&[seed; 32]).public();
            let region = "here".parse().unwrap();
            roster
                .take_in(&key, "box", region, WallTime::from_micros(1))
                .await
                .unwrap();
            hosts.push(key.id());
        }
        let limits = Limits {
            archive_bytes: 3 << 20,
            player_bytes: 8 << 20,
        };
        Self {
            keeper: Keeper::new(Arc::clone(&store), Arc::clone(&blobs), limits),
            store,
            blobs,
            hosts: hosts.try_into().unwrap(),
            number: 0,
        }
    }

    /// A session that is confirmed, on one of the hosts.
    async fn play(&mut self, player: &str, host: usize) -> Played {
        self.number += 1;
        let host = self.hosts[host].clone();
        let wish = Acquire {
            key: format!("key{}", self.number),
            session: format!("s{}", self.number).parse().unwrap(),
            player: player.into(),
            title: title(),
            candidates: vec![SlotRef {
                host: host.clone(),
                slot: self.number,
            }],
            ttl: Micros::from_secs(60),
            decision: String::new(),
        };
        let Acquired::Lease { lease, .. } = self.store.acquire(wish).await.unwrap() else {
            panic!("the slot is taken");
        };
        let lease = self
            .store
            .confirm(&lease.session, lease.fence, Micros::from_secs(60))
            .await
            .unwrap();
        Played {
            host,
            held: Held {
                session: lease.session.clone(),
                fence: lease.fence,
            },
            lease,
        }
    }

    async fn end(&self, played: &Played, cause: Cause) {
        self.store
            .release(&played.held.session, played.lease.fence, cause)
            .await
            .unwrap();
    }

    async fn save(&self, played: &Played, content: &[u8], last: bool) -> Result<u64, Error> {
        let promised = Written {
            bytes: content.len() as u64,
            sha256: sha256(content),
            last,
        };
        let mut writing = self.keeper.write(&played.host, &played.held, promised).await?;
        for piece in content.chunks(300_000) {
            writing.push(piece).await?;
        }
        writing.finish().await
    }

    /// What a session that starts finds.
    async fn find(&self, played: &Played) -> (u64, Vec<u8>) {
        let newest = self.keeper.open(&played.host, &played.held).await.unwrap();
        if newest.sha256.is_empty() {
            return (newest.version, Vec::new());
        }
        let mut reading = self
            .keeper
            .read(&played.host, &played.held, newest.version)
            .await
            .unwrap();
        let mut found = Vec::new();
        while let Some(piece) = reading.next().await.unwrap() {
            found.extend_from_slice(&piece);
        }
        assert_eq!(
            (sha256(&found), found.len() as u64),
            (newest.sha256, newest.bytes)
        );
        (newest.version, found)
    }

    async fn blobs_of(&self, player: &str) -> usize {
        let all = self.blobs.list(None, 10_000).await.unwrap();
        all.iter()
            .filter(|entry| entry.name.starts_with(&format!("{player}.")))
            .count()
    }
}

fn title() -> TitleId {
    "free-doom".parse().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn holds(scene: &mut Scene) {
    a_save_made_in_one_session_is_there_in_the_next(scene).await;
    a_host_that_comes_back_overwrites_nothing(scene).await;
    only_whoever_holds_the_session_reads_and_writes(scene).await;
    what_is_not_what_was_promised_changes_nothing(scene).await;
    limits_hold(scene).await;
    an_older_version_can_be_had_back_and_all_of_it_removed(scene).await;
    the_next_session_knows_whether_more_is_to_come(scene).await;
    of_many_who_write_at_once_none_is_lost_half_way(scene).await;
}

async fn a_save_made_in_one_session_is_there_in_the_next(scene: &mut Scene) {
    let first = scene.play("p1", 0).await;
    assert_eq!(scene.find(&first).await, (0, Vec::new()));
    let long: Vec<u8> = (0..2 * PIECE_BYTES_MAX + 17)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    assert_eq!(scene.save(&first, b"early", false).await.unwrap(), 1);
    assert_eq!(scene.save(&first, &long, true).await.unwrap(), 2);
    scene.end(&first, Cause::Released).await;
    let second = scene.play("p1", 1).await;
    assert_eq!(scene.find(&second).await, (2, long));
    // Of each session one version, and nothing of what it replaced.
    assert_eq!(scene.blobs_of("p1").await, 1);
    // Another player's title of the same name is another's.
    let other = scene.play("p11", 1).await;
    assert_eq!(scene.find(&other).await, (0, Vec::new()));
}

async fn a_host_that_comes_back_overwrites_nothing(scene: &mut Scene) {
    let lost = scene.play("p2", 0).await;
    scene.save(&lost, b"of the lost host", false).await.unwrap();
    scene.end(&lost, Cause::Expired).await;
    let next = scene.play("p2", 1).await;
    assert_eq!(scene.find(&next).await.1, b"of the lost host");
    // Before the next session has saved anything, and after.
    assert!(matches!(
        scene.save(&lost, b"stale", true).await,
        Err(Error::Superseded)
    ));
    scene.save(&next, b"went on", true).await.unwrap();
    scene.end(&next, Cause::Released).await;
    assert!(matches!(
        scene.save(&lost, b"stale", true).await,
        Err(Error::Superseded)
    ));
    let third = scene.play("p2", 0).await;
    assert_eq!(scene.find(&third).await.1, b"went on");
    // A session that began while the archive was on its way counts as well.
    let promised = Written {
        bytes: 4,
        sha256: sha256(b"late"),
        last: false,
    };
    let mut writing = scene
        .keeper
        .write(&third.host, &third.held, promised)
        .await
        .unwrap();
    writing.push(b"late").await.unwrap();
    let fourth = scene.play("p2", 1).await;
    assert!(matches!(writing.finish().await, Err(Error::Superseded)));
    assert_eq!(scene.find(&fourth).await.1, b"went on");
    assert_eq!(scene.blobs_of("p2").await, 2);
}

async fn only_whoever_holds_the_session_reads_and_writes(scene: &mut Scene) {
    let played = scene.play("p3", 0).await;
    scene.save(&played, b"mine", false).await.unwrap();
    let stranger = Played {
        host: scene.hosts[1].clone(),
        ..scene.play("p3", 0).await
    };
    let stale = Played {
        held: Held {
            fence: played.held.fence + 1,
            ..played.held.clone()
        },
        ..scene.play("p3", 0).await
    };
    for wrong in [&stranger, &stale] {
        let refused = [
            scene.keeper.open(&wrong.host, &wrong.held).await.err(),
            scene.keeper.read(&wrong.host, &wrong.held, 1).await.err(),
            scene.keeper.close(&wrong.host, &wrong.held).await.err(),
            scene.save(wrong, b"x", true).await.err(),
        ];
        assert!(
            refused
                .iter()
                .all(|error| matches!(error, Some(Error::NotHolder(_)))),
            "{refused:?}"
        );
    }
    let nobody = Held {
        session: "never".parse().unwrap(),
        fence: 1,
    };
    let unknown = scene.keeper.open(&scene.hosts[0], &nobody).await;
    assert!(matches!(unknown, Err(Error::UnknownSession(_))));
    assert!(matches!(
        scene.keeper.read(&played.host, &played.held, 99).await,
        Err(Error::UnknownVersion)
    ));
}

async fn what_is_not_what_was_promised_changes_nothing(scene: &mut Scene) {
    let played = scene.play("p4", 0).await;
    scene.save(&played, b"good", false).await.unwrap();
    for (bytes, sent) in [(4, &b"evil"[..]), (4, b"goo"), (4, b"goods"), (0, b"")] {
        let promised = Written {
            bytes,
            sha256: sha256(b"good"),
            last: true,
        };
        let mut writing = scene
            .keeper
            .write(&played.host, &played.held, promised)
            .await
            .unwrap();
        let done = match writing.push(sent).await {
            Ok(()) => writing.finish().await.map(drop),
            Err(error) => {
                writing.abandon().await;
                Err(error)
            }
        };
        assert!(matches!(done, Err(Error::Digest)), "{sent:?}: {done:?}");
    }
    assert_eq!(scene.find(&played).await, (1, b"good".to_vec()));
    assert_eq!(scene.blobs_of("p4").await, 1);
}

async fn limits_hold(scene: &mut Scene) {
    let limits = scene.keeper.limits();
    let played = scene.play("p5", 0).await;
    let large = vec![1; usize::try_from(limits.archive_bytes).unwrap() + 1];
    assert!(matches!(
        scene.save(&played, &large, false).await,
        Err(Error::TooLarge { .. })
    ));
    let most = &large[1..];
    scene.save(&played, most, true).await.unwrap();
    scene.end(&played, Cause::Released).await;
    let second = scene.play("p5", 0).await;
    scene.save(&second, most, true).await.unwrap();
    scene.end(&second, Cause::Released).await;
    // Two of three mebibytes are kept of eight: a third is more than a player may have.
    let third = scene.play("p5", 0).await;
    let refused = scene.save(&third, most, true).await.unwrap_err();
    assert!(
        matches!(refused, Error::TooLarge { most, .. } if most == limits.player_bytes),
        "{refused:?}"
    );
    scene.save(&third, b"small", true).await.unwrap();
}

async fn an_older_version_can_be_had_back_and_all_of_it_removed(scene: &mut Scene) {
    let good = scene.play("p6", 0).await;
    scene.save(&good, b"good", true).await.unwrap();
    assert!(matches!(
        scene.keeper.erase("p6", &title()).await,
        Err(Error::InUse)
    ));
    scene.end(&good, Cause::Released).await;
    let bad = scene.play("p6", 0).await;
    scene.save(&bad, b"bad", true).await.unwrap();
    assert!(matches!(
        scene.keeper.restore("p6", &title(), 1).await,
        Err(Error::InUse)
    ));
    scene.end(&bad, Cause::Released).await;
    assert!(matches!(
        scene.keeper.restore("p6", &title(), 7).await,
        Err(Error::UnknownVersion)
    ));
    assert_eq!(scene.keeper.restore("p6", &title(), 1).await.unwrap(), 3);
    // What a host has of a session before that comes too late.
    assert!(matches!(
        scene.save(&bad, b"worse", true).await,
        Err(Error::Superseded)
    ));
    let third = scene.play("p6", 1).await;
    assert_eq!(scene.find(&third).await, (3, b"good".to_vec()));
    scene.end(&third, Cause::Released).await;
    let kept = scene.keeper.list("p6").await.unwrap();
    assert_eq!((kept.len(), kept[0].1.kept.len()), (1, 2));
    assert!(scene.keeper.erase("p6", &title()).await.unwrap());
    assert!(!scene.keeper.erase("p6", &title()).await.unwrap());
    assert_eq!(scene.blobs_of("p6").await, 0);
    assert!(matches!(
        scene.save(&third, b"late", true).await,
        Err(Error::Superseded)
    ));
    // That there was something stays: no host takes what it has for the newest.
    let fourth = scene.play("p6", 0).await;
    assert_eq!(scene.find(&fourth).await, (4, Vec::new()));
}

async fn the_next_session_knows_whether_more_is_to_come(scene: &mut Scene) {
    let first = scene.play("p7", 0).await;
    let settled = async |scene: &Scene, played: &Played| {
        scene
            .keeper
            .open(&played.host, &played.held)
            .await
            .unwrap()
            .settled
    };
    assert!(settled(scene, &first).await);
    scene.end(&first, Cause::Released).await;
    let second = scene.play("p7", 1).await;
    assert!(!settled(scene, &second).await);
    scene.save(&first, b"the end", true).await.unwrap();
    assert!(settled(scene, &second).await);
    assert_eq!(scene.find(&second).await.1, b"the end");
    scene.end(&second, Cause::Released).await;
    let third = scene.play("p7", 0).await;
    assert!(!settled(scene, &third).await);
    // It had nothing to save.
    scene.keeper.close(&second.host, &second.held).await.unwrap();
    assert!(settled(scene, &third).await);
}

async fn of_many_who_write_at_once_none_is_lost_half_way(scene: &mut Scene) {
    let played = Arc::new(scene.play("p8", 0).await);
    let tasks: Vec<_> = (0..4u8)
        .map(|n| {
            let (keeper, played) = (scene.keeper.clone(), Arc::clone(&played));
            tokio::spawn(async move {
                let content = vec![n; 10_000];
                let promised = Written {
                    bytes: 10_000,
                    sha256: sha256(&content),
                    last: false,
                };
                let mut writing = keeper.write(&played.host, &played.held, promised).await.unwrap();
                writing.push(&content).await.unwrap();
                writing.finish().await.unwrap()
            })
        })
        .collect();
    let mut versions = Vec::new();
    for task in tasks {
        versions.push(task.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4]);
    let (version, found) = scene.find(&played).await;
    assert!(version == 4 && found.iter().all(|byte| *byte == found[0]));
    assert_eq!(scene.blobs_of("p8").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_on_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::memory(Clock::default()));
    let blobs = FolderBlobs::open(folder.path().join("saved")).await.unwrap();
    holds(&mut Scene::new(store, Arc::new(blobs)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_in_a_cell() {
    let server = servers::Postgres::start(servers::Safety::Process).unwrap();
    server.create("fleet").unwrap();
    let store = Postgres::connect(&server.url("fleet")).await.unwrap();
    let blobs = PostgresBlobs::connect(&server.url("fleet")).await.unwrap();
    holds(&mut Scene::new(Arc::new(store), Arc::new(blobs)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_finished_is_swept_and_what_is_kept_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved");
    let store = Arc::new(Embedded::memory(Clock::default()));
    let blobs = FolderBlobs::open(path.clone()).await.unwrap();
    let mut scene = Scene::new(store, Arc::new(blobs)).await;
    let played = scene.play("p1", 0).await;
    scene.save(&played, b"kept", true).await.unwrap();
    for name in ["p1.free-doom.dead", "nobody.free-doom.dead", "nonsense"] {
        scene.blobs.write(name, 0, vec![1].into()).await.unwrap();
    }
    assert_eq!(
        scene.keeper.sweep().await.unwrap(),
        0,
        "an archive may be on its way for an hour"
    );
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 3_600);
    for group in std::fs::read_dir(&path).unwrap() {
        for blob in std::fs::read_dir(group.unwrap().path()).unwrap() {
            let folder = std::fs::File::open(blob.unwrap().path()).unwrap();
            folder.set_modified(old).unwrap();
        }
    }
    assert_eq!(scene.keeper.sweep().await.unwrap(), 3);
    assert_eq!(scene.find(&played).await.1, b"kept");
}
