//! The path that all flows of a run share: a bottleneck down, a plain link up.

use firstlight_netem::{Config, Link, Packet, Queue, Trace};
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
    /// What the bottleneck holds; by default 250 ms at the mean capacity, from 64 KB to 2 MB.
    pub queue: Option<ByteCount>,
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
    /// What came through.
    pub delivered: ByteCount,
}

/// What travels.
#[derive(Clone, Debug)]
pub enum Body {
    /// A real datagram.
    Bytes(Vec<u8>),
    /// A model of one.
    Model(crate::rtp::Packet),
}

#[derive(Clone, Debug)]
struct Sent {
    flow: usize,
    size: ByteCount,
    body: Body,
}

impl Packet for Sent {
    fn size(&self) -> ByteCount {
        self.size
    }
}

#[derive(Debug)]
struct Lane {
    link: Link<Sent>,
    inboxes: Vec<VecDeque<Body>>,
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
            .queue(Queue::Bytes(
                conditions.queue.unwrap_or_else(|| queue_size(trace)),
            ));
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

    /// Sends something to the player that takes `size` on the line.
    pub fn send_down(&mut self, now: Timestamp, flow: usize, class: Class, size: ByteCount, body: Body) {
        if now.since(START) >= SETTLE
            && let Some(spent) = self.spent.get_mut(flow)
        {
            match class {
                Class::Media => spent.media += size,
                Class::Extra => spent.extra += size,
            }
        }
        self.down.link.send(now, Sent { flow, size, body });
    }

    /// Sends something to the host.
    pub fn send_up(&mut self, now: Timestamp, flow: usize, size: ByteCount, body: Body) {
        self.up.link.send(now, Sent { flow, size, body });
    }

    /// What has come to a flow's player.
    pub fn take_down(&mut self, flow: usize) -> Option<Body> {
        self.down.inboxes.get_mut(flow)?.pop_front()
    }

    /// What has come to a flow's host.
    pub fn take_up(&mut self, flow: usize) -> Option<Body> {
        self.up.inboxes.get_mut(flow)?.pop_front()
    }

    /// Moves what has arrived into the inboxes.
    pub fn deliver(&mut self, now: Timestamp) {
        let spent = &mut self.spent;
        self.down.deliver(now, &mut |flow, size| {
            if now.since(START) >= SETTLE
                && let Some(spent) = spent.get_mut(flow)
            {
                spent.delivered += size;
            }
        });
        self.up.deliver(now, &mut |_, _| ());
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
    fn new(link: Link<Sent>, flows: usize) -> Self {
        Self {
            link,
            inboxes: vec![VecDeque::new(); flows],
        }
    }

    fn deliver(&mut self, now: Timestamp, count: &mut dyn FnMut(usize, ByteCount)) {
        while let Some(sent) = self.link.poll(now) {
            count(sent.flow, sent.size);
            if let Some(inbox) = self.inboxes.get_mut(sent.flow) {
                inbox.push_back(sent.body);
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

/// Feedback is small; what it competes with is not modelled.
const UP: Bitrate = Bitrate::mbps(100);
