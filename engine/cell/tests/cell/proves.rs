//! How a host answers checkers: with the real prover, or with a lie.

use firstlight_cell::Decoder;
use firstlight_checker::challenge::{Answer, Challenge, Decode, Part, Plane, Proof};
use firstlight_checker::{from_text, to_text};
use firstlight_fleet::Key;
use firstlight_fleet::messages::Reply;
use std::time::Duration;

/// How a host answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proves {
    /// It does not know the question.
    Nothing,
    Honestly,
    /// As one that has fewer cores than it says: right, and four times as late.
    Slowly,
    /// As one that has less memory than it says.
    NoMemory,
    /// It makes words up.
    MadeUp,
    /// It encodes what it was asked for another time.
    OldPictures,
    /// It is gone before it has answered.
    GoneAt(Part),
    /// It never has the time.
    Busy,
}

impl Proves {
    pub(crate) async fn answer(self, challenge: &str, key: &Key) -> Option<Reply> {
        let challenge = Challenge::read(&from_text(challenge, 1_024).unwrap()).unwrap();
        let part = challenge.task.part();
        let proof = match self {
            Self::Nothing => return Some(Reply::Done),
            Self::GoneAt(at) if at == part => return None,
            Self::Busy => Proof::GaveWay,
            Self::NoMemory if part == Part::Memory => Proof::Cannot,
            Self::MadeUp if part == Part::Memory => Proof::Words(vec![7; 256]),
            Self::OldPictures if part == Part::Encode => {
                let other = Challenge {
                    seed: [1; 32],
                    ..challenge.clone()
                };
                honest(other).await
            }
            Self::Slowly => {
                tokio::time::sleep(Duration::from(challenge.within) + Duration::from_millis(500)).await;
                honest(challenge.clone()).await
            }
            Self::Honestly | Self::NoMemory | Self::MadeUp | Self::OldPictures | Self::GoneAt(_) => {
                honest(challenge.clone()).await
            }
        };
        let answer = Answer {
            challenge: challenge.digest(),
            proof,
        };
        Some(Reply::Proof {
            answer: to_text(&answer.write()),
            signed: to_text(&key.sign(&answer.statement())),
        })
    }
}

/// On a thread of its own: simulated time stands meanwhile.
async fn honest(challenge: Challenge) -> Proof {
    let work = move || {
        let folder = tempfile::tempdir().unwrap();
        firstlight_prover::prove(&challenge, folder.path()).unwrap()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// What `firstlight-decode` does, without its process.
#[derive(Debug)]
pub(crate) struct InProcess;

impl Decode for InProcess {
    fn decode(&self, units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        let mut pictures = Vec::new();
        let input = Decoder::input(units);
        firstlight_probe::pictures(&*input, &mut pictures).map_err(|error| error.to_string())?;
        Ok(Decoder::output(&pictures, units.len()))
    }
}
