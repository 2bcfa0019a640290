//! The life of a session: opening, attached, waiting, over. Pure.
//!
//! ```text
//! Opening --attach--> Attached --bye, cut, silence--> Waiting (frozen after a grace) --attach--> Attached
//!    |                    |                              |
//!    +---- nobody came ---+------------ end -------------+---- time is up ----> Over
//! ```
//!
//! A parked copy begins earlier and is nobody's until its claim:
//!
//! ```text
//! Booting --first picture, some time--> Parked (frozen) --claim--> Opening
//! ```
//!
//! After every call, carry out what it returned; call [`Lifecycle::handle_timeout`] until it returns `None`.

use firstlight_link::{Away, End};
use firstlight_units::{Micros, Timestamp};

/// Where the session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody's, and on its way to the ready point: it is parked then.
    Booting { ready: Option<Timestamp> },
    /// Nobody's, and frozen.
    Parked,
    /// Started; nobody has attached yet.
    Opening { until: Timestamp },
    /// A player is there, last heard of then.
    Attached { heard: Timestamp },
    /// Until its player comes back or `until`.
    Waiting {
        until: Timestamp,
        /// When to freeze; `None`: done.
        freeze: Option<Timestamp>,
        /// When to say again how long it waits.
        tell: Timestamp,
        /// How its player went.
        away: Away,
    },
    /// Ended.
    Over(End),
}

/// What the caller has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Let go of the player and of everything it holds.
    Detach,
    /// Freeze the app.
    Freeze,
    /// Freeze the app of a copy that is nobody's, and tell the host.
    Park,
    /// Tell the host that the session waits, and for how long.
    Tell { left: Micros, away: Away },
    /// Stop everything.
    End(End),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: Phase,
    wait: Micros,
}

impl Lifecycle {
    /// A session that begins at `now` and waits `wait` for a player who left.
    pub(crate) fn new(now: Timestamp, wait: Micros) -> Self {
        let until = now + wait.max(OPENING);
        Self {
            phase: Phase::Opening { until },
            wait,
        }
    }

    /// A copy that boots for nobody yet.
    pub(crate) const fn parked(wait: Micros) -> Self {
        Self {
            phase: Phase::Booting { ready: None },
            wait,
        }
    }

    /// The app drew for the first time; `plain`: something of a single colour, which the picture proper usually follows.
    pub(crate) fn drew(&mut self, now: Timestamp, plain: bool) {
        if let Phase::Booting { ready } = &mut self.phase {
            let at = now + if plain { PLAIN_MAX } else { SETTLE };
            *ready = Some(ready.map_or(at, |ready| ready.min(at)));
        }
    }

    /// A parked copy gets a player, who may attach from here on; `false` when it is not parked.
    pub(crate) fn claim(&mut self, now: Timestamp) -> bool {
        let parked = self.phase == Phase::Parked;
        if parked {
            *self = Self::new(now, self.wait);
        }
        parked
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) const fn is_attached(&self) -> bool {
        matches!(self.phase, Phase::Attached { .. })
    }

    /// The player attached, for the first time or again; `false` when the session is over, or nobody's.
    pub(crate) fn attach(&mut self, now: Timestamp) -> bool {
        let alive = !matches!(self.phase, Phase::Booting { .. } | Phase::Parked | Phase::Over(_));
        if alive {
            self.phase = Phase::Attached { heard: now };
        }
        alive
    }

    /// Something came from the attached player.
    pub(crate) fn heard(&mut self, now: Timestamp) {
        if let Phase::Attached { heard } = &mut self.phase {
            *heard = now;
        }
    }

    /// The attached player left or its link is gone.
    pub(crate) fn detach(&mut self, now: Timestamp, away: Away) -> Option<Action> {
        self.is_attached().then(|| {
            self.phase = Phase::Waiting {
                until: now + self.wait,
                freeze: Some(now + GRACE),
                tell: now,
                away,
            };
            Action::Detach
        })
    }

    /// The session is over, for this reason unless one was given before.
    pub(crate) fn end(&mut self, reason: End) -> Option<Action> {
        (!self.is_over()).then(|| {
            self.phase = Phase::Over(reason);
            Action::End(reason)
        })
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Booting { ready } => ready,
            Phase::Opening { until } => Some(until),
            Phase::Attached { heard } => Some(heard + SILENCE_MAX),
            Phase::Waiting {
                until, freeze, tell, ..
            } => Some(until.min(tell).min(freeze.unwrap_or(until))),
            Phase::Parked | Phase::Over(_) => None,
        }
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) -> Option<Action> {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return None;
        }
        match &mut self.phase {
            Phase::Booting { .. } => {
                self.phase = Phase::Parked;
                Some(Action::Park)
            }
            Phase::Opening { .. } => self.end(End::NotResumed),
            Phase::Attached { .. } => self.detach(now, Away::Cut),
            Phase::Waiting { until, .. } if now >= *until => self.end(End::NotResumed),
            Phase::Waiting { freeze, .. } if freeze.is_some_and(|at| now >= at) => {
                *freeze = None;
                Some(Action::Freeze)
            }
            Phase::Waiting {
                until, tell, away, ..
            } => {
                *tell = now + TELL_EVERY;
                Some(Action::Tell {
                    left: *until - now,
                    away: *away,
                })
            }
            Phase::Parked | Phase::Over(_) => None,
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }
}

/// A ticket lives for a minute; nobody attaches for the first time after that.
const OPENING: Micros = Micros::from_secs(65);
/// QUIC asks a silent peer for a sign of life every 2 s; no answer for twice that is a cut line or a dead machine.
const SILENCE_MAX: Micros = Micros::from_secs(4);
/// A reloaded page is back within this, and finds its game running; nobody is killed in so short a time.
const GRACE: Micros = Micros::from_millis(300);
const TELL_EVERY: Micros = Micros::from_secs(5);
/// After its first picture an app opens its sound, loads what it shows next, and has faded in.
const SETTLE: Micros = Micros::from_secs(1);
/// A title that shows nothing but one colour for this long does so on purpose.
const PLAIN_MAX: Micros = Micros::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_micros(1_000_000);
    const WAIT: Micros = Micros::from_secs(120);

    fn run(life: &mut Lifecycle, now: Timestamp) -> Vec<Action> {
        std::iter::from_fn(|| life.handle_timeout(now)).collect()
    }

    #[test]
    fn silence_detaches_then_freezes_then_ends() {
        let mut life = Lifecycle::new(T0, WAIT);
        assert!(life.attach(T0));
        life.heard(T0 + Micros::from_secs(1));
        assert_eq!(run(&mut life, T0 + Micros::from_millis(4_999)), []);
        let silent = T0 + Micros::from_secs(5);
        assert_eq!(
            run(&mut life, silent),
            [
                Action::Detach,
                Action::Tell {
                    left: WAIT,
                    away: Away::Cut
                }
            ]
        );
        assert_eq!(run(&mut life, silent + GRACE), [Action::Freeze]);
        let five = Micros::from_secs(5);
        assert_eq!(
            run(&mut life, silent + five),
            [Action::Tell {
                left: Micros::from_secs(115),
                away: Away::Cut
            }]
        );
        assert_eq!(run(&mut life, silent + WAIT), [Action::End(End::NotResumed)]);
        assert_eq!(life.poll_timeout(), None);
        assert!(!life.attach(silent + WAIT));
    }

    #[test]
    fn a_player_who_comes_back_finds_the_session() {
        let mut life = Lifecycle::new(T0, WAIT);
        life.attach(T0);
        assert_eq!(life.detach(T0, Away::Left), Some(Action::Detach));
        assert_eq!(life.detach(T0, Away::Left), None);
        let late = T0 + Micros::from_secs(119);
        life.attach(late);
        life.heard(late + Micros::from_secs(2));
        assert_eq!(run(&mut life, late + Micros::from_secs(3)), []);
    }

    #[test]
    fn a_reload_within_the_grace_freezes_nothing() {
        let mut life = Lifecycle::new(T0, WAIT);
        life.attach(T0);
        life.detach(T0, Away::Left);
        life.attach(T0 + Micros::from_millis(200));
        assert_eq!(run(&mut life, T0 + GRACE), []);
    }

    #[test]
    fn the_first_reason_to_end_stays() {
        let mut life = Lifecycle::new(T0, WAIT);
        assert_eq!(life.end(End::TitleCrashed), Some(Action::End(End::TitleCrashed)));
        assert_eq!(life.end(End::EngineStopping), None);
        life.attach(T0);
        assert_eq!(life.phase(), Phase::Over(End::TitleCrashed));
    }

    #[test]
    fn a_copy_parks_after_its_first_picture_and_is_somebody_s_only_after_the_claim() {
        let mut life = Lifecycle::parked(WAIT);
        assert_eq!(
            (life.poll_timeout(), life.attach(T0), life.claim(T0)),
            (None, false, false)
        );
        life.drew(T0, true);
        life.drew(T0 + SETTLE, false);
        assert_eq!(run(&mut life, T0 + SETTLE), []);
        assert_eq!(run(&mut life, T0 + SETTLE + SETTLE), [Action::Park]);
        assert_eq!((life.poll_timeout(), life.attach(T0)), (None, false));
        let late = T0 + Micros::from_secs(86_400);
        assert!(life.claim(late) && !life.claim(late));
        assert!(life.attach(late));
    }

    #[test]
    fn a_title_of_one_colour_is_parked_all_the_same() {
        let mut life = Lifecycle::parked(WAIT);
        life.drew(T0, true);
        assert_eq!(run(&mut life, T0 + PLAIN_MAX), [Action::Park]);
    }

    #[test]
    fn a_parked_copy_ends_like_any_other() {
        let mut life = Lifecycle::parked(WAIT);
        assert_eq!(life.end(End::GaveWay), Some(Action::End(End::GaveWay)));
        assert!(!life.claim(T0));
    }

    #[test]
    fn nobody_came() {
        let mut life = Lifecycle::new(T0, WAIT);
        assert_eq!(run(&mut life, T0 + WAIT), [Action::End(End::NotResumed)]);
        let mut short = Lifecycle::new(T0, Micros::from_secs(2));
        assert_eq!(run(&mut short, T0 + Micros::from_secs(3)), []);
    }
}
