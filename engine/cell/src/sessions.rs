//! The sessions that a cell knows of: what their hosts said last.

use firstlight_fleet::messages::{SessionState, SessionView};
use firstlight_units::{HostId, Micros, SessionId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

/// A session as it stands.
#[derive(Clone, Debug)]
pub struct Session {
    /// As its host says, or said last.
    pub view: SessionView,
    /// Where it runs.
    pub host: HostId,
    /// Where that host's media ports are reached; none: where the gateway itself is.
    pub addresses: Vec<IpAddr>,
    /// Its host is gone, and it with it as far as anyone knows.
    pub lost: bool,
}

#[derive(Debug)]
struct Known {
    session: Session,
    began: Timestamp,
    /// Since when it waits for its player.
    waiting_since: Option<Timestamp>,
    over: bool,
    /// Its lease is, as far as this cell can see to it.
    released: bool,
    /// Whose its player's network is, where this cell placed it.
    network: Option<u64>,
    /// Round trips that its host told of: their sum in microseconds, and how many.
    rtts: (u64, u32),
}

/// All that are known.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    known: BTreeMap<SessionId, Known>,
    /// Those that run, by host.
    by_host: BTreeMap<HostId, BTreeSet<SessionId>>,
    /// How many run, by player.
    by_player: BTreeMap<String, usize>,
    /// Those that run and wait for their player, the longest first.
    waiting: BTreeSet<(Timestamp, SessionId)>,
    over: VecDeque<(Timestamp, SessionId)>,
}

/// What a report changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// It was not known, and its player is on his way.
    Began,
    /// It ended just now, after so long.
    Ended(Micros),
}

impl Known {
    /// What its host says now; where it is reached is kept where that says nothing of it.
    fn take(&mut self, now: Timestamp, session: Session) {
        let waits = matches!(session.view.state, SessionState::Waiting { .. });
        self.waiting_since = waits.then_some(self.waiting_since.unwrap_or(now));
        let addresses = std::mem::replace(&mut self.session, session).addresses;
        if self.session.addresses.is_empty() {
            self.session.addresses = addresses;
        }
    }
}

impl Sessions {
    /// A host says how a session of its own stands.
    pub(crate) fn hear(&mut self, now: Timestamp, session: Session) -> Change {
        let id = session.view.session.clone();
        let over = session.view.state.is_over();
        let begins = matches!(session.view.state, SessionState::Starting | SessionState::Ready);
        let Some(known) = self.known.get(&id) else {
            let waits = matches!(session.view.state, SessionState::Waiting { .. });
            let known = Known {
                session,
                began: now,
                waiting_since: waits.then_some(now),
                over: false,
                released: false,
                network: None,
                rtts: (0, 0),
            };
            self.known.insert(id.clone(), known);
            self.count(&id);
            return match (over, begins) {
                (true, _) => self.close(now, &id),
                (false, true) => Change::Began,
                (false, false) => Change::Nothing,
            };
        };
        // A later lease's session of the same name does not exist; an older word of another host is no news.
        if known.session.host != session.host || (known.over && !known.session.lost) {
            return Change::Nothing;
        }
        let comes_back = known.over && !over;
        if !known.over {
            self.uncount(&id);
        }
        if let Some(known) = self.known.get_mut(&id) {
            known.take(now, session);
            known.over &= over;
        }
        if comes_back {
            self.over.retain(|(_, gone)| *gone != id);
        }
        self.count(&id);
        if over {
            return self.close(now, &id);
        }
        Change::Nothing
    }

    /// One that runs is counted from here on.
    fn count(&mut self, id: &SessionId) {
        let Some(known) = self.known.get(id).filter(|known| !known.over) else {
            return;
        };
        let Session { view, host, .. } = &known.session;
        self.by_host.entry(host.clone()).or_default().insert(id.clone());
        *self.by_player.entry(view.player.clone()).or_default() += 1;
        if let Some(since) = known.waiting_since {
            self.waiting.insert((since, id.clone()));
        }
    }

    /// It is counted no longer.
    fn uncount(&mut self, id: &SessionId) {
        let Some(known) = self.known.get(id) else { return };
        let Session { view, host, .. } = &known.session;
        if let Some(of_host) = self.by_host.get_mut(host) {
            of_host.remove(id);
            if of_host.is_empty() {
                self.by_host.remove(host);
            }
        }
        if let Some(own) = self.by_player.get_mut(&view.player) {
            *own -= 1;
            if *own == 0 {
                self.by_player.remove(&view.player);
            }
        }
        if let Some(since) = known.waiting_since {
            self.waiting.remove(&(since, id.clone()));
        }
    }

    /// Its host is gone.
    pub(crate) fn lose(&mut self, now: Timestamp, host: &HostId) -> Vec<SessionId> {
        let lost: Vec<SessionId> = self.by_host.get(host).into_iter().flatten().cloned().collect();
        for id in &lost {
            self.lose_one(now, id);
        }
        lost
    }

    /// It is gone, though its host did not say so.
    pub(crate) fn lose_one(&mut self, now: Timestamp, id: &SessionId) {
        if let Some(known) = self.known.get_mut(id).filter(|known| !known.over) {
            known.session.lost = true;
            self.close(now, id);
        }
    }

    fn close(&mut self, now: Timestamp, id: &SessionId) -> Change {
        let Some(known) = self.known.get_mut(id).filter(|known| !known.over) else {
            return Change::Nothing;
        };
        known.over = true;
        let lasted = now.since(known.began);
        self.uncount(id);
        self.over.push_back((now, id.clone()));
        self.forget(now);
        Change::Ended(lasted)
    }

    /// Drops what ended long ago.
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.over.front()
            && (self.over.len() > OVER_MAX || now.since(*at) > OVER_KEPT)
        {
            if let Some((_, id)) = self.over.pop_front() {
                self.known.remove(&id);
            }
        }
    }

    /// Its lease is over. Whether that is news.
    pub(crate) fn release(&mut self, id: &SessionId) -> bool {
        let known = self.known.get_mut(id);
        known.is_some_and(|known| !std::mem::replace(&mut known.released, true))
    }

    /// Whether it is over on its host, and its lease is not.
    pub(crate) fn is_ending(&self, id: &SessionId, host: &HostId) -> bool {
        let own = self.known.get(id).filter(|known| known.session.host == *host);
        own.is_some_and(|known| known.over && !known.session.lost && !known.released)
    }

    /// Whether nothing is to be done about it any more: it is lost, or over and its lease, too.
    pub(crate) fn is_settled(&self, id: &SessionId) -> bool {
        let known = self.known.get(id);
        known.is_some_and(|known| known.session.lost || (known.over && known.released))
    }

    /// Says whose network a session's player is in.
    pub(crate) fn set_network(&mut self, id: &SessionId, network: Option<u64>) {
        if let Some(known) = self.known.get_mut(id) {
            known.network = network;
        }
    }

    /// A session's host says how far its player is. Returns the network and the mean, once, when there is enough of it.
    pub(crate) fn measured(&mut self, id: &SessionId, rtt: Micros) -> Option<(u64, Micros)> {
        let known = self.known.get_mut(id)?;
        let network = known.network?;
        let (sum, n) = &mut known.rtts;
        *sum = sum.saturating_add(rtt.as_micros());
        *n = n.saturating_add(1);
        (*n == RTTS_ENOUGH).then(|| (network, Micros::new(*sum / u64::from(*n))))
    }

    pub(crate) fn get(&self, id: &SessionId) -> Option<&Session> {
        self.known.get(id).map(|known| &known.session)
    }

    /// How long ago it was first heard of.
    pub(crate) fn known_for(&self, now: Timestamp, id: &SessionId) -> Option<Micros> {
        self.known.get(id).map(|known| now.since(known.began))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Session> {
        self.known.values().map(|known| &known.session)
    }

    pub(crate) fn live_of(&self, player: &str) -> usize {
        self.by_player.get(player).copied().unwrap_or(0)
    }

    pub(crate) fn live(&self) -> usize {
        self.known.len() - self.over.len()
    }

    /// How long those that run have run.
    pub(crate) fn ages(&self, now: Timestamp) -> impl Iterator<Item = Micros> {
        let live = self.known.values().filter(|known| !known.over);
        live.map(move |known| now.since(known.began))
    }

    /// The `n` that wait for their players for the longest, the longest first.
    pub(crate) fn wait_longest(&self, n: usize) -> Vec<Session> {
        let longest = self.waiting.iter().take(n);
        longest.filter_map(|(_, id)| self.get(id)).cloned().collect()
    }
}

/// Half a minute of beats, of play and not of its start.
const RTTS_ENOUGH: u32 = 30;
/// A kilobyte or ten each.
const OVER_MAX: usize = 10_000;
const OVER_KEPT: Micros = Micros::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_link::End;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    fn session(id: &str, state: SessionState) -> Session {
        Session {
            view: SessionView {
                session: id.parse().unwrap(),
                player: "p".into(),
                title: "t".parse().unwrap(),
                slot: 0,
                fence: 1,
                state,
                port: 1,
                rtc_port: None,
                cert_sha256: Vec::new(),
                seal_key: String::new(),
                stats: None,
            },
            host: "h".parse().unwrap(),
            addresses: Vec::new(),
            lost: false,
        }
    }

    fn ended() -> SessionState {
        SessionState::Ended {
            reason: End::ByPlayer,
            detail: String::new(),
            exit_code: None,
            tail: Vec::new(),
        }
    }

    #[test]
    fn an_end_is_told_once_and_what_is_said_after_it_changes_nothing() {
        let mut sessions = Sessions::default();
        assert_eq!(
            sessions.hear(at(0), session("a", SessionState::Ready)),
            Change::Began
        );
        assert_eq!(
            sessions.hear(at(5), session("a", ended())),
            Change::Ended(Micros::from_secs(5))
        );
        assert_eq!(sessions.hear(at(6), session("a", ended())), Change::Nothing);
        assert_eq!(
            sessions.hear(at(7), session("a", SessionState::Attached)),
            Change::Nothing
        );
        assert!(sessions.get(&"a".parse().unwrap()).unwrap().view.state.is_over());
        assert_eq!((sessions.live(), sessions.live_of("p")), (0, 0));
    }

    #[test]
    fn a_lost_session_comes_back_with_its_host() {
        let mut sessions = Sessions::default();
        sessions.hear(at(0), session("a", SessionState::Attached));
        let host = "h".parse().unwrap();
        assert_eq!(sessions.lose(at(3), &host).len(), 1);
        assert!(sessions.get(&"a".parse().unwrap()).unwrap().lost);
        assert_eq!(sessions.live(), 0);
        sessions.hear(at(9), session("a", SessionState::Attached));
        assert!(!sessions.get(&"a".parse().unwrap()).unwrap().lost);
        assert_eq!(sessions.live(), 1);
        assert_eq!(sessions.lose(at(12), &host).len(), 1);
    }

    #[test]
    fn what_a_session_saw_of_its_path_is_told_once_and_only_where_its_network_is_known() {
        let mut sessions = Sessions::default();
        let a: SessionId = "a".parse().unwrap();
        sessions.hear(at(0), session("a", SessionState::Ready));
        let mut told = |n: u64| {
            let beats = (0..n).filter_map(|_| sessions.measured(&a, Micros::from_millis(20)));
            let told: Vec<(u64, Micros)> = beats.collect();
            sessions.set_network(&a, Some(7));
            told
        };
        assert_eq!(told(40), []);
        assert_eq!(told(29), []);
        assert_eq!(told(100), [(7, Micros::from_millis(20))]);
    }

    #[test]
    fn who_waits_longest_is_found() {
        let mut sessions = Sessions::default();
        let waits = || SessionState::Waiting { left_s: 9 };
        sessions.hear(at(0), session("a", SessionState::Attached));
        sessions.hear(at(1), session("b", waits()));
        sessions.hear(at(2), session("a", waits()));
        sessions.hear(at(3), session("b", waits()));
        let longest = |sessions: &Sessions, n| {
            let waiting = sessions.wait_longest(n).into_iter();
            waiting
                .map(|session| session.view.session.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(longest(&sessions, 1), ["b"]);
        assert_eq!(longest(&sessions, 9), ["b", "a"]);
        sessions.hear(at(4), session("b", SessionState::Attached));
        assert_eq!(longest(&sessions, 9), ["a"]);
    }
}
