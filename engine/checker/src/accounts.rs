//! Whether what a host says of a session is what its player and a relay say. Pure.
//!
//! ```text
//! host: sent, offered, seconds ─┐
//! player: received, lost, …    ─┼─> compare ─> what can be billed: the least that agrees; and what differs
//! relay: carried, seconds      ─┘
//! ```
//!
//! One account alone proves nothing: players lie too, and reports get lost. What differs opens a case for a committee ([`crate::quorum`]);
//! the bill is the least of what is said, so that nobody gains from saying more.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one side says of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Seconds that were played.
    pub seconds: u64,
    /// Access units: sent, by the host; received or known to be lost, by the player.
    pub units: u64,
    /// Bytes of media.
    pub bytes: u64,
}

/// What the session was like for whoever saw it. What was not looked at is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Pictures that the title drew.
    pub drawn: u64,
    /// Of those, encoded.
    pub encoded: u64,
    /// Bits a second that came.
    pub sent_bps: u64,
    /// Bits a second that the line carries, as far as whoever saw it knows it.
    pub allowed_bps: u64,
    /// Microseconds of the shortest round trip on the media path.
    pub rtt_us: u64,
    /// Microseconds of the shortest round trip from that player's network to the region that the host names.
    pub region_rtt_us: u64,
    /// Pictures that carried a number that the player had just sent.
    pub fresh: u64,
    /// Pictures that should have.
    pub asked_fresh: u64,
    /// Pixels of a picture that the title draws.
    pub drawn_pixels: u64,
    /// And of one that arrived, in most seconds.
    pub pixels: u64,
}

impl Service {
    /// How many figures it is.
    pub(crate) const FIELDS: usize = 10;

    /// In the order in which they are written down.
    pub(crate) const fn fields(&self) -> [u64; Self::FIELDS] {
        let Self {
            drawn,
            encoded,
            sent_bps,
            allowed_bps,
            rtt_us,
            region_rtt_us,
            fresh,
            asked_fresh,
            drawn_pixels,
            pixels,
        } = *self;
        [
            drawn,
            encoded,
            sent_bps,
            allowed_bps,
            rtt_us,
            region_rtt_us,
            fresh,
            asked_fresh,
            drawn_pixels,
            pixels,
        ]
    }

    /// Whether any figure is larger than `most`.
    #[must_use]
    pub fn is_beyond(&self, most: u64) -> bool {
        self.fields().iter().any(|field| *field > most)
    }

    /// From figures in that order.
    pub(crate) const fn of(fields: [u64; Self::FIELDS]) -> Self {
        let [
            drawn,
            encoded,
            sent_bps,
            allowed_bps,
            rtt_us,
            region_rtt_us,
            fresh,
            asked_fresh,
            drawn_pixels,
            pixels,
        ] = fields;
        Self {
            drawn,
            encoded,
            sent_bps,
            allowed_bps,
            rtt_us,
            region_rtt_us,
            fresh,
            asked_fresh,
            drawn_pixels,
            pixels,
        }
    }
}

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The host counts more seconds than were played.
    Seconds,
    /// The host counts more access units than the player heard of, though every one has a number.
    Units,
    /// The relay carried less than the host sent.
    Bytes,
    /// The host encoded less than the title drew, on a line that had room.
    Starved,
    /// Pictures came smaller than they were drawn, on a line that had room.
    Throttled,
    /// The host is farther away than it says.
    Far,
    /// Pictures are not of the moment.
    Stale,
}

impl Difference {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Units => "units",
            Self::Bytes => "bytes",
            Self::Starved => "starved",
            Self::Throttled => "throttled",
            Self::Far => "far",
            Self::Stale => "stale",
        }
    }
}

impl Difference {
    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|difference| difference.word() == word)
    }

    const ALL: [Self; 7] = [
        Self::Seconds,
        Self::Units,
        Self::Bytes,
        Self::Starved,
        Self::Throttled,
        Self::Far,
        Self::Stale,
    ];

    /// For the host's provider.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Seconds => "the host counted more seconds than were played",
            Self::Units => "the host counted more pictures than arrived or were known to be lost",
            Self::Bytes => "the host counted more bytes than were carried",
            Self::Starved => "pictures were missing on a line that had room for them",
            Self::Throttled => "players got less than their lines carry",
            Self::Far => "the host is farther away than its region",
            Self::Stale => "pictures did not answer what was just pressed",
        }
    }

    /// Whether one session proves it: counters do not change on the way. What a line may look like for once is believed when it comes twice.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        matches!(self, Self::Seconds | Self::Units | Self::Bytes | Self::Stale)
    }
}

/// What checkers and large committees have found of a host's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cases {
    /// Sessions that checkers saw.
    looked: u64,
    /// When each was found last, counted in those.
    found: BTreeMap<Difference, u64>,
}

impl Cases {
    /// A checker has told of a session, whatever it was like.
    pub fn on_looked(&mut self) {
        self.looked += 1;
    }

    /// A committee of [`crate::quorum::PENALTY`] has found this in a session. Whether the host is penalised for it: at once where it
    /// is plain, and where it is not, when it was found before and not long ago.
    pub fn on_found(&mut self, what: Difference) -> bool {
        let before = self.found.insert(what, self.looked);
        let again = before.is_some_and(|before| self.looked.saturating_sub(before) <= REMEMBERED);
        what.is_plain() || again
    }
}

/// Compares what is said of one session. The first difference, in the order of [`Difference`].
#[must_use]
pub fn compare(
    host: &Account,
    player: &Account,
    relay: Option<&Account>,
    service: &Service,
) -> Option<Difference> {
    let more = |said: u64, seen: u64, part: u64, slack: u64| said > seen + seen / part + slack;
    let drawn = service.drawn.max(1);
    let starved = service.drawn > UNITS_SLACK && service.encoded * 10 < drawn * 9;
    let had_room = service.sent_bps * 8 < service.allowed_bps * 7;
    // A picture that arrived as large as it was drawn lacked nothing, however few bits it took.
    let shrunk = service.pixels > 0 && service.pixels * 8 < service.drawn_pixels * 7;
    let checks = [
        (
            more(host.seconds, player.seconds, 100, SECONDS_SLACK),
            Difference::Seconds,
        ),
        (more(host.units, player.units, 50, UNITS_SLACK), Difference::Units),
        (
            relay.is_some_and(|relay| more(host.bytes, relay.bytes, 20, BYTES_SLACK)),
            Difference::Bytes,
        ),
        (starved && had_room, Difference::Starved),
        (shrunk && had_room, Difference::Throttled),
        (
            service.region_rtt_us > 0 && service.rtt_us > service.region_rtt_us + FAR_US,
            Difference::Far,
        ),
        (
            service.asked_fresh > 0 && service.fresh * 2 < service.asked_fresh,
            Difference::Stale,
        ),
    ];
    checks
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
}

/// What can be billed: the least that is said.
#[must_use]
pub fn billed(host: &Account, player: &Account, relay: Option<&Account>) -> Account {
    let least = |of: fn(&Account) -> u64| {
        let told = [Some(host), Some(player), relay];
        told.into_iter().flatten().map(of).min().unwrap_or(0)
    };
    Account {
        seconds: least(|told| told.seconds),
        units: least(|told| told.units),
        bytes: least(|told| told.bytes),
    }
}

/// Sessions that a finding is remembered for. Whoever cheats in one of twenty is found again within them 99 times in a hundred; an honest
/// host's line may look bad once in a thousand, in the long run, and nobody pays for that.
const REMEMBERED: u64 = 100;
/// A report a second, and the last one may be lost with its page.
const SECONDS_SLACK: u64 = 5;
/// Half a second on its way at the end.
const UNITS_SLACK: u64 = 60;
/// Repeats and parity that went another way.
const BYTES_SLACK: u64 = 1 << 20;
/// A continent's detour: a cellular network's own 20 ms are in both.
const FAR_US: u64 = 25_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLD: Account = Account {
        seconds: 600,
        units: 36_000,
        bytes: 400_000_000,
    };
    const SERVED: Service = Service {
        drawn: 36_000,
        encoded: 35_900,
        sent_bps: 7_500_000,
        allowed_bps: 8_000_000,
        rtt_us: 20_000,
        region_rtt_us: 18_000,
        fresh: 60,
        asked_fresh: 60,
        drawn_pixels: 921_600,
        pixels: 921_600,
    };

    #[test]
    fn each_lie_has_its_word() {
        let host = |change: fn(&mut Account)| {
            let mut host = TOLD;
            change(&mut host);
            compare(&host, &TOLD, Some(&TOLD), &SERVED)
        };
        let service = |change: fn(&mut Service)| {
            let mut service = SERVED;
            change(&mut service);
            compare(&TOLD, &TOLD, None, &service)
        };
        assert_eq!(host(|_| {}), None);
        assert_eq!(host(|told| told.seconds = 660), Some(Difference::Seconds));
        assert_eq!(host(|told| told.units = 40_000), Some(Difference::Units));
        assert_eq!(host(|told| told.bytes = 500_000_000), Some(Difference::Bytes));
        let starved = |told: &mut Service| (told.encoded, told.sent_bps) = (18_000, 3_000_000);
        assert_eq!(service(starved), Some(Difference::Starved));
        let throttled = |told: &mut Service| (told.pixels, told.sent_bps) = (518_400, 2_000_000);
        assert_eq!(service(throttled), Some(Difference::Throttled));
        assert_eq!(service(|told| told.rtt_us = 60_000), Some(Difference::Far));
        assert_eq!(service(|told| told.fresh = 3), Some(Difference::Stale));
    }

    #[test]
    fn a_line_that_carries_little_is_no_fault_of_the_hosts() {
        let poor = Service {
            encoded: 12_000,
            sent_bps: 400_000,
            allowed_bps: 420_000,
            ..SERVED
        };
        assert_eq!(compare(&TOLD, &TOLD, None, &poor), None);
    }

    #[test]
    fn a_picture_that_shrinks_on_a_line_with_room_is_throttled_and_a_simple_one_is_not() {
        let seen = |pixels, sent_bps| Service {
            pixels,
            sent_bps,
            allowed_bps: 20_000_000,
            ..SERVED
        };
        let of = |service| compare(&TOLD, &TOLD, None, &service);
        assert_eq!(of(seen(230_400, 300_000)), Some(Difference::Throttled));
        assert_eq!(of(seen(921_600, 300_000)), None);
        // The line itself is full.
        assert_eq!(of(seen(230_400, 19_000_000)), None);
        // Nobody looked.
        assert_eq!(of(seen(0, 300_000)), None);
    }

    #[test]
    fn a_counter_is_believed_once_and_a_line_twice() {
        let mut cases = Cases::default();
        assert!(!cases.on_found(Difference::Far));
        assert!(!cases.on_found(Difference::Throttled));
        assert!(cases.on_found(Difference::Far));
        assert!(cases.on_found(Difference::Seconds));
    }

    #[test]
    fn what_was_found_long_ago_is_forgotten() {
        let mut cases = Cases::default();
        for _ in 0..10 {
            assert!(!cases.on_found(Difference::Throttled));
            (0..=REMEMBERED).for_each(|_| cases.on_looked());
        }
        (0..REMEMBERED).for_each(|_| cases.on_looked());
        assert!(!cases.on_found(Difference::Throttled));
        (0..REMEMBERED).for_each(|_| cases.on_looked());
        assert!(cases.on_found(Difference::Throttled));
    }

    proptest! {
        #[test]
        fn nobody_makes_the_bill_larger_by_saying_more(a in 0u64..1000, b in 0u64..1000, more in 0u64..1000) {
            let told = |seconds| Account { seconds, ..TOLD };
            let bill = billed(&told(a), &told(b), None).seconds;
            prop_assert_eq!(bill, a.min(b));
            prop_assert!(billed(&told(a + more), &told(b), None).seconds <= b);
        }

        #[test]
        fn any_figures_may_be_said(a: u32, b: u32, c: u32, d: u32) {
            let told = |n: u32| Account { seconds: n.into(), units: u64::from(n) * 60, bytes: n.into() };
            let service = Service { drawn: a.into(), encoded: b.into(), sent_bps: c.into(), allowed_bps: d.into(), ..SERVED };
            let _difference = compare(&told(a), &told(b), Some(&told(c)), &service);
        }
    }
}
