use super::*;
use crate::accounts::{Account, Service};
use crate::matter::{Witness, placed_statement, session_digest, told_statement};
use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;

const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);
const SALT: Digest = [9; 32];

fn keys(n: u8) -> KeyPair {
    // All zeros are no seed.
    KeyPair::from_seed(Seed::new([n ^ 0xff; 32]))
}

fn matter(inflated: bool) -> Matter {
    let (host, witness) = (keys(200), keys(201));
    let seen = Account {
        seconds: 600,
        units: 36_000,
        bytes: 1_000_000,
    };
    let told = Account {
        seconds: if inflated { 900 } else { 600 },
        ..seen
    };
    let session = session_digest("s");
    let mut matter = Matter {
        host: *host.pk,
        session,
        cell: *keys(202).pk,
        placed: *keys(202).sk.sign(placed_statement(&session, &host.pk), None),
        told: Some((told, *host.sk.sign(told_statement(&session, &told), None))),
        by: Witness::Checker,
        witness: *witness.pk,
        seen,
        service: Service::default(),
        signed: [0; 64],
    };
    matter.signed = *witness.sk.sign(matter.statement(), None);
    matter
}

/// What somebody of the pool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Honest,
    /// Shows a number and is gone then.
    Dies,
    Says(Finding),
    /// Commits to what another has committed to.
    Copies,
}

/// The opener is nobody of them.
fn open(count: u8, inflated: bool, truth: Truth) -> Case {
    let known: Vec<Checker> = (0..count).map(|n| *keys(n).pk).collect();
    Case::open(
        &matter(inflated),
        &keys(250).pk,
        &promise_truth(truth, &SALT),
        &known,
        NOW,
    )
}

/// Everybody does his part, until it is closed; what is not said in time is not said.
fn run(case: &mut Case, count: u8, does: impl Fn(u8) -> Does) {
    let mut now = NOW;
    while case.stage() != Stage::Closed {
        let mut copied = None;
        for n in 0..count {
            let pair = keys(n);
            let Some(wanted) = case.wanted(&pair.pk) else {
                continue;
            };
            let (secret, does) = ([n; 32], does(n));
            let sign =
                |case: &Case, round, what: &Digest| *pair.sk.sign(case.word_statement(round, what), None);
            let found = if let Does::Says(finding) = does {
                finding
            } else {
                case.finding().unwrap()
            };
            let word = match (wanted, does) {
                (Wanted::Promise, _) => {
                    let promise = case.promise(&pair.pk, &secret);
                    Word::Promise(promise, sign(case, None, &promise))
                }
                (Wanted::Number, _) => Word::Number(secret),
                (Wanted::Commit(_) | Wanted::Open(_), Does::Dies) => continue,
                (Wanted::Commit(round), Does::Copies) if copied.is_some() => {
                    let what = copied.unwrap();
                    Word::Commit(what, sign(case, Some(round), &what))
                }
                (Wanted::Commit(round), _) => {
                    let what = case.commitment(round, &pair.pk, found, &secret);
                    copied = Some(what);
                    Word::Commit(what, sign(case, Some(round), &what))
                }
                (Wanted::Open(_), _) => Word::Open(found, secret),
            };
            let heard = case.hear(&pair.pk, word);
            let copier = does == Does::Copies && matches!(wanted, Wanted::Open(_));
            assert!(
                heard.is_ok() || copier && heard == Err(CaseError::Other),
                "{heard:?}"
            );
        }
        now += Micros::from_secs(1);
        case.on_time(now).unwrap();
        assert!(now.since(NOW) < Micros::from_secs(300), "it never ends");
    }
}

#[test]
fn honest_checkers_penalise_a_liar_and_dismiss_an_honest_host() {
    for (inflated, outcome) in [(true, Outcome::Penalised), (false, Outcome::Dismissed)] {
        for count in [1, 3, 7, 8, 40] {
            let mut case = open(count, inflated, Truth::Real);
            run(&mut case, count, |_| Does::Honest);
            assert_eq!(case.outcome, Some(outcome), "{count} checkers");
            assert_eq!(case.verify(), Ok(outcome));
        }
    }
}

#[test]
fn a_penalty_needs_the_larger_committee() {
    let mut case = open(40, true, Truth::Real);
    run(&mut case, 40, |_| Does::Honest);
    assert_eq!(
        case.rounds
            .iter()
            .map(|round| round.members.len())
            .collect::<Vec<_>>(),
        [7, 31]
    );
    // A fifth is bought and clears the host; another fifth is dead in mid-check.
    let mut case = open(40, true, Truth::Real);
    run(&mut case, 40, |n| match n % 5 {
        0 => Does::Says(Finding::Good),
        1 => Does::Dies,
        _ => Does::Honest,
    });
    assert_eq!(case.verify(), Ok(Outcome::Penalised));
}

#[test]
fn nobody_is_penalised_by_a_fifth_that_is_bought() {
    let mut case = open(40, false, Truth::Real);
    run(&mut case, 40, |n| {
        if n % 5 == 0 {
            Does::Says(Finding::Bad)
        } else {
            Does::Honest
        }
    });
    assert_eq!(case.verify(), Ok(Outcome::Dismissed));
}

#[test]
fn a_checker_killed_in_mid_check_holds_nothing_up_for_longer_than_a_stage() {
    let mut case = open(5, true, Truth::Real);
    run(&mut case, 5, |n| if n < 2 { Does::Dies } else { Does::Honest });
    assert_eq!(case.verify(), Ok(Outcome::Penalised));
    // The rest is no majority of all members.
    let mut case = open(5, true, Truth::Real);
    run(&mut case, 5, |n| if n < 3 { Does::Dies } else { Does::Honest });
    assert_eq!(case.verify(), Ok(Outcome::Dismissed));
}

#[test]
fn who_copies_a_commitment_cannot_open_it_and_is_marked_by_a_control() {
    let mut case = open(5, true, Truth::ControlBad);
    run(&mut case, 5, |n| if n == 4 { Does::Copies } else { Does::Honest });
    case.truth = Some((Truth::ControlBad, to_text(&SALT)));
    assert_eq!(case.verify(), Ok(Outcome::Penalised));
    let marks = case.marks().unwrap();
    assert_eq!(marks.len(), 5);
    for (checker, right) in marks {
        assert_eq!(right, checker != *keys(4).pk);
    }
    // What it was cannot be said otherwise afterwards.
    case.truth = Some((Truth::ControlGood, to_text(&SALT)));
    assert_eq!(case.verify(), Err(CaseError::Other));
}

#[test]
fn the_opener_is_not_asked_unless_there_is_nobody_else() {
    let (opener, other) = (*keys(250).pk, *keys(1).pk);
    let of = |known: &[Checker]| Case::open(&matter(true), &opener, &[0; 32], known, NOW);
    assert_eq!(of(&[opener, other]).wanted(&opener), None);
    assert_eq!(of(&[opener, other]).wanted(&other), Some(Wanted::Promise));
    assert_eq!(of(&[opener]).wanted(&opener), Some(Wanted::Promise));
}

#[test]
fn a_case_that_nobody_looks_at_is_dismissed() {
    let mut case = open(5, true, Truth::Real);
    let mut now = NOW;
    while case.stage() != Stage::Closed {
        now += STAGE;
        case.on_time(now).unwrap();
    }
    assert_eq!(case.verify(), Ok(Outcome::Dismissed));
}

#[test]
fn nobody_speaks_for_another_or_twice() {
    let mut case = open(3, true, Truth::Real);
    let (one, two) = (keys(1), keys(2));
    let promise = case.promise(&one.pk, &[1; 32]);
    let signed = *two.sk.sign(case.word_statement(None, &promise), None);
    assert_eq!(
        case.hear(&one.pk, Word::Promise(promise, signed)),
        Err(CaseError::Forged)
    );
    let signed = *one.sk.sign(case.word_statement(None, &promise), None);
    assert_eq!(case.hear(&one.pk, Word::Promise(promise, signed)), Ok(()));
    assert_eq!(
        case.hear(&one.pk, Word::Promise(promise, signed)),
        Err(CaseError::NotWanted)
    );
    assert_eq!(
        case.hear(&keys(9).pk, Word::Number([1; 32])),
        Err(CaseError::NotWanted)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_changed_case_holds_as_anything_else(at: prop::sample::Index, to in "[0-9A-Za-z_-]") {
        let mut case = open(9, true, Truth::Real);
        run(&mut case, 9, |_| Does::Honest);
        let text = serde_json::to_string(&case).unwrap();
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &to);
        if let Ok(read) = serde_json::from_str::<Case>(&changed)
            && let Ok(outcome) = read.verify()
        {
            prop_assert!(read.digest() == case.digest() && outcome == Outcome::Penalised, "{}", changed);
        }
    }
}
