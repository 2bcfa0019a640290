//! What the path carried while it was busy: arrivals in, capacity samples out.
//!
//! A packet that entered the path before the one ahead of it had left it waited behind that one, so the time between their
//! arrivals is the time the path took for it. Packets of one frame are sent faster than the path is thought to carry, so they
//! do; packets of the next frame do where a queue stands. Dispersion alone is measured: one-way delay would read jitter as a
//! narrow path (an SQP-style sample used 13 % of a jittery cell trace).

use super::Arrival;
use super::delay::Delay;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, PacketSeq, RemoteTime, Timestamp};

/// What a few packets in a row say of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) rate: Bitrate,
    /// The path was not the bottleneck: it carries at least this.
    pub(crate) at_least: bool,
    /// The client's clock at the newest arrival.
    pub(crate) at: RemoteTime,
    /// What the last packet waited.
    pub(crate) waited: Micros,
    /// Packets were lost in it.
    pub(crate) lossy: bool,
}

#[derive(Debug)]
pub(crate) struct Trains {
    loss_counted: bool,
    /// The path is busy with somebody else's packets between our trains.
    apart: bool,
    last: Option<Last>,
    busy: Run,
    train: FrameId,
    sent: Span,
    /// The train has given a sample already.
    sampled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    train: FrameId,
    seq: PacketSeq,
    total: ByteCount,
    /// The newest arrival up to here: one that overtook others came in the time that they took.
    at: RemoteTime,
}

/// Packets that arrived while the path was busy.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    packets: u32,
    bytes: ByteCount,
    time: Micros,
    /// What the last one waited.
    waited: Micros,
    lossy: bool,
}

/// The train as it was sent.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    packets: u32,
    bytes: ByteCount,
    from: Timestamp,
    to: Timestamp,
}

impl Trains {
    pub(crate) const fn new(loss_counted: bool) -> Self {
        Self {
            loss_counted,
            apart: false,
            last: None,
            busy: Run::new(),
            train: FrameId::new(0),
            sent: Span::new(),
            sampled: false,
        }
    }

    /// Whether only what lies within a train is measured.
    pub(crate) const fn set_apart(&mut self, apart: bool) {
        self.apart = apart;
    }

    /// Takes an arrival; a sample where there was enough for one before it.
    pub(crate) fn on_arrival(&mut self, arrival: &Arrival, delay: &Delay) -> Option<Sample> {
        let new = arrival.train != self.train && arrival.train.get() != 0;
        // What is held up comes in one go with what is behind it: to end a sample in between would count the time and not the bytes.
        let behind = self.last.is_none_or(|last| arrival.arrived_at > last.at + GRAIN);
        let enough = (new || behind).then(|| self.enough()).flatten();
        let sample = enough.or_else(|| new.then(|| self.end_train(arrival.train)).flatten());
        let Some(last) = self.last else {
            self.set_last(arrival);
            return sample;
        };
        if arrival.seq <= last.seq {
            // Overtaken: what it took is in the gap of the one that overtook it.
            return sample;
        }
        let waited = delay.over_least(arrival);
        let gap = arrival.arrived_at.since(last.at);
        let hole = arrival.seq.get() - last.seq.get() > 1;
        // What was dropped by a full queue never used the path; what chance took behind it did.
        let whole = self.loss_counted && waited < QUEUE_THAT_DROPS;
        let bytes = if whole {
            arrival.total.saturating_sub(last.total)
        } else {
            arrival.bytes
        };
        self.set_last(arrival);
        // It entered before the one ahead of it left, if it waited for at least the gap between them.
        let together = !self.apart || (arrival.train == last.train && arrival.train.get() != 0);
        if together && waited + GRAIN >= gap {
            self.busy.packets += 1;
            self.busy.bytes += bytes;
            self.busy.time += gap;
            self.busy.waited = waited;
            self.busy.lossy |= hole;
        }
        if arrival.train == self.train && arrival.train.get() != 0 {
            self.sent.add(arrival, bytes);
        }
        sample
    }

    fn set_last(&mut self, arrival: &Arrival) {
        self.last = Some(Last {
            train: arrival.train,
            seq: arrival.seq,
            total: arrival.total,
            at: self
                .last
                .map_or(arrival.arrived_at, |last| last.at.max(arrival.arrived_at)),
        });
    }

    /// A sample of what was busy, without waiting for the end of a train that takes long; `None` where there is not enough for one.
    pub(crate) fn enough(&mut self) -> Option<Sample> {
        let run = self.busy;
        let many = run.packets >= PACKETS_MIN && run.time >= TIME_WISE;
        let slow = run.packets >= PACKETS_FEW && run.time >= TIME_LONG;
        if !many && !slow {
            return None;
        }
        let last = self.last?;
        self.busy = Run::new();
        self.sampled = true;
        Some(Sample {
            rate: run.bytes.per(run.time),
            at_least: false,
            at: last.at,
            waited: run.waited,
            lossy: run.lossy,
        })
    }

    fn end_train(&mut self, next: FrameId) -> Option<Sample> {
        self.train = next;
        let sent = std::mem::take(&mut self.sent);
        let run = std::mem::take(&mut self.busy);
        let sampled = std::mem::take(&mut self.sampled);
        let last = self.last?;
        // What is left of a train that was measured is too short to say that nothing held it up.
        if sampled || sent.packets < PACKETS_MIN {
            return None;
        }
        let took = sent.to - sent.from;
        let sent_rate = sent.bytes.per(took);
        let stretched = run.packets >= PACKETS_MIN && run.time > took.scale(9, 8) + COMPACT;
        let rate = if stretched {
            run.bytes.per(run.time)
        } else {
            sent_rate
        };
        Some(Sample {
            rate: rate.min(RATE_MAX),
            at_least: !stretched,
            at: last.at,
            waited: Micros::ZERO,
            lossy: run.lossy,
        })
    }
}

impl Run {
    const fn new() -> Self {
        Self {
            packets: 0,
            bytes: ByteCount::ZERO,
            time: Micros::ZERO,
            waited: Micros::ZERO,
            lossy: false,
        }
    }
}

impl Span {
    const fn new() -> Self {
        Self {
            packets: 0,
            bytes: ByteCount::ZERO,
            from: Timestamp::from_micros(0),
            to: Timestamp::from_micros(0),
        }
    }

    fn add(&mut self, arrival: &Arrival, bytes: ByteCount) {
        if self.packets == 0 {
            self.from = arrival.sent_at;
        } else {
            self.bytes += bytes;
        }
        self.packets += 1;
        self.to = self.to.max(arrival.sent_at);
    }
}

/// Fewer packets say nothing (SQP and BurstRTC ignore them too).
const PACKETS_MIN: u32 = 3;
/// Where five take longer than [`TIME_LONG`], this many say something.
const PACKETS_FEW: u32 = 2;
/// Half a frame interval at 60 fps: long enough that a link layer's aggregates even out, short enough for two in a frame.
const TIME_WISE: Micros = Micros::from_millis(8);
/// A path of half a megabit takes 20 ms for a packet.
const TIME_LONG: Micros = Micros::from_millis(25);
/// A train within this of how it was sent met no queue worth speaking of.
const COMPACT: Micros = Micros::from_millis(1);
/// Arrivals are told in steps of 32 µs, and the clock that stamps them may be a coarse one.
const GRAIN: Micros = Micros::new(200);
/// A queue of this much may be a full one: the shallowest of home routers hold about as much.
const QUEUE_THAT_DROPS: Micros = Micros::from_millis(30);
/// Ten times what any encoder is asked for.
const RATE_MAX: Bitrate = Bitrate::mbps(1_000);

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of `packets` of 1,250 bytes, sent `gap` apart and served at `mbps`; `lost` says which never come.
    fn samples(mbps: u64, packets: u64, gap: u64, counted: bool, lost: impl Fn(u64) -> bool) -> Vec<Sample> {
        let (mut delay, mut trains) = (Delay::new(), Trains::new(counted));
        let (mut free, mut total, mut seq) = (0, 0, 0);
        let mut out = Vec::new();
        for frame in 1..=60u64 {
            for n in 0..packets {
                let sent = frame * 16_667 + n * gap;
                free = sent.max(free) + 1_250 * 8 / mbps;
                (seq, total) = (seq + 1, total + 1_250);
                if lost(seq) {
                    continue;
                }
                let arrival = Arrival {
                    seq: PacketSeq::new(seq),
                    train: FrameId::new(frame),
                    bytes: ByteCount::new(1_250),
                    total: ByteCount::new(total),
                    sent_at: Timestamp::from_micros(sent),
                    arrived_at: RemoteTime::from_micros(free + 77_000_000),
                };
                delay.on_arrival(&arrival);
                out.extend(trains.on_arrival(&arrival, &delay));
            }
        }
        out
    }

    fn is_near(sample: &Sample, mbps: u64) -> bool {
        sample.rate > Bitrate::kbps(mbps * 900) && sample.rate < Bitrate::kbps(mbps * 1_100)
    }

    #[test]
    fn trains_faster_than_the_path_show_what_it_carries() {
        for mbps in [5, 20, 40] {
            // Two thirds of what it carries.
            let packets = mbps * 16_667 / 10_000 * 2 / 3;
            let found = samples(mbps, packets, 10_000 / mbps / 2, true, |_| false);
            assert!(found.len() > 40, "{mbps}: {}", found.len());
            assert!(
                found.iter().all(|s| !s.at_least && is_near(s, mbps)),
                "{mbps}: {found:?}"
            );
        }
    }

    #[test]
    fn trains_slower_than_the_path_show_a_bound() {
        let found = samples(100, 20, 500, true, |_| false);
        assert!(
            found.len() > 50 && found.iter().all(|s| s.at_least && is_near(s, 20)),
            "{found:?}"
        );
    }

    #[test]
    fn loss_by_chance_does_not_look_like_a_narrow_path() {
        let mean = |counted| {
            let found = samples(20, 22, 250, counted, |seq| seq % 5 == 3);
            found.iter().map(|s| s.rate.as_kbps()).sum::<u64>() / found.len() as u64
        };
        assert!(mean(true) > 19_000, "{}", mean(true));
        assert!(mean(false) < 17_500, "{}", mean(false));
    }

    /// As [`samples`] at 50 Mbit/s in trains of 30, each packet `late(seq)` microseconds later; `in_order` where none overtakes another.
    fn jittered(in_order: bool, late: impl Fn(u64) -> u64) -> Vec<Sample> {
        let (mut delay, mut trains) = (Delay::new(), Trains::new(true));
        let (mut free, mut newest, mut seq) = (0, 0, 0);
        let mut out = Vec::new();
        for frame in 1..=60u64 {
            for n in 0..30 {
                let sent = frame * 16_667 + n * 100;
                free = sent.max(free) + 1_250 * 8 / 50;
                seq += 1;
                let came = free + late(seq);
                newest = came.max(newest);
                let arrival = Arrival {
                    seq: PacketSeq::new(seq),
                    train: FrameId::new(frame),
                    bytes: ByteCount::new(1_250),
                    total: ByteCount::new(seq * 1_250),
                    sent_at: Timestamp::from_micros(sent),
                    arrived_at: RemoteTime::from_micros(77_000_000 + if in_order { newest } else { came }),
                };
                delay.on_arrival(&arrival);
                out.extend(trains.on_arrival(&arrival, &delay));
            }
            out.extend(trains.enough());
        }
        out
    }

    #[test]
    fn jitter_does_not_look_like_a_narrow_path() {
        for in_order in [true, false] {
            // Up to 8 ms, by a hash.
            let found = jittered(in_order, |seq| seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 51);
            let slow = found
                .iter()
                .filter(|s| !s.at_least && s.rate < Bitrate::mbps(15))
                .count();
            assert!(
                found.len() > 50 && slow < found.len() / 20,
                "{slow} of {}",
                found.len()
            );
        }
    }
}
