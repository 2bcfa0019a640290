//! What indexers ask, done by the host.

use super::{Inner, prove, reports, wall_now};
use crate::{Error, Grant, Request};
use firstlight_fleet::messages::{
    Ask, Asked, Channel, Claim, Claimed, HostState, Refusal, Refused, Replied, Reply,
};
use firstlight_fleet::{Message, Subscription};
use firstlight_units::{Micros, TitleId};
use std::sync::Arc;

/// Answers until its subscription ends.
pub(super) struct Answerer {
    inner: Arc<Inner>,
}

impl Answerer {
    pub(super) const fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    pub(super) async fn run(self, mut asks: Subscription) {
        while let Some(message) = asks.next().await {
            let asked = match self.open(&message) {
                Ok(asked) => asked,
                Err(refusal) => {
                    // Whoever has no right to ask is not answered either.
                    tracing::warn!(%refusal, "an ask was refused");
                    if matches!(refusal, Refusal::Unknown(_)) {
                        self.inner.strangers.notify_one();
                    }
                    continue;
                }
            };
            let place = Arc::clone(&self.inner.answering).try_acquire_owned();
            let inner = Arc::clone(&self.inner);
            // Each on a task of its own: a session that is slow to start keeps nobody waiting.
            tokio::spawn(async move {
                let reply = match place {
                    Ok(_place) => answer(&inner, asked.ask).await,
                    Err(_) => Reply::Refused(Refused::Full),
                };
                let replied = Replied::new(asked.id, reply);
                let sealed = inner
                    .settings
                    .signer
                    .seal(Channel::Reply, &replied.write(), wall_now());
                if let Err(error) = message.answer(sealed).await {
                    tracing::debug!(%error, "a reply was not sent");
                }
            });
        }
    }

    fn open(&self, message: &Message) -> Result<Asked, Refusal> {
        let opened = self
            .inner
            .guard()
            .open(Channel::Ask, None, &message.body, wall_now())?;
        let asked = Asked::read(&opened.body).inspect_err(|refusal| self.inner.refuse(refusal))?;
        let own = self.inner.settings.signer.id();
        if asked.to != own {
            let refusal = Refusal::WrongHost {
                from: asked.to,
                expected: own,
            };
            self.inner.refuse(&refusal);
            return Err(refusal);
        }
        Ok(asked)
    }
}

async fn answer(inner: &Inner, ask: Ask) -> Reply {
    let host = &inner.settings.host;
    let done = match ask {
        Ask::Claim(claim) => return claim_slot(inner, *claim).await.unwrap_or_else(Reply::Refused),
        Ask::End { session, reason } => host.end(&session, reason).await.map(|()| Reply::Done),
        Ask::Ticket { session, key } => {
            let ticket = match key {
                Some(key) => host.sealed_ticket(&session, key),
                None => host.ticket(&session),
            };
            ticket.map(|ticket| Reply::Ticket { ticket })
        }
        Ask::Offer {
            session,
            credential,
            sdp,
        } => {
            let offered = host.offer(&session, credential, sdp).await;
            offered.map(|(attachment, answer)| Reply::Offered { attachment, answer })
        }
        Ask::Candidates {
            session,
            attachment,
            fragment,
        } => host
            .candidates(&session, attachment, fragment)
            .map(|()| Reply::Done),
        Ask::HangUp { session, attachment } => host.hang_up(&session, attachment).map(|()| Reply::Done),
        Ask::Session { session } => {
            let found = host.session(&session).ok_or(Error::UnknownSession(session));
            found.map(|session| Reply::Session(Box::new(reports::view(session, true))))
        }
        Ask::Quality { session } => {
            let found = host.quality(&session).ok_or(Error::UnknownSession(session));
            found.map(|quality| Reply::Quality(Box::new(quality)))
        }
        Ask::Sessions => {
            let sessions = host.sessions().into_iter().take(SESSIONS_MAX);
            Ok(Reply::Sessions {
                sessions: sessions.map(|session| reports::view(session, false)).collect(),
            })
        }
        Ask::Drain { on } => {
            inner.set_state(if on { HostState::Draining } else { HostState::Open });
            Ok(Reply::Done)
        }
        Ask::Park {
            title,
            copies,
            lapse_s,
        } => {
            return park(inner, title, copies, lapse_s);
        }
        Ask::Standing { standing, why } => {
            inner.proving.hear(standing, why);
            Ok(Reply::Done)
        }
        Ask::Prove { challenge, signed } => {
            return prove::answer(inner, &challenge, &signed)
                .await
                .unwrap_or_else(Reply::Refused);
        }
    };
    done.unwrap_or_else(|error| Reply::Refused(refused(error)))
}

/// Until it is said otherwise, or for a time.
fn park(inner: &Inner, title: TitleId, copies: u32, lapse_s: Option<u32>) -> Reply {
    let host = &inner.settings.host;
    let copies = u16::try_from(copies).unwrap_or(u16::MAX);
    let Some(lapse_s) = lapse_s else {
        host.set_parked(title, Some(copies));
        return Reply::Done;
    };
    if host.ask_parked(&title, copies, Micros::from_secs(lapse_s.into())) {
        Reply::Done
    } else {
        Reply::Refused(Refused::UnknownTitle)
    }
}

async fn claim_slot(inner: &Inner, claim: Claim) -> Result<Reply, Refused> {
    let settings = &inner.settings;
    // A claim that comes again is answered, whatever has become of the host's state.
    if settings.host.session(&claim.session).is_none() {
        match *inner.state.borrow() {
            HostState::Open | HostState::Unknown => {}
            HostState::Draining => return Err(Refused::Draining),
            HostState::Leaving => return Err(Refused::Stopping),
        }
    }
    if claim.slot >= SLOTS_MAX {
        return Err(Refused::NoSuchSlot { slot: claim.slot });
    }
    let found = settings.titles.get(&claim.title).ok_or(Refused::UnknownTitle)?;
    let (title, title_dir) = found;
    if claim
        .title_version
        .is_some_and(|version| version != title.version)
    {
        return Err(Refused::UnknownTitle);
    }
    let request = Request {
        player: claim.player,
        title,
        title_dir,
        origins: claim.origins,
        lease: Some(Grant {
            session: claim.session.clone(),
            slot: claim.slot,
            fence: claim.fence,
        }),
    };
    // What a checker asked for uses memory and cores that are the player's from here on.
    let _players = inner.proving.give_way().await;
    let placed = settings.host.start(request).await.map_err(refused)?;
    let session = settings
        .host
        .session(&claim.session)
        .ok_or(Refused::UnknownSession)?;
    Ok(Reply::Claimed(Box::new(Claimed {
        view: reports::view(session, false),
        ticket: placed.ticket,
        addresses: settings.addresses.clone(),
        placed_us: placed.placed.as_micros(),
        ready_us: placed.ready.as_micros(),
        parked: placed.parked,
        saves_us: placed.saves.as_micros(),
    })))
}

fn refused(error: Error) -> Refused {
    match error {
        Error::Full => Refused::Full,
        Error::TooMany(most) => Refused::TooMany { most },
        Error::Stopping => Refused::Stopping,
        Error::StaleFence { slot, given, last } => Refused::StaleFence { slot, given, last },
        Error::SlotTaken(slot) => Refused::SlotTaken { slot },
        Error::UnknownSession(_) => Refused::UnknownSession,
        Error::Stays(_) => Refused::Stays,
        Error::NoAnswer => Refused::NoAnswer,
        Error::Stillborn { detail, .. } => Refused::Stillborn { detail },
        Error::Saves(error) => {
            tracing::error!(%error, "a player's saves cannot be brought; the session is not started without them");
            Refused::NoSaves {
                detail: error.to_string(),
            }
        }
        error @ (Error::Claim(_)
        | Error::Spawn(_)
        | Error::NoPort(_)
        | Error::Path { .. }
        | Error::InUse(_)
        | Error::Leases { .. }
        | Error::Key(_)
        | Error::Config(_)
        | Error::Ticket(_)
        | Error::Random(_)) => {
            tracing::error!(%error, "an ask could not be done");
            Refused::Failed {
                detail: error.to_string(),
            }
        }
    }
}

/// As many as a message holds.
const SESSIONS_MAX: usize = 500;
const SLOTS_MAX: u32 = 1024;
