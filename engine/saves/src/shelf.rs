//! What is kept of one player and title: the record. Pure.

use serde::{Deserialize, Serialize};

/// The versions that are kept of a player's saves of a title.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// Of this form.
    pub v: u32,
    /// Rises with each change of what is newest, also when everything is removed. 0: nothing was ever saved.
    pub version: u64,
    /// The newest first, one of each session.
    #[serde(default)]
    pub kept: Vec<Kept>,
    /// Sessions of which nothing more comes, the latest last.
    #[serde(default)]
    pub(crate) settled: Vec<String>,
    /// Who wrote last.
    #[serde(default)]
    pub(crate) last: Option<Last>,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number.
    pub version: u64,
    /// The session that it was saved in.
    pub session: String,
    /// When it was, in microseconds since 1970.
    pub at: u64,
    /// Bytes of its archive.
    pub bytes: u64,
    /// SHA-256 of its archive, hex.
    pub sha256: String,
    /// Where its archive is.
    pub(crate) blob: String,
}

/// Who wrote last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) session: String,
    pub(crate) granted_at: u64,
    pub(crate) at: u64,
}

impl Last {
    /// Not a session's, but the player's or the operator's own: what a session before it still has comes too late.
    fn nobody(at: u64) -> Self {
        Self {
            session: String::new(),
            granted_at: at,
            at,
        }
    }
}

impl Shelf {
    /// The newest version.
    #[must_use]
    pub fn newest(&self) -> Option<&Kept> {
        self.kept.first()
    }

    /// A version becomes the newest, in the place of its session's before; returns its number, and the blobs that are not needed any more.
    pub(crate) fn put(&mut self, mut kept: Kept) -> (u64, Vec<String>) {
        self.version += 1;
        kept.version = self.version;
        let mut blobs = Vec::new();
        if let Some(before) = self.kept.first().filter(|before| before.session == kept.session) {
            // The same one comes again where the answer to its first time was lost.
            blobs.extend((before.blob != kept.blob).then(|| before.blob.clone()));
            self.kept.remove(0);
        }
        self.kept.insert(0, kept);
        let rest = self.kept.split_off(self.kept.len().min(KEPT_MAX));
        blobs.extend(rest.into_iter().map(|kept| kept.blob));
        (self.version, blobs)
    }

    /// Nothing more comes of a session.
    pub(crate) fn settle(&mut self, session: &str) {
        self.settled.retain(|id| id != session);
        self.settled.push(session.to_owned());
        let more = self.settled.len().saturating_sub(SETTLED_MAX);
        self.settled.drain(..more);
    }

    /// Removes everything; that there was something stays. Returns the blobs.
    pub(crate) fn erase(&mut self, at: u64) -> Vec<String> {
        self.version += 1;
        self.last = Some(Last::nobody(at));
        self.kept.drain(..).map(|kept| kept.blob).collect()
    }

    /// An older version becomes the newest. `None`: there is no such version.
    pub(crate) fn restore(&mut self, version: u64, at: u64) -> Option<u64> {
        let index = self.kept.iter().position(|kept| kept.version == version)?;
        let mut kept = self.kept.remove(index);
        self.version += 1;
        kept.version = self.version;
        self.kept.insert(0, kept);
        self.last = Some(Last::nobody(at));
        Some(self.version)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| kept.bytes).sum()
    }

    pub(crate) fn has(&self, blob: &str) -> bool {
        self.kept.iter().any(|kept| kept.blob == blob)
    }
}

/// Versions of a player and title: the sessions of an evening.
pub(crate) const KEPT_MAX: usize = 5;
/// As many as one player may have at a time.
const SETTLED_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(session: &str, blob: &str) -> Kept {
        Kept {
            version: 0,
            session: session.into(),
            at: 1,
            bytes: 10,
            sha256: String::new(),
            blob: blob.into(),
        }
    }

    #[test]
    fn one_version_is_kept_of_each_of_the_last_sessions() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.put(kept("a", "a1")), (1, vec![]));
        assert_eq!(shelf.put(kept("a", "a2")), (2, vec!["a1".to_owned()]));
        assert_eq!(shelf.put(kept("a", "a2")), (3, vec![]));
        for (n, session) in ["b", "c", "d", "e"].into_iter().enumerate() {
            assert_eq!(shelf.put(kept(session, session)), (4 + n as u64, vec![]));
        }
        assert_eq!(shelf.put(kept("f", "f")), (8, vec!["a2".to_owned()]));
        assert_eq!((shelf.kept.len(), shelf.newest().unwrap().version), (KEPT_MAX, 8));
        assert_eq!(shelf.bytes(), 50);
    }

    #[test]
    fn an_older_version_becomes_the_newest_and_what_is_erased_is_no_version() {
        let mut shelf = Shelf::default();
        shelf.put(kept("a", "a"));
        shelf.put(kept("b", "b"));
        assert_eq!(shelf.restore(1, 9), Some(3));
        assert_eq!(shelf.newest().unwrap().session, "a");
        assert_eq!(shelf.restore(1, 9), None);
        // A session that goes on after that adds to it and destroys neither.
        assert_eq!(shelf.put(kept("c", "c")), (4, vec![]));
        assert_eq!(shelf.erase(9), ["c", "a", "b"]);
        assert_eq!((shelf.newest(), shelf.version), (None, 5));
    }

    #[test]
    fn the_last_few_that_settled_are_known() {
        let mut shelf = Shelf::default();
        for session in ["a", "b", "c", "a", "d", "e"] {
            shelf.settle(session);
        }
        assert_eq!(shelf.settled, ["c", "a", "d", "e"]);
    }
}
