//! A host with stand-in workers: copies that are parked, claimed, replaced, and gone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use firstlight_host::{Config, ConfigBuilder, Host, Placed, Request, State};
use firstlight_link::{Claim, End};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

struct Rig {
    folder: TempDir,
    host: Host,
}

impl Rig {
    /// A host that parks what is in its titles' folder.
    fn new(titles: &[(&str, &str)], configure: impl Fn(ConfigBuilder) -> ConfigBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-host-fake-worker"));
        let config = Config::builder(
            folder.path().join("data"),
            folder.path().join("run"),
            vec![worker],
        );
        let first = 30_000 + u16::try_from(std::process::id() % 300).unwrap() * 40;
        let config = config.media_ports(first..=first + 39).slots(Some(3));
        let host = Host::open(configure(config).build().unwrap()).unwrap();
        let rig = Self { folder, host };
        for (id, more) in titles {
            rig.write(id, more);
        }
        rig.host.park_titles(rig.path("titles"));
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, id: &str, more: &str) {
        let dir = self.path("titles").join(id);
        fs::create_dir_all(&dir).unwrap();
        let manifest = format!(
            "id = \"{id}\"\nname = \"{id}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n{more}"
        );
        fs::write(dir.join("title.toml"), manifest).unwrap();
    }

    async fn start(&self, player: &str, title: &str) -> Placed {
        let title_dir = self.path("titles").join(title);
        let request = Request {
            player: player.to_owned(),
            title: firstlight_title::load(&title_dir).unwrap(),
            title_dir,
            origins: vec!["http://localhost:8080".to_owned()],
            lease: None,
        };
        self.host.start(request).await.unwrap()
    }

    /// Waits until so many copies of a title can be claimed and none is on its way.
    async fn until_parked(&self, title: &str, parked: u16) {
        let settled = || {
            let warm = self.host.warm();
            let of = warm.iter().find(|warm| warm.title.as_str() == title);
            of.is_some_and(|of| of.parked == parked && of.booting == 0)
        };
        until(settled, || format!("{parked} of {title}: {:?}", self.host.warm())).await;
    }

    /// Run folders: one per worker.
    fn workers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("run")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

async fn until(mut done: impl FnMut() -> bool, what: impl Fn() -> String) {
    for _ in 0..4_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {}", what());
}

fn kill(run_dir: &Path) {
    let pid = fs::read_to_string(run_dir.join("worker.pid"))
        .unwrap()
        .parse()
        .unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

const ONE: &str = "[warm]\nparked = 1\n";
const TWO: &str = "[warm]\nparked = 2\n";

#[tokio::test]
async fn players_get_the_parked_copies_and_others_are_booted_when_they_have_gone() {
    let rig = Rig::new(&[("a", TWO)], |config| config);
    rig.until_parked("a", 2).await;
    assert!(rig.host.sessions().is_empty() && rig.host.capacity().sessions == 0);
    let copies = rig.workers();
    let placed = rig.start("p1", "a").await;
    assert!(placed.parked);
    let session = rig.host.session(&placed.session).unwrap();
    assert!(session.parked && session.state == State::Ready && session.cert_sha256 == ["cd".repeat(32)]);
    // Its account begins with its player, under its player's name for it.
    let quality = rig.host.quality(&placed.session).unwrap();
    assert_eq!(
        (quality.player.as_str(), quality.report["session"].as_str()),
        ("p1", Some(placed.session.as_str()))
    );
    let home = rig.path("data/players/p1/a");
    let claim: Claim = serde_json::from_slice(&fs::read(home.join("claim.json")).unwrap()).unwrap();
    assert_eq!(
        (claim.session.as_str(), claim.player.as_str()),
        (placed.session.as_str(), "p1")
    );
    assert_eq!((claim.epoch, claim.home), (1, home));
    assert!(placed.ticket.starts_with("v4.public."));
    // The next player gets the next one, in another slot.
    let second = rig.start("p2", "a").await;
    assert!(second.parked);
    assert_eq!(rig.host.capacity().sessions, 2);
    rig.host.end(&placed.session, End::ByPlayer).await.unwrap();
    rig.host.end(&second.session, End::ByPlayer).await.unwrap();
    let gone = copies.iter().all(|copy| !copy.exists());
    assert!(
        gone,
        "their folders have the copies' names, and go with the sessions"
    );
    // With nobody there, it does not matter how busy the machine is.
    rig.until_parked("a", 2).await;
    rig.host.stop().await;
    assert!(rig.workers().is_empty() && !rig.path("run").exists());
    assert_eq!(fs::read_dir(rig.path("data/parked")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_copy_that_dies_at_its_claim_costs_its_player_no_session() {
    let rig = Rig::new(&[("dies-at-its-claim", ONE)], |config| config);
    rig.until_parked("dies-at-its-claim", 1).await;
    let placed = rig.start("p1", "dies-at-its-claim").await;
    assert!(!placed.parked);
    let sessions = rig.host.sessions();
    assert_eq!((sessions.len(), &sessions[0].id), (1, &placed.session));
    rig.host.stop().await;
}

#[tokio::test]
async fn a_killed_copy_is_replaced_and_leaves_nothing() {
    let rig = Rig::new(&[("a", ONE)], |config| config);
    rig.until_parked("a", 1).await;
    let old = rig.workers().pop().unwrap();
    kill(&old);
    until(|| !old.exists(), || "the dead copy's folder to go".to_owned()).await;
    // It is tried again after some seconds, or at once when the title is another.
    rig.write("a", "[warm]\nparked = 1\n# another\n");
    rig.until_parked("a", 1).await;
    rig.host.stop().await;
    assert_eq!(fs::read_dir(rig.path("data/parked")).unwrap().count(), 0);
}

#[tokio::test]
async fn copies_follow_the_title_on_disk_and_what_is_wanted() {
    let rig = Rig::new(
        &[
            ("a", "[warm]\nparked = 2\n"),
            ("boots", "profile = \"boot\"\n[warm]\nparked = 1\n"),
        ],
        |c| c,
    );
    rig.until_parked("a", 2).await;
    rig.until_parked("boots", 0).await;
    let old = rig.workers();
    rig.write("a", "[warm]\nparked = 2\n[display]\nfps = 30\n");
    until(
        || old.iter().all(|worker| !worker.exists()),
        || "old copies to end".to_owned(),
    )
    .await;
    rig.until_parked("a", 2).await;
    rig.host.set_parked("a".parse().unwrap(), Some(1));
    rig.until_parked("a", 1).await;
    // A title that is not the one that was parked is booted.
    rig.write("a", "[warm]\nparked = 2\n[display]\nfps = 24\n");
    assert!(!rig.start("p1", "a").await.parked);
    fs::remove_dir_all(rig.path("titles/a")).unwrap();
    until(
        || rig.workers().len() == 1,
        || "copies of a title that is gone to end".to_owned(),
    )
    .await;
    rig.host.stop().await;
}

#[tokio::test]
async fn a_player_s_second_session_shares_the_first_one_s_folder() {
    let rig = Rig::new(
        &[("a", "persist = [\"saves\"]\n[warm]\nparked = 2\n")],
        |config| config,
    );
    rig.until_parked("a", 2).await;
    assert!(rig.start("p1", "a").await.parked);
    assert!(
        !rig.start("p1", "a").await.parked,
        "a copy would take the folder away from the first"
    );
    assert!(rig.start("p2", "a").await.parked);
    rig.host.stop().await;
}

#[tokio::test]
async fn copies_give_way_where_ports_are_short() {
    let rig = Rig::new(&[("a", ONE), ("b", "")], |config| {
        let first = 30_000 + u16::try_from(std::process::id() % 300).unwrap() * 40;
        config.media_ports(first + 12_000..=first + 12_003)
    });
    rig.until_parked("a", 1).await;
    rig.start("p1", "b").await;
    rig.host.set_parked("a".parse().unwrap(), Some(0));
    assert!(!rig.start("p2", "b").await.parked);
    assert_eq!(rig.host.capacity().sessions, 2);
    rig.host.stop().await;
}

#[tokio::test]
async fn what_never_parks_is_not_tried_without_end() {
    let rig = Rig::new(&[("never-parks", ONE)], |config| config);
    until(
        || rig.host.warm().len() == 1,
        || "the titles to be read".to_owned(),
    )
    .await;
    until(
        || rig.path("run").exists() && rig.workers().is_empty(),
        || "the copy to fail".to_owned(),
    )
    .await;
    assert!(!rig.start("p1", "never-parks").await.parked);
    rig.host.stop().await;
}
