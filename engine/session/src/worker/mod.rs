//! The net thread's loop: one session, from its first attachment to its last report.
//!
//! ```text
//! orders, attempts, datagrams, control, units, sound, cursor, time -> Event -> step -> drain -> wait
//! ```
//!
//! The loop only moves things. Decisions are elsewhere: who may attach in `admission`, how long the session lives in
//! `lifecycle`, what is sent and when in `firstlight-proto`.

mod attach;
mod claim;
mod end;
mod flow;
mod offer;
mod phase;
mod resize;
mod second;
mod sources;

use crate::admission::Admission;
use crate::audio::Listening;
use crate::drawing::Drawing;
use crate::encoders::Encoders;
use crate::knocks::Knocks;
use crate::layouts::Layouts;
use crate::lifecycle::{Action, Lifecycle, Phase};
use crate::media::{Encodes, MediaEvent};
use crate::orders::Reports;
use crate::pictures::Asked;
use crate::played::Seconds;
use crate::player::{ControlEvent, Player};
use crate::quality::{Choice, Quality};
use crate::resize::Asker;
use crate::sealing::Keyring;
use crate::shared::{Mode, Shared};
use crate::window::{Size, Window};
use crate::{Error, clock};
use attach::Accepted;
use bytes::BytesMut;
use end::Ending;
use firstlight_container::{
    ClipboardEvent, Container, CursorEvent, Gamepads, Input, Layout, Paster, Rumble, Waker,
};
use firstlight_encoder::Config;
use firstlight_link::{End, Order, Report, Start};
use firstlight_proto::clock::ClockResponder;
use firstlight_proto::input::InputReceiver;
use firstlight_proto::send::{SendEvent, Sender, SenderConfig};
use firstlight_quic::Certificates;
use firstlight_title::Title;
use firstlight_units::{Bitrate, ByteCount, InputId, Micros, Timestamp};
use offer::Calls;
use phase::Steering;
use second::Second;
pub(crate) use sources::{Event, Sources};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc;

/// What a worker is made of.
pub(crate) struct WorkerParts {
    pub(crate) began: Timestamp,
    pub(crate) start: Start,
    pub(crate) title: Title,
    /// To begin with, and at most.
    pub(crate) bitrates: (Bitrate, Bitrate),
    /// What the encoder was opened with.
    pub(crate) drawn: Config,
    /// Who may encode.
    pub(crate) encoders: Encoders,
    pub(crate) container: Container,
    pub(crate) input: Input,
    /// Where the title takes any.
    pub(crate) gamepads: Option<Gamepads>,
    /// Where the title takes what is pasted.
    pub(crate) paster: Option<Paster>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) waker: Waker,
    /// Where a new size of the display goes; none: it keeps the one it has.
    pub(crate) resizes: Option<Asker>,
    /// Buffers go back to the media thread here.
    pub(crate) spare: SyncSender<Vec<u8>>,
    pub(crate) listening: Listening,
    pub(crate) has_audio: bool,
    pub(crate) certificates: Certificates,
    pub(crate) reports: Reports,
    pub(crate) accepted: mpsc::Sender<Accepted>,
    pub(crate) control: mpsc::Sender<ControlEvent>,
}

/// See the module.
pub(crate) struct Worker {
    parts: WorkerParts,
    sender: Sender,
    receiver: InputReceiver,
    responder: ClockResponder,
    admission: Admission,
    knocks: Knocks,
    calls: Calls,
    life: Lifecycle,
    player: Option<Player>,
    /// Tells attachments apart.
    serial: u64,
    /// What the client wants of the picture.
    wants: Wants,
    quality: Quality,
    /// Where the display's frame clock can be steered.
    phase: Option<Steering>,
    /// How large the display is to be.
    window: Window,
    /// How long the title draws at a picture.
    drawing: Drawing,
    /// What the keys stand for.
    layouts: Layouts<Layout>,
    /// How large pictures are.
    drawn: Size,
    /// What the media thread was told of it, and how large an access unit may be.
    told: (Choice, ByteCount),
    /// What the encoder says of itself.
    codec: (String, &'static str),
    media_thread: i32,
    /// The cursor as it looks, for whoever attaches.
    shape: Option<CursorEvent>,
    /// The media thread touches nothing.
    media_idle: bool,
    freeze_due: bool,
    blocked: bool,
    exit_look: Timestamp,
    second: Second,
    /// The client's seconds.
    played: Seconds,
    /// What could not be read, of datagrams here and of control messages there.
    malformed: u64,
    malformed_control: Arc<AtomicU64>,
    /// For players whose packets are sealed.
    keyring: Keyring,
    ending: Option<Ending>,
    /// When a parked copy's app ran again, for its player.
    thawed: Option<Timestamp>,
    /// The client has told how the start went.
    start_told: bool,
    /// One datagram, as the sender writes it.
    datagram: Vec<u8>,
    /// Memory that datagrams are cut from, so that not each of them is allocated.
    cut: BytesMut,
}

/// What the client wants of the picture.
#[derive(Clone, Copy, Debug)]
struct Wants {
    bitrate_max: Bitrate,
    hidden: bool,
    recovery_works: bool,
}

impl Default for Wants {
    fn default() -> Self {
        Self {
            bitrate_max: Bitrate::MAX,
            hidden: false,
            recovery_works: true,
        }
    }
}

impl Wants {
    fn target(self, granted: Bitrate) -> Bitrate {
        let most = if self.hidden {
            self.bitrate_max.min(HIDDEN)
        } else {
            self.bitrate_max
        };
        granted.min(most).max(TARGET_MIN)
    }
}

impl Worker {
    pub(crate) fn new(parts: WorkerParts) -> Result<Self, Error> {
        let now = clock::now();
        let (start, most) = parts.bitrates;
        let config = SenderConfig {
            bitrate_start: start,
            bitrate_max: most,
            fps: parts.title.display.fps,
            ..SenderConfig::default()
        };
        let wait = Micros::from_secs(parts.start.wait_s.into());
        let (verifier, life) = if parts.start.parked {
            (None, Lifecycle::parked(wait))
        } else {
            (Some(attach::verifier(&parts.start)?), Lifecycle::new(now, wait))
        };
        Ok(Self {
            sender: Sender::new(config),
            receiver: InputReceiver::new(InputId::new(0)),
            responder: ClockResponder::default(),
            admission: Admission::new(verifier),
            knocks: Knocks::default(),
            calls: Calls::default(),
            life,
            player: None,
            serial: 0,
            wants: Wants::default(),
            quality: Quality::new(parts.drawn),
            phase: parts
                .container
                .frame_clock()
                .map(|clock| Steering::new(clock, parts.title.display.fps)),
            window: Window::new(&parts.title.display, parts.encoders.pixels_max()),
            drawing: Drawing::new(parts.title.display.fps),
            layouts: Layouts::new(),
            drawn: (parts.drawn.width(), parts.drawn.height()),
            told: (Choice::WHOLE, ByteCount::new(u64::MAX)),
            codec: (String::new(), ""),
            media_thread: 0,
            shape: None,
            media_idle: false,
            freeze_due: false,
            blocked: false,
            exit_look: now,
            second: Second::new(now),
            played: Seconds::default(),
            malformed: 0,
            malformed_control: Arc::default(),
            keyring: Keyring::generate().map_err(Error::Seal)?,
            ending: None,
            thawed: None,
            start_told: false,
            datagram: Vec::with_capacity(DATAGRAM_BYTES),
            cut: BytesMut::with_capacity(CUT_BYTES),
            parts,
        })
    }

    /// Serves until the session is over.
    pub(crate) async fn run(mut self, mut sources: Sources) {
        while self.ending.is_none() {
            sources.alarm.set(Some(self.deadline()));
            let event = sources.next(self.player.as_ref().map(|p| &p.link)).await;
            let certificate = self
                .second
                .renewal(&mut self.parts.certificates, &sources.listener);
            if let Some(cert_sha256) = certificate {
                self.parts.reports.send(Report::Certificate { cert_sha256 });
            }
            self.step(event);
            // An access unit of several slices is taken in one go.
            while let Some(event) = sources.unit() {
                self.step(event);
            }
            self.drain();
        }
        self.finish(sources).await;
    }

    fn step(&mut self, event: Event) {
        let now = clock::now();
        match event {
            Event::Order(order) => self.on_order(now, order),
            Event::Attempt(attempt) => self.on_attempt(now, *attempt),
            Event::Accepted(accepted) => self.attach(now, *accepted),
            Event::Datagram(datagram) => self.on_datagram(now, &datagram),
            Event::LinkLost(away) => self.on_link_lost(now, away),
            Event::Control(event) => self.on_control(now, event),
            Event::Media(event) => self.on_media(now, event),
            Event::Audio(unit) => self.on_audio(now, &unit),
            Event::Cursor(event) => self.on_cursor(event),
            Event::Rumble(rumble) => self.on_rumble(rumble),
            Event::Clipboard(event) => self.on_clipboard(&event),
            Event::Fault(error) => self.on_fault(&error),
            Event::Terminate => {
                self.end(
                    End::EngineStopping,
                    "the worker was told to stop by a signal".to_owned(),
                    None,
                );
            }
            Event::Time => {}
        }
    }

    fn on_order(&mut self, now: Timestamp, order: Option<Order>) {
        match order {
            Some(Order::End { reason }) => self.end(reason, "the host ended the session".to_owned(), None),
            Some(Order::Revoke { ticket }) => self.admission.revoke(&ticket),
            Some(Order::Offer(offer)) => self.on_offer(now, *offer),
            Some(Order::Candidates { attachment, fragment }) => self.on_candidates(attachment, fragment),
            Some(Order::HangUp { attachment }) => self.on_hang_up(attachment),
            Some(Order::Claim(claim)) => self.on_claim(now, *claim),
            Some(Order::Start(_)) => tracing::warn!("a second start order is ignored"),
            None => self.end(End::EngineStopping, "the host is gone".to_owned(), None),
        }
    }

    fn on_media(&mut self, now: Timestamp, event: MediaEvent) {
        if matches!(event, MediaEvent::FirstPicture { .. }) {
            self.window.on_drew();
        }
        match event {
            MediaEvent::Unit(unit) => self.on_unit(now, unit),
            MediaEvent::Idle => {
                self.media_idle = true;
                self.freeze_if_due();
            }
            MediaEvent::Drew => self.life.drew(now, false),
            MediaEvent::FirstPicture { .. } if self.parts.start.parked => self.life.drew(now, true),
            MediaEvent::FirstPicture { at } => {
                let after_us = (at - self.parts.began).as_micros();
                self.parts.reports.send(Report::FirstPicture { after_us });
            }
            MediaEvent::Opened {
                encodes: Encodes { codec, backend },
                thread,
            } => {
                self.media_thread = thread;
                self.codec = (codec, backend);
                if !self.parts.start.parked {
                    self.tell_ready();
                }
            }
            MediaEvent::Drawn(size) => self.drawn = size,
            MediaEvent::Changed {
                encodes: Encodes { codec, backend },
                broken,
            } => {
                self.codec = (codec, backend);
                if let Some(word) = broken {
                    self.parts.encoders.on_broken(word);
                    self.tell_order();
                }
            }
        }
    }

    fn on_cursor(&mut self, event: CursorEvent) {
        if let Some(player) = self.player.as_ref().filter(|p| p.greeted) {
            player.tell(crate::cursor::message(&event));
        }
        if !matches!(event, CursorEvent::Moved { .. }) {
            self.shape = Some(event);
        }
    }

    fn on_rumble(&self, rumble: Rumble) {
        if let Some(player) = self.player.as_ref().filter(|p| p.greeted) {
            player.tell(crate::rumble::message(&rumble));
        }
    }

    /// Who is not there when something is copied never hears of it.
    fn on_clipboard(&self, event: &ClipboardEvent) {
        if let Some(player) = self.player.as_ref().filter(|p| p.greeted) {
            player.tell(crate::clipboard::message(event));
        }
    }

    /// Carries out what every core wants until all of them wait.
    fn drain(&mut self) {
        let now = clock::now();
        while let Some(action) = self.life.handle_timeout(now) {
            self.act(now, Some(action));
        }
        self.receiver.handle_timeout(now);
        self.inject();
        if self.sender.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.sender.handle_timeout(now);
        }
        self.follow_window(now);
        self.take_wishes();
        self.transmit();
        self.tell_frame_max(now);
        self.tell_blocked(now);
        self.look_for_exit(now);
        self.each_second(now);
    }

    fn take_wishes(&mut self) {
        let mut asked = Asked::default();
        let mut retarget = false;
        while let Some(event) = self.sender.poll_event() {
            match event {
                SendEvent::Target(_) => retarget = true,
                SendEvent::NeedIdr(cause) => {
                    tracing::debug!(cause = cause.name(), "an IDR is needed");
                    asked.idr = true;
                }
                SendEvent::NeedRecovery {
                    first_lost,
                    acknowledged,
                } => {
                    tracing::debug!(%first_lost, %acknowledged, "a recovery is needed");
                    // The older of two losses includes the newer.
                    asked.recover = Some(asked.recover.map_or(first_lost, |lost| lost.min(first_lost)));
                }
                other => tracing::debug!(?other, "an event that this worker does not know"),
            }
        }
        if asked.idr {
            // It takes a size that the rate carries.
            let target = self.wants.target(self.sender.target());
            self.quality.on_target(clock::now(), target, true);
        }
        if retarget || asked.idr {
            self.retarget();
        }
        if asked.is_any() {
            self.ask(asked);
        }
    }

    /// What the next access unit must be; the media thread is woken.
    fn ask(&self, asked: Asked) {
        self.parts.shared.wish(|w| w.asked = w.asked.and(asked));
        self.parts.waker.wake();
    }

    fn retarget(&mut self) {
        let target = self.wants.target(self.sender.target());
        let recovery_works = self.wants.recovery_works;
        self.quality.on_target(clock::now(), target, false);
        self.parts
            .shared
            .wish(|w| (w.target, w.recovery_works) = (target, recovery_works));
        self.tell_choice();
        self.parts.encoders.on_line(clock::now(), target);
        self.tell_order();
        self.listen_at(target);
    }

    /// Tells the media thread who is to encode.
    pub(super) fn tell_order(&self) {
        let order = self.parts.encoders.order();
        let mut changed = false;
        self.parts.shared.wish(|w| {
            changed = w.order != order;
            w.order = order;
        });
        if changed {
            self.parts.waker.wake();
        }
    }

    /// Tells the media thread what is to be coded, where that changed.
    pub(super) fn tell_choice(&mut self) {
        let choice = self.quality.choice();
        if std::mem::replace(&mut self.told.0, choice) == choice {
            return;
        }
        self.sender.set_divisor(choice.divisor);
        let drawn = self.window.shown();
        self.parts.shared.wish(|w| (w.choice, w.drawn) = (choice, drawn));
        // A still picture changes its size as well.
        self.parts.waker.wake();
    }

    /// Tells the media thread how large the next access unit may be. It needs no waking for that.
    fn tell_frame_max(&mut self, now: Timestamp) {
        let most = self.sender.frame_max(now);
        let told = self.told.1.as_u64();
        if most.as_u64().abs_diff(told) > told / FRAME_MAX_STEP {
            self.told.1 = most;
            self.parts.shared.wish(|w| w.frame_max = most);
        }
    }

    fn tell_blocked(&mut self, now: Timestamp) {
        let blocked = !self.sender.may_encode(now);
        if blocked != self.blocked {
            self.blocked = blocked;
            self.parts.shared.wish(|w| w.blocked = blocked);
            if !blocked {
                self.parts.waker.wake();
            }
        }
    }

    fn act(&mut self, now: Timestamp, action: Option<Action>) {
        match action {
            Some(Action::Detach) => self.detach(now),
            Some(Action::Freeze) => {
                self.freeze_due = true;
                self.freeze_if_due();
            }
            Some(Action::Park) => self.park(now),
            Some(Action::Tell { left, away }) => {
                let left_s = u32::try_from(left.as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX);
                self.parts.reports.send(Report::Waiting { left_s, away });
            }
            Some(Action::End(reason)) => self.end_with(reason, "nobody came".to_owned(), None),
            None => {}
        }
    }

    fn freeze_if_due(&mut self) {
        if !self.freeze_due || !self.media_idle || !matches!(self.life.phase(), Phase::Waiting { .. }) {
            return;
        }
        self.freeze_due = false;
        if let Err(error) = self.parts.container.freeze() {
            tracing::warn!(%error, "the session waits without being frozen");
        }
    }

    /// The next moment at which something wants to be done.
    fn deadline(&self) -> Timestamp {
        let wanted = [
            self.life.poll_timeout(),
            self.receiver.poll_timeout().map(|(at, _)| at),
            self.sender.poll_timeout().map(|(at, _)| at),
            self.window.poll_timeout(),
        ];
        let tick = self.second.at().min(self.exit_look);
        wanted.into_iter().flatten().fold(tick, Timestamp::min)
    }

    fn set_mode(&self, mode: Mode) {
        self.parts.shared.wish(|w| w.mode = mode);
        self.parts.waker.wake();
    }
}

/// What a page that nobody sees gets.
const HIDDEN: Bitrate = Bitrate::kbps(500);
/// Whatever a client asks for, the picture moves.
const TARGET_MIN: Bitrate = Bitrate::kbps(150);
/// What changes by less than one part in so many changes nothing.
const FRAME_MAX_STEP: u64 = 16;
/// Longer than any datagram of a path.
const DATAGRAM_BYTES: usize = 2_048;
/// Two pictures' datagrams.
const CUT_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_no_more_than_it_wants_and_never_nothing() {
        let granted = Bitrate::mbps(8);
        assert_eq!(Wants::default().target(granted), granted);
        let limited = Wants {
            bitrate_max: Bitrate::mbps(3),
            ..Wants::default()
        };
        assert_eq!(limited.target(granted), Bitrate::mbps(3));
        assert_eq!(
            Wants {
                hidden: true,
                ..limited
            }
            .target(granted),
            HIDDEN
        );
        assert_eq!(
            Wants {
                bitrate_max: Bitrate::bps(1),
                ..limited
            }
            .target(granted),
            TARGET_MIN
        );
    }
}
