//! What a link is like.

use crate::{Chance, Error, Link, Packet, Schedule, Trace};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::sync::Arc;

/// Describes a link; [`Config::build`] makes it.
///
/// The default is a wire: 1 Gbit/s, 1 ms, a queue of 100 ms, nothing lost.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) seed: u64,
    pub(crate) rate: Schedule,
    pub(crate) delay: Micros,
    pub(crate) jitter: Micros,
    pub(crate) loss: Chance,
    pub(crate) bursts: Option<Bursts>,
    pub(crate) duplicate: Chance,
    pub(crate) reorder: Chance,
    pub(crate) reorder_delay: Micros,
    pub(crate) queue: Queue,
    pub(crate) ramp: Option<Ramp>,
    pub(crate) outages: Vec<Outage>,
    pub(crate) overhead: ByteCount,
    pub(crate) trace: Option<Arc<Trace>>,
}

/// How much a link holds back before it drops what comes (drop-tail).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// So many bytes, those being sent included.
    Bytes(ByteCount),
    /// What takes so long to send.
    Time(Micros),
}

/// Marks "congestion experienced" as an L4S queue does: never where a packet waits up to `from`, always from `full` on, and in
/// between with a chance that rises in a straight line (the ramp of RFC 9332, appendix A.1, which suggests a few milliseconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// Up to this wait, nothing is marked.
    pub from: Micros,
    /// From this wait on, everything is.
    pub full: Micros,
}

impl Ramp {
    pub(crate) fn chance(self, waits: Micros) -> Chance {
        let over = waits.saturating_sub(self.from).as_micros();
        let span = self.full.saturating_sub(self.from).as_micros();
        if waits >= self.full {
            return Chance::ALWAYS;
        }
        let ppm = over.saturating_mul(1_000_000).checked_div(span).unwrap_or(0);
        Chance::ppm(u32::try_from(ppm).unwrap_or(1_000_000))
    }
}

/// Loss in bursts: the Gilbert-Elliott chain, one step per packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// From the good state to the bad one.
    pub begin: Chance,
    /// From the bad state to the good one; its inverse is the mean burst in packets.
    pub end: Chance,
    /// Loss in the bad state.
    pub loss: Chance,
}

/// A window in which everything is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it begins, from the start of the emulation.
    pub at: Micros,
    /// How long it lasts.
    pub length: Micros,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            rate: Schedule::constant(Bitrate::mbps(1_000)),
            delay: Micros::from_millis(1),
            jitter: Micros::ZERO,
            loss: Chance::NEVER,
            bursts: None,
            duplicate: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_delay: Micros::ZERO,
            queue: Queue::Time(Micros::from_millis(100)),
            ramp: None,
            outages: Vec::new(),
            overhead: ByteCount::ZERO,
            trace: None,
        }
    }
}

impl Config {
    /// All randomness follows from this number. Default 1.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the link carries. Default 1 Gbit/s.
    #[must_use]
    pub fn rate(mut self, rate: Schedule) -> Self {
        self.rate = rate;
        self
    }

    /// One-way propagation. Default 1 ms.
    #[must_use]
    pub const fn delay(mut self, delay: Micros) -> Self {
        self.delay = delay;
        self
    }

    /// Adds 0 to this much to each packet's delay, without reordering. Default 0.
    #[must_use]
    pub const fn jitter(mut self, jitter: Micros) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loss of single packets. Default never.
    #[must_use]
    pub const fn loss(mut self, loss: Chance) -> Self {
        self.loss = loss;
        self
    }

    /// Loss in bursts, on top of [`Config::loss`]. Default none.
    #[must_use]
    pub const fn bursts(mut self, bursts: Bursts) -> Self {
        self.bursts = Some(bursts);
        self
    }

    /// A packet arrives twice, the second time up to 2 ms later. Default never.
    #[must_use]
    pub const fn duplicate(mut self, duplicate: Chance) -> Self {
        self.duplicate = duplicate;
        self
    }

    /// A packet arrives up to `delay` later than its turn, behind packets sent after it. Default never.
    #[must_use]
    pub const fn reorder(mut self, chance: Chance, delay: Micros) -> Self {
        self.reorder = chance;
        self.reorder_delay = delay;
        self
    }

    /// What the bottleneck holds back. Default 100 ms.
    #[must_use]
    pub const fn queue(mut self, queue: Queue) -> Self {
        self.queue = queue;
        self
    }

    /// Marks instead of (or before) dropping. Default never.
    #[must_use]
    pub const fn ramp(mut self, ramp: Ramp) -> Self {
        self.ramp = Some(ramp);
        self
    }

    /// Windows in which everything is lost, in order. Default none.
    #[must_use]
    pub fn outages(mut self, outages: Vec<Outage>) -> Self {
        self.outages = outages;
        self
    }

    /// Bytes that each packet takes on the wire beyond its payload. Default 0; UDP over IPv4 with QUIC takes about 60.
    #[must_use]
    pub const fn overhead(mut self, overhead: ByteCount) -> Self {
        self.overhead = overhead;
        self
    }

    /// Half of the recorded round trip and the recorded loss, on top of [`Config::delay`] and [`Config::loss`]. Its capacity is
    /// for the direction that has it: [`Config::rate`] with [`Trace::schedule`]. Default none.
    #[must_use]
    pub fn follow(mut self, trace: Arc<Trace>) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Makes the link; its schedule and outages count from `start`.
    ///
    /// # Errors
    /// When a schedule has no step, steps or outages are out of order, a ramp falls, or a chance is over one.
    pub fn build<P: Packet>(self, start: Timestamp) -> Result<Link<P>, Error> {
        self.validate()?;
        Ok(Link::new(self, start))
    }

    fn validate(&self) -> Result<(), Error> {
        self.rate.validate()?;
        for pair in self.outages.windows(2) {
            if let [a, b] = pair
                && b.at < a.at + a.length
            {
                return Err(Error::Order { at: b.at });
            }
        }
        if let Some(Ramp { from, full }) = self.ramp
            && full < from
        {
            return Err(Error::Order { at: full });
        }
        let bursts = self
            .bursts
            .map(|b| [b.begin, b.end, b.loss])
            .into_iter()
            .flatten();
        for chance in [self.loss, self.duplicate, self.reorder]
            .into_iter()
            .chain(bursts)
        {
            if !chance.is_valid() {
                return Err(Error::Chance { chance });
            }
        }
        Ok(())
    }
}
