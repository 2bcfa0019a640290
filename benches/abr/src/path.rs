//! The path that all flows of a run share: a bottleneck down, a plain link up.

use firstlight_netem::{Config, Link, Queue, Trace};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// When every run begins.
pub const START: Timestamp = Timestamp::from_micros(1_000_000_000);
/// What comes before is not measured: everybody's start.
pub const SETTLE: Micros = Micros::from_secs(2);

/// What a path is made from.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// What is replayed.
    pub trace: Arc<Trace>,
    /// Of the loss.
    pub seed: u64,
    /// The recorded loss takes feedback too.
    pub loss_up: bool,
}

/// Why a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The first sending of a part of an access unit.
    Media,
    /// Everything else: parity, repeats, probes.
    Extra,
}

/// Both directions.
#[derive(Debug)]
pub struct Path {
    down: Lane,
    up: Lane,
    spent: Vec<Spent>,
}

/// What a flow put on the line after [`SETTLE`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// First sends, with all headers.
    pub media: ByteCount,
    /// Parity, repeats and probes, with all headers.
    pub extra: ByteCount,
}

#[derive(Debug)]
struct Lane {
    link: Link,
    inboxes: Vec<VecDeque<Vec<u8>>>,
}

impl Path {
    /// A path for so many flows.
    ///
    /// # Errors
    /// When the trace cannot be replayed.
    pub fn new(conditions: &Conditions, flows: usize) -> Result<Self, firstlight_netem::Error> {
        let trace = &conditions.trace;
        let down = Config::default()
            .seed(conditions.seed)
            .delay(Micros::ZERO)
            .rate(trace.schedule())
            .follow(Arc::clone(trace))
            .queue(Queue::Bytes(queue_size(trace)));
        let recorded = if conditions.loss_up {
            Arc::clone(trace)
        } else {
            Arc::new(trace.without_loss())
        };
        let up = Config::default()
            .seed(conditions.seed ^ 0xFEED)
            .delay(Micros::ZERO)
            .rate(firstlight_netem::Schedule::constant(UP))
            .follow(recorded);
        Ok(Self {
            down: Lane::new(down.build(START)?, flows),
            up: Lane::new(up.build(START)?, flows),
            spent: vec![Spent::default(); flows],
        })
    }

    /// Sends a datagram to the player; `headers` is what the layers below add to it.
    pub fn send_down(&mut self, now: Timestamp, flow: usize, class: Class, datagram: &[u8], headers: usize) {
        if now.since(START) >= SETTLE
            && let Some(spent) = self.spent.get_mut(flow)
        {
            let bytes = ByteCount::from(datagram.len() + headers);
            match class {
                Class::Media => spent.media += bytes,
                Class::Extra => spent.extra += bytes,
            }
        }
        self.down.send(now, flow, datagram, headers);
    }

    /// Sends a datagram to the host.
    pub fn send_up(&mut self, now: Timestamp, flow: usize, datagram: &[u8], headers: usize) {
        self.up.send(now, flow, datagram, headers);
    }

    /// What has come to a flow's player.
    pub fn take_down(&mut self, flow: usize) -> Option<Vec<u8>> {
        self.down.inboxes.get_mut(flow)?.pop_front()
    }

    /// What has come to a flow's host.
    pub fn take_up(&mut self, flow: usize) -> Option<Vec<u8>> {
        self.up.inboxes.get_mut(flow)?.pop_front()
    }

    /// Moves what has arrived into the inboxes.
    pub fn deliver(&mut self, now: Timestamp) {
        self.down.deliver(now);
        self.up.deliver(now);
    }

    /// When something arrives next.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        [self.down.link.poll_timeout(), self.up.link.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// How long a packet to the player waits at the bottleneck.
    #[must_use]
    pub fn queueing(&self, now: Timestamp) -> Micros {
        self.down.link.queueing(now)
    }

    /// What a flow put on the line.
    #[must_use]
    pub fn spent(&self, flow: usize) -> Spent {
        self.spent.get(flow).copied().unwrap_or_default()
    }
}

impl Lane {
    fn new(link: Link, flows: usize) -> Self {
        Self {
            link,
            inboxes: vec![VecDeque::new(); flows],
        }
    }

    /// The trailer that stands for the headers below names the flow.
    fn send(&mut self, now: Timestamp, flow: usize, datagram: &[u8], headers: usize) {
        let mut packet = Vec::with_capacity(datagram.len() + headers);
        packet.extend_from_slice(datagram);
        packet.resize(datagram.len() + headers.max(TRAILER_MIN), 0);
        if let Some(trailer) = packet.last_chunk_mut::<TRAILER_MIN>() {
            let flow = u8::try_from(flow).unwrap_or(u8::MAX);
            let headers = u8::try_from(headers.max(TRAILER_MIN)).unwrap_or(u8::MAX);
            *trailer = [headers, flow];
        }
        self.link.send(now, packet);
    }

    fn deliver(&mut self, now: Timestamp) {
        while let Some(mut packet) = self.link.poll(now) {
            let Some(&[headers, flow]) = packet.last_chunk::<TRAILER_MIN>() else {
                continue;
            };
            packet.truncate(packet.len().saturating_sub(headers.into()));
            if let Some(inbox) = self.inboxes.get_mut(usize::from(flow)) {
                inbox.push_back(packet);
            }
        }
    }
}

/// 250 ms at the mean capacity, within what equipment has.
fn queue_size(trace: &Trace) -> ByteCount {
    trace
        .mean()
        .bytes_in(Micros::from_millis(250))
        .clamp(ByteCount::new(64_000), ByteCount::new(2_000_000))
}

const TRAILER_MIN: usize = 2;
/// Feedback is small; what it competes with is not modelled.
const UP: Bitrate = Bitrate::mbps(100);
