//! Requests that may come twice and must start one session.

use firstlight_units::{SessionId, TitleId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was started under a key: empty until it is, and while its lock is held by whoever starts it.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<(SessionId, TitleId)>>>;

/// The keys of the last [`KEPT`], oldest first.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    used: Mutex<VecDeque<(Instant, String, Slot)>>,
}

impl Keys {
    /// The place for what `player` starts under `key`.
    pub(crate) fn slot(&self, player: &str, key: &str) -> Slot {
        let name = format!("{player} {key}");
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while used.front().is_some_and(|(at, _, _)| at.elapsed() > KEPT) || used.len() >= KEYS_MAX {
            used.pop_front();
        }
        if let Some((_, _, slot)) = used.iter().find(|(_, used, _)| *used == name) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        used.push_back((Instant::now(), name, Arc::clone(&slot)));
        slot
    }
}

/// Longer than any client tries again.
const KEPT: Duration = Duration::from_secs(600);
/// About 100 KiB; the oldest is forgotten, and a repetition of it starts a second session.
const KEYS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_its_player() {
        let keys = Keys::default();
        assert!(Arc::ptr_eq(&keys.slot("a", "1"), &keys.slot("a", "1")));
        assert!(!Arc::ptr_eq(&keys.slot("a", "1"), &keys.slot("b", "1")));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let keys = Keys::default();
        let first = keys.slot("a", "0");
        for i in 1..=KEYS_MAX {
            keys.slot("a", &i.to_string());
        }
        assert!(!Arc::ptr_eq(&first, &keys.slot("a", "0")));
    }
}
