//! An encode proof from end to end: the real encoder, the decoder's own process, the verdict.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_cell::Decoder;
use firstlight_checker::Error;
use firstlight_checker::challenge::{Answer, Challenge, Failure, Proof, Task, Verdict, judge, promise};
use firstlight_prover::prove;
use firstlight_units::{Micros, WallTime};
use std::path::Path;

const FRAMES: u16 = 12;

fn challenge(seed: u8) -> Challenge {
    Challenge {
        host: [1; 32],
        checker: [2; 32],
        at: WallTime::from_micros(0),
        seed: [seed; 32],
        promise: promise(&[0; 32]),
        task: Task::Encode {
            width: 640,
            height: 360,
            fps: 60,
            frames: FRAMES,
        },
        within: Micros::from_secs(1),
    }
}

fn units(seed: u8) -> Vec<Vec<u8>> {
    let Proof::Units(units) = prove(&challenge(seed), Path::new("/")).unwrap() else {
        panic!("a bitstream is units")
    };
    units
}

fn verdict(units: Vec<Vec<u8>>, program: &str) -> Result<Verdict, Error> {
    let challenge = challenge(7);
    let answer = Answer {
        challenge: challenge.digest(),
        proof: Proof::Units(units),
    };
    let decoder = Decoder::new(program.into());
    judge(&challenge, Some(&answer), Micros::new(1), &[0; 32], &decoder)
}

const DECODER: &str = env!("CARGO_BIN_EXE_firstlight-decode");

#[test]
fn what_was_encoded_is_proven_and_what_was_encoded_before_is_not() {
    assert_eq!(verdict(units(7), DECODER), Ok(Verdict::Proven));
    let old = verdict(units(8), DECODER);
    assert!(
        matches!(old, Ok(Verdict::Failed(Failure::Picture { frame: 0, .. }))),
        "{old:?}"
    );
}

#[test]
fn a_bitstream_that_is_none_has_no_pictures_and_harms_nobody() {
    let noise = |n: u16| {
        (0..700u16)
            .map(|i| (i.wrapping_mul(31) ^ n).to_be_bytes()[1])
            .collect()
    };
    let made_up = verdict((0..FRAMES).map(noise).collect(), DECODER);
    assert!(
        matches!(made_up, Ok(Verdict::Failed(Failure::Undecodable { .. }))),
        "{made_up:?}"
    );
    let mut cut = units(7);
    cut[0].truncate(60);
    assert!(matches!(verdict(cut, DECODER), Ok(Verdict::Failed(_))));
}

#[test]
fn without_a_decoder_nothing_follows() {
    for program in ["/does/not/exist", "/bin/false"] {
        let judged = verdict(units(7), program);
        match program {
            "/does/not/exist" => assert!(
                matches!(&judged, Err(Error::NoDecoder(why)) if why.contains("cargo build")),
                "{judged:?}"
            ),
            _ => assert!(matches!(&judged, Err(Error::NoDecoder(_))), "{judged:?}"),
        }
    }
}
