//! A stream from a sender to a receiver, over a line that only takes time.

use crate::meter::{Meter, Op};
use firstlight_proto::receive::Receiver;
use firstlight_proto::send::{SendEvent, Sender, SenderConfig, VideoUnit};
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp};
use std::collections::VecDeque;

/// What the line does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    /// Every so many packets one is lost; 0: none.
    pub lose_every: u64,
}

/// Plays `seconds` of 10 Mbit/s at 60 fps after a warm-up.
///
/// Returns how many access units came out.
pub fn play_media(meter: &mut Meter, line: Line, seconds: u64) -> u64 {
    let mut world = World::new(line);
    world.run(meter, WARM_UP_S * TICKS_PER_SECOND);
    meter.start();
    world.delivered = 0;
    world.run(meter, seconds * TICKS_PER_SECOND);
    world.delivered
}

struct World {
    line: Line,
    now: Timestamp,
    sender: Sender,
    receiver: Receiver,
    to_receiver: Way,
    to_sender: Way,
    datagram: Vec<u8>,
    nals: Vec<u8>,
    content: Vec<u8>,
    frame: u64,
    frame_at: Timestamp,
    start: bool,
    sent: u64,
    delivered: u64,
}

/// Datagrams under way, and buffers that are free.
#[derive(Default)]
struct Way {
    flying: VecDeque<(Timestamp, Vec<u8>)>,
    free: Vec<Vec<u8>>,
}

impl Way {
    fn put(&mut self, at: Timestamp, datagram: &[u8]) {
        let mut buffer = self.free.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(datagram);
        self.flying.push_back((at, buffer));
    }

    fn take(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        self.flying.front().filter(|(at, _)| *at <= now)?;
        self.flying.pop_front().map(|(_, datagram)| datagram)
    }
}

impl World {
    fn new(line: Line) -> Self {
        let now = Timestamp::from_micros(1_000_000);
        let mut sender = Sender::new(SenderConfig {
            bitrate_start: Bitrate::mbps(12),
            ..SenderConfig::default()
        });
        sender.attach(now, DATAGRAM_BYTES);
        let mut receiver = Receiver::new();
        receiver.attach();
        receiver.set_rtt(DELAY.scale(2, 1));
        Self {
            line,
            now,
            sender,
            receiver,
            to_receiver: Way::default(),
            to_sender: Way::default(),
            datagram: Vec::with_capacity(2 * DATAGRAM_BYTES),
            nals: Vec::new(),
            content: vec![0x5a; 2 * UNIT_BYTES],
            frame: 0,
            frame_at: now,
            start: true,
            sent: 0,
            delivered: 0,
        }
    }

    fn run(&mut self, meter: &mut Meter, ticks: u64) {
        for _ in 0..ticks {
            self.now += TICK;
            self.push(meter);
            self.transmit(meter);
            self.receive(meter);
            self.report(meter);
        }
    }

    fn push(&mut self, meter: &mut Meter) {
        if self.now < self.frame_at {
            return;
        }
        self.frame_at += Micros::new(1_000_000 / FPS);
        if !self.sender.may_encode(self.now) {
            return;
        }
        self.frame += 1;
        let start = std::mem::take(&mut self.start);
        let frame = FrameId::new(self.frame);
        // Seven sizes between three quarters and five quarters of the mean: every buffer meets all of them while it warms up.
        let step = usize::try_from(self.frame % 7).unwrap_or(0);
        let size = UNIT_BYTES * 3 / 4 + step * UNIT_BYTES / 12;
        let unit = VideoUnit {
            frame,
            reference: if start {
                frame
            } else {
                FrameId::new(self.frame - 1)
            },
            captured_at: self.now,
            idr: start,
            recovery: false,
            still: false,
            unit: 0,
            last: true,
            trace: None,
            nals: self.content.get(..size).unwrap_or_default(),
        };
        let (now, sender) = (self.now, &mut self.sender);
        meter.run(Op::PushVideo, || sender.push_video(now, unit), |()| true);
    }

    fn transmit(&mut self, meter: &mut Meter) {
        let (now, sender, out) = (self.now, &mut self.sender, &mut self.datagram);
        if sender.poll_timeout().is_some_and(|(at, _)| at <= now) {
            sender.handle_timeout(now);
        }
        while meter.run(Op::PollTransmit, || sender.poll_transmit(now, out), |did| *did) {
            meter.sent();
            self.sent += 1;
            if self.line.lose_every == 0 || !self.sent.is_multiple_of(self.line.lose_every) {
                self.to_receiver.put(now + DELAY, out);
            }
        }
        while let Some(event) = sender.poll_event() {
            self.start |= matches!(event, SendEvent::NeedIdr(_) | SendEvent::NeedRecovery { .. });
        }
    }

    fn receive(&mut self, meter: &mut Meter) {
        let (now, receiver, nals) = (self.now, &mut self.receiver, &mut self.nals);
        while let Some(datagram) = self.to_receiver.take(now) {
            meter.run(
                Op::HandleDatagram,
                || receiver.handle_datagram(now, &datagram),
                |_| true,
            );
            self.to_receiver.free.push(datagram);
            while let Some(unit) = meter.run(Op::PollUnit, || receiver.poll_unit(nals), Option::is_some) {
                receiver.handle_decoded(unit.frame);
                self.delivered += 1;
            }
        }
        receiver.handle_timeout(now);
    }

    fn report(&mut self, meter: &mut Meter) {
        let (now, receiver, sender, out) =
            (self.now, &mut self.receiver, &mut self.sender, &mut self.datagram);
        while meter.run(Op::PollFeedback, || receiver.poll_feedback(now, out), |did| *did) {
            self.to_sender.put(now + DELAY, out);
        }
        while let Some(datagram) = self.to_sender.take(now) {
            meter.run(
                Op::HandleFeedback,
                || sender.handle_feedback(now, &datagram),
                |()| true,
            );
            self.to_sender.free.push(datagram);
        }
    }
}

const TICK: Micros = Micros::new(500);
const TICKS_PER_SECOND: u64 = 2_000;
const FPS: u64 = 60;
/// 10 Mbit/s at 60 fps.
const UNIT_BYTES: usize = 20_833;
/// What WebTransport leaves of a path of 1,452 bytes.
const DATAGRAM_BYTES: usize = 1_413;
const DELAY: Micros = Micros::from_millis(3);
/// Rings have wrapped and buffers have grown by then.
const WARM_UP_S: u64 = 20;
