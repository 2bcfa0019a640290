//! The player: datagrams in, reports and input out, decoded pictures into the sums.
//!
//! ```text
//! datagrams -> Receiver -> Decoder (thread) -> Seen -> Flow, Spans, Clicks
//!     ^            |                                       |
//!     +- feedback -+            input <- a press now and then
//! ```

use crate::attach::{Control, broken};
use crate::decoder::{Decoder, Job, Picture, Seen};
use crate::measure::{Clicks, Flow, Spans, per_second};
use crate::{Error, Progress, clock};
use firstlight_proto::clock::Clock;
use firstlight_proto::input::InputSender;
use firstlight_proto::receive::Receiver;
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::control::server_message;
use firstlight_wire::{EventKind, InputAck, Kind};
use std::time::Duration;
use tokio::sync::mpsc;
use web_transport_quinn::Session;

/// See the module.
pub(crate) struct Player {
    session: Session,
    control: Control,
    control_open: bool,
    receiver: Receiver,
    input: InputSender,
    clock: Clock,
    asked_clock: Option<Timestamp>,
    decoder: Decoder,
    seen: mpsc::Receiver<Seen>,
    /// Access units in the decoder.
    decoding: u8,
    attached_at: Timestamp,
    heard_at: Timestamp,
    next_press: Timestamp,
    pressed: bool,
    /// Spreads presses over the frame interval.
    jitter: u64,
    datagram: Vec<u8>,
    nals: Vec<u8>,
    audio: Vec<u8>,
    progress: Window,
    pub(crate) sums: Sums,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) first_picture: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) size: (u32, u32),
    pub(crate) flow: Flow,
    pub(crate) drawn: Spans,
    /// Pictures that seem to be drawn after they were decoded: the clocks are not one.
    pub(crate) drawn_later: u64,
    pub(crate) captured: Spans,
    pub(crate) clock_error: Option<Micros>,
    pub(crate) clicked: Spans,
    pub(crate) clicks: Clicks,
    pub(crate) barcodes: u64,
    pub(crate) barcodes_missed: u64,
    pub(crate) newest_inputs: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) decoder_broken: u64,
    pub(crate) video: String,
    ended: Option<String>,
}

/// What happened since the last word.
#[derive(Default)]
struct Window {
    began: Timestamp,
    pictures: u64,
    bytes: u64,
    lost: u64,
}

impl Player {
    pub(crate) async fn begin(session: Session) -> Result<Self, Error> {
        let (decoder, seen) = Decoder::open()?;
        let control = Control::open(&session).await?;
        let mut receiver = Receiver::new();
        receiver.attach();
        let mut input = InputSender::new(1);
        input.attach();
        let now = clock::now();
        Ok(Self {
            session,
            control,
            control_open: true,
            receiver,
            input,
            clock: Clock::default(),
            asked_clock: None,
            decoder,
            seen,
            decoding: 0,
            attached_at: now,
            heard_at: now,
            next_press: now,
            pressed: false,
            jitter: now.as_micros(),
            datagram: Vec::new(),
            nals: Vec::new(),
            audio: Vec::new(),
            progress: Window::default(),
            sums: Sums::default(),
        })
    }

    /// Plays for `span` from the first picture on, or until it is told to `stop`.
    pub(crate) async fn play(
        &mut self,
        span: Micros,
        progress: &mpsc::Sender<Progress>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        tokio::pin!(stop);
        let done = loop {
            let now = clock::now();
            let end = self.sums.first_picture.map(|first| first + span);
            if end.is_some_and(|end| now >= end) {
                break Ok(());
            }
            if let Err(error) = self.look_for_trouble(now) {
                break Err(error);
            }
            self.do_what_is_due(now);
            self.tell(now, progress);
            tokio::select! {
                turn = self.turn(end) => if let Err(error) = turn { break Err(error) },
                () = &mut stop => break Ok(()),
            }
        };
        let now = clock::now();
        self.sums.flow.on_end(now);
        self.sums.ended_at = Some(now);
        self.sums.clock_error = self.clock.offset(now).map(|offset| offset.error);
        done
    }

    /// Leaves; the host is told.
    pub(crate) fn leave(&self) {
        self.session.close(0, b"");
    }

    pub(crate) const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn look_for_trouble(&self, now: Timestamp) -> Result<(), Error> {
        if let Some(words) = &self.sums.ended {
            return Err(Error::Ended { words: words.clone() });
        }
        if self.sums.first_picture.is_none() && now.since(self.attached_at) > PICTURE_WITHIN {
            return Err(Error::NoPicture {
                within_s: PICTURE_WITHIN.as_micros() / 1_000_000,
            });
        }
        // A still, silent title sends nothing; the answers to the clock's questions come all the same.
        if now.since(self.heard_at) > SILENCE {
            return Err(Error::Silence {
                for_s: SILENCE.as_micros() / 1_000_000,
            });
        }
        Ok(())
    }

    /// Waits for one thing to happen and deals with it.
    async fn turn(&mut self, end: Option<Timestamp>) -> Result<(), Error> {
        let wake = [
            self.receiver.poll_timeout().map(|(at, _)| at),
            self.input.poll_timeout().map(|(at, _)| at),
            self.asked_clock.map(|at| at + self.clock_interval()),
            self.can_press().then_some(self.next_press),
            end,
        ];
        let wake = wake.into_iter().flatten().min();
        tokio::select! {
            datagram = self.session.read_datagram() => {
                let datagram = datagram.map_err(|error| self.closed(error))?;
                self.on_datagram(clock::now(), &datagram);
            }
            seen = self.seen.recv() => match seen {
                Some(seen) => self.on_seen(seen),
                None => return Err(broken(std::io::Error::other("the decoder stopped"))),
            },
            read = self.control.read(), if self.control_open => match read? {
                Some(bytes) => {
                    for message in self.control.take(bytes).await? {
                        self.on_message(message);
                    }
                }
                None => self.control_open = false,
            },
            () = sleep_until(wake) => {}
        }
        Ok(())
    }

    fn closed(&self, error: web_transport_quinn::SessionError) -> Error {
        match &self.sums.ended {
            Some(words) => Error::Ended { words: words.clone() },
            None => broken(error),
        }
    }

    fn on_datagram(&mut self, now: Timestamp, datagram: &[u8]) {
        self.heard_at = now;
        self.sums.bytes += datagram.len() as u64;
        match Kind::of(datagram) {
            Ok(Kind::InputAck) => {
                if let Ok(ack) = InputAck::parse(datagram) {
                    self.input.handle_ack(ack);
                }
            }
            Ok(Kind::ClockReply) => {
                self.clock.handle_reply(now, datagram);
                if let Some(offset) = self.clock.offset(now) {
                    self.receiver.set_rtt(offset.rtt);
                }
            }
            // All others, those of later versions too: the receiver knows, and counts what it doesn't.
            _ => {
                self.receiver.handle_datagram(now, datagram);
                self.hand_on(now);
            }
        }
    }

    fn hand_on(&mut self, now: Timestamp) {
        while let Some(unit) = self.receiver.poll_unit(&mut self.nals) {
            let job = Job {
                frame: unit.frame,
                captured_at: unit.captured_at,
                nals: std::mem::take(&mut self.nals),
            };
            if self.decoder.decode(job) {
                self.decoding = self.decoding.saturating_add(1);
            } else {
                self.sums.decoder_broken += 1;
                self.receiver.handle_decoder_broken(now);
            }
        }
        self.receiver.set_decode_queue(self.decoding);
        while self.receiver.poll_audio(&mut self.audio).is_some() {}
    }

    fn on_seen(&mut self, seen: Seen) {
        match seen {
            Seen::Finished => self.decoding = self.decoding.saturating_sub(1),
            Seen::Picture(picture) => {
                self.receiver.handle_decoded(picture.frame);
                self.on_picture(&picture);
            }
            Seen::Broken => {
                self.sums.decoder_broken += 1;
                self.receiver.handle_decoder_broken(clock::now());
            }
        }
        self.receiver.set_decode_queue(self.decoding);
    }

    fn on_picture(&mut self, picture: &Picture) {
        let at = picture.decoded_at;
        self.sums.size = picture.size;
        self.sums.flow.on_picture(at);
        self.progress.pictures += 1;
        if self.sums.first_picture.is_none() {
            self.sums.first_picture = Some(at);
            self.progress.began = at;
            self.next_press = at + PRESS_FIRST;
            // The rate is that of the pictures, from the first one on.
            self.sums.bytes = 0;
        }
        if let Some(offset) = self.clock.offset(at) {
            self.sums
                .captured
                .add(at.since(offset.to_local(picture.captured_at)));
        }
        let Some(reading) = picture.reading else {
            self.sums.barcodes_missed += u64::from(self.sums.barcodes > 0);
            return;
        };
        self.sums.barcodes += 1;
        match picture.decoded_wall.as_micros().checked_sub(reading.time_us) {
            Some(span) => self.sums.drawn.add(Micros::new(span)),
            None => self.sums.drawn_later += 1,
        }
        self.sums.newest_inputs = Some(reading.inputs);
        if let Some(span) = self.sums.clicks.on_picture(at, reading.inputs) {
            self.sums.clicked.add(span);
        }
    }

    fn on_message(&mut self, message: server_message::Message) {
        use server_message::Message as M;
        match message {
            M::Welcome(welcome) => self.sums.video = welcome.video.unwrap_or_default().codec,
            M::Ended(ended) => self.sums.ended = Some(ended.message),
            M::ResumeSecret(_)
            | M::CursorShape(_)
            | M::CursorPosition(_)
            | M::Report(_)
            | M::Rumble(_)
            | M::Clipboard(_)
            | M::ClipboardTaken(_) => {}
        }
    }

    fn do_what_is_due(&mut self, now: Timestamp) {
        self.receiver.handle_timeout(now);
        self.hand_on(now);
        self.press(now);
        if self
            .asked_clock
            .is_none_or(|at| now.since(at) >= self.clock_interval())
        {
            self.asked_clock = Some(now);
            let request = self.clock.request(now).to_bytes();
            self.send(request.to_vec());
        }
        while self.receiver.poll_feedback(now, &mut self.datagram) {
            let datagram = std::mem::take(&mut self.datagram);
            self.send(datagram);
        }
        // It appends.
        self.datagram.clear();
        while self.input.poll_transmit(now, &mut self.datagram) {
            let datagram = std::mem::take(&mut self.datagram);
            self.send(datagram);
        }
    }

    fn send(&self, datagram: Vec<u8>) {
        // Lost like any other; a closed session tells itself.
        if let Err(error) = self.session.send_datagram(datagram.into()) {
            tracing::debug!(%error, "a datagram was not sent");
        }
    }

    /// Often at first, as a page does: the first answers are the worst.
    fn clock_interval(&self) -> Micros {
        if clock::now().since(self.attached_at) < CLOCK_FIRST {
            CLOCK_OFTEN
        } else {
            CLOCK_SELDOM
        }
    }

    const fn can_press(&self) -> bool {
        self.sums.newest_inputs.is_some()
    }

    /// A key goes down and its effect is awaited; then it goes up, and a while later the next one goes down.
    fn press(&mut self, now: Timestamp) {
        self.sums.clicks.give_up(now);
        let Some(inputs) = self.sums.newest_inputs.filter(|_| now >= self.next_press) else {
            return;
        };
        if self.pressed {
            if !self.sums.clicks.is_open() {
                self.pressed = !self.input.push(now, EventKind::KeyUp(KEY));
            }
            self.next_press = now + PRESS_SHORTEST;
            return;
        }
        self.pressed = self.input.push(now, EventKind::KeyDown(KEY));
        if self.pressed {
            self.sums.clicks.on_press(now, inputs);
        }
        // Knuth's MMIX generator: any spread will do, as long as it is not a multiple of the frame interval.
        self.jitter = self
            .jitter
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.next_press = now + PRESS_SHORTEST + Micros::new((self.jitter >> 33) % PRESS_SPREAD_US);
    }

    fn tell(&mut self, now: Timestamp, progress: &mpsc::Sender<Progress>) {
        let Some(first) = self.sums.first_picture else {
            return;
        };
        let window = now.since(self.progress.began);
        if window < TELL_EVERY {
            return;
        }
        let lost = self.receiver.stats().lost;
        let told = Progress {
            played: now.since(first),
            pictures_per_second: per_second(self.progress.pictures, window),
            bits_per_second: 8.0 * per_second(self.sums.bytes.saturating_sub(self.progress.bytes), window),
            lost: lost.saturating_sub(self.progress.lost),
        };
        // Whoever listens slowly misses the newest.
        if progress.try_send(told).is_err() {
            tracing::trace!("nobody listens to the progress");
        }
        self.progress = Window {
            began: now,
            pictures: 0,
            bytes: self.sums.bytes,
            lost,
        };
    }
}

async fn sleep_until(at: Option<Timestamp>) {
    let left = at.map_or(TURN_MAX, |at| Duration::from(at.since(clock::now())));
    tokio::time::sleep(left.min(TURN_MAX)).await;
}

/// Linux's code of A.
const KEY: u16 = 30;
/// Pictures flow evenly by then.
const PRESS_FIRST: Micros = Micros::from_millis(1_000);
const PRESS_SHORTEST: Micros = Micros::from_millis(200);
const PRESS_SPREAD_US: u64 = 150_000;
/// A cold app on a loaded machine; the host itself gives up later.
const PICTURE_WITHIN: Micros = Micros::from_secs(20);
/// As long as a worker hears nothing before it takes its player for gone.
const SILENCE: Micros = Micros::from_secs(8);
const CLOCK_FIRST: Micros = Micros::from_secs(2);
const CLOCK_OFTEN: Micros = Micros::from_millis(100);
const CLOCK_SELDOM: Micros = Micros::from_secs(1);
/// Words on a long run.
const TELL_EVERY: Micros = Micros::from_secs(5);
/// However little happens, trouble is looked for this often.
const TURN_MAX: Duration = Duration::from_millis(500);
