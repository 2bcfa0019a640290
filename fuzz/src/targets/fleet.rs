//! What comes in over the bus, and over HTTP from those who want to join.

use firstlight_fleet::messages::{Asked, Beat, Channel, Enrol, Guard, Refusal, Replied, Report};
use firstlight_fleet::{Cursor, Key, Subject};
use firstlight_units::WallTime;

/// Nobody has sealed these: whatever is let in was forged.
pub(crate) fn seal(bytes: &[u8]) {
    let mut guard = Guard::default();
    guard.admit(Key::from_seed(&[1; 32]).public().id());
    for channel in [Channel::Beat, Channel::Ask, Channel::Reply] {
        let now = WallTime::from_micros(NOW);
        assert!(guard.open(channel, None, bytes, now).is_err());
    }
}

/// What is read back is what was written, and a refusal says why.
pub(crate) fn message(bytes: &[u8]) {
    fn said<T>(read: &Result<T, Refusal>) {
        if let Err(refusal) = read {
            assert!(!refusal.to_string().is_empty() && !refusal.word().is_empty());
        }
    }
    let beat = Beat::read(bytes);
    said(&beat);
    if let Ok(beat) = beat {
        assert_eq!(Beat::read(&beat.write()), Ok(beat));
    }
    let report = Report::read(bytes);
    said(&report);
    if let Ok(report) = report {
        assert!(Report::read(&report.write()).is_ok());
    }
    said(&Asked::read(bytes));
    said(&Replied::read(bytes));
    if let Ok(enrol) = serde_json::from_slice::<Enrol>(bytes) {
        said(&enrol.check(WallTime::from_micros(NOW)));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse::<Cursor>().ok(), Some(cursor));
    }
    if let Ok(subject) = text.parse::<Subject>() {
        assert!(!subject.as_str().bytes().any(|b| b.is_ascii_whitespace()));
    }
}

const NOW: u64 = 1_700_000_000_000_000;
