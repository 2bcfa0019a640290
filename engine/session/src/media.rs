//! The media thread: display to access units, one picture in, one access unit out.
//!
//! ```text
//! damage -> grab -> convert -> encode -> units (bounded) -> network side
//!    ^ woken by: damage, a wish (IDR, recovery, rate), the still policy's deadline
//! ```
//!
//! Between the app and the encoder nothing queues: the thread grabs what the display shows when the encoder is free. It
//! stops encoding while the sender is blocked, so nothing after the encoder has to be dropped; should the network side fall
//! behind all the same, this thread waits for it.

use crate::chain::Chain;
use crate::encoders::Order;
use crate::lineup::{Change, Lineup};
use crate::pictures::{Asked, Pictures, StillStep, Turn};
use crate::quality::{Choice, Coded};
use crate::shared::{Mode, Shared, Wish};
use crate::{Error, clock, echo};
use firstlight_container::{Capture, Grab, Wait};
use firstlight_encoder::still::Still;
use firstlight_encoder::{AccessUnit, Codec, Config, Encoder, How, Picture, Refine, Unit};
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp};
use firstlight_wire::VideoTrace;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tokio::sync::mpsc;

/// What the media thread hands on.
#[derive(Debug)]
pub(crate) enum MediaEvent {
    /// The encoder is open; always first.
    Opened { encodes: Encodes, thread: i32 },
    /// Pictures have this size from here on.
    Drawn((u16, u16)),
    /// Another encodes from here on; `broken`: since that one failed.
    Changed {
        encodes: Encodes,
        broken: Option<&'static str>,
    },
    /// The app drew its first picture.
    FirstPicture { at: Timestamp },
    /// And this is the first one with something in it; only of a copy that boots for nobody yet.
    Drew,
    /// Nothing is touched until the next wish to run.
    Idle,
    /// A unit of an access unit, in order.
    Unit(CodedUnit),
}

/// Who encodes, and to what.
#[derive(Debug)]
pub(crate) struct Encodes {
    pub(crate) codec: String,
    pub(crate) backend: &'static str,
}

/// A unit as the encoder made it, with what the header needs.
#[derive(Debug)]
pub(crate) struct CodedUnit {
    pub(crate) meta: FrameMeta,
    pub(crate) index: u8,
    pub(crate) last: bool,
    /// With the access unit's last unit: its trace, but for `packetize`.
    pub(crate) trace: Option<VideoTrace>,
    pub(crate) encoded_at: Timestamp,
    /// With the first unit: what came of the access unit before.
    pub(crate) before: Option<Coded>,
    pub(crate) nals: Vec<u8>,
}

/// What all units of an access unit share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameMeta {
    pub(crate) frame: FrameId,
    pub(crate) reference: FrameId,
    pub(crate) captured_at: Timestamp,
    pub(crate) codec: Codec,
    pub(crate) idr: bool,
    pub(crate) recovery: bool,
    pub(crate) still: bool,
}

/// What the media thread is made of.
pub(crate) struct Parts {
    pub(crate) capture: Capture,
    pub(crate) config: Config,
    pub(crate) target: Bitrate,
    pub(crate) shared: Arc<Shared>,
    pub(crate) out: mpsc::Sender<MediaEvent>,
    pub(crate) spare: Spare,
    /// Look for the first picture with something in it while nobody watches.
    pub(crate) look: bool,
}

/// Buffers that the network side is done with.
pub(crate) struct Spare(pub(crate) Receiver<Vec<u8>>);

impl Spare {
    /// An empty one; a new one while there are not enough yet.
    fn take(&mut self) -> Vec<u8> {
        let mut buffer = self.0.try_recv().unwrap_or_default();
        buffer.clear();
        buffer
    }
}

/// Runs until the mode is [`Mode::Quit`] or nobody takes what it makes.
pub(crate) fn run(parts: Parts) -> Result<(), Error> {
    let (encoder, lineup) = Lineup::open(parts.config, parts.shared.order())?;
    let opened = MediaEvent::Opened {
        encodes: encodes(&encoder),
        thread: nix::unistd::gettid().as_raw(),
    };
    if parts.out.blocking_send(opened).is_err() {
        return Ok(());
    }
    let fps = parts.config.fps();
    Media {
        capture: parts.capture,
        encoder,
        lineup,
        held: (parts.target, Choice::WHOLE),
        shared: parts.shared,
        out: parts.out,
        spare: parts.spare,
        pictures: Pictures::new(fps),
        still: Still::new(&parts.config),
        chain: Chain::default(),
        frame: FrameId::new(0),
        before: None,
        drawn: false,
        look: parts.look,
        idle: false,
    }
    .run()
}

struct Media {
    capture: Capture,
    encoder: Encoder,
    lineup: Lineup,
    /// What the encoder holds to.
    held: (Bitrate, Choice),
    shared: Arc<Shared>,
    out: mpsc::Sender<MediaEvent>,
    spare: Spare,
    pictures: Pictures,
    still: Still,
    chain: Chain,
    frame: FrameId,
    /// The newest access unit that is finished.
    before: Option<Coded>,
    drawn: bool,
    look: bool,
    idle: bool,
}

/// When a picture passed the stages before the encoder.
#[derive(Clone, Copy, Debug)]
struct Passed {
    committed: Timestamp,
    grabbed: Timestamp,
    converted: Timestamp,
}

impl Media {
    fn run(&mut self) -> Result<(), Error> {
        loop {
            let wish = self.shared.take();
            match wish.mode {
                Mode::Quit => return Ok(()),
                Mode::Idle => self.rest()?,
                Mode::Run => self.work(wish)?,
            }
            if self.out.is_closed() {
                return Ok(());
            }
        }
    }

    /// Nobody watches: only notes that something was drawn.
    fn rest(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.idle, true) {
            self.hand_on(MediaEvent::Idle);
        }
        self.wait(None)?;
        if self.look && self.pictures.is_dirty() && !is_plain(&self.capture.grab()?) {
            self.look = false;
            self.hand_on(MediaEvent::Drew);
        }
        Ok(())
    }

    fn work(&mut self, wish: Wish) -> Result<(), Error> {
        self.idle = false;
        self.pictures.ask(wish.asked);
        self.encode_by(wish.order);
        self.hold_to(wish)?;
        let now = clock::now();
        let still = StillStep {
            due: self.still.poll(now),
            at: self.still.poll_timeout(),
        };
        self.pictures.set_blocked(now, wish.blocked);
        let skipped = self.pictures.take_skipped();
        if skipped > 0 {
            self.shared.tally(|t| t.skipped += skipped);
        }
        match self.pictures.next(now, still) {
            Turn::Grab => self.take_picture(wish),
            Turn::Again => self.encode_again(wish, None),
            Turn::Refine(refine) => self.encode_again(wish, Some(refine)),
            Turn::Wait(until) => self.wait(until),
        }
    }

    fn wait(&mut self, until: Option<Timestamp>) -> Result<(), Error> {
        if let Wait::Damage { at } = self.capture.wait(until)? {
            self.pictures.on_damage();
            if !std::mem::replace(&mut self.drawn, true) {
                self.hand_on(MediaEvent::FirstPicture { at });
            }
        }
        Ok(())
    }

    fn hold_to(&mut self, wish: Wish) -> Result<(), Error> {
        let Wish {
            target, mut choice, ..
        } = wish;
        // How large pictures of a size are coded that the display does not have yet, is for when it has.
        if wish.drawn != self.encoder.drawn() {
            choice.scale = self.held.1.scale;
        }
        if self.held == (target, choice) {
            return Ok(());
        }
        let (_, before) = std::mem::replace(&mut self.held, (target, choice));
        if let Err(failed) = self.encoder.set_rate(target, choice.divisor) {
            let change = self.lineup.replace(&mut self.encoder, failed)?;
            self.begin_anew(change);
            self.encoder.set_rate(target, choice.divisor)?;
        }
        self.pictures.set_divisor(choice.divisor);
        if choice.scale != before.scale {
            self.resize(choice);
        }
        Ok(())
    }

    /// Another size, from the next access unit on: of the kept picture, if nothing is drawn.
    fn resize(&mut self, choice: Choice) {
        let begun = clock::now();
        match self.encoder.set_scale(choice.scale) {
            Ok(()) => {
                let (width, height) = (self.encoder.config().width(), self.encoder.config().height());
                let took_us = (clock::now() - begun).as_micros();
                tracing::info!(width, height, took_us, "pictures are coded in another size");
                self.chain = Chain::default();
                self.pictures.ask(Asked {
                    idr: true,
                    recover: None,
                });
            }
            // The size stays what it is, and so does everything else.
            Err(error) => tracing::warn!(%error, ?choice, "the encoder refuses a size"),
        }
    }

    /// Another encoder, where the wish names another; one that does not open is not asked again, and this one goes on.
    fn encode_by(&mut self, order: Order) {
        let Some(change) = self.lineup.follow(&mut self.encoder, order) else {
            return;
        };
        self.begin_anew(change);
    }

    /// The newest access unit is nothing that can be predicted from.
    fn begin_anew(&mut self, change: Change) {
        if change.changed {
            self.chain = Chain::default();
            self.pictures.ask(Asked {
                idr: true,
                recover: None,
            });
        }
        self.hand_on(MediaEvent::Changed {
            encodes: encodes(&self.encoder),
            broken: change.broken,
        });
    }

    /// Pictures are of another size: so is what is coded, from the next access unit on, which is an IDR.
    fn redraw(&mut self, drawn: (u16, u16), wish: Wish) -> Result<(), Error> {
        let scale = if wish.drawn == drawn {
            wish.choice.scale
        } else {
            self.held.1.scale
        };
        let begun = clock::now();
        while let Err(failed) = self.encoder.set_drawn(drawn, scale) {
            let change = self.lineup.replace(&mut self.encoder, failed)?;
            self.begin_anew(change);
        }
        let took_us = (clock::now() - begun).as_micros();
        tracing::info!(
            width = drawn.0,
            height = drawn.1,
            took_us,
            "the picture has another size"
        );
        self.held.1.scale = scale;
        self.chain = Chain::default();
        self.hand_on(MediaEvent::Drawn(drawn));
        Ok(())
    }

    fn take_picture(&mut self, wish: Wish) -> Result<(), Error> {
        let grab = loop {
            let size = self.capture.size();
            if size != self.encoder.drawn() {
                self.redraw(size, wish)?;
            }
            let grab = self.capture.grab()?;
            // It may have another by now: once a second at the most.
            if (grab.width, grab.height) == self.encoder.drawn() {
                break grab;
            }
        };
        let (committed, grabbed) = (grab.committed_at, grab.grabbed_at);
        let changed = self.encoder.load(Picture {
            bgrx: grab.pixels,
            stride: grab.stride,
        })?;
        // The display works again from here on.
        drop(grab);
        let converted = clock::now();
        self.pictures.on_grab(grabbed);
        self.shared.tally(|t| {
            t.captured += 1;
            t.capture.add(grabbed - committed);
            t.convert.add(converted - grabbed);
        });
        let asked = self.pictures.take_asked();
        if !changed {
            return if asked.is_any() {
                self.encode_unchanged(wish, asked, None)
            } else {
                Ok(())
            };
        }
        let passed = Passed {
            committed,
            grabbed,
            converted,
        };
        let unit = self.encode(wish, asked, None, Some(passed))?;
        self.still.on_changed(clock::now(), &unit, wish.target);
        Ok(())
    }

    fn encode_again(&mut self, wish: Wish, refine: Option<Refine>) -> Result<(), Error> {
        let asked = self.pictures.take_asked();
        self.encode_unchanged(wish, asked, refine)
    }

    fn encode_unchanged(&mut self, wish: Wish, asked: Asked, refine: Option<Refine>) -> Result<(), Error> {
        let unit = self.encode(wish, asked, refine, None)?;
        if refine.is_some() {
            self.still.on_refined(clock::now(), &unit, wish.target);
        } else {
            self.still.on_changed(clock::now(), &unit, wish.target);
        }
        Ok(())
    }

    /// `passed` is `None` for a picture that did not change: it is as it is at this moment.
    ///
    /// An encoder that fails is followed by the next, with an IDR of the same picture.
    fn encode(
        &mut self,
        wish: Wish,
        asked: Asked,
        refine: Option<Refine>,
        passed: Option<Passed>,
    ) -> Result<AccessUnit, Error> {
        let mut done = self.encode_once(wish, asked, refine, passed);
        while let Err(Error::Encoder(failed)) = done {
            let change = self.lineup.replace(&mut self.encoder, failed)?;
            self.begin_anew(change);
            let asked = self.pictures.take_asked();
            done = self.encode_once(wish, asked, None, passed);
        }
        done
    }

    fn encode_once(
        &mut self,
        wish: Wish,
        asked: Asked,
        refine: Option<Refine>,
        passed: Option<Passed>,
    ) -> Result<AccessUnit, Error> {
        let begun = clock::now();
        let passed_or_now = passed.unwrap_or(Passed {
            committed: begun,
            grabbed: begun,
            converted: begun,
        });
        let (idr, recovery) = self.break_chain(wish, asked)?;
        let frame = self.frame.next();
        let meta = FrameMeta {
            frame,
            reference: self.chain.reference(frame, idr),
            captured_at: passed_or_now.committed,
            codec: self.encoder.abilities().codec,
            idr,
            recovery,
            still: passed.is_none(),
        };
        let trace = self.trace(passed_or_now, passed.is_some());
        let cpu = clock::thread_cpu();
        let (out, spare, before) = (&self.out, &mut self.spare, self.before);
        let (mut finished, mut begun_frame) = (begun, self.frame);
        let how = How {
            idr,
            refine,
            bytes_max: Some(wish.frame_max),
        };
        let encoded = self.encoder.encode(frame, how, &mut |unit: Unit<'_>| {
            finished = clock::now();
            begun_frame = frame;
            let encode = (finished - passed_or_now.converted).as_u32();
            let mut nals = spare.take();
            nals.extend_from_slice(unit.nals);
            let coded = CodedUnit {
                meta,
                index: unit.index,
                last: unit.last,
                trace: unit.last.then_some(VideoTrace { encode, ..trace }),
                encoded_at: finished,
                before: before.filter(|_| unit.index == 0),
                nals,
            };
            // An error means that the session is over, which the loop sees next.
            drop(out.blocking_send(MediaEvent::Unit(coded)));
        });
        // An access unit that broke off is never whole: what follows has a number of its own.
        self.frame = begun_frame;
        let unit = encoded?;
        let cpu = clock::thread_cpu().saturating_sub(cpu);
        if (unit.idr, unit.reference) != (meta.idr, meta.reference) {
            tracing::warn!(?unit, ?meta, "an access unit is not what its header says");
        }
        self.before = Some(Coded {
            qp: unit.qp,
            convert: passed_or_now.converted - passed_or_now.grabbed,
            encode: finished - passed_or_now.converted,
            still: meta.still,
            idr: meta.idr,
        });
        self.on_encoded(&unit, meta, finished - passed_or_now.converted, cpu);
        Ok(unit)
    }

    /// Whether the next access unit is an IDR, and whether it is a recovery instead.
    fn break_chain(&mut self, wish: Wish, asked: Asked) -> Result<(bool, bool), Error> {
        if asked.idr || self.chain.is_empty() {
            return Ok((true, false));
        }
        // While no picture could be taken, what was missing may have come.
        let lost = asked
            .recover
            .and_then(|lost| self.chain.still_lost(lost, wish.acknowledged));
        let Some(first_lost) = lost else {
            return Ok((false, false));
        };
        // One that fails at it fails at the picture, too, and is followed there.
        if !wish.recovery_works || !matches!(self.encoder.invalidate(first_lost), Ok(true)) {
            return Ok((true, false));
        }
        self.chain.invalidate(first_lost);
        let works = !self.chain.is_empty();
        Ok((!works, works))
    }

    fn trace(&self, passed: Passed, fresh: bool) -> VideoTrace {
        // An unchanged picture answers no input.
        let event = self.shared.injected_before(passed.committed).filter(|_| fresh);
        let (input, since_input, inject) = echo::since(event, passed.committed);
        let (width, height) = self.encoder.drawn();
        VideoTrace {
            input,
            since_input,
            inject,
            capture: (passed.grabbed - passed.committed).as_u32(),
            convert: (passed.converted - passed.grabbed).as_u32(),
            encode: 0,
            packetize: 0,
            width,
            height,
            qp: self.before.map_or(0, |b| b.qp),
        }
    }

    fn on_encoded(&mut self, unit: &AccessUnit, meta: FrameMeta, took: Micros, cpu: Micros) {
        self.frame = meta.frame;
        self.chain.on_encoded(meta.frame, unit.idr);
        self.shared.tally(|t| {
            t.encoded += 1;
            t.idr += u32::from(unit.idr);
            t.recovery += u32::from(meta.recovery);
            t.video_bytes += unit.bytes.as_u64();
            t.encode.add(took);
            t.encoder_cpu += cpu;
        });
    }

    fn hand_on(&self, event: MediaEvent) {
        // An error means that the session is over, which the loop sees next.
        drop(self.out.blocking_send(event));
    }
}

fn encodes(encoder: &Encoder) -> Encodes {
    Encodes {
        codec: encoder.codec().to_owned(),
        backend: encoder.backend(),
    }
}

/// Whether all of it is of one colour.
fn is_plain(grab: &Grab<'_>) -> bool {
    let mut pixels = grab
        .pixels
        .chunks_exact(4)
        .filter_map(|pixel| pixel.first_chunk::<3>());
    let first = pixels.next();
    pixels.all(|pixel| Some(pixel) == first)
}
