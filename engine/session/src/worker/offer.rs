//! Clients that come over WebRTC: their offers come through the host, since they need an answer before there is a link.
//!
//! A session has one port for WebRTC, and one connection on it: a newer offer with a good credential closes the older one.

use super::Worker;
use super::attach::Accepted;
use crate::admission::Credential;
use crate::link::Link;
use crate::orders::Reports;
use crate::words::TAKEN_OVER;
use firstlight_link::{Answer, Away, Credential as Shown, Offer, Report};
use firstlight_quic::Refusal;
use firstlight_rtc::{Config, Error as RtcError, IceServer, Peer, Trickle};
use firstlight_units::Timestamp;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// The connection on the port, if there is one.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    current: Arc<Mutex<Option<Call>>>,
    waiting: Arc<Semaphore>,
}

#[derive(Debug)]
struct Call {
    attachment: String,
    trickle: Trickle,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            current: Arc::default(),
            waiting: Arc::new(Semaphore::new(OFFERS_MAX)),
        }
    }
}

impl Worker {
    pub(super) fn on_offer(&mut self, now: Timestamp, offer: Offer) {
        let Offer {
            attachment,
            credential,
            sdp,
        } = offer;
        let refuse = |answer| {
            self.parts.reports.send(Report::Answer {
                attachment: attachment.clone(),
                answer,
            });
        };
        if let Some(why) = self.without_rtc() {
            return refuse(Answer::Failed(why.to_owned()));
        }
        let Ok(permit) = Arc::clone(&self.calls.waiting).try_acquire_owned() else {
            return refuse(Answer::TooMany);
        };
        // Before the ticket is spent.
        if let Err(error) = firstlight_rtc::check(&sdp) {
            return refuse(Answer::BadOffer(error.to_string()));
        }
        let shown = match &credential {
            Shown::Ticket(ticket) => Credential::Ticket(ticket),
            Shown::Resume(secret) => Credential::Resume(secret),
        };
        // What came of a ticket with a key is for attachments that are sealed, and the browser's own stack does not.
        let admitted =
            self.admit_credential(now, GATEWAY, shown)
                .and_then(|admitted| match self.admission.key() {
                    None => Ok(admitted),
                    Some(_) => Err(Refusal::Forbidden),
                });
        let (generation, by) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.second.refused();
                let answer = match refusal {
                    Refusal::TooMany => Answer::TooMany,
                    Refusal::Forbidden
                    | Refusal::BadRequest
                    | Refusal::Unavailable
                    | Refusal::Unreachable => Answer::Forbidden,
                };
                self.parts.reports.send(Report::Answer { attachment, answer });
                return;
            }
        };
        let leaving = self.make_way(now);
        let calls = self.calls.clone();
        let config = self.rtc_config();
        let (reports, accepted) = (self.parts.reports.clone(), self.parts.accepted.clone());
        let resume = generation.secret.clone();
        tokio::spawn(async move {
            if let Some(leaving) = leaving {
                leaving.await;
            }
            let Some(peer) = calls.answer((attachment, resume, sdp), &config, &reports).await else {
                return;
            };
            drop(permit);
            match peer.connected().await {
                // An error means that the session is over.
                Ok(link) => {
                    let link = Link::Rtc(link);
                    drop(accepted.send(Accepted { link, generation, by }).await);
                }
                Err(error) => tracing::debug!(%error, "an admitted client did not connect"),
            }
        });
    }

    /// Why this session is not served over WebRTC, if it is not.
    fn without_rtc(&self) -> Option<&'static str> {
        if self.parts.start.rtc_listen.is_empty() {
            Some("this session has no port for WebRTC")
        } else if !self.parts.encoders.serves_rtc() {
            Some("this session's video is not H.264, which alone goes over WebRTC here")
        } else {
            None
        }
    }

    pub(super) fn on_candidates(&self, attachment: String, fragment: String) {
        let calls = self.calls.clone();
        tokio::spawn(async move {
            if let Some(trickle) = calls.find(&attachment).await
                && let Err(error) = trickle.add_candidates(&fragment).await
            {
                tracing::debug!(%error, "a client's candidates were not taken");
            }
        });
    }

    pub(super) fn on_hang_up(&self, attachment: String) {
        let calls = self.calls.clone();
        tokio::spawn(async move {
            if let Some(trickle) = calls.find(&attachment).await {
                trickle.close().await;
            }
        });
    }

    /// A player on the port leaves it, with a word.
    fn make_way(&mut self, now: Timestamp) -> Option<impl Future<Output = ()> + use<>> {
        let player = self.player.take_if(|player| player.link.is_rtc())?;
        let action = self.life.detach(now, Away::Cut);
        self.act(now, action);
        Some(player.dismiss(TAKEN_OVER))
    }

    fn rtc_config(&self) -> Config {
        let start = &self.parts.start;
        let servers = start.ice_servers.iter().map(|server| IceServer {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        });
        Config {
            listen: start.rtc_listen.clone(),
            ice_servers: servers.collect(),
            has_audio: self.parts.has_audio,
        }
    }
}

impl Calls {
    async fn find(&self, attachment: &str) -> Option<Trickle> {
        let current = self.current.lock().await;
        let call = current.as_ref().filter(|call| call.attachment == attachment)?;
        Some(call.trickle.clone())
    }

    /// Frees the port, answers, and reports what became of it.
    async fn answer(
        &self,
        (attachment, resume, sdp): (String, String, String),
        config: &Config,
        reports: &Reports,
    ) -> Option<Peer> {
        let mut current = self.current.lock().await;
        if let Some(before) = current.take() {
            before.trickle.close().await;
        }
        let (answer, peer) = match open(config, &sdp).await {
            Ok((peer, sdp)) => {
                *current = Some(Call {
                    attachment: attachment.clone(),
                    trickle: peer.trickle(),
                });
                (Answer::Accepted { sdp, resume }, Some(peer))
            }
            Err(RtcError::Offer(words)) => (Answer::BadOffer(words), None),
            Err(error) => {
                tracing::warn!(%error, "an offer was not answered");
                (Answer::Failed(error.to_string()), None)
            }
        };
        reports.send(Report::Answer { attachment, answer });
        peer
    }
}

/// The port of a connection that was just closed takes a moment to be free.
async fn open(config: &Config, sdp: &str) -> Result<(Peer, String), RtcError> {
    let mut tries = 0;
    loop {
        match firstlight_rtc::answer(config, sdp).await {
            Err(RtcError::Rtc { .. }) if tries < OPEN_TRIES => tries += 1,
            done => return done,
        }
        tokio::time::sleep(OPEN_AGAIN).await;
    }
}

/// Offers come from the gateway, whoever wrote them.
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Offers that wait for their answer.
const OFFERS_MAX: usize = 4;
const OPEN_TRIES: u32 = 20;
const OPEN_AGAIN: Duration = Duration::from_millis(20);
