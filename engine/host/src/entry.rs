//! One session of this host, and how far it has come.

use crate::account::Account;
use crate::admission::{Cost, Holder};
use crate::pool::Installed;
use crate::session::{Ended, Session, State};
use firstlight_link::{Answer, Away, Order, StartTrace, Stats};
use firstlight_units::{Micros, SessionId, Timestamp, TitleId};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot, watch};

/// How far a session has come, for those who wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Starting,
    /// Its player can attach, has attached, waits; it may have said that it ends.
    Ready,
    /// The worker has exited and nothing of it is left.
    Gone(Ended),
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// What it is a copy of, while it is nobody's.
    pub(crate) copy: Option<Installed>,
    pub(crate) player: String,
    pub(crate) title: TitleId,
    /// It was a parked copy.
    pub(crate) parked: bool,
    pub(crate) phase: Phase,
    pub(crate) slot: u32,
    pub(crate) epoch: u64,
    pub(crate) port: u16,
    /// For WebRTC.
    pub(crate) rtc_port: Option<u16>,
    /// Offers that wait for the worker's answer.
    pub(crate) offers: BTreeMap<String, oneshot::Sender<Answer>>,
    pub(crate) cost: Cost,
    pub(crate) measured: Option<u32>,
    pub(crate) started: Timestamp,
    pub(crate) cert_sha256: Vec<String>,
    pub(crate) seal_key: String,
    pub(crate) stats: Option<Box<Stats>>,
    pub(crate) start: Option<StartTrace>,
    /// How it was; none while it is nobody's.
    pub(crate) account: Option<Account>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) life: watch::Sender<Life>,
    pub(crate) pid: Option<u32>,
    pub(crate) ticks: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Starting,
    /// A copy that can be claimed.
    Parked,
    Ready,
    Attached,
    Waiting {
        since: Timestamp,
        until: Timestamp,
        away: Away,
    },
    /// It said so; its process may still be there.
    Ending(Ended),
    Gone(Ended),
}

impl Phase {
    /// It waits for its player for `left_s` more. Its worker says so again and again: since when, the first word tells.
    pub(crate) fn waiting(&self, now: Timestamp, left_s: u32, away: Away) -> Self {
        let since = match self {
            Self::Waiting { since, .. } => *since,
            Self::Starting
            | Self::Parked
            | Self::Ready
            | Self::Attached
            | Self::Ending(_)
            | Self::Gone(_) => now,
        };
        let until = now + Micros::from_secs(left_s.into());
        Self::Waiting { since, until, away }
    }
}

impl Entry {
    /// Holds a slot, a port and its share of the machine.
    pub(crate) fn live(&self) -> bool {
        !matches!(self.phase, Phase::Gone(_))
    }

    pub(crate) fn over(&self) -> bool {
        matches!(self.phase, Phase::Ending(_) | Phase::Gone(_))
    }

    /// Whether its place may be had, at `now`, by whoever would rather be refused than stand in line: its player left, or has been away for
    /// `yield_after`.
    pub(crate) fn gives_way(&self, now: Timestamp, yield_after: Micros) -> bool {
        match self.phase {
            Phase::Waiting { since, away, .. } => away == Away::Left || now.since(since) >= yield_after,
            Phase::Starting
            | Phase::Parked
            | Phase::Ready
            | Phase::Attached
            | Phase::Ending(_)
            | Phase::Gone(_) => false,
        }
    }

    pub(crate) fn close_account(&mut self, now: Timestamp, ended: &Ended) {
        if let Some(account) = &mut self.account {
            account.close(now, ended);
        }
    }

    /// Its share. It yields once its player has been away for `yield_after`.
    pub(crate) fn holder(&self, session: &SessionId, now: Timestamp, yield_after: Micros) -> Holder {
        let waiting_since = if let Phase::Waiting { since, .. } = self.phase {
            (now.since(since) >= yield_after).then_some(since)
        } else {
            self.copy.is_some().then_some(self.started)
        };
        Holder {
            session: session.clone(),
            cost: self.cost.with_measured(self.measured),
            waiting_since,
            young: now.since(self.started) < YOUNG,
            parked: self.copy.is_some(),
        }
    }

    pub(crate) fn view(&self, id: &SessionId, now: Timestamp) -> Session {
        let state = match &self.phase {
            Phase::Starting | Phase::Parked => State::Starting,
            Phase::Ready => State::Ready,
            Phase::Attached => State::Attached,
            Phase::Waiting { until, .. } => State::Waiting {
                left: until.since(now).into(),
            },
            Phase::Ending(ended) | Phase::Gone(ended) => State::Ended(ended.clone()),
        };
        Session {
            id: id.clone(),
            player: self.player.clone(),
            title: self.title.clone(),
            parked: self.parked,
            slot: self.slot,
            epoch: self.epoch,
            state,
            port: self.port,
            rtc_port: self.rtc_port,
            cert_sha256: self.cert_sha256.clone(),
            seal_key: self.seal_key.clone(),
            start: self.start,
            stats: self
                .stats
                .clone()
                .filter(|_| matches!(self.phase, Phase::Attached)),
        }
    }
}

/// After ten seconds a game has loaded most of what it loads.
const YOUNG: Micros = Micros::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_since_the_first_word_of_it_however_often_that_is_said() {
        let at = |s: u64| Timestamp::from_micros(1_000_000 * s);
        let is = |phase: &Phase, from: u64, to: u64| matches!(phase, Phase::Waiting { since, until, .. } if (*since, *until) == (at(from), at(to)));
        let first = Phase::Attached.waiting(at(10), 120, Away::Left);
        assert!(is(&first, 10, 130), "{first:?}");
        let again = first.waiting(at(12), 119, Away::Left);
        assert!(is(&again, 10, 131), "{again:?}");
        let later = Phase::Attached.waiting(at(40), 120, Away::Left);
        assert!(is(&later, 40, 160), "{later:?}");
    }
}
