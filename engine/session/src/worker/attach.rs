//! Who knocks, who is let in, who is let go.

use super::Worker;
use crate::admission::{Credential, Generation};
use crate::lifecycle::Action;
use crate::link::Link;
use crate::pictures::Asked;
use crate::player::{ControlContent, ControlEvent, Player};
use crate::sealing::Sealing;
use crate::shared::Mode;
use crate::words::{BYE, TAKEN_OVER, farewell};
use crate::{Error, audio, clock};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use firstlight_link::{Away, End, Report, Start, Transport};
use firstlight_proto::send::Reports;
use firstlight_quic::{Attempt, CloseCode, Refusal};
use firstlight_seal::{AttachmentId, PublicKey};
use firstlight_ticket::Verifier;
use firstlight_title::Mouse;
use firstlight_units::{Bitrate, Micros, Timestamp};
use firstlight_wire::VERSION;
use firstlight_wire::control::{
    AudioFormat, Hello, PointerMode, ResumeSecret, VideoFormat, VideoLimits, Welcome, client_message,
    server_message,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A client that was let in.
pub(crate) struct Accepted {
    pub(super) link: Link,
    pub(super) generation: Generation,
    pub(super) by: &'static str,
}

/// Checks this session's tickets.
pub(super) fn verifier(start: &Start) -> Result<Verifier, Error> {
    let hex = start.ticket_key.as_bytes();
    let mut key = [0; 32];
    if hex.len() != 64 || !start.ticket_key.is_ascii() {
        return Err(Error::TicketKey);
    }
    for (byte, pair) in key.iter_mut().zip(hex.chunks_exact(2)) {
        let text = std::str::from_utf8(pair).map_err(|_| Error::TicketKey)?;
        *byte = u8::from_str_radix(text, 16).map_err(|_| Error::TicketKey)?;
    }
    Ok(Verifier::new(
        key,
        start.session.clone(),
        start.player.clone(),
        start.epoch,
    ))
}

impl Worker {
    pub(super) fn on_attempt(&mut self, now: Timestamp, attempt: Attempt) {
        match self.admit(now, &attempt) {
            Ok((generation, by, sealing)) => {
                let accepted = self.parts.accepted.clone();
                let carried = carried_by(&attempt);
                tokio::spawn(async move {
                    match attempt.accept().await {
                        // An error means that the session is over.
                        Ok(link) => {
                            let link = match sealing {
                                Some(sealing) => Link::Sealed(link, sealing, carried),
                                None => Link::Quic(link),
                            };
                            drop(accepted.send(Accepted { link, generation, by }).await);
                        }
                        Err(error) => tracing::debug!(%error, "an admitted client left first"),
                    }
                });
            }
            Err(refusal) => {
                self.second.refused();
                tokio::spawn(attempt.refuse(refusal));
            }
        }
    }

    fn admit(
        &mut self,
        now: Timestamp,
        attempt: &Attempt,
    ) -> Result<(Generation, &'static str, Option<Arc<Sealing>>), Refusal> {
        if attempt.path() != MEDIA_PATH {
            return Err(Refusal::BadRequest);
        }
        let foreign = |origin: &str| !self.parts.start.origins.iter().any(|known| known == origin);
        if attempt.origin().is_some_and(foreign) {
            return Err(Refusal::Forbidden);
        }
        let (ticket, resume) = (attempt.query("ticket"), attempt.query("resume"));
        let credential = match (&ticket, &resume) {
            (Some(ticket), _) => Credential::Ticket(ticket),
            (None, Some(secret)) => Credential::Resume(secret),
            (None, None) => return Err(Refusal::BadRequest),
        };
        let id = match attempt.query("attach") {
            Some(text) => Some(AttachmentId::read(&text).map_err(|_| Refusal::BadRequest)?),
            None => None,
        };
        // Before the ticket is spent on it. Whoever is carried seals: the one who carries need not read along.
        if id.is_none() && carried_by(attempt) != Transport::WebTransport {
            return Err(Refusal::BadRequest);
        }
        if id.as_ref().is_some_and(|id| !self.keyring.is_fresh(id)) {
            return Err(Refusal::Forbidden);
        }
        let (generation, by) = self.admit_credential(now, attempt.remote().ip(), credential)?;
        let sealing = self.sealing(id)?;
        if sealing.is_none() && carried_by(attempt) != Transport::WebTransport {
            return Err(Refusal::Forbidden);
        }
        Ok((generation, by, sealing))
    }

    /// Checks what a client from there presents; a ticket is spent by it.
    pub(super) fn admit_credential(
        &mut self,
        now: Timestamp,
        from: IpAddr,
        credential: Credential<'_>,
    ) -> Result<(Generation, &'static str), Refusal> {
        if !self.knocks.allows(now, from) {
            return Err(Refusal::TooMany);
        }
        let Some(fresh) = secret() else {
            tracing::error!("the system gives no random numbers");
            return Err(Refusal::TooMany);
        };
        match self.admission.admit(clock::wall(), credential, fresh) {
            Ok(generation) => Ok((generation, credential.name())),
            Err(reason) => {
                tracing::debug!(%reason, "a client was turned away");
                self.knocks.failed(now, from);
                Err(Refusal::Forbidden)
            }
        }
    }

    /// The seal of whoever was admitted last, where his ticket names a key.
    fn sealing(&mut self, id: Option<AttachmentId>) -> Result<Option<Arc<Sealing>>, Refusal> {
        let Some(key) = self.admission.key() else {
            return Ok(None);
        };
        let id = id.ok_or(Refusal::BadRequest)?;
        let player = PublicKey::read(key).map_err(|_| Refusal::BadRequest)?;
        let sealing = self.keyring.seal(&player, &self.parts.start.session, id);
        sealing.map(Some).ok_or(Refusal::Forbidden)
    }

    /// Media starts at once, with an IDR, whatever the client says or does not say.
    pub(super) fn attach(&mut self, now: Timestamp, accepted: Accepted) {
        let Accepted { link, generation, by } = accepted;
        if !self.life.attach(now) {
            // The session ends in this very turn, and the port with it.
            return;
        }
        if let Some(old) = self.player.take() {
            self.sender.detach(now);
            tokio::spawn(old.dismiss(TAKEN_OVER));
        }
        self.serial += 1;
        self.wants = super::Wants::default();
        self.quality.attach(now);
        self.forget_screen();
        self.window.attach();
        self.played.attach(now);
        self.blocked = false;
        self.media_idle = false;
        self.freeze_due = false;
        tracing::info!(transport = link.transport().word(), by, "a player attaches");
        self.parts.encoders.attach(link.is_rtc());
        let order = self.parts.encoders.order();
        let reports = if link.is_rtc() {
            Reports::Browser
        } else {
            Reports::Client
        };
        self.sender.set_reports(reports);
        self.sender.attach(now, link.datagram_max());
        self.sender.set_parity(!link.is_rtc());
        let transport = Some(link.transport());
        let malformed = Arc::clone(&self.malformed_control);
        self.player = Some(Player::new(
            self.serial,
            link,
            generation,
            self.parts.control.clone(),
            malformed,
        ));
        let target = self.wants.target(self.sender.target());
        self.parts.shared.wish(|w| {
            w.mode = Mode::Run;
            w.asked = Asked::default();
            (w.target, w.blocked, w.recovery_works) = (target, false, true);
            w.order = order;
        });
        // The IDR that the sender asks for, once; the media thread wakes up with it.
        self.take_wishes();
        self.parts.waker.wake();
        // The kept picture is being encoded while the app wakes up.
        if let Err(error) = self.parts.container.thaw() {
            tracing::error!(%error, "the session cannot go on");
            return self.end(
                End::EngineFault,
                format!("the container does not thaw: {error}"),
                None,
            );
        }
        self.receiver.attach(now);
        self.inject();
        self.listen_at(target);
        self.parts.reports.send(Report::Attached {
            by: by.to_owned(),
            transport,
        });
    }

    /// The player is gone: nothing stays pressed, nothing is sent.
    pub(super) fn detach(&mut self, now: Timestamp) {
        if let Some(player) = self.player.take() {
            tokio::spawn(player.dismiss(BYE));
        }
        self.sender.detach(now);
        self.window.detach();
        self.receiver.detach(now);
        self.inject();
        self.forget_screen();
        self.parts.listening.store(0, Ordering::Relaxed);
        self.set_mode(Mode::Idle);
    }

    pub(super) fn listen_at(&self, target: Bitrate) {
        let bitrate = if self.player.is_some() {
            audio::bitrate(target)
        } else {
            0
        };
        self.parts.listening.store(bitrate, Ordering::Relaxed);
    }

    pub(super) fn on_control(&mut self, now: Timestamp, event: ControlEvent) {
        let Some(player) = self.player.as_ref().filter(|p| p.serial == event.serial) else {
            // Of an attachment that was replaced.
            return;
        };
        let greeted = player.greeted;
        self.life.heard(now);
        match event.content {
            ControlContent::Violation(words) => self.expel(now, &words),
            ControlContent::Message(message) => {
                if let client_message::Message::Hello(hello) = *message {
                    self.on_hello(now, &hello);
                } else if greeted {
                    self.on_message(now, *message);
                } else {
                    self.expel(now, "the first message must be Hello");
                }
            }
        }
    }

    fn on_hello(&mut self, now: Timestamp, hello: &Hello) {
        let ours = u32::from(VERSION);
        if hello.version < ours || hello.version_oldest > ours {
            return self.expel(now, "no common version of the protocol");
        }
        let is_rtc = self.player.as_ref().is_some_and(|p| p.link.is_rtc());
        if !is_rtc && !hello.codecs.is_empty() && !self.parts.encoders.serves(&hello.codecs) {
            return self.expel(
                now,
                "this session's video is of a codec that the client does not decode",
            );
        }
        let welcome = self.welcome();
        let shape = self.shape.as_ref().map(crate::cursor::message);
        let Some(player) = self.player.as_mut().filter(|p| !p.greeted) else {
            return;
        };
        player.greeted = true;
        let resume = ResumeSecret {
            generation: player.generation.number,
            secret: player.generation.secret.clone(),
        };
        player.tell(server_message::Message::Welcome(Welcome {
            resume: Some(resume),
            ..welcome
        }));
        if let Some(shape) = shape {
            player.tell(shape);
        }
        self.wants.recovery_works = hello.reference_recovery;
        let target = self.wants.target(self.sender.target());
        self.parts.encoders.on_hello(&hello.codecs, target);
        self.retarget();
    }

    fn welcome(&self) -> Welcome {
        let title = &self.parts.title;
        let pointer = match title.input.mouse {
            Mouse::Absolute => PointerMode::Absolute,
            Mouse::Relative => PointerMode::Relative,
            Mouse::Both => PointerMode::Both,
        };
        Welcome {
            version: VERSION.into(),
            version_oldest: VERSION.into(),
            session: self.parts.start.session.clone(),
            title: title.id.to_string(),
            video: Some(VideoFormat {
                codec: self.codec.0.clone(),
                width: self.drawn.0.into(),
                height: self.drawn.1.into(),
                fps: title.display.fps.into(),
            }),
            audio: self.parts.has_audio.then(|| AudioFormat {
                codec: "opus".to_owned(),
                sample_rate: audio::SAMPLE_RATE,
                channels: audio::CHANNELS,
                frame_us: audio::FRAME_US,
            }),
            pointer: pointer.into(),
            resume: None,
            wait_seconds: self.parts.start.wait_s,
            gamepads: title.input.gamepads.into(),
            copies: title.input.clipboard.copies(),
            pastes: title.input.clipboard.pastes(),
            touch: title.input.touch,
            text: title.input.keyboard,
        }
    }

    fn on_message(&mut self, now: Timestamp, message: client_message::Message) {
        use client_message::Message;
        match message {
            Message::ResumeAck(ack) => self.admission.acknowledge(ack.generation),
            Message::VideoLimits(VideoLimits {
                bitrate_max_bps,
                reference_recovery,
            }) => {
                let limit = Some(bitrate_max_bps).filter(|bps| *bps > 0);
                self.wants.bitrate_max = limit.map_or(Bitrate::MAX, Bitrate::bps);
                self.wants.recovery_works = reference_recovery;
                self.retarget();
            }
            Message::Viewport(viewport) => self.on_viewport(now, viewport),
            Message::Visibility(visibility) => {
                self.wants.hidden = visibility.hidden;
                if visibility.hidden {
                    self.played.on_hidden();
                    self.forget_screen();
                }
                self.retarget();
            }
            Message::Report(report) => {
                if report.decoded_frames > 0 {
                    let target = self.wants.target(self.sender.target());
                    let took = Micros::new(report.decode_us.into());
                    self.quality.on_decode_time(now, target, took);
                    self.tell_choice();
                }
                self.on_client_second(now, report);
            }
            Message::Screen(report) => self.on_screen(now, &report),
            Message::Layout(layout) => self.on_layout(now, &layout.name),
            Message::Start(report) => self.on_started(&report),
            Message::Clipboard(pasted) => {
                let paster = self.parts.paster.as_ref();
                if !paster.is_some_and(|paster| paster.paste(pasted.serial, &pasted.text)) {
                    self.malformed += 1;
                }
            }
            Message::Leave(leave) if leave.end_session => {
                self.end(End::ByPlayer, "the player ended the session".to_owned(), None);
            }
            Message::Leave(_) => {
                let action = self.life.detach(now, Away::Left);
                self.act(now, action);
            }
            Message::Hello(_) => {}
        }
    }

    pub(super) fn on_link_lost(&mut self, now: Timestamp, away: Away) {
        // What a page gives up before it saw it open closes without a code; whoever says nothing at all is on another attempt.
        let greeted = self.player.as_ref().is_some_and(|player| player.greeted);
        let action = self.life.detach(now, if greeted { away } else { Away::Cut });
        self.act(now, action);
    }

    /// The client broke the protocol: it goes, the session waits.
    fn expel(&mut self, now: Timestamp, words: &str) {
        tracing::info!(words, "the client broke the protocol");
        let words = words.to_owned();
        if let Some(player) = self.player.take() {
            tokio::spawn(async move { player.close(CloseCode::Protocol, &words).await });
        }
        let action: Option<Action> = self.life.detach(now, Away::Left);
        self.act(now, action);
    }

    pub(super) fn farewell(&mut self, reason: End) -> Option<impl Future<Output = ()> + use<>> {
        self.player.take().map(|player| player.dismiss(farewell(reason)))
    }
}

/// Who says that he carries it.
fn carried_by(attempt: &Attempt) -> Transport {
    match attempt.query("via").as_deref() {
        Some("websocket") => Transport::WebSocket,
        Some("relay") => Transport::Relay,
        _ => Transport::WebTransport,
    }
}

/// 256 bits that nobody can guess.
fn secret() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// docs/PROTOCOL.md, section 1.
const MEDIA_PATH: &str = "/v1/media";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, two) = (secret().unwrap(), secret().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
    }
}
