//! A copy that booted for nobody: it is parked, and then it is somebody's.
//!
//! ```text
//! first picture, some time -> freeze -> Parked          Claim -> the player's folder -> thaw -> Ready
//! ```

use super::{Worker, attach, second};
use crate::admission::Admission;
use crate::error::Error;
use crate::{clock, trace};
use firstlight_link::{Claim, End, Report};
use firstlight_units::Timestamp;
use firstlight_wire::control::StartReport;

impl Worker {
    pub(super) fn park(&mut self, now: Timestamp) {
        if let Err(error) = self.parts.container.freeze() {
            return self.end(
                End::EngineFault,
                format!("the copy cannot be parked: {error}"),
                None,
            );
        }
        // While it is frozen this costs nobody anything, and the claim has less to do.
        self.parts.container.come_forward();
        let after_us = (now - self.parts.began).as_micros();
        self.parts.reports.send(Report::Parked { after_us });
    }

    pub(super) fn on_claim(&mut self, now: Timestamp, claim: Claim) {
        if !self.life.claim(now) {
            tracing::warn!("a claim to what is not parked is ignored");
            return;
        }
        tracing::info!(session = claim.session, "the copy is claimed");
        if let Err(error) = self.belong_to(claim) {
            return self.end(End::EngineFault, error.chain(), None);
        }
        self.tell_ready();
    }

    /// In this order: the app wakes up in the player's home.
    fn belong_to(&mut self, claim: Claim) -> Result<(), Error> {
        let start = &mut self.parts.start;
        start.parked = false;
        start.session = claim.session;
        start.player = claim.player;
        start.epoch = claim.epoch;
        start.origins = claim.origins;
        start.home = claim.home;
        self.admission = Admission::new(Some(attach::verifier(start)?));
        self.parts.container.move_in(&self.parts.start.home)?;
        self.parts.container.thaw()?;
        self.thawed = Some(clock::now());
        Ok(())
    }

    /// How the start went, once: a client that says it again has started nothing.
    pub(super) fn on_started(&mut self, report: &StartReport) {
        if std::mem::replace(&mut self.start_told, true) {
            return;
        }
        match trace::steps(report, self.thawed) {
            Some(trace) => self.parts.reports.send(Report::Started(trace)),
            None => self.malformed += 1,
        }
    }

    pub(super) fn tell_ready(&self) {
        let cert_sha256 = second::fingerprints(&self.parts.certificates);
        let seal_key = self.keyring.public();
        self.parts.reports.send(Report::Ready {
            cert_sha256,
            seal_key,
        });
    }
}
