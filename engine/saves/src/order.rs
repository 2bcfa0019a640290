//! Whose saves count: the order of a player's sessions. Pure.

use crate::shelf::Last;
use firstlight_fleet::{Cause, Lease, LeaseState};
use firstlight_units::{Micros, SessionId, WallTime};

/// Whether what the session with the lease `own` has may become the newest. `others`: the other leases of the player for the title.
///
/// It may not where a session that began later goes on, or went on for longer; and where its host was lost, as soon as any other
/// began: that host comes back with what everybody else has left behind. A session that begins when this one has ended waits for what
/// this one has.
pub(crate) fn may_write(own: &Lease, others: &[Lease], last: Option<&Last>) -> bool {
    let lost = matches!(
        own.state,
        LeaseState::Ended {
            cause: Cause::Expired | Cause::Refused
        }
    );
    let outlived = |other: &Lease| {
        is_later(other, own)
            && !waits(own, other)
            && (lost
                || match (own.ended_at, other.ended_at) {
                    (_, None) => true,
                    (None, Some(_)) => false,
                    (Some(own), Some(other)) => own <= other,
                })
    };
    // Leases are forgotten after a while; who wrote last is not.
    let overwrites = |last: &Last| {
        last.session != own.session.as_str()
            && WallTime::from_micros(last.granted_at) > own.granted_at
            && (lost
                || own
                    .ended_at
                    .is_some_and(|ended| ended <= WallTime::from_micros(last.at)))
    };
    !others.iter().filter(|other| was_held(other)).any(outlived) && !last.is_some_and(overwrites)
}

/// Whether nothing more is to be expected of the session before: its host has put everything away, or is gone.
pub(crate) fn is_settled(own: &Lease, others: &[Lease], settled: &[String]) -> bool {
    let before = others
        .iter()
        .filter(|other| was_held(other) && is_later(own, other));
    let Some(before) = before.max_by(|a, b| key(a).cmp(&key(b))) else {
        return true;
    };
    !waits(before, own) || settled.iter().any(|id| *id == before.session.as_str())
}

/// Whether `next` began when `before` had just ended well.
fn waits(before: &Lease, next: &Lease) -> bool {
    let ended_well = matches!(
        before.state,
        LeaseState::Ended {
            cause: Cause::Released
        }
    );
    let ended = before.ended_at.filter(|ended| *ended <= next.granted_at);
    ended_well && ended.is_some_and(|ended| next.granted_at.since(ended) < SETTLED_WITHIN)
}

/// No host had it that refused it.
fn was_held(lease: &Lease) -> bool {
    !matches!(
        lease.state,
        LeaseState::Ended {
            cause: Cause::Refused
        }
    )
}

fn is_later(a: &Lease, b: &Lease) -> bool {
    key(a) > key(b)
}

fn key(lease: &Lease) -> (WallTime, &SessionId) {
    (lease.granted_at, &lease.session)
}

/// A host has packed and sent even large saves by then.
const SETTLED_WITHIN: Micros = Micros::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_fleet::SlotRef;

    fn at(s: u64) -> WallTime {
        WallTime::from_micros(1_700_000_000_000_000) + Micros::from_secs(s)
    }

    fn lease(session: &str, granted: u64, ended: Option<(u64, Cause)>) -> Lease {
        Lease {
            session: session.parse().unwrap(),
            key: String::new(),
            player: "p".into(),
            title: "t".parse().unwrap(),
            slot: SlotRef {
                host: "h".parse().unwrap(),
                slot: 0,
            },
            fence: 1,
            state: ended.map_or(LeaseState::Confirmed, |(_, cause)| LeaseState::Ended { cause }),
            granted_at: at(granted),
            expires_at: at(granted + 30),
            ended_at: ended.map(|(s, _)| at(s)),
            decision: String::new(),
        }
    }

    fn last(session: &str, granted: u64, wrote: u64) -> Last {
        Last {
            session: session.into(),
            granted_at: at(granted).as_micros(),
            at: at(wrote).as_micros(),
        }
    }

    #[test]
    fn a_session_on_its_own_may_write_whatever_became_of_it() {
        for cause in [Cause::Released, Cause::Expired, Cause::Refused] {
            assert!(may_write(&lease("a", 0, Some((9, cause))), &[], None));
        }
        let own = lease("a", 0, None);
        assert!(may_write(&own, &[], Some(&last("a", 0, 5))));
        assert!(may_write(&own, &[lease("b", 5, Some((6, Cause::Refused)))], None));
    }

    #[test]
    fn a_host_that_comes_back_overwrites_nothing_that_came_later() {
        let lost = lease("a", 0, Some((30, Cause::Expired)));
        assert!(!may_write(&lost, &[lease("b", 5, None)], None));
        assert!(!may_write(
            &lost,
            &[lease("b", 5, Some((9, Cause::Released)))],
            None
        ));
        // The other's lease is forgotten; that it wrote is not.
        assert!(!may_write(&lost, &[], Some(&last("b", 5, 9))));
        // Its lease has not run out yet, and its player plays elsewhere.
        assert!(!may_write(&lease("a", 0, None), &[lease("b", 5, None)], None));
    }

    #[test]
    fn of_two_at_once_the_one_that_goes_on_longer_counts() {
        let long = lease("a", 0, None);
        let short = lease("b", 5, Some((20, Cause::Released)));
        assert!(!may_write(&long, &[lease("b", 5, None)], None));
        assert!(may_write(
            &long,
            std::slice::from_ref(&short),
            Some(&last("b", 5, 21))
        ));
        let ended = lease("a", 0, Some((60, Cause::Released)));
        assert!(may_write(
            &ended,
            std::slice::from_ref(&short),
            Some(&last("b", 5, 21))
        ));
        assert!(may_write(&short, &[long], None));
    }

    #[test]
    fn a_session_that_has_just_ended_may_still_put_away_what_the_next_one_waits_for() {
        let ended = lease("a", 0, Some((9, Cause::Released)));
        assert!(may_write(&ended, &[lease("b", 9, None)], None));
        assert!(may_write(&ended, &[lease("b", 10, None)], Some(&last("a", 0, 5))));
        // The next one has not waited for ever.
        assert!(!may_write(
            &ended,
            &[lease("b", 10, None)],
            Some(&last("b", 10, 25))
        ));
        assert!(!may_write(&ended, &[lease("b", 20, None)], None));
    }

    #[test]
    fn who_ended_a_moment_ago_is_waited_for_until_everything_is_put_away() {
        let own = lease("b", 10, None);
        let before = lease("a", 0, Some((9, Cause::Released)));
        assert!(!is_settled(&own, std::slice::from_ref(&before), &[]));
        assert!(is_settled(&own, &[before], &["a".to_owned()]));
        let others = [
            lease("a", 0, Some((9, Cause::Expired))),
            lease("a", 0, None),
            lease("c", 20, Some((21, Cause::Released))),
            lease("a", 0, Some((1, Cause::Refused))),
        ];
        for other in others {
            assert!(is_settled(&own, std::slice::from_ref(&other), &[]), "{other:?}");
        }
        let late = lease("b", 30, None);
        assert!(is_settled(
            &late,
            &[lease("a", 0, Some((9, Cause::Released)))],
            &[]
        ));
    }
}
