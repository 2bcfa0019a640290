//! One direction of a path.

use crate::{Chance, Config, Queue, Random};
use firstlight_units::{ByteCount, Micros, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// What a link carries.
pub trait Packet: Clone {
    /// Bytes of the payload; [`Config::overhead`] comes on top.
    fn size(&self) -> ByteCount;

    /// The bottleneck sets the mark "congestion experienced" ([`Config::ramp`]).
    fn mark(&mut self) {}
}

impl Packet for Vec<u8> {
    fn size(&self) -> ByteCount {
        ByteCount::from(self.len())
    }
}

/// One direction of a path: packets in, packets out later, or never.
#[derive(Debug)]
pub struct Link<P = Vec<u8>> {
    config: Config,
    start: Timestamp,
    random: Random,
    in_burst: bool,
    /// When the bottleneck has sent all it holds.
    busy_until: Timestamp,
    /// What the bottleneck holds: when each packet has left it, and its size.
    held: VecDeque<(Timestamp, ByteCount)>,
    held_bytes: ByteCount,
    /// Arrival of the newest packet that kept its turn.
    newest_arrival: Timestamp,
    /// By arrival, then in the order of sending.
    on_the_way: BTreeMap<(Timestamp, u64), P>,
    order: u64,
    stats: Stats,
}

/// What became of the packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets sent into the link.
    pub sent: u64,
    /// Packets that came out; a duplicate counts again.
    pub delivered: u64,
    /// Bytes that came out.
    pub delivered_bytes: ByteCount,
    /// Lost to chance.
    pub lost: u64,
    /// Lost to an outage.
    pub lost_in_outage: u64,
    /// Dropped by a full queue.
    pub overflowed: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Marked by the bottleneck.
    pub marked: u64,
}

/// What became of one packet when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    OnTheWay,
    /// Chance takes it.
    Lost,
    /// It falls into an outage.
    LostInOutage,
    /// The queue is full.
    Overflowed,
}

impl<P: Packet> Link<P> {
    pub(crate) fn new(config: Config, start: Timestamp) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            start,
            in_burst: false,
            busy_until: start,
            held: VecDeque::new(),
            held_bytes: ByteCount::ZERO,
            newest_arrival: start,
            on_the_way: BTreeMap::new(),
            order: 0,
            stats: Stats::default(),
        }
    }

    /// A packet enters. `now` must not go back from call to call. A sender in the real world learns of the fate later, if at all.
    pub fn send(&mut self, now: Timestamp, mut packet: P) -> Fate {
        self.stats.sent += 1;
        self.release(now);
        let size = packet.size() + self.config.overhead;
        if self.in_outage(now) {
            self.stats.lost_in_outage += 1;
            return Fate::LostInOutage;
        }
        let waits = self.queueing(now);
        let Some(left) = self.enqueue(now, size) else {
            self.stats.overflowed += 1;
            return Fate::Overflowed;
        };
        if let Some(ramp) = self.config.ramp
            && self.random.happens(ramp.chance(waits))
        {
            self.stats.marked += 1;
            packet.mark();
        }
        // Chance takes packets behind the bottleneck: what the air loses has used the sender's share of it.
        let recorded = self
            .config
            .trace
            .as_ref()
            .map(|trace| trace.row(left.since(self.start)));
        if self.is_lost(recorded.map_or(Chance::NEVER, |row| row.loss)) {
            self.stats.lost += 1;
            return Fate::Lost;
        }
        let rtt = recorded.map_or(Micros::ZERO, |row| row.rtt);
        let arrival = self.arrival(left + rtt.scale(1, 2));
        if self.random.happens(self.config.duplicate) {
            self.stats.duplicated += 1;
            let again = arrival + self.random.span(DUPLICATE_DELAY_MAX);
            self.deliver(again, packet.clone());
        }
        self.deliver(arrival, packet);
        Fate::OnTheWay
    }

    /// The next packet that has arrived by `now`.
    pub fn poll(&mut self, now: Timestamp) -> Option<P> {
        let entry = self.on_the_way.first_entry().filter(|e| e.key().0 <= now)?;
        let packet = entry.remove();
        self.stats.delivered += 1;
        self.stats.delivered_bytes += packet.size();
        Some(packet)
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.on_the_way.keys().next().map(|key| key.0)
    }

    /// What became of the packets so far.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Packets that are queued or on their way.
    #[must_use]
    pub fn on_the_way(&self) -> usize {
        self.on_the_way.len()
    }

    /// How long a packet that enters at `now` waits for those before it.
    #[must_use]
    pub fn queueing(&self, now: Timestamp) -> Micros {
        self.busy_until.since(now)
    }

    /// When the last bit of a packet of `size` has left the bottleneck; `None` when the queue is full.
    fn enqueue(&mut self, now: Timestamp, size: ByteCount) -> Option<Timestamp> {
        let from = self.busy_until.max(now);
        let full = match self.config.queue {
            Queue::Bytes(most) => self.held_bytes + size > most,
            Queue::Time(most) => from.since(now) > most,
        };
        if full || self.on_the_way.len() >= ON_THE_WAY_MAX {
            return None;
        }
        let left = self.config.rate.finish(from.since(self.start), size)?;
        let left = self.start + left;
        self.busy_until = left;
        self.held.push_back((left, size));
        self.held_bytes += size;
        Some(left)
    }

    fn release(&mut self, now: Timestamp) {
        while let Some((_, size)) = self.held.pop_front_if(|(left, _)| *left <= now) {
            self.held_bytes = self.held_bytes.saturating_sub(size);
        }
    }

    fn in_outage(&self, now: Timestamp) -> bool {
        let at = now.since(self.start);
        self.config
            .outages
            .iter()
            .any(|outage| outage.at <= at && at < outage.at + outage.length)
    }

    fn is_lost(&mut self, recorded: Chance) -> bool {
        if let Some(bursts) = self.config.bursts {
            let change = if self.in_burst { bursts.end } else { bursts.begin };
            self.in_burst ^= self.random.happens(change);
            let loss = if self.in_burst { bursts.loss } else { Chance::NEVER };
            if self.random.happens(loss) {
                return true;
            }
        }
        // No number is drawn where there is no recording, so that links without one stay as they were.
        (recorded != Chance::NEVER && self.random.happens(recorded)) || self.random.happens(self.config.loss)
    }

    fn arrival(&mut self, left: Timestamp) -> Timestamp {
        let on_time = left + self.config.delay + self.random.span(self.config.jitter);
        if self.random.happens(self.config.reorder) {
            return on_time + self.random.span(self.config.reorder_delay);
        }
        self.newest_arrival = self.newest_arrival.max(on_time);
        self.newest_arrival
    }

    fn deliver(&mut self, at: Timestamp, packet: P) {
        self.order += 1;
        self.on_the_way.insert((at, self.order), packet);
    }
}

/// Bounds the memory of a link with a huge queue or delay; what comes on top is dropped as by a full queue.
const ON_THE_WAY_MAX: usize = 1 << 16;
/// Within the spread of Wi-Fi retries whose acknowledgement was lost, the usual source of duplicates.
const DUPLICATE_DELAY_MAX: Micros = Micros::from_millis(2);
