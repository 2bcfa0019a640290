//! A sender, a receiver and the two directions of a path between them, in simulated time.

use super::app::{App, Encoded};
use firstlight_netem::{Link, Random};
use firstlight_proto::receive::{AccessUnit, Receiver, ReceiverStats};
use firstlight_proto::send::{AudioFrame, SendEvent, Sender, SenderConfig, SenderStats, VideoUnit};
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp};
use std::collections::BTreeSet;

pub(crate) const START: Timestamp = Timestamp::from_micros(1_000_000_000);
/// The client's clock is ahead of the host's by this.
const AHEAD: Micros = Micros::from_secs(77_777);

/// What is different from a plain session over a good path.
pub(crate) struct Setup {
    pub(crate) config: SenderConfig,
    pub(crate) down: firstlight_netem::Config,
    pub(crate) up: firstlight_netem::Config,
    pub(crate) rtt: Micros,
    pub(crate) first_seq: u64,
    pub(crate) first_frame: u64,
    pub(crate) first_report: u16,
    /// How long each end sleeps now and then, at the most.
    pub(crate) hiccup: Micros,
    pub(crate) audio: bool,
    /// Share of the target that the encoder uses, in per cent.
    pub(crate) load: u64,
    /// Feedback passes.
    pub(crate) reports: bool,
    pub(crate) seed: u64,
}

impl Setup {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            config: SenderConfig::default(),
            down: firstlight_netem::Config::default().seed(seed),
            up: firstlight_netem::Config::default().seed(seed ^ 0xFEED),
            rtt: Micros::from_millis(2),
            first_seq: 1,
            first_frame: 1,
            first_report: 0,
            hiccup: Micros::ZERO,
            audio: true,
            load: 95,
            reports: true,
            seed,
        }
    }
}

/// One picture that reached the decoder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) at: Timestamp,
    pub(crate) unit: AccessUnit,
    pub(crate) bytes: usize,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) app: App,
    pub(crate) down: Link,
    pub(crate) up: Link,
    pub(crate) shown: Vec<Shown>,
    pub(crate) targets: Vec<(Timestamp, Bitrate)>,
    pub(crate) skipped: u64,
    pub(crate) audio_heard: BTreeSet<u64>,
    pub(crate) audio_sent: u64,
    /// Frames the decoder holds.
    decoder: BTreeSet<u64>,
    host_asleep: Timestamp,
    client_asleep: Timestamp,
    next_picture: Timestamp,
    next_audio: Timestamp,
    next_hiccup: Timestamp,
    setup: Setup,
    random: Random,
    buffer: Vec<u8>,
    unit: Vec<u8>,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        eprintln!("FIRSTLIGHT_SEED={}", setup.seed);
        let mut sender = Sender::new(setup.config).with_first_seq(setup.first_seq);
        sender.attach(START, 1_200);
        let mut receiver = Receiver::new().with_first_report(setup.first_report);
        receiver.attach();
        receiver.set_rtt(setup.rtt);
        Self {
            now: START,
            sender,
            receiver,
            app: App::new(setup.seed, setup.first_frame, setup.load),
            down: setup.down.clone().build(START).unwrap(),
            up: setup.up.clone().build(START).unwrap(),
            shown: Vec::new(),
            targets: Vec::new(),
            skipped: 0,
            audio_heard: BTreeSet::new(),
            audio_sent: 0,
            decoder: BTreeSet::new(),
            host_asleep: START,
            client_asleep: START,
            next_picture: START,
            next_audio: START,
            next_hiccup: START + Micros::from_millis(500),
            random: Random::new(setup.seed ^ 0xC0FFEE),
            setup,
            buffer: Vec::new(),
            unit: Vec::new(),
        }
    }

    /// Runs for `span` of simulated time.
    pub(crate) fn run(&mut self, span: Micros) -> &mut Self {
        let end = self.now + span;
        let mut idle = 0;
        while self.now < end {
            let before = self.now;
            self.step();
            let next = self.next_event().min(end);
            self.now = self.now.max(next);
            idle = if self.now == before { idle + 1 } else { 0 };
            assert!(
                idle < 100,
                "nothing moves at {}: {:?} {:?}",
                self.now.since(START),
                self.sender.poll_timeout(),
                self.receiver.poll_timeout()
            );
        }
        self
    }

    fn next_event(&self) -> Timestamp {
        let host = [
            Some(self.next_picture),
            self.setup.audio.then_some(self.next_audio),
            self.sender.poll_timeout().map(|(at, _)| at),
            self.up.poll_timeout(),
        ];
        let client = [
            self.receiver
                .poll_timeout()
                .map(|(at, _)| Timestamp::from_micros(at.as_micros() - AHEAD.as_micros())),
            self.down.poll_timeout(),
        ];
        let host = host.into_iter().flatten().min().unwrap().max(self.host_asleep);
        let client = client
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(self.client_asleep));
        client
            .map_or(host, |client| client.min(host))
            .min(self.next_hiccup)
    }

    fn step(&mut self) {
        let now = self.now;
        if now >= self.next_hiccup {
            let asleep = now + self.random.span(self.setup.hiccup);
            if self.random.below(2) == 0 {
                self.host_asleep = asleep;
            } else {
                self.client_asleep = asleep;
            }
            self.next_hiccup = now + Micros::from_millis(100) + self.random.span(Micros::from_millis(400));
        }
        if now >= self.host_asleep {
            self.step_host();
        }
        if now >= self.client_asleep {
            self.step_client();
        }
    }

    fn step_host(&mut self) {
        let now = self.now;
        while let Some(datagram) = self.up.poll(now) {
            if self.setup.reports {
                self.sender.handle_feedback(now, &datagram);
                self.drain_host();
            }
        }
        if now >= self.next_audio && self.setup.audio {
            self.next_audio += Micros::from_millis(10);
            self.audio_sent += 1;
            let frame = self.audio_sent + self.setup.first_frame - 1;
            let (primary, previous) = (audio(frame), audio(frame - 1));
            self.sender.push_audio(
                now,
                AudioFrame {
                    frame: FrameId::new(frame),
                    captured_at: now,
                    silent: is_silent(frame),
                    primary: &primary,
                    previous: &previous,
                },
            );
            self.drain_host();
        }
        if now >= self.next_picture {
            while self.next_picture <= now {
                self.next_picture += Micros::new(16_667);
            }
            if self.sender.may_encode(now) {
                let most = self.sender.frame_max(now).as_u64();
                let acknowledged = self.sender.acknowledged().get();
                let encoded = self.app.encode(now, self.sender.target(), most, acknowledged);
                self.push(&encoded);
            } else {
                self.skipped += 1;
            }
        }
        self.sender.handle_timeout(now);
        self.drain_host();
    }

    fn push(&mut self, encoded: &Encoded) {
        let units = encoded.units.len();
        for (index, nals) in encoded.units.iter().enumerate() {
            self.sender.push_video(
                self.now,
                VideoUnit {
                    frame: FrameId::new(encoded.frame),
                    reference: FrameId::new(encoded.reference),
                    captured_at: encoded.captured_at,
                    idr: encoded.idr,
                    recovery: encoded.recovery,
                    still: false,
                    unit: index as u8,
                    last: index + 1 == units,
                    trace: Some(firstlight_wire::VideoTrace {
                        input: encoded.frame as u32,
                        ..Default::default()
                    }),
                    nals,
                },
            );
            self.drain_host();
        }
    }

    fn drain_host(&mut self) {
        let mut out = std::mem::take(&mut self.buffer);
        let mut sent = 0;
        while self.sender.poll_transmit(self.now, &mut out) {
            assert!(out.len() <= 1_200);
            self.down.send(self.now, out.clone());
            sent += 1;
            assert!(sent < 10_000);
        }
        self.buffer = out;
        while let Some(event) = self.sender.poll_event() {
            match event {
                SendEvent::Target(target) => self.targets.push((self.now, target)),
                SendEvent::NeedIdr(_) => self.app.want_idr(),
                SendEvent::NeedRecovery {
                    first_lost,
                    acknowledged,
                } => {
                    assert_eq!(first_lost, acknowledged.next());
                    self.app.want_recovery(acknowledged.get());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn step_client(&mut self) {
        let now = self.now + AHEAD;
        while let Some(datagram) = self.down.poll(self.now) {
            self.receiver.handle_datagram(now, &datagram);
            self.drain_client();
        }
        self.receiver.handle_timeout(now);
        self.drain_client();
    }

    pub(crate) fn drain_client(&mut self) {
        let now = self.now + AHEAD;
        let mut bytes = std::mem::take(&mut self.unit);
        while let Some(unit) = self.receiver.poll_unit(&mut bytes) {
            self.decode(unit, &bytes);
            self.receiver.handle_decoded(unit.frame);
        }
        while let Some(packet) = self.receiver.poll_audio(&mut bytes) {
            let frame = packet.frame.get();
            assert_eq!(low(&bytes), low(&audio(frame)), "audio {frame}");
            // The copy that comes with the next frame does not say so, and is played as it is.
            let silent = is_silent(frame) && !packet.redundant;
            assert_eq!(packet.silent, silent, "audio {frame}");
            assert!(self.audio_heard.insert(frame), "audio {frame} came twice");
        }
        self.unit = bytes;
        let mut out = std::mem::take(&mut self.buffer);
        while self.receiver.poll_feedback(now, &mut out) {
            assert!(out.len() <= 1_200);
            self.up.send(self.now, out.clone());
        }
        self.buffer = out;
    }

    /// What a decoder that shows damage would be given: it must be whole, in order and decodable.
    fn decode(&mut self, unit: AccessUnit, bytes: &[u8]) {
        let frame = unit.frame.get();
        let sent = self.app.sent(frame as u32);
        assert_eq!(sent.units.concat(), bytes, "frame {frame} was damaged");
        assert_eq!(unit.trace.map(|trace| trace.input), Some(frame as u32));
        assert_eq!((unit.idr, unit.recovery), (sent.idr, sent.recovery));
        if let Some(last) = self.shown.last() {
            assert!(last.unit.frame < unit.frame, "{frame} came out of order");
        }
        if unit.idr {
            self.decoder.clear();
        } else {
            let reference = unit.reference.get();
            assert!(
                self.decoder.contains(&reference),
                "{frame} needs {reference}, which the decoder does not have"
            );
        }
        self.decoder.insert(frame);
        self.shown.push(Shown {
            at: self.now,
            unit,
            bytes: bytes.len(),
        });
    }

    /// Another page takes over.
    pub(crate) fn attach_again(&mut self) {
        self.sender.detach(self.now);
        self.drain_host();
        // Another connection: what was on its way to the one before does not come out of it.
        self.down = self.setup.down.clone().build(self.now).unwrap();
        self.up = self.setup.up.clone().build(self.now).unwrap();
        self.sender.attach(self.now, 1_200);
        self.receiver.attach();
        self.decoder.clear();
        self.drain_host();
    }

    /// The decoder fails and is replaced.
    pub(crate) fn break_decoder(&mut self) {
        self.decoder.clear();
        self.receiver.handle_decoder_broken(self.now + AHEAD);
        self.drain_client();
    }

    /// Drains the sender after something was done to it from outside.
    pub(crate) fn settle(&mut self) {
        self.drain_host();
    }

    pub(crate) fn sent_stats(&self) -> SenderStats {
        self.sender.stats()
    }

    pub(crate) fn got_stats(&self) -> ReceiverStats {
        self.receiver.stats()
    }

    /// The longest time without a new picture between two moments from the start.
    pub(crate) fn longest_freeze(&self, from: Micros, to: Micros) -> Micros {
        let (from, to) = (START + from, START + to);
        let inside = self
            .shown
            .iter()
            .map(|shown| shown.at)
            .filter(|at| *at > from && *at < to);
        let mut last = from;
        let mut longest = Micros::ZERO;
        for at in inside.chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    /// Times without a new picture that were longer than `most`, between two moments from the start.
    pub(crate) fn freezes(&self, from: Micros, to: Micros, most: Micros) -> usize {
        let (from, to) = (START + from, START + to);
        let at: Vec<_> = self
            .shown
            .iter()
            .map(|s| s.at)
            .filter(|at| *at > from && *at < to)
            .collect();
        at.windows(2).filter(|pair| pair[1] - pair[0] > most).count()
    }

    /// What the decoder got between two moments.
    pub(crate) fn goodput(&self, from: Micros, to: Micros) -> Bitrate {
        let (from, to) = (START + from, START + to);
        let bytes: usize = self
            .shown
            .iter()
            .filter(|s| s.at >= from && s.at < to)
            .map(|s| s.bytes)
            .sum();
        firstlight_units::ByteCount::from(bytes).per(to - from)
    }

    /// Percentile of the time from a picture's capture to its decoder, of those captured between two moments.
    pub(crate) fn age(&self, from: Micros, to: Micros, percent: usize) -> Micros {
        let (from, to) = (START + from, START + to);
        let mut ages: Vec<Micros> = self
            .shown
            .iter()
            .map(|s| (Timestamp::from_micros(s.unit.captured_at.as_micros()), s.at))
            .filter(|(captured, _)| *captured >= from && *captured < to)
            .map(|(captured, at)| at - captured)
            .collect();
        ages.sort_unstable();
        ages.get((ages.len() * percent / 100).min(ages.len().saturating_sub(1)))
            .copied()
            .unwrap_or(Micros::MAX)
    }

    pub(crate) fn target_at(&self, at: Micros) -> Bitrate {
        let at = START + at;
        self.targets
            .iter()
            .rev()
            .find(|(told, _)| *told <= at)
            .map_or(Bitrate::MAX, |(_, target)| *target)
    }

    /// The first moment from `from` on at which the target was at least `rate`.
    pub(crate) fn reaches(&self, from: Micros, rate: Bitrate) -> Option<Micros> {
        let from = START + from;
        let held = self
            .targets
            .iter()
            .rev()
            .find(|(at, _)| *at < from)
            .is_some_and(|(_, target)| *target >= rate);
        if held {
            return Some(Micros::ZERO);
        }
        self.targets
            .iter()
            .find(|(at, target)| *at >= from && *target >= rate)
            .map(|(at, _)| *at - from)
    }
}

fn is_silent(frame: u64) -> bool {
    (frame & 0xffff_ffff).is_multiple_of(7)
}

/// An audio packet that names its frame by the bits that travel.
fn audio(frame: u64) -> Vec<u8> {
    let mut packet = vec![0xA5; 100];
    packet[..4].copy_from_slice(&(frame as u32).to_be_bytes());
    packet
}

fn low(packet: &[u8]) -> &[u8] {
    &packet[..4]
}
