//! A host and its prover: what is honest is proven, and a player never waits for it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_checker::challenge::{
    Answer, Challenge, Decode, Failure, Plane, Proof, Task, Verdict, judge, promise,
};
use firstlight_checker::evidence::check_answer;
use firstlight_checker::{from_text, to_text};
use firstlight_fleet::messages::{Ask, AskError, Caller, Refused, Reply, Signer};
use firstlight_fleet::{Key, LocalBus};
use firstlight_host::agent::{Agent, Settings, Titles, open_signer};
use firstlight_host::{Config, Host};
use firstlight_prover::prove;
use firstlight_units::{Micros, WallTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct NoDecoder;

impl Decode for NoDecoder {
    fn decode(&self, _units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        Err("no bitstream is judged here".into())
    }
}

const REVEAL: [u8; 32] = [4; 32];

fn cell_key() -> Key {
    Key::from_seed(&[9; 32])
}

fn challenge(host: [u8; 32], task: Task) -> Challenge {
    Challenge {
        host,
        checker: *cell_key().public().as_bytes(),
        at: WallTime::from_micros(1),
        seed: [7; 32],
        promise: promise(&REVEAL),
        task,
        within: Micros::from_secs(5),
    }
}

const COMPUTE: Task = Task::Compute {
    chains: 3,
    segments: 5,
    rounds: 1_000,
};
const MEMORY: Task = Task::Memory {
    lanes: 5,
    stops: 8,
    steps: 16,
};

/// What nobody finishes in a test's time.
const ENDLESS: Task = Task::Compute {
    chains: 1,
    segments: 4_096,
    rounds: 1 << 31,
};

#[test]
fn what_is_done_is_what_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    for task in [COMPUTE, MEMORY, Task::Disk { chunks: 3 }] {
        let challenge = challenge([1; 32], task);
        let answer = Answer {
            challenge: challenge.digest(),
            proof: prove(&challenge, folder.path()).unwrap(),
        };
        let verdict = judge(&challenge, Some(&answer), Micros::new(1), &REVEAL, &NoDecoder);
        assert_eq!(verdict, Ok(Verdict::Proven), "{task:?}");
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "no file is left"
    );
}

#[test]
fn the_encoders_bitstream_fits_an_answer() {
    let task = Task::Encode {
        width: 1280,
        height: 720,
        fps: 60,
        frames: 32,
    };
    let Proof::Units(units) = prove(&challenge([1; 32], task), Path::new("/")).unwrap() else {
        panic!("a bitstream is units");
    };
    assert_eq!(units.len(), 32);
    let answer = Answer {
        challenge: [0; 32],
        proof: Proof::Units(units),
    };
    assert_eq!(Answer::read(&answer.write()), Ok(answer));
}

/// A host with an agent and a prover, and a cell that asks it.
struct Rig {
    _folder: TempDir,
    host: Host,
    agent: Agent,
    key: [u8; 32],
    cell: Caller,
}

impl Rig {
    async fn new(prover: Vec<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let title = path.join("titles/t");
        std::fs::create_dir_all(&title).unwrap();
        let manifest = "id = \"t\"\nname = \"t\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n";
        std::fs::write(title.join("title.toml"), manifest).unwrap();
        let worker = vec![PathBuf::from("/bin/cat")];
        let config = Config::builder(path.join("data"), path.join("run"), worker)
            .prover(prover)
            .slots(Some(2))
            .ready_within(Duration::from_secs(60))
            .media_ports(30_000..=30_999);
        let host = Host::open(config.build().unwrap()).unwrap();
        let bus = Arc::new(LocalBus::default());
        let signer = open_signer(&path.join("data")).unwrap();
        let key = *signer.key().public().as_bytes();
        let agent = Agent::start(Settings {
            host: host.clone(),
            titles: Arc::new(Titles::new(path.join("titles"))),
            bus: bus.clone(),
            signer: Arc::new(signer),
            cell_keys: vec![cell_key().public()],
            name: "box".into(),
            region: "eu".parse().unwrap(),
            position: None,
            addresses: Vec::new(),
            price_micros: 0,
            encoders: Vec::new(),
            encode_us: 0,
            beat_every: Duration::from_secs(1),
        })
        .await
        .unwrap();
        Self {
            _folder: folder,
            host,
            agent,
            key,
            cell: Caller::new(bus, Arc::new(Signer::new(cell_key(), 1))),
        }
    }

    async fn prove(&self, challenge: &Challenge, by: &Key) -> Result<Proof, Refused> {
        let ask = Ask::Prove {
            challenge: to_text(&challenge.write()),
            signed: to_text(&by.sign(&challenge.statement())),
        };
        match self.cell.ask(&self.agent.id(), ask, PATIENCE).await {
            Ok(Reply::Proof { answer, signed }) => {
                let answer = Answer::read(&from_text(&answer, 1 << 16).unwrap()).unwrap();
                let signed = from_text(&signed, 128).unwrap().try_into().unwrap();
                assert_eq!(check_answer(challenge, &answer, &signed), Ok(()));
                Ok(answer.proof)
            }
            Err(AskError::Refused(refused)) => Err(refused),
            other => panic!("{other:?}"),
        }
    }

    async fn claim(&self) {
        let claim = firstlight_fleet::messages::Claim {
            session: "s1".parse().unwrap(),
            player: "p1".into(),
            title: "t".parse().unwrap(),
            slot: 0,
            fence: 1,
            origins: Vec::new(),
            title_version: None,
        };
        // Its worker is none, so that it does not come to be; that is not what is asked here.
        drop(
            self.cell
                .ask(&self.agent.id(), Ask::Claim(Box::new(claim)), PATIENCE)
                .await,
        );
    }
}

fn real() -> Vec<PathBuf> {
    vec![env!("CARGO_BIN_EXE_firstlight-prover-for-tests").into()]
}

/// For a loaded machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_host_answers_its_cells_challenge_and_nobody_elses() {
    let rig = Rig::new(real()).await;
    let asked = challenge(rig.key, COMPUTE);
    let proof = rig.prove(&asked, &cell_key()).await.unwrap();
    let answer = Answer {
        challenge: asked.digest(),
        proof,
    };
    let verdict = judge(&asked, Some(&answer), Micros::new(1), &REVEAL, &NoDecoder);
    assert_eq!(verdict, Ok(Verdict::Proven));

    let stranger = Key::from_seed(&[3; 32]);
    assert!(matches!(
        rig.prove(&asked, &stranger).await,
        Err(Refused::BadAsk { .. })
    ));
    let anothers = challenge([8; 32], COMPUTE);
    assert!(matches!(
        rig.prove(&anothers, &cell_key()).await,
        Err(Refused::BadAsk { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_who_comes_ends_the_prover_at_once() {
    let rig = Rig::new(real()).await;
    let asked = challenge(rig.key, ENDLESS);
    let key = cell_key();
    let (proof, ()) = tokio::join!(rig.prove(&asked, &key), async {
        while children_named("firstlight-pro") == 0 {
            tokio::task::yield_now().await;
        }
        rig.claim().await;
    });
    assert_eq!(proof, Ok(Proof::GaveWay));
    let mut changes = rig.host.changes();
    while rig.host.capacity().sessions > 0 {
        changes.changed().await.unwrap();
    }
    // And when he has gone, there is room for proofs again.
    let again = challenge(rig.key, COMPUTE);
    assert!(matches!(
        rig.prove(&again, &cell_key()).await,
        Ok(Proof::Words(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_says_so() {
    let asked = |rig: &Rig| challenge(rig.key, COMPUTE);
    for prover in [vec![], vec!["/does/not/exist".into()], vec!["/bin/false".into()]] {
        let rig = Rig::new(prover).await;
        assert_eq!(rig.prove(&asked(&rig), &cell_key()).await, Ok(Proof::Cannot));
    }
    let rig = Rig::new(real()).await;
    let much = Task::Memory {
        lanes: 1 << 20,
        stops: 1,
        steps: 1,
    };
    // A TiB, which is refused before a page of it is touched.
    let asked = challenge(rig.key, much);
    assert_eq!(rig.prove(&asked, &cell_key()).await, Ok(Proof::Cannot));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_too_slow_is_late_and_does_not_say_that_it_cannot() {
    let rig = Rig::new(real()).await;
    let asked = Challenge {
        within: Micros::from_millis(1),
        ..challenge(rig.key, ENDLESS)
    };
    let proof = rig.prove(&asked, &cell_key()).await.unwrap();
    assert_eq!(proof, Proof::Unfinished);
    let answer = Answer {
        challenge: asked.digest(),
        proof,
    };
    let verdict = judge(&asked, Some(&answer), Micros::from_secs(2), &REVEAL, &NoDecoder);
    assert!(
        matches!(verdict, Ok(Verdict::Failed(Failure::Late { .. }))),
        "{verdict:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_check_came_to_can_be_read_on_the_host() {
    let rig = Rig::new(real()).await;
    assert_eq!(rig.agent.standing(), None);
    let ask = Ask::Standing {
        standing: "refused".into(),
        why: "memory: part 3 of the answer is wrong".into(),
    };
    assert!(matches!(
        rig.cell.ask(&rig.agent.id(), ask, PATIENCE).await,
        Ok(Reply::Done)
    ));
    let why = "memory: part 3 of the answer is wrong".to_owned();
    assert_eq!(rig.agent.standing(), Some(("refused".to_owned(), why)));
}

/// Processes of this one with such a name.
fn children_named(name: &str) -> usize {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.split_whitespace().nth(1));
            parent == Some(own.as_str()) && stat.contains(name)
        })
        .count()
}
