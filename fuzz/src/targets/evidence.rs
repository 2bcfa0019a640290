//! Evidence: what is not word for word one of the genuine records is not taken.

use firstlight_checker::challenge::{Answer, Challenge, Decode, Plane};
use firstlight_checker::evidence::{Epoch, Record};

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

/// What was signed once: nobody has these keys.
const GENUINE: &[&str] = &[
    include_str!("../../corpus/evidence/proven"),
    include_str!("../../corpus/evidence/late"),
    include_str!("../../corpus/evidence/silent"),
];
