//! A host and where saves are kept: what is brought before a session starts, and what is put away after it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use async_trait::async_trait;
use firstlight_host::{Config, Error, Grant, Host, Request, State};
use firstlight_link::{Claim, End};
use firstlight_saves::archive::{Bounds, Packed, pack, unpack};
use firstlight_saves::{Error as Refusal, Held, Newest, Saves};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Where one player's saves of one title are kept, in memory.
#[derive(Debug, Default)]
struct Shelf(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    version: u64,
    archive: Vec<u8>,
    sha256: String,
    away: bool,
    settled: Vec<String>,
    stored: usize,
    fetched: usize,
}

impl Shelf {
    fn with<T>(&self, look: impl FnOnce(&mut Inside) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// As another host has put it away.
    fn fill(&self, content: &str) {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("saves")).unwrap();
        fs::write(home.path().join("saves/slot"), content).unwrap();
        let mut archive = Vec::new();
        let packed = pack(home.path(), &["saves".into()], Bounds::default(), &mut archive).unwrap();
        self.with(|inside| {
            inside.version += 1;
            inside.archive = archive;
            inside.sha256 = packed.sha256;
        });
    }

    fn holds(&self) -> Option<String> {
        let archive = self.with(|inside| inside.archive.clone());
        let home = tempfile::tempdir().unwrap();
        unpack(archive.as_slice(), home.path(), Bounds::default()).ok()?;
        fs::read_to_string(home.path().join("saves/slot")).ok()
    }
}

#[async_trait]
impl Saves for Shelf {
    async fn open(&self, _: &Held) -> Result<Newest, Refusal> {
        self.with(|inside| {
            if inside.away {
                return Err(Refusal::Away("nobody answers".to_owned()));
            }
            Ok(Newest {
                version: inside.version,
                sha256: inside.sha256.clone(),
                bytes: inside.archive.len() as u64,
                settled: true,
            })
        })
    }

    async fn fetch(&self, _: &Held, _: &Newest, to: &Path) -> Result<(), Refusal> {
        let archive = self.with(|inside| {
            inside.fetched += 1;
            inside.archive.clone()
        });
        fs::write(to, archive).unwrap();
        Ok(())
    }

    async fn store(&self, held: &Held, archive: &Path, packed: &Packed, last: bool) -> Result<u64, Refusal> {
        let bytes = fs::read(archive).unwrap();
        self.with(|inside| {
            if inside.away {
                return Err(Refusal::Away("nobody answers".to_owned()));
            }
            inside.version += 1;
            inside.stored += 1;
            inside.archive = bytes;
            inside.sha256.clone_from(&packed.sha256);
            if last {
                inside.settled.push(held.session.to_string());
            }
            Ok(inside.version)
        })
    }

    async fn close(&self, held: &Held) -> Result<(), Refusal> {
        self.with(|inside| {
            if inside.away {
                return Err(Refusal::Away("nobody answers".to_owned()));
            }
            inside.settled.push(held.session.to_string());
            Ok(())
        })
    }
}

struct Rig {
    folder: TempDir,
    host: Host,
    shelf: Arc<Shelf>,
    fence: u64,
}

fn open(folder: &Path, shelf: &Arc<Shelf>) -> Host {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-host-fake-worker"));
    let config = Config::builder(folder.join("data"), folder.join("run"), vec![worker]).slots(Some(2));
    let host = Host::open(config.media_ports(20_000..=29_999).build().unwrap()).unwrap();
    host.keep_saves(Arc::clone(shelf) as Arc<dyn Saves>);
    host
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Arc::new(Shelf::default());
        Self {
            host: open(folder.path(), &shelf),
            folder,
            shelf,
            fence: 0,
        }
    }

    fn title(&self, more: &str) -> PathBuf {
        let dir = self.folder.path().join("titles/plain");
        fs::create_dir_all(&dir).unwrap();
        let manifest = format!(
            "id = \"plain\"\nname = \"x\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\npersist = [\"saves\"]\n{more}"
        );
        fs::write(dir.join("title.toml"), manifest).unwrap();
        dir
    }

    fn request(&mut self, dir: PathBuf) -> Request {
        self.fence += 1;
        Request {
            player: "p1".to_owned(),
            title: firstlight_title::load(&dir).unwrap(),
            title_dir: dir,
            origins: Vec::new(),
            lease: Some(Grant {
                session: format!("s{}", self.fence).parse().unwrap(),
                slot: 0,
                fence: self.fence,
            }),
        }
    }

    async fn play(&mut self) -> Result<firstlight_units::SessionId, Error> {
        let dir = self.title("");
        let request = self.request(dir);
        self.host.start(request).await.map(|placed| placed.session)
    }

    async fn end(&self, session: &firstlight_units::SessionId) {
        self.host.end(session, End::ByPlayer).await.unwrap();
    }

    async fn settled(&self, session: &str) {
        while !self
            .shelf
            .with(|inside| inside.settled.iter().any(|id| id == session))
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn slot(&self) -> PathBuf {
        self.folder.path().join("data/players/p1/plain/saves/slot")
    }

    fn reads(&self) -> Option<String> {
        fs::read_to_string(self.slot()).ok()
    }

    fn writes(&self, content: &str) {
        fs::create_dir_all(self.slot().parent().unwrap()).unwrap();
        fs::write(self.slot(), content).unwrap();
    }
}

#[tokio::test]
async fn a_session_finds_what_its_player_saved_and_leaves_what_he_saves() {
    let mut rig = Rig::new();
    rig.shelf.fill("elsewhere");
    let session = rig.play().await.unwrap();
    assert_eq!(rig.reads().as_deref(), Some("elsewhere"));
    rig.writes("here");
    rig.end(&session).await;
    rig.settled("s1").await;
    assert_eq!(rig.shelf.holds().as_deref(), Some("here"));
    // The next session on the same machine finds it there, and leaves it as it is.
    let session = rig.play().await.unwrap();
    rig.end(&session).await;
    rig.settled("s2").await;
    assert_eq!(rig.shelf.with(|inside| (inside.fetched, inside.stored)), (1, 1));
    // What was changed elsewhere meanwhile takes its place.
    rig.shelf.fill("elsewhere again");
    rig.play().await.unwrap();
    assert_eq!(rig.reads().as_deref(), Some("elsewhere again"));
}

#[tokio::test]
async fn a_session_whose_saves_cannot_be_brought_is_not_started_and_nothing_is_lost() {
    let mut rig = Rig::new();
    rig.writes("of before");
    rig.shelf.with(|inside| inside.away = true);
    let refused = rig.play().await.unwrap_err();
    assert!(matches!(refused, Error::Saves(_)), "{refused}");
    assert_eq!(rig.reads().as_deref(), Some("of before"));
    assert_eq!(rig.host.capacity().sessions, 0, "the slot is free");
    rig.shelf.with(|inside| inside.away = false);
    // What comes is no archive.
    rig.shelf.fill("x");
    rig.shelf.with(|inside| inside.archive = b"nonsense".to_vec());
    let refused = rig.play().await.unwrap_err();
    assert!(matches!(refused, Error::Saves(Refusal::Archive(_))), "{refused}");
    assert_eq!(rig.reads().as_deref(), Some("of before"));
    rig.shelf.fill("whole");
    rig.play().await.unwrap();
    assert_eq!(rig.reads().as_deref(), Some("whole"));
}

#[tokio::test]
async fn an_empty_home_takes_the_place_of_nothing() {
    let mut rig = Rig::new();
    rig.shelf.fill("good");
    let session = rig.play().await.unwrap();
    fs::remove_file(rig.slot()).unwrap();
    rig.end(&session).await;
    rig.settled("s1").await;
    assert_eq!(rig.shelf.holds().as_deref(), Some("good"));
    assert_eq!(rig.shelf.with(|inside| inside.stored), 0);
}

#[tokio::test]
async fn what_was_not_put_away_is_put_away_when_there_is_a_way_again() {
    let mut rig = Rig::new();
    let session = rig.play().await.unwrap();
    rig.writes("of a long evening");
    rig.shelf.with(|inside| inside.away = true);
    rig.end(&session).await;
    // Its first try, and that it will be tried again.
    let card = rig.folder.path().join("data/saves/cards/p1/plain.json");
    let open = || fs::read_to_string(&card).unwrap().contains("\"open\":true");
    assert!(open());
    rig.shelf.with(|inside| inside.away = false);
    rig.settled("s1").await;
    assert_eq!(rig.shelf.holds().as_deref(), Some("of a long evening"));
    rig.host.stop().await;
    assert!(!open());
}

#[tokio::test]
async fn what_a_killed_engine_left_is_put_away_by_the_next() {
    let mut rig = Rig::new();
    rig.play().await.unwrap();
    rig.writes("in the middle of it");
    // As the folder is in that instant.
    let after = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-a", &format!("{}/data", rig.folder.path().display())])
        .arg(after.path())
        .status();
    assert!(copied.unwrap().success());
    let next = open(after.path(), &rig.shelf);
    rig.settled("s1").await;
    assert_eq!(rig.shelf.holds().as_deref(), Some("in the middle of it"));
    drop(next);
}

#[tokio::test]
async fn a_parked_copy_is_claimed_when_its_players_saves_are_there() {
    let mut rig = Rig::new();
    let dir = rig.title("[warm]\nparked = 1\n");
    rig.host.park_titles(rig.folder.path().join("titles"));
    while rig.host.warm().first().is_none_or(|warm| warm.parked == 0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.shelf.fill("elsewhere");
    let request = rig.request(dir);
    let placed = rig.host.start(request).await.unwrap();
    assert!(placed.parked && placed.saves > firstlight_units::Micros::ZERO && placed.saves <= placed.ready);
    assert_eq!(rig.reads().as_deref(), Some("elsewhere"));
    let home = rig.folder.path().join("data/players/p1/plain");
    let claim: Claim = serde_json::from_slice(&fs::read(home.join("claim.json")).unwrap()).unwrap();
    assert_eq!(claim.home.canonicalize().unwrap(), home.canonicalize().unwrap());
    let session = rig.host.session(&placed.session).unwrap();
    assert!(matches!(session.state, State::Ready | State::Attached));
}
