//! A stream in the manner of RTP with transport-wide feedback, for the algorithms that are not ours.
//!
//! ```text
//! access unit -> Host: packets (+ Reed-Solomon) -> pacer <- Controller -> Path -> Player: frames, reference chain
//!                  ^---- repeats, IDR <---- Report: arrivals each 20 ms, NACK at a gap, PLI <-----------+
//! ```
//!
//! The ends are as good as such stacks get: a gap is asked for at once, asked again each round trip up to ten times, and where that
//! fails, or after half a second, an IDR is asked for. Frames are decoded in order, each after the one it needs.

mod host;
mod player;

use crate::flow::{Flow, UDP};
use crate::path::{Body, Class, Path};
use crate::source::{Order, Source};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use host::Host;
use player::Player;

/// What travels.
#[derive(Clone, Debug)]
pub enum Packet {
    /// To the player.
    Media(Media),
    /// To the host.
    Report(Report),
}

/// A packet to the player.
#[derive(Clone, Copy, Debug)]
pub struct Media {
    /// Counts all packets.
    pub seq: u64,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// Payload and RTP headers.
    pub size: ByteCount,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A part of an access unit.
    Part(Part),
    /// A Reed-Solomon shard of an access unit.
    Parity(Part),
    /// Nothing but bytes.
    Padding,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Counts the parts of all access units (RTP's sequence number).
    pub rtp: u64,
    /// The access unit.
    pub frame: u64,
    /// A decoder can start here.
    pub idr: bool,
    /// Which part.
    pub index: u16,
    /// Of how many.
    pub count: u16,
    /// Sent again.
    pub again: bool,
}

/// What the player tells.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What came since the report before.
    pub arrivals: Vec<(u64, Timestamp)>,
    /// Parts to send again.
    pub nacks: Vec<u64>,
    /// An IDR is needed.
    pub pli: bool,
}

/// What is known of a sent packet.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// Its number.
    pub seq: u64,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// On the line.
    pub size: ByteCount,
    /// When it came; `None` if it is lost.
    pub arrived_at: Option<Timestamp>,
    /// Its round trip, without the wait for the report.
    pub rtt: Micros,
    /// Of which probe it was part, and its cluster's needs.
    pub probe: Option<Probe>,
}

/// A packet that is sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// Its number.
    pub seq: u64,
    /// On the line.
    pub size: ByteCount,
    /// Before it.
    pub in_flight: ByteCount,
    /// The probe it is part of.
    pub probe: Option<Probe>,
    /// Nothing waited behind it.
    pub alone: bool,
}

/// Packets to be sent faster than the rest, to see whether they come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Names it.
    pub id: i32,
    /// How fast.
    pub rate: Bitrate,
    /// How many packets at least.
    pub packets: u32,
    /// How many bytes at least.
    pub bytes: ByteCount,
}

/// A rate control.
pub trait Controller: std::fmt::Debug {
    /// A packet goes.
    fn on_sent(&mut self, now: Timestamp, sending: &Sending);
    /// Fates of packets, in order of sending, and what is in flight still.
    fn on_report(&mut self, now: Timestamp, fates: &[Fate], in_flight: ByteCount);
    /// Each 25 ms; `queued` waits in the pacer.
    fn on_tick(&mut self, now: Timestamp, queued: ByteCount);
    /// What the encoder is told.
    fn target(&self) -> Bitrate;
    /// How fast packets leave.
    fn pacing(&self) -> Bitrate;
    /// How much may be in flight.
    fn window(&self) -> Option<ByteCount> {
        None
    }
    /// A probe to begin.
    fn take_probe(&mut self) -> Option<Probe> {
        None
    }
}

/// When a picture is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Never.
    Never,
    /// The oldest packet without a report is older than the smallest round trip and 75 ms (40 ms while something waits in the pacer).
    Starved,
    /// More than 33 ms wait in the pacer (Vidaptive).
    Queued,
}

/// How losses are repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Sent again when asked for.
    Again,
    /// Reed-Solomon: so many per cent on top, at least two packets; what that does not repair takes an IDR.
    Parity(u32),
}

/// Both ends.
#[derive(Debug)]
pub struct Stream {
    flow: usize,
    host: Host,
    player: Player,
    skip: Skip,
}

impl Stream {
    /// A stream under this control.
    #[must_use]
    pub fn new(flow: usize, controller: Box<dyn Controller>, skip: Skip, repair: Repair) -> Self {
        Self {
            flow,
            host: Host::new(controller, repair),
            player: Player::new(repair),
            skip,
        }
    }
}

impl Flow for Stream {
    fn capture(&mut self, now: Timestamp, source: &mut Source) {
        let leave = match self.skip {
            Skip::Never => false,
            Skip::Starved => self.host.is_starved(now),
            Skip::Queued => self.host.queue_time() > Micros::from_millis(33),
        };
        if leave {
            return;
        }
        let order = Order {
            bitrate: self.host.target(),
            idr: self.host.take_idr(),
            reference: None,
            most: None,
        };
        let encoded = source.encode(now, order);
        self.host.push(encoded);
    }

    fn step(&mut self, now: Timestamp, path: &mut Path, source: &mut Source) {
        while let Some(body) = path.take_up(self.flow) {
            if let Body::Model(Packet::Report(report)) = body {
                self.host.handle_report(now, &report);
            }
        }
        self.host.handle_timeout(now);
        while let Some(media) = self.host.poll(now) {
            let first = matches!(media.kind, Kind::Part(part) if !part.again);
            let class = if first { Class::Media } else { Class::Extra };
            path.send_down(
                now,
                self.flow,
                class,
                on_wire(media.size),
                Body::Model(Packet::Media(media)),
            );
        }
        while let Some(body) = path.take_down(self.flow) {
            if let Body::Model(Packet::Media(media)) = body {
                self.player
                    .handle(now, &media, &mut |frame| source.on_decoded(now, frame));
            }
        }
        if let Some(report) = self.player.poll(now) {
            let size = REPORT_BYTES + 2 * report.arrivals.len() + 4 * report.nacks.len();
            let body = Body::Model(Packet::Report(report));
            path.send_up(now, self.flow, ByteCount::from(size + UDP), body);
        }
    }

    fn next(&self) -> Option<Timestamp> {
        [self.host.next(), self.player.next()].into_iter().flatten().min()
    }

    fn target(&self) -> Bitrate {
        self.host.target()
    }
}

/// On the line: with UDP and SRTP's tag, which [`Media::size`] leaves out.
fn on_wire(size: ByteCount) -> ByteCount {
    size + ByteCount::from(UDP + SRTP_TAG)
}

/// A payload's most bytes, and the headers that RTP and its extensions put before it.
const PAYLOAD: u64 = 1_160;
const RTP: u64 = 30;
const SRTP_TAG: usize = 10;
/// RTCP headers of a transport-wide report.
const REPORT_BYTES: usize = 40;
