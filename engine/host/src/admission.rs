//! Whether there is room for one more session. Pure.
//!
//! Every session is charged a share of the machine, from its title's picture size and rate and, where it turns out to need
//! more, from what it was measured to use. Whoever waits for a player keeps its share until a new player needs it.

use firstlight_title::Display;
use firstlight_units::{ByteCount, SessionId, Timestamp};

/// A share of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Thousandths of a core.
    pub millicores: u32,
    /// Memory.
    pub memory: ByteCount,
}

impl Cost {
    /// What a session of a title with this display is expected to need.
    #[must_use]
    pub fn of(display: &Display) -> Self {
        let area = u64::from(display.width) * u64::from(display.height);
        let rate = area * u64::from(display.fps);
        let picture = rate * PICTURE_MILLICORES / HD_RATE;
        Self {
            millicores: u32::try_from(SESSION_MILLICORES + picture).unwrap_or(u32::MAX),
            memory: ByteCount::new(SESSION_MEMORY + area * SURFACES * BYTES_PER_PIXEL),
        }
    }

    /// The share to charge, once `measured` thousandths of a core were seen in use. Less than expected is not believed (a
    /// menu is cheap, the game behind it is not), and more only up to twice that.
    #[must_use]
    pub fn with_measured(self, measured: Option<u32>) -> Self {
        let most = self.millicores.saturating_mul(MEASURED_MOST);
        let millicores = measured.map_or(self.millicores, |m| m.clamp(self.millicores, most));
        Self { millicores, ..self }
    }
}

/// A session that holds a share.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) session: SessionId,
    pub(crate) cost: Cost,
    /// Since when it waits for its player; `None` while it is played or starts, and while its player may be back in a moment.
    pub(crate) waiting_since: Option<Timestamp>,
    /// So young that its memory does not show in the machine's figures.
    pub(crate) young: bool,
    /// A copy that is nobody's: it uses memory and no processor, takes no slot, and gives way before anybody who waits.
    pub(crate) parked: bool,
}

/// What the machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// All cores.
    pub(crate) millicores: u32,
    /// What the kernel could hand out at once.
    pub(crate) memory_available: ByteCount,
    /// Where the operator set the number of sessions: that, and nothing else, decides.
    pub(crate) slots: Option<u32>,
}

/// The answer to a new player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is room.
    Admit,
    /// There is room when these have ended, the one that waits longest first.
    GiveWay(Vec<SessionId>),
    /// There is none.
    Full,
}

/// Judges whether a session that costs `wanted` may start beside `holders`.
pub(crate) fn decide(machine: &Machine, holders: &[Holder], wanted: Cost) -> Verdict {
    let mut left: Vec<&Holder> = holders.iter().collect();
    let mut freed = ByteCount::new(0);
    let yields = |h: &&Holder| h.parked || h.waiting_since.is_some();
    let mut waiting: Vec<&Holder> = holders.iter().filter(yields).collect();
    waiting.sort_by_key(|h| (!h.parked, h.waiting_since));

    let mut give_way: Vec<&Holder> = Vec::new();
    let mut waiting = waiting.into_iter();
    while !fits(machine, &left, freed, wanted) {
        let Some(oldest) = waiting.next() else {
            return Verdict::Full;
        };
        left.retain(|h| h.session != oldest.session);
        freed = ByteCount::new(freed.as_u64().saturating_add(oldest.cost.memory.as_u64()));
        give_way.push(oldest);
    }
    spare(machine, &mut left, freed, wanted, &mut give_way);
    if give_way.is_empty() {
        Verdict::Admit
    } else {
        Verdict::GiveWay(give_way.iter().map(|h| h.session.clone()).collect())
    }
}

/// Takes off the list whom the others make unnecessary: a parked copy frees no processor, and no slot.
fn spare<'a>(
    machine: &Machine,
    left: &mut Vec<&'a Holder>,
    freed: ByteCount,
    wanted: Cost,
    give_way: &mut Vec<&'a Holder>,
) {
    let mut freed = freed.as_u64();
    give_way.retain(|holder| {
        let less = freed.saturating_sub(holder.cost.memory.as_u64());
        left.push(holder);
        let needed = !fits(machine, left, ByteCount::new(less), wanted);
        if needed {
            left.pop();
        } else {
            freed = less;
        }
        needed
    });
}

/// Whether one more copy may be parked: without it, there must still be memory for a player.
pub(crate) fn may_park(machine: &Machine, holders: &[Holder], cost: Cost) -> bool {
    let memory = ByteCount::new(cost.memory.as_u64().saturating_mul(2));
    let wanted = Cost {
        millicores: 0,
        memory,
    };
    let anywhere = Machine {
        slots: None,
        millicores: u32::MAX,
        ..*machine
    };
    let holders: Vec<&Holder> = holders.iter().collect();
    fits(&anywhere, &holders, ByteCount::new(0), wanted)
}

fn fits(machine: &Machine, holders: &[&Holder], freed: ByteCount, wanted: Cost) -> bool {
    if let Some(slots) = machine.slots {
        let taken = holders.iter().filter(|h| !h.parked).count();
        return u32::try_from(taken).is_ok_and(|n| n < slots);
    }
    let unseen: u64 = holders
        .iter()
        .filter(|h| h.young)
        .map(|h| h.cost.memory.as_u64())
        .sum();
    let memory = machine.memory_available.as_u64().saturating_add(freed.as_u64());
    if memory.saturating_sub(unseen) < wanted.memory.as_u64().saturating_add(MEMORY_RESERVE) {
        return false;
    }
    // A machine that is too small for a title still plays it alone.
    let played = || holders.iter().filter(|h| !h.parked);
    let used: u64 = played().map(|h| u64::from(h.cost.millicores)).sum();
    played().next().is_none() || used + u64::from(wanted.millicores) <= u64::from(machine.millicores)
}

/// What the rest of a session takes: transport, sound, display server.
const SESSION_MILLICORES: u64 = 150;
/// Drawing, converting and encoding [`HD_RATE`]: three such sessions fill two cores.
const PICTURE_MILLICORES: u64 = 500;
/// 1280×720 at 60 pictures a second.
const HD_RATE: u64 = 1280 * 720 * 60;
/// Xvfb, PulseAudio, the worker and a game of the size of Freedoom.
const SESSION_MEMORY: u64 = 300 << 20;
/// Pictures of a session that exist at once: app, display, shared segment, encoder's input and references.
const SURFACES: u64 = 12;
const BYTES_PER_PIXEL: u64 = 4;
/// Stays free for the system and for what sessions grow by.
const MEMORY_RESERVE: u64 = 256 << 20;
/// A measurement on a machine under other load may be far off, and must not shut the second player out of two cores.
const MEASURED_MOST: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holder(name: &str, waiting: Option<u64>) -> Holder {
        Holder {
            session: name.parse().unwrap(),
            cost: Cost::of(&Display::default()),
            waiting_since: waiting.map(Timestamp::from_micros),
            young: false,
            parked: false,
        }
    }

    fn copy(name: &str) -> Holder {
        Holder {
            parked: true,
            ..holder(name, None)
        }
    }

    fn cores(n: u32) -> Machine {
        Machine {
            millicores: n * 1000,
            memory_available: ByteCount::new(16 << 30),
            slots: None,
        }
    }

    fn wanted() -> Cost {
        Cost::of(&Display::default())
    }

    #[test]
    fn two_cores_carry_three_sessions_at_720p60() {
        let mut holders = Vec::new();
        for name in ["a", "b", "c"] {
            assert_eq!(decide(&cores(2), &holders, wanted()), Verdict::Admit);
            holders.push(holder(name, None));
        }
        assert_eq!(decide(&cores(2), &holders, wanted()), Verdict::Full);
    }

    #[test]
    fn a_measured_hog_leaves_room_for_one_more_and_not_two() {
        let mut hog = holder("hog", None);
        hog.cost = hog.cost.with_measured(Some(9_000));
        assert_eq!(hog.cost.millicores, 1_300);
        let mut holders = vec![hog];
        assert_eq!(decide(&cores(2), &holders, wanted()), Verdict::Admit);
        holders.push(holder("b", None));
        assert_eq!(decide(&cores(2), &holders, wanted()), Verdict::Full);
    }

    #[test]
    fn a_quiet_session_is_charged_what_it_may_need() {
        assert_eq!(wanted().with_measured(Some(10)), wanted());
    }

    #[test]
    fn the_one_that_waits_longest_gives_way_first_and_no_more_than_needed() {
        let holders = [
            holder("young", Some(20)),
            holder("old", Some(10)),
            holder("played", None),
        ];
        let old = "old".parse().unwrap();
        assert_eq!(decide(&cores(2), &holders, wanted()), Verdict::GiveWay(vec![old]));
    }

    #[test]
    fn parked_copies_take_no_processor_and_no_slot() {
        let copies = ["a", "b", "c", "d"].map(copy);
        assert_eq!(decide(&cores(2), &copies, wanted()), Verdict::Admit);
        let one = Machine {
            slots: Some(1),
            ..cores(2)
        };
        assert_eq!(decide(&one, &copies, wanted()), Verdict::Admit);
        let big = Cost {
            millicores: 9_000,
            ..wanted()
        };
        assert_eq!(decide(&cores(2), &copies, big), Verdict::Admit);
    }

    #[test]
    fn for_memory_a_copy_gives_way_before_whoever_waits_and_for_the_processor_none_does() {
        let tight = Machine {
            memory_available: ByteCount::new(MEMORY_RESERVE + wanted().memory.as_u64() / 2),
            ..cores(2)
        };
        let holders = [holder("waits", Some(1)), copy("copy"), copy("other")];
        let copies = vec!["copy".parse().unwrap()];
        assert_eq!(decide(&tight, &holders, wanted()), Verdict::GiveWay(copies));
        let holders = [
            copy("copy"),
            holder("a", None),
            holder("b", None),
            holder("waits", Some(1)),
        ];
        let waits = vec!["waits".parse().unwrap()];
        assert_eq!(decide(&cores(2), &holders, wanted()), Verdict::GiveWay(waits));
    }

    #[test]
    fn a_copy_is_parked_only_where_a_player_still_fits() {
        let need = wanted().memory.as_u64();
        let with = |memory| Machine {
            memory_available: ByteCount::new(memory + MEMORY_RESERVE),
            slots: Some(1),
            ..cores(1)
        };
        let played = [holder("a", None)];
        assert!(may_park(&with(2 * need), &played, wanted()));
        assert!(!may_park(&with(2 * need - 1), &played, wanted()));
    }

    #[test]
    fn nobody_gives_way_in_vain() {
        let machine = Machine {
            memory_available: ByteCount::new(0),
            ..cores(2)
        };
        assert_eq!(
            decide(&machine, &[holder("old", Some(10))], wanted()),
            Verdict::Full
        );
    }

    #[test]
    fn short_memory_counts_sessions_that_have_not_filled_theirs() {
        let need = wanted().memory.as_u64() + MEMORY_RESERVE;
        let machine = Machine {
            memory_available: ByteCount::new(need + 1),
            ..cores(8)
        };
        let mut other = holder("a", None);
        assert_eq!(decide(&machine, &[other.clone()], wanted()), Verdict::Admit);
        other.young = true;
        assert_eq!(decide(&machine, &[other], wanted()), Verdict::Full);
    }

    #[test]
    fn a_small_machine_plays_a_big_title_alone() {
        let big = Cost {
            millicores: 9_000,
            ..wanted()
        };
        assert_eq!(decide(&cores(2), &[], big), Verdict::Admit);
        assert_eq!(decide(&cores(2), &[holder("a", None)], big), Verdict::Full);
    }

    #[test]
    fn the_operators_number_overrides_the_estimate() {
        let machine = Machine {
            slots: Some(1),
            memory_available: ByteCount::new(0),
            ..cores(64)
        };
        assert_eq!(decide(&machine, &[], wanted()), Verdict::Admit);
        assert_eq!(decide(&machine, &[holder("a", None)], wanted()), Verdict::Full);
    }

    proptest! {
        #[test]
        fn whoever_is_played_never_gives_way(
            waits in prop::collection::vec(prop::option::of(0u64..1000), 0..12),
            n in 0u32..8,
            slots in prop::option::of(0u32..6),
        ) {
            let holders: Vec<Holder> =
                waits.iter().enumerate().map(|(i, wait)| holder(&format!("s{i}"), *wait)).collect();
            let machine = Machine { slots, ..cores(n) };
            if let Verdict::GiveWay(list) = decide(&machine, &holders, wanted()) {
                for session in list {
                    let gone = holders.iter().find(|h| h.session == session).unwrap();
                    prop_assert!(gone.waiting_since.is_some());
                }
            }
        }
    }
}
