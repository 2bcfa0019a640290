//! Lets in what is genuine, new and from one who belongs here. Pure.

use super::Channel;
use super::envelope::Sealed;
use firstlight_units::{HostId, Micros, WallTime};
use std::collections::{BTreeMap, BTreeSet};

/// Knows who belongs here and what each said last.
#[derive(Debug, Default)]
pub struct Guard {
    known: BTreeMap<HostId, BTreeMap<Channel, Last>>,
    /// Asks that were let in and are not too old to come again.
    asks: BTreeSet<(WallTime, HostId, u64, u64)>,
    refusals: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    boot: u64,
    sequence: u64,
}

/// A message that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Whose it is.
    pub from: HostId,
    /// Which process of his.
    pub boot: u64,
    /// Which message of that process.
    pub sequence: u64,
    /// When it was sealed, by his clock.
    pub at: WallTime,
    /// The content.
    pub body: Vec<u8>,
}

/// A message that would be let in if its signature holds.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a>(Sealed<'a>);

/// And whose signature does.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a>(Sealed<'a>);

impl<'a> Looked<'a> {
    /// Checks its signature.
    ///
    /// # Errors
    /// [`Refusal::Forged`].
    pub fn prove(self) -> Result<Proven<'a>, Refusal> {
        if self.0.is_genuine() {
            Ok(Proven(self.0))
        } else {
            Err(Refusal::Forged)
        }
    }
}

/// Why a message is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has not the form of a message.
    #[error("it has not the form of a message")]
    Malformed,
    /// It is sealed in a form of another time.
    #[error("it is sealed in form {0}")]
    Format(u8),
    /// Its content is of a version that is not understood here.
    #[error("its content has version {0}")]
    Version(u32),
    /// It is of another kind than is expected here.
    #[error("it is of another kind")]
    Channel,
    /// Whoever sealed it does not belong here.
    #[error("{0} is not enrolled")]
    Unknown(HostId),
    /// It came from another than it is expected from.
    #[error("{from} speaks for {expected}")]
    WrongHost {
        /// Whoever sealed it.
        from: HostId,
        /// Whoever should have.
        expected: HostId,
    },
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Forged,
    /// It, or a later one, was let in before.
    #[error("it was heard before")]
    Replayed,
    /// It was sealed too long ago, or is from the future.
    #[error("it is not of this time")]
    NotNow,
    /// A value cannot be.
    #[error("{0} cannot be")]
    Absurd(&'static str),
    /// It speaks of a slot that its sender does not have.
    #[error("slot {0} is not its own")]
    ForeignSlot(u32),
}

impl Refusal {
    /// The word for it, for counting.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Format(_) | Self::Version(_) => "version",
            Self::Channel => "channel",
            Self::Unknown(_) => "unknown",
            Self::WrongHost { .. } => "wrong_host",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::NotNow => "not_now",
            Self::Absurd(_) => "absurd",
            Self::ForeignSlot(_) => "foreign_slot",
        }
    }
}

impl Guard {
    /// Lets this one in from here on.
    pub fn admit(&mut self, id: HostId) {
        self.known.entry(id).or_default();
    }

    /// Lets this one in no longer.
    pub fn expel(&mut self, id: &HostId) {
        self.known.remove(id);
    }

    /// Whether this one is let in.
    #[must_use]
    pub fn knows(&self, id: &HostId) -> bool {
        self.known.contains_key(id)
    }

    /// Opens a message that came in on `channel`; `expected` is who alone may have sealed it, where that is known.
    ///
    /// # Errors
    /// Why not. It is counted.
    pub fn open(
        &mut self,
        channel: Channel,
        expected: Option<&HostId>,
        bytes: &[u8],
        now: WallTime,
    ) -> Result<Opened, Refusal> {
        let looked = self.look(channel, expected, bytes, now)?;
        self.take(looked.prove(), now)
    }

    /// The first half of [`Self::open`], for whoever shares the guard with others: everything but the signature, which takes a hundred
    /// times as long and needs no guard.
    ///
    /// # Errors
    /// Why it is not let in, whatever its signature. It is counted.
    pub fn look<'a>(
        &mut self,
        channel: Channel,
        expected: Option<&HostId>,
        bytes: &'a [u8],
        now: WallTime,
    ) -> Result<Looked<'a>, Refusal> {
        let looked = self.judge(channel, expected, bytes, now).map(Looked);
        if let Err(refusal) = &looked {
            self.count(refusal);
        }
        looked
    }

    /// The second half.
    ///
    /// # Errors
    /// As [`Self::open`]; also when another like it was let in since it was looked at.
    pub fn take(&mut self, proven: Result<Proven<'_>, Refusal>, now: WallTime) -> Result<Opened, Refusal> {
        let taken = proven.and_then(|proven| self.note(&proven.0, now));
        if let Err(refusal) = &taken {
            self.count(refusal);
        }
        taken
    }

    /// Counts a refusal that was found in the content.
    pub fn count(&mut self, refusal: &Refusal) {
        *self.refusals.entry(refusal.word()).or_default() += 1;
    }

    /// How many were refused, by word.
    #[must_use]
    pub const fn refusals(&self) -> &BTreeMap<&'static str, u64> {
        &self.refusals
    }

    fn judge<'a>(
        &self,
        channel: Channel,
        expected: Option<&HostId>,
        bytes: &'a [u8],
        now: WallTime,
    ) -> Result<Sealed<'a>, Refusal> {
        let sealed = Sealed::parse(bytes)?;
        if sealed.channel != channel {
            return Err(Refusal::Channel);
        }
        let from = sealed.key.id();
        if let Some(expected) = expected.filter(|expected| **expected != from) {
            return Err(Refusal::WrongHost {
                from,
                expected: expected.clone(),
            });
        }
        self.require_new(&sealed, from)?;
        if now.since(sealed.at) > AGE_MAX || sealed.at.since(now) > AHEAD_MAX {
            return Err(Refusal::NotNow);
        }
        Ok(sealed)
    }

    fn require_new(&self, sealed: &Sealed<'_>, from: HostId) -> Result<(), Refusal> {
        let Some(channels) = self.known.get(&from) else {
            return Err(Refusal::Unknown(from));
        };
        let last = channels.get(&sealed.channel);
        let later = last.is_none_or(|last| (sealed.boot, sealed.sequence) > (last.boot, last.sequence));
        let new = match sealed.channel {
            Channel::Beat | Channel::Report => later,
            // Several indexers share a cell's key, and their asks overtake each other: each is remembered until it is too old.
            Channel::Ask | Channel::Summary => {
                !self
                    .asks
                    .contains(&(sealed.at, from, sealed.boot, sealed.sequence))
            }
            // Bound to its ask, which is answered once.
            Channel::Reply => true,
        };
        if new { Ok(()) } else { Err(Refusal::Replayed) }
    }

    /// Lets it in, and no other like it.
    fn note(&mut self, sealed: &Sealed<'_>, now: WallTime) -> Result<Opened, Refusal> {
        let from = sealed.key.id();
        self.require_new(sealed, from.clone())?;
        match sealed.channel {
            Channel::Beat | Channel::Report => {
                let last = Last {
                    boot: sealed.boot,
                    sequence: sealed.sequence,
                };
                self.known
                    .entry(from.clone())
                    .or_default()
                    .insert(sealed.channel, last);
            }
            Channel::Ask | Channel::Summary => {
                let ask = (sealed.at, from.clone(), sealed.boot, sealed.sequence);
                self.asks.insert(ask);
                while let Some((at, ..)) = self.asks.first()
                    && (now.since(*at) > AGE_MAX || self.asks.len() > ASKS_MAX)
                {
                    self.asks.pop_first();
                }
            }
            Channel::Reply => {}
        }
        Ok(Opened {
            from,
            boot: sealed.boot,
            sequence: sealed.sequence,
            at: sealed.at,
            body: sealed.body.to_vec(),
        })
    }
}

/// A message is seconds old at most; two clocks may differ by some more. What is older is a copy, also where nobody remembers
/// the original.
const AGE_MAX: Micros = Micros::from_secs(30);
const AHEAD_MAX: Micros = Micros::from_secs(30);
/// A host is asked some times a second; this is for one that is asked a thousand times.
const ASKS_MAX: usize = 32_768;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::messages::Signer;
    use proptest::prelude::*;

    const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);

    fn signer(seed: u8, boot: u64) -> Signer {
        Signer::new(Key::from_seed(&[seed; 32]), boot)
    }

    fn guard(of: &Signer) -> Guard {
        let mut guard = Guard::default();
        guard.admit(of.id());
        guard
    }

    #[test]
    fn what_is_genuine_is_let_in_once() {
        let host = signer(1, 1);
        let mut guard = guard(&host);
        let first = host.seal(Channel::Beat, b"1", NOW);
        let second = host.seal(Channel::Beat, b"2", NOW);
        assert_eq!(
            guard
                .open(Channel::Beat, Some(&host.id()), &first, NOW)
                .unwrap()
                .body,
            b"1"
        );
        assert_eq!(
            guard.open(Channel::Beat, None, &first, NOW),
            Err(Refusal::Replayed)
        );
        assert_eq!(guard.open(Channel::Beat, None, &second, NOW).unwrap().body, b"2");
        assert_eq!(
            guard.open(Channel::Beat, None, &first, NOW),
            Err(Refusal::Replayed)
        );
        assert_eq!(guard.refusals().get("replayed"), Some(&2));
    }

    #[test]
    fn a_restarted_host_goes_on_and_its_earlier_life_does_not() {
        let (before, after) = (signer(1, 1), signer(1, 2));
        let mut guard = guard(&before);
        let old = before.seal(Channel::Beat, b"old", NOW);
        let new = after.seal(Channel::Beat, b"new", NOW);
        assert!(guard.open(Channel::Beat, None, &new, NOW).is_ok());
        assert_eq!(guard.open(Channel::Beat, None, &old, NOW), Err(Refusal::Replayed));
    }

    #[test]
    fn nobody_speaks_for_another_or_without_being_enrolled() {
        let (host, other) = (signer(1, 1), signer(2, 1));
        let mut guard = guard(&host);
        let beat = other.seal(Channel::Beat, b"x", NOW);
        assert_eq!(
            guard.open(Channel::Beat, None, &beat, NOW),
            Err(Refusal::Unknown(other.id()))
        );
        guard.admit(other.id());
        let wrong = guard.open(Channel::Beat, Some(&host.id()), &beat, NOW);
        assert!(matches!(wrong, Err(Refusal::WrongHost { .. })));
        guard.expel(&other.id());
        assert!(matches!(
            guard.open(Channel::Beat, None, &beat, NOW),
            Err(Refusal::Unknown(_))
        ));
    }

    #[test]
    fn a_beat_is_no_report_and_an_old_one_is_none_at_all() {
        let host = signer(1, 1);
        let mut guard = guard(&host);
        let beat = host.seal(Channel::Beat, b"x", NOW);
        assert_eq!(
            guard.open(Channel::Report, None, &beat, NOW),
            Err(Refusal::Channel)
        );
        for later in [NOW + Micros::from_secs(31), NOW.before(Micros::from_secs(31))] {
            assert_eq!(
                guard.open(Channel::Beat, None, &beat, later),
                Err(Refusal::NotNow)
            );
        }
        for skewed in [NOW + Micros::from_secs(5), NOW.before(Micros::from_secs(5))] {
            let beat = host.seal(Channel::Beat, b"x", NOW);
            assert!(guard.open(Channel::Beat, None, &beat, skewed).is_ok());
        }
    }

    #[test]
    fn asks_of_several_indexers_overtake_each_other_and_none_comes_twice() {
        let (one, two) = (signer(1, 7), signer(1, 3));
        let mut guard = guard(&one);
        let (first, second) = (
            one.seal(Channel::Ask, b"1", NOW),
            one.seal(Channel::Ask, b"2", NOW),
        );
        let other = two.seal(Channel::Ask, b"3", NOW);
        for ask in [&second, &other, &first] {
            assert!(guard.open(Channel::Ask, None, ask, NOW).is_ok());
        }
        for ask in [&second, &other, &first] {
            assert_eq!(guard.open(Channel::Ask, None, ask, NOW), Err(Refusal::Replayed));
        }
    }

    proptest! {
        #[test]
        fn a_changed_bit_anywhere_is_noticed(at in 0usize..200, bit in 0u8..8) {
            let host = signer(1, 1);
            let mut guard = guard(&host);
            let mut beat = host.seal(Channel::Beat, &[b'x'; 78], NOW).to_vec();
            let len = beat.len();
            beat[at % len] ^= 1 << bit;
            prop_assert!(guard.open(Channel::Beat, None, &beat, NOW).is_err());
        }

        #[test]
        fn anything_may_come_in(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut guard = guard(&signer(1, 1));
            prop_assert!(guard.open(Channel::Beat, None, &bytes, NOW).is_err());
        }
    }
}
