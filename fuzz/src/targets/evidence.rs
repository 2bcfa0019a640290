//! Evidence: what is not word for word one of the genuine records is not taken.

use firstlight_checker::case::{Case, Outcome};
use firstlight_checker::challenge::{Answer, Challenge, Decode, Plane};
use firstlight_checker::evidence::{Epoch, Record};
use firstlight_checker::matter::Matter;
use firstlight_units::WallTime;

struct NoPictures;

impl Decode for NoPictures {
    fn decode(&self, _units: &[Vec<u8>]) -> Result<Vec<Plane>, String> {
        Ok(Vec::new())
    }
}

pub(crate) fn evidence(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let record = Record::read(bytes).or_else(|_| Record::from_text(text.trim_end()));
    if let Ok(record) = record {
        // There is one way to write it.
        assert_eq!(Record::read(&record.write()).as_ref(), Ok(&record));
        if record.verify(&NoPictures).is_ok() {
            let genuine = GENUINE.iter().any(|line| line.trim_end() == record.to_text());
            assert!(genuine, "a forgery holds: {}", record.to_text());
        }
    }
    if let Ok(matter) = Matter::read(bytes) {
        assert_eq!(matter.write(), bytes);
        assert!(matter.difference().is_err() || bytes == MATTER, "a forgery holds");
    }
    if let Ok(case) = serde_json::from_str::<Case>(&text) {
        judge(case);
    }
    if let Ok(challenge) = Challenge::read(bytes) {
        assert_eq!(challenge.write(), bytes);
    }
    if let Ok(answer) = Answer::read(bytes) {
        assert_eq!(answer.write(), bytes);
    }
    if let Ok(epoch) = Epoch::read(bytes) {
        assert_eq!(epoch.write(), bytes);
    }
}

/// Nobody's words come to nothing; nobody is penalised by what nobody signed.
fn judge(mut case: Case) {
    let genuine =
        || serde_json::from_slice::<Case>(CASE).is_ok_and(|genuine| genuine.digest() == case.digest());
    match case.verify() {
        Err(_) | Ok(Outcome::Dismissed) => {}
        Ok(Outcome::Penalised) if genuine() => {}
        Ok(outcome) => panic!("a forgery holds: {outcome:?}"),
    }
    let _went_on = case.on_time(WallTime::from_micros(u64::MAX / 2));
    let _wanted = case.wanted(&[7; 32]);
}

/// What was signed once: nobody has these keys.
const GENUINE: &[&str] = &[
    include_str!("../../corpus/evidence/proven"),
    include_str!("../../corpus/evidence/late"),
    include_str!("../../corpus/evidence/silent"),
];
const MATTER: &[u8] = include_bytes!("../../corpus/evidence/matter");
const CASE: &[u8] = include_bytes!("../../corpus/evidence/case");
