//! A session wherever it runs: on this machine's own host, which is asked directly, or on another, which the cell asks.

use crate::api::HostView;
use crate::gateway::Inner;
use crate::problem::Problem;
use firstlight_cell as cell;
use firstlight_fleet::messages::{SessionState, SessionView};
use firstlight_host::{Ended, Session, State};
use firstlight_link::{Answer, Credential, End};
use firstlight_units::{HostId, SessionId};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A session and how its host is reached.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) session: Session,
    /// Where its host's media ports are reached, the best first; none: under the name that the gateway is reached by.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its host is gone.
    pub(crate) lost: bool,
    /// Where it runs; none: on this machine's own.
    pub(crate) host: Option<HostId>,
}

impl Seat {
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.session.state, State::Ended(_))
    }
}

impl From<Session> for Seat {
    fn from(session: Session) -> Self {
        Self {
            session,
            addresses: Vec::new(),
            lost: false,
            host: None,
        }
    }
}

impl From<cell::Session> for Seat {
    fn from(session: cell::Session) -> Self {
        let state = if session.lost {
            State::Ended(Ended {
                reason: End::EngineFault,
                detail: "its host is gone".to_owned(),
                exit_code: None,
                tail: Vec::new(),
            })
        } else {
            state(session.view.state)
        };
        let SessionView {
            session: id,
            player,
            title,
            slot,
            fence,
            port,
            rtc_port,
            cert_sha256,
            seal_key,
            stats,
            ..
        } = session.view;
        Self {
            session: Session {
                id,
                player,
                title,
                slot,
                epoch: fence,
                state,
                port,
                rtc_port,
                cert_sha256,
                seal_key,
                parked: false,
                start: None,
                stats,
            },
            addresses: session.addresses,
            lost: session.lost,
            host: Some(session.host),
        }
    }
}

fn state(state: SessionState) -> State {
    match state {
        SessionState::Starting => State::Starting,
        SessionState::Ready => State::Ready,
        SessionState::Attached => State::Attached,
        SessionState::Waiting { left_s } => State::Waiting {
            left: Duration::from_secs(left_s.into()),
        },
        SessionState::Ended {
            reason,
            detail,
            exit_code,
            tail,
        } => State::Ended(Ended {
            reason,
            detail,
            exit_code,
            tail,
        }),
    }
}

impl Inner {
    /// A session, live or lately ended.
    pub(crate) async fn seat(&self, id: &SessionId) -> Option<Seat> {
        let here = self.host.as_ref().and_then(|host| host.session(id));
        match here {
            Some(session) => Some(session.into()),
            None => self.cell.session(id).await.map(Seat::from),
        }
    }

    /// All of them.
    pub(crate) fn seats(&self) -> Vec<Seat> {
        let here = self
            .host
            .as_ref()
            .map(firstlight_host::Host::sessions)
            .unwrap_or_default();
        let elsewhere = self.cell.sessions().into_iter();
        let elsewhere =
            elsewhere.filter(|there| !here.iter().any(|session| session.id == there.view.session));
        let elsewhere: Vec<Seat> = elsewhere.map(Seat::from).collect();
        here.into_iter().map(Seat::from).chain(elsewhere).collect()
    }

    /// A new ticket, for a client with this key if it has one.
    pub(crate) async fn ticket(&self, id: &SessionId, key: Option<String>) -> Result<String, Problem> {
        match self.host.as_ref().filter(|host| host.session(id).is_some()) {
            Some(host) => Ok(match key {
                Some(key) => host.sealed_ticket(id, key)?,
                None => host.ticket(id)?,
            }),
            None => Ok(self.cell.ticket(id, key).await?),
        }
    }

    pub(crate) async fn offer(
        &self,
        id: &SessionId,
        credential: Credential,
        sdp: String,
    ) -> Result<(String, Answer), Problem> {
        match self.host.as_ref().filter(|host| host.session(id).is_some()) {
            Some(host) => Ok(host.offer(id, credential, sdp).await?),
            None => Ok(self.cell.offer(id, credential, sdp).await?),
        }
    }

    pub(crate) async fn candidates(
        &self,
        id: &SessionId,
        attachment: String,
        fragment: String,
    ) -> Result<(), Problem> {
        match self.host.as_ref().filter(|host| host.session(id).is_some()) {
            Some(host) => Ok(host.candidates(id, attachment, fragment)?),
            None => Ok(self.cell.candidates(id, attachment, fragment).await?),
        }
    }

    pub(crate) async fn hang_up(&self, id: &SessionId, attachment: String) -> Result<(), Problem> {
        match self.host.as_ref().filter(|host| host.session(id).is_some()) {
            Some(host) => Ok(host.hang_up(id, attachment)?),
            None => Ok(self.cell.hang_up(id, attachment).await?),
        }
    }

    /// Where this machine reaches a session's media port.
    pub(crate) fn media_address(&self, seat: &Seat) -> SocketAddr {
        match (seat.addresses.first(), &self.host) {
            (Some(address), _) => SocketAddr::new(*address, seat.session.port),
            (None, Some(host)) => host.media_address(&seat.session),
            (None, None) => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), seat.session.port),
        }
    }

    /// A page of the fleet's hosts, and where the next begins; this machine's own also tells of what it keeps ready.
    pub(crate) fn host_views(&self, after: Option<&str>, limit: u32) -> (Vec<HostView>, Option<String>) {
        let own = self.cell.local().map(|id| id.as_str());
        let view = |row: cell::HostRow| {
            let here = self.host.as_ref().filter(|_| own == Some(row.host.as_str()));
            let warm = here.map(firstlight_host::Host::warm).unwrap_or_default();
            HostView::new(row, warm)
        };
        let page = self
            .cell
            .hosts(after, usize::try_from(limit).unwrap_or(usize::MAX));
        (page.rows.into_iter().map(view).collect(), page.next)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.cell.is_stopping() || self.host.as_ref().is_some_and(firstlight_host::Host::is_stopping)
    }
}
