//! How long the X server works at a picture, by its own processor clock.
//!
//! An app hands a picture over with a request, the server copies it into its screen, and only then is there a damage event: a millisecond
//! and more at a large screen, which no event tells of. What the server has worked since it was let go, it worked for that picture.

use crate::clock;
use firstlight_units::{Micros, Timestamp};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::os::fd::AsFd;

/// See the module. Reckons nothing where the server's clock cannot be read.
#[derive(Debug)]
pub(super) struct Labour {
    server: Option<ClockId>,
    /// The server had worked for so long when the present picture began, which was then.
    before: (Micros, Timestamp),
}

impl Labour {
    /// Of the server at the other end of `connection`.
    pub(super) fn of(connection: &impl AsFd) -> Self {
        let peer = getsockopt(&connection.as_fd(), PeerCredentials);
        let pid = peer.map(|peer| Pid::from_raw(peer.pid())).ok();
        let mut labour = Self {
            // Nobody is 0: the server is in a namespace that cannot be seen into from here.
            server: pid
                .filter(|pid| pid.as_raw() > 0)
                .and_then(|pid| clock_getcpuclockid(pid).ok()),
            before: (Micros::ZERO, Timestamp::default()),
        };
        labour.begin(clock::now());
        labour
    }

    /// What the server works from here on is for the next picture.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.before = (self.worked().unwrap_or_default(), now);
    }

    /// When the app committed the picture whose damage event was read at `now`; the next one begins.
    pub(super) fn end(&mut self, now: Timestamp) -> Timestamp {
        let (before, begun) = self.before;
        self.begin(now);
        commit(begun, now, self.before.0.saturating_sub(before))
    }

    fn worked(&self) -> Option<Micros> {
        self.server.and_then(clock::read)
    }
}

/// The moment before which the server had not begun to work: not before it could.
fn commit(begun: Timestamp, now: Timestamp, worked: Micros) -> Timestamp {
    begun.max(now.before(worked.min(COPY_MAX)))
}

/// More is not one copy: an app that lets the server draw commits with the last of it.
const COPY_MAX: Micros = Micros::from_millis(4);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_picture_is_committed_before_the_server_works_at_it_and_after_the_one_before() {
        let at = Timestamp::from_micros;
        let worked = Micros::new;
        assert_eq!(commit(at(0), at(10_000), worked(800)), at(9_200));
        assert_eq!(commit(at(9_500), at(10_000), worked(800)), at(9_500));
        assert_eq!(commit(at(0), at(10_000), worked(9_000)), at(6_000));
        assert_eq!(commit(at(0), at(10_000), Micros::ZERO), at(10_000));
    }

    #[test]
    fn the_work_of_whoever_is_at_the_other_end_is_seen() {
        let (near, _far) = UnixStream::pair().unwrap();
        let mut labour = Labour::of(&near);
        let begun = clock::now();
        let before = labour.worked().unwrap();
        while labour.worked().unwrap() < before + Micros::from_millis(2) {}
        let now = clock::now();
        let committed = labour.end(now);
        assert!(
            committed >= begun.before(Micros::from_millis(1)) && committed + Micros::from_millis(2) <= now
        );
    }
}
