//! One host's checks, by the rules that ship: challenges, admission, accounts, committees.

use crate::fleet::{Host, Kind};
use crate::random::Random;
use firstlight_checker::accounts::{Cases, compare};
use firstlight_checker::admission::{Admission, Outcome, Standing};
use firstlight_checker::challenge::{
    Answer, Challenge, Claim, Decode, Part, Plane, Proof, Task, judge, plan, promise, work,
};
use firstlight_checker::quorum::{Ballot, Checker, Finding, PENALTY, RANKING, Round, Ruling, committee};
use firstlight_units::{ByteCount, Micros, WallTime};

/// Who checks.
#[derive(Debug)]
pub(crate) struct Checkers {
    pub(crate) all: Vec<Checker>,
    /// So many of them, from the first on, are bought.
    pub(crate) bought: usize,
}

/// What became of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// Which check found it out, counted from when it began; none: it was not.
    pub(crate) found_at: Option<u32>,
    /// Microseconds that it was kept busy by challenges, and of all.
    pub(crate) busy: (u64, u64),
}

/// Checks a host until it is found out, or `checks` times from when it began to cheat.
pub(crate) fn run(host: &Host, checkers: &Checkers, checks: u32, random: &mut Random) -> Fate {
    let mut cases = Cases::default();
    let mut admission = Admission::default();
    let mut now = WallTime::from_micros(1_700_000_000_000_000);
    let began = now;
    let mut busy = 0;
    let mut found_at = None;
    for check in 0..host.good_for + checks {
        let proven = prove(host, &mut admission, now, random);
        busy += proven;
        let bad = session_is_bad(host, checkers, &mut cases, check, random);
        now = WallTime::from_micros(admission.next_at.max(now.as_micros() + 1));
        if bad || admission.standing == Standing::Refused {
            found_at = Some(check.saturating_sub(host.good_for) + 1);
            break;
        }
    }
    Fate {
        found_at,
        busy: (busy, now.since(began).as_micros()),
    }
}

/// A challenge of cores, judged as it is on a real answer. How long the host was busy, microseconds.
fn prove(host: &Host, admission: &mut Admission, now: WallTime, random: &mut Random) -> u64 {
    let claim = Claim {
        cores: 8,
        core_score: 400,
        memory: ByteCount::new(16 << 30),
    };
    let [(_, within), ..] = plan(&claim);
    let reveal = random.bytes();
    let challenge = Challenge {
        host: host.id,
        checker: [0; 32],
        at: now,
        seed: random.bytes(),
        promise: promise(&reveal),
        task: TASK,
        within,
    };
    let answer = Answer {
        challenge: challenge.digest(),
        proof: Proof::Words(words(&challenge, host.made_up(random), random)),
    };
    let way = random.rarely(1_000.0, 150_000.0);
    let took = micros(COMPUTE_US * host.slowness(random) + way);
    let Ok(verdict) = judge(&challenge, Some(&answer), took, &reveal, &NoPictures) else {
        return 0;
    };
    let outcome = Outcome::of(&[(Part::Compute, verdict)]);
    admission.on_check(now, claim.cores, outcome, random.unit());
    // The other three take what an honest host needs.
    took.as_micros().min(within.as_micros()) + OTHERS_US
}

fn words(challenge: &Challenge, made_up: f64, random: &mut Random) -> Vec<u64> {
    let mut words = Vec::new();
    for chain in 0..CHAINS {
        let mut x = work::chain_start(&challenge.seed, chain);
        for _ in 0..SEGMENTS {
            x = if random.chance(made_up) {
                random.next()
            } else {
                work::chain(x, ROUNDS)
            };
            words.push(x);
        }
    }
    words
}

/// A session's accounts, before seven and, where they find it bad, before thirty-one.
fn session_is_bad(
    host: &Host,
    checkers: &Checkers,
    cases: &mut Cases,
    check: u32,
    random: &mut Random,
) -> bool {
    let (told, player, relay, service) = host.session(check, random);
    cases.on_looked();
    let differs = compare(&told, &player, Some(&relay), &service);
    let case = random.bytes();
    let honest = if differs.is_some() {
        Finding::Bad
    } else {
        Finding::Good
    };
    // Whoever is bought clears his own, and would ruin half of all others.
    let bought = if host.kind == Kind::Colludes {
        Finding::Good
    } else if host.is_honest() && host.id[0].is_multiple_of(2) {
        Finding::Bad
    } else {
        honest
    };
    let bad = |size: usize, random: &mut Random| {
        vote(checkers, &case, size, (honest, bought), random) == Ruling::Found(Finding::Bad)
    };
    if !bad(RANKING, random) || !bad(PENALTY, random) {
        return false;
    }
    // What thirty-one have found without a difference is the bought ones' word.
    differs.is_none_or(|what| cases.on_found(what))
}

fn vote(
    checkers: &Checkers,
    case: &[u8; 32],
    size: usize,
    (honest, bought): (Finding, Finding),
    random: &mut Random,
) -> Ruling {
    let drawn = committee(&random.bytes(), case, &checkers.all, size);
    let mut round = Round::new(*case, &drawn);
    let is_bought = |checker: &Checker| {
        checkers
            .all
            .iter()
            .take(checkers.bought)
            .any(|one| one == checker)
    };
    let ballots: Vec<Ballot> = drawn
        .iter()
        .map(|checker| Ballot {
            checker: *checker,
            finding: if is_bought(checker) { bought } else { honest },
            salt: random.bytes(),
        })
        .collect();
    for ballot in &ballots {
        let committed = round.commit(&ballot.checker, ballot.commitment(case));
        assert!(committed.is_ok(), "all are members, and each speaks once");
    }
    round.close();
    for ballot in &ballots {
        assert!(round.reveal(ballot).is_ok(), "each says what he committed to");
    }
    round.ruling()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds, never negative"
)]
fn micros(us: f64) -> Micros {
    Micros::new(us as u64)
}

struct NoPictures;

impl Decode for NoPictures {
    fn decode(&self, _units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        Err("no pictures are judged here".to_owned())
    }
}

const CHAINS: u16 = 8;
const SEGMENTS: u16 = 32;
/// The chains are as long as in a real challenge in number, not in rounds: time is simulated.
const ROUNDS: u32 = 4;
const TASK: Task = Task::Compute {
    chains: CHAINS,
    segments: SEGMENTS,
    rounds: ROUNDS,
};
/// What the real chains take on the cores that were claimed.
const COMPUTE_US: f64 = 400_000.0;
/// Memory, disk and encoder.
const OTHERS_US: u64 = 2_500_000;
