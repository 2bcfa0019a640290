//! Ours: the very sender and receiver that the product runs.

use crate::flow::{Flow, QUIC, UDP};
use crate::path::{Body, Class, Path, START};
use crate::source::{BITRATE_MAX, BITRATE_MIN, BITRATE_START, Encoded, Order, Source};
use firstlight_netem::Trace;
use firstlight_proto::receive::Receiver;
use firstlight_proto::send::{SendEvent, Sender, SenderConfig, VideoUnit};
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, Timestamp};
use firstlight_wire::{Kind, MediaHeader};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Firstlight {
    flow: usize,
    trace: Arc<Trace>,
    sender: Sender,
    receiver: Receiver,
    idr: bool,
    reference: Option<u64>,
    pending: Option<(Timestamp, Encoded)>,
    rtts: [Micros; 4],
    rtt_at: Timestamp,
    buffer: Vec<u8>,
    unit: Vec<u8>,
    nals: Vec<u8>,
}

impl Firstlight {
    /// The product's configuration, with the range of this bench.
    #[must_use]
    pub fn config() -> SenderConfig {
        SenderConfig {
            bitrate_min: BITRATE_MIN,
            bitrate_start: BITRATE_START,
            bitrate_max: BITRATE_MAX,
            ..SenderConfig::default()
        }
    }

    /// A stream over a fresh attachment.
    #[must_use]
    pub fn new(flow: usize, trace: &Arc<Trace>, config: SenderConfig) -> Self {
        let mut sender = Sender::new(config);
        sender.attach(START, DATAGRAM_MAX);
        let mut receiver = Receiver::new();
        receiver.attach();
        let rtt = trace.row(Micros::ZERO).rtt;
        receiver.set_rtt(rtt);
        Self {
            flow,
            trace: Arc::clone(trace),
            sender,
            receiver,
            idr: true,
            reference: None,
            pending: None,
            rtts: [rtt; 4],
            rtt_at: START,
            buffer: Vec::new(),
            unit: Vec::new(),
            nals: Vec::new(),
        }
    }

    fn drain_host(&mut self, now: Timestamp, path: &mut Path) {
        while self.sender.poll_transmit(now, &mut self.buffer) {
            let first = MediaHeader::parse(&self.buffer)
                .is_ok_and(|(header, _)| header.kind == Kind::Video && !header.flags.repeat);
            let class = if first { Class::Media } else { Class::Extra };
            let body = Body::Bytes(self.buffer.clone());
            path.send_down(now, self.flow, class, on_wire(&self.buffer), body);
        }
        while let Some(event) = self.sender.poll_event() {
            match event {
                SendEvent::NeedIdr(_) => self.idr = true,
                SendEvent::NeedRecovery { acknowledged, .. } => self.reference = Some(acknowledged.get()),
                // The target is asked for when it is needed.
                SendEvent::Target(_) => {}
                _ => {}
            }
        }
    }

    fn push(&mut self, now: Timestamp, encoded: Encoded) {
        let size = usize::try_from(encoded.size.as_u64()).unwrap_or(0);
        self.nals.resize(size, 0);
        self.sender.push_video(
            now,
            VideoUnit {
                frame: FrameId::new(encoded.frame),
                reference: FrameId::new(encoded.reference),
                captured_at: now,
                idr: encoded.idr,
                recovery: encoded.recovery,
                still: false,
                unit: 0,
                last: true,
                trace: None,
                nals: &self.nals,
            },
        );
    }

    fn drain_player(&mut self, now: Timestamp, path: &mut Path, source: &mut Source) {
        let there = now + AHEAD;
        while let Some(unit) = self.receiver.poll_unit(&mut self.unit) {
            // The receiver counts one wrap up; low bits name the frame.
            source.on_decoded(now, unit.frame.low().into());
            self.receiver.handle_decoded(unit.frame);
        }
        while self.receiver.poll_feedback(there, &mut self.buffer) {
            let body = Body::Bytes(self.buffer.clone());
            path.send_up(now, self.flow, on_wire(&self.buffer), body);
        }
    }

    /// The clock exchange of once a second, of which the smallest round trip of the last ones counts.
    fn measure_rtt(&mut self, now: Timestamp) {
        if now < self.rtt_at {
            return;
        }
        self.rtt_at = now + Micros::from_secs(1);
        self.rtts.rotate_left(1);
        self.rtts[3] = self.trace.row(now.since(START)).rtt;
        let least = self.rtts.iter().min().copied().unwrap_or_default();
        self.receiver.set_rtt(least);
    }
}

impl Flow for Firstlight {
    fn capture(&mut self, now: Timestamp, source: &mut Source) {
        self.measure_rtt(now);
        if !self.sender.may_encode(now) {
            return;
        }
        let order = Order {
            bitrate: self.sender.target(),
            idr: std::mem::take(&mut self.idr),
            reference: self.reference.take(),
            most: Some(self.sender.frame_max(now)),
        };
        self.pending = Some((now, source.encode(now, order)));
    }

    fn step(&mut self, now: Timestamp, path: &mut Path, source: &mut Source) {
        while let Some(Body::Bytes(datagram)) = path.take_up(self.flow) {
            self.sender.handle_feedback(now, &datagram);
            self.drain_host(now, path);
        }
        if let Some((at, encoded)) = self.pending.take() {
            self.push(at, encoded);
            self.drain_host(now, path);
        }
        self.sender.handle_timeout(now);
        self.drain_host(now, path);
        while let Some(Body::Bytes(datagram)) = path.take_down(self.flow) {
            self.receiver.handle_datagram(now + AHEAD, &datagram);
            self.drain_player(now, path, source);
        }
        self.receiver.handle_timeout(now + AHEAD);
        self.drain_player(now, path, source);
    }

    fn next(&self) -> Option<Timestamp> {
        let host = self.sender.poll_timeout().map(|(at, _)| at);
        let player = self.receiver.poll_timeout().map(|(at, _)| at.before(AHEAD));
        [host, player].into_iter().flatten().min()
    }

    fn target(&self) -> Bitrate {
        self.sender.target()
    }
}

fn on_wire(datagram: &[u8]) -> ByteCount {
    ByteCount::from(datagram.len() + UDP + QUIC)
}

/// What QUIC's smallest packet size leaves.
const DATAGRAM_MAX: usize = 1_200;
/// The player's clock is another one.
const AHEAD: Micros = Micros::from_secs(77_777);
