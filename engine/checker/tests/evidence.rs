//! Records: what holds, and what never does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use ed25519_compact::{KeyPair, Seed};
use firstlight_checker::Error;
use firstlight_checker::challenge::{
    Answer, Challenge, Decode, Failure, Plane, Proof, Task, Verdict, judge, promise, work,
};
use firstlight_checker::evidence::{Record, Signed, check_answer};
use firstlight_units::{Micros, WallTime};
use proptest::prelude::*;

struct NoPictures;

impl Decode for NoPictures {
    fn decode(&self, _units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        Ok(Vec::new())
    }
}

struct NoDecoder;

impl Decode for NoDecoder {
    fn decode(&self, _units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        Err("none is built in".into())
    }
}

fn pair(n: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([n; 32]))
}

fn sign(pair: &KeyPair, statement: &[u8]) -> Signed {
    *pair.sk.sign(statement, None)
}

const HOST: u8 = 1;
const CHECKER: u8 = 2;
const REVEAL: [u8; 32] = [9; 32];

fn challenge(task: Task) -> Challenge {
    Challenge {
        host: *pair(HOST).pk,
        checker: *pair(CHECKER).pk,
        at: WallTime::from_micros(1_700_000_000_000_000),
        seed: [5; 32],
        promise: promise(&REVEAL),
        task,
        within: Micros::from_millis(900),
    }
}

const CHAINS: Task = Task::Compute {
    chains: 3,
    segments: 4,
    rounds: 50,
};

fn honest(challenge: &Challenge) -> Proof {
    let mut words = Vec::new();
    for number in 0..3 {
        let mut x = work::chain_start(&challenge.seed, number);
        for _ in 0..4 {
            x = work::chain(x, 50);
            words.push(x);
        }
    }
    Proof::Words(words)
}

fn seal(challenge: Challenge, proof: Option<Proof>, took: Micros) -> Record {
    let answer = proof.map(|proof| {
        let answer = Answer {
            challenge: challenge.digest(),
            proof,
        };
        let signed = sign(&pair(HOST), &answer.statement());
        (answer, signed)
    });
    let verdict = judge(
        &challenge,
        answer.as_ref().map(|(answer, _)| answer),
        took,
        &REVEAL,
        &NoPictures,
    )
    .unwrap();
    let mut record = Record {
        challenge_signed: sign(&pair(CHECKER), &challenge.statement()),
        challenge,
        answer,
        took,
        reveal: REVEAL,
        verdict,
        signed: [0; 64],
    };
    record.signed = sign(&pair(CHECKER), &record.statement());
    record
}

fn proven() -> Record {
    let challenge = challenge(CHAINS);
    let proof = honest(&challenge);
    seal(challenge, Some(proof), Micros::from_millis(700))
}

#[test]
fn a_record_is_read_as_it_was_written_and_its_verdict_derived_again() {
    let late = Micros::from_millis(901);
    let of = |proof, took| seal(challenge(CHAINS), proof, took);
    let soon = Micros::from_millis(1);
    let right = honest(&challenge(CHAINS));
    let cases = [
        (proven(), Verdict::Proven),
        (
            of(Some(right), late),
            Verdict::Failed(Failure::Late {
                took_ms: 901,
                within_ms: 900,
            }),
        ),
        (of(None, late), Verdict::Failed(Failure::Silent)),
        (of(Some(Proof::GaveWay), soon), Verdict::GaveWay),
        (of(Some(Proof::Cannot), soon), Verdict::Failed(Failure::Cannot)),
        (of(Some(Proof::Cannot), late), Verdict::Failed(Failure::Cannot)),
        (
            of(Some(Proof::Unfinished), late),
            Verdict::Failed(Failure::Late {
                took_ms: 901,
                within_ms: 900,
            }),
        ),
        (
            of(Some(Proof::Unfinished), soon),
            Verdict::Failed(Failure::Cannot),
        ),
        (
            of(Some(Proof::Words(vec![1; 11])), soon),
            Verdict::Failed(Failure::Shape {
                given: 11,
                wanted: 12,
            }),
        ),
        (
            of(Some(Proof::Units(vec![vec![0; 9]])), soon),
            Verdict::Failed(Failure::Shape { given: 1, wanted: 0 }),
        ),
    ];
    for (record, verdict) in cases {
        let again = Record::from_text(&record.to_text()).unwrap();
        assert_eq!(again, record);
        assert_eq!(again.verify(&NoDecoder), Ok(verdict));
    }
}

#[test]
fn words_that_are_made_up_are_found_however_late_or_soon() {
    let challenge = challenge(CHAINS);
    let record = seal(challenge, Some(Proof::Words(vec![7; 12])), Micros::from_secs(60));
    assert!(
        matches!(record.verdict, Verdict::Failed(Failure::Wrong { .. })),
        "{}",
        record.verdict
    );
    assert!(matches!(record.verdict, Verdict::Failed(failure) if failure.is_wrong()));
}

#[test]
fn memory_and_disk_are_judged_by_their_content() {
    let task = Task::Memory {
        lanes: 3,
        stops: 4,
        steps: 8,
    };
    let asked = challenge(task);
    let mut lanes = vec![vec![0; work::LANE_WORDS]; 3];
    for (number, lane) in (0u32..).zip(&mut lanes) {
        work::fill(&asked.seed, number, work::LINES - 1, lane);
    }
    let mut x = work::walk_start(&asked.seed);
    let mut walk = Vec::new();
    for _ in 0..4 {
        for _ in 0..8 {
            let (lane, line) = work::walk_at(x, 3);
            x = work::walk_on(x, &lanes[lane as usize], line);
        }
        walk.push(x);
    }
    let held = seal(asked.clone(), Some(Proof::Words(walk.clone())), Micros::new(1));
    assert_eq!(held.verdict, Verdict::Proven);
    walk.iter_mut().for_each(|x| *x ^= 1);
    let forgot = seal(asked, Some(Proof::Words(walk)), Micros::new(1));
    assert!(matches!(forgot.verdict, Verdict::Failed(Failure::Wrong { .. })));

    let asked = challenge(Task::Disk { chunks: 3 });
    let chunk = |number| {
        let mut words = vec![0; work::LANE_WORDS];
        work::chunk(&asked.seed, number, &mut words);
        work::chunk_word(&words)
    };
    let read = seal(
        asked.clone(),
        Some(Proof::Words((0..3).map(chunk).collect())),
        Micros::new(1),
    );
    assert_eq!(read.verdict, Verdict::Proven);
}

#[test]
fn what_nobody_signed_or_promised_is_not_taken() {
    let record = proven();
    let verify = |record: &Record| record.verify(&NoDecoder).unwrap_err();
    let resigned = |mut record: Record| {
        record.signed = sign(&pair(CHECKER), &record.statement());
        record
    };
    let mut other = record.clone();
    other.challenge.seed = [6; 32];
    assert_eq!(verify(&other), Error::ForgedChallenge);
    let mut other = record.clone();
    other.took = Micros::new(5);
    assert_eq!(verify(&other), Error::ForgedRecord);
    let mut other = record.clone();
    other.verdict = Verdict::Failed(Failure::Silent);
    assert!(matches!(verify(&resigned(other)), Error::OtherVerdict { .. }));
    let mut other = record.clone();
    other.reveal = [8; 32];
    assert_eq!(verify(&resigned(other)), Error::OtherPicks);

    // A checker that puts words into a host's mouth.
    let mut other = record.clone();
    let answer = Answer {
        proof: Proof::Cannot,
        ..record.answer.clone().unwrap().0
    };
    let signed = sign(&pair(CHECKER), &answer.statement());
    other.answer = Some((answer, signed));
    assert_eq!(verify(&resigned(other)), Error::ForgedAnswer);

    // The host's own answer, to another challenge.
    let earlier = Challenge {
        seed: [7; 32],
        ..record.challenge.clone()
    };
    let mut other = record.clone();
    other.answer = seal(earlier, Some(Proof::GaveWay), Micros::new(1)).answer;
    assert_eq!(verify(&resigned(other)), Error::OtherChallenge);
    let (answer, signed) = record.answer.clone().unwrap();
    assert_eq!(check_answer(&record.challenge, &answer, &signed), Ok(()));
}

#[test]
fn a_record_of_pictures_needs_a_decoder_and_says_so() {
    let task = Task::Encode {
        width: 64,
        height: 64,
        fps: 60,
        frames: 2,
    };
    let record = seal(
        challenge(task),
        Some(Proof::Units(vec![vec![1], vec![2]])),
        Micros::new(1),
    );
    assert_eq!(
        record.verify(&NoPictures),
        Ok(Verdict::Failed(Failure::Undecodable {
            pictures: 0,
            wanted: 2
        }))
    );
    assert!(matches!(record.verify(&NoDecoder), Err(Error::NoDecoder(_))));
}

#[test]
fn no_record_that_was_cut_short_or_went_on_is_read() {
    let bytes = proven().write();
    for length in 0..bytes.len() {
        assert!(Record::read(&bytes[..length]).is_err(), "{length}");
    }
    let more = [bytes.as_slice(), &[0]].concat();
    assert_eq!(Record::read(&more), Err(Error::Trailing(1)));
}

/// What a hostile hand may do to a record.
fn mutation() -> impl Strategy<Value = (usize, u8, usize)> {
    (any::<usize>(), 1u8..=255, 0usize..6)
}

fn mutate(bytes: &mut Vec<u8>, (at, value, how): (usize, u8, usize)) {
    if bytes.is_empty() {
        return;
    }
    let at = at % bytes.len();
    match how {
        0 => bytes[at] ^= value,
        1 => bytes.truncate(at),
        2 => bytes.insert(at, value),
        3 => drop(bytes.remove(at)),
        4 => bytes[at..].iter_mut().for_each(|byte| *byte = value),
        _ => {
            let end = (at + 32).min(bytes.len());
            bytes[at..end].rotate_left(1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn ten_thousand_mutations_are_ten_thousand_refusals(changes in prop::collection::vec(mutation(), 1..4)) {
        let good = proven();
        let mut bytes = good.write();
        for change in changes {
            mutate(&mut bytes, change);
        }
        prop_assume!(bytes != good.write());
        let taken = Record::read(&bytes).and_then(|record| record.verify(&NoPictures));
        prop_assert!(taken.is_err(), "{taken:?}");
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Record::read(&bytes).is_err());
        prop_assert!(Answer::read(&bytes).is_err() || bytes.len() == 34 || bytes.len() > 36);
    }

    #[test]
    fn no_text_is_a_panic(text in ".{0,200}") {
        prop_assert!(Record::from_text(&text).is_err());
        let marked = ["flv1.", &text].concat();
        prop_assert!(Record::from_text(&marked).is_err());
    }
}

/// What was written once is read, and judged the same, by every engine after it.
#[test]
fn the_vectors_are_stable() {
    let of = |proof, took| seal(challenge(CHAINS), proof, Micros::from_millis(took));
    let right = honest(&challenge(CHAINS));
    let cases = [
        (include_str!("../../../fuzz/corpus/evidence/proven"), proven()),
        (
            include_str!("../../../fuzz/corpus/evidence/late"),
            of(Some(right), 901),
        ),
        (
            include_str!("../../../fuzz/corpus/evidence/silent"),
            of(None, 901),
        ),
    ];
    for (line, record) in cases {
        assert_eq!(line.trim_end(), record.to_text());
    }
}
