//! What the browser's transport-wide feedback says, in the words of docs/PROTOCOL.md, section 4.
//!
//! ```text
//! packet seq -> RTP (track, sequence) -> Ledger -> PacketReports -> a feedback datagram
//! ```
//!
//! The sender above knows packets by the number it gave them. The ledger remembers which RTP packet each became, so that the
//! same estimator, pacer and guards work over both transports.

use firstlight_wire::{FEEDBACK_PACKETS_MAX, FeedbackFlags, WriteFeedback};
use std::time::Duration;

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Video,
    Audio,
}

/// One packet's fate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) stream: Stream,
    pub(crate) sequence: u16,
    /// On the browser's clock, where it came.
    pub(crate) arrival: Option<Duration>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Which packet an RTP packet carried, by sequence number.
    video: Vec<Option<Entry>>,
    audio: Vec<Option<Entry>>,
    /// Whether a packet became RTP at all.
    carried: Vec<Option<u32>>,
    report: u16,
    fates: Vec<(u32, Option<u64>)>,
    arrivals: Vec<Option<u64>>,
    lost: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    sequence: u16,
    packet: u32,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            video: vec![None; RING],
            audio: vec![None; RING],
            carried: vec![None; RING],
            report: 0,
            fates: Vec::new(),
            arrivals: Vec::new(),
            lost: 0,
        }
    }

    /// Packet `packet` went as the RTP packet `sequence`; where it became several, as the last of them.
    pub(crate) fn record(&mut self, packet: u32, stream: Stream, sequence: u16) {
        let ring = match stream {
            Stream::Video => &mut self.video,
            Stream::Audio => &mut self.audio,
        };
        if let Some(slot) = ring.get_mut(usize::from(sequence) % RING) {
            *slot = Some(Entry { sequence, packet });
        }
        if let Some(slot) = self.carried.get_mut(slot(packet)) {
            *slot = Some(packet);
        }
    }

    /// Writes a feedback datagram that tells the fates; `false` when they say nothing of packets that are known.
    pub(crate) fn write(&mut self, fates: &[Fate], out: &mut Vec<u8>) -> bool {
        self.fates.clear();
        for fate in fates {
            let ring = match fate.stream {
                Stream::Video => &self.video,
                Stream::Audio => &self.audio,
            };
            let entry = ring.get(usize::from(fate.sequence) % RING).copied().flatten();
            if let Some(entry) = entry.filter(|entry| entry.sequence == fate.sequence) {
                let arrival = fate
                    .arrival
                    .map(|at| EPOCH_US + u64::try_from(at.as_micros()).unwrap_or(0));
                self.fates.push((entry.packet, arrival));
            }
        }
        let Some(base_seq) = self.first() else {
            return false;
        };
        let base_time = self.fates.iter().filter_map(|(_, at)| *at).min().unwrap_or(0);
        self.fill(base_seq, base_time);
        self.lost = self.lost.wrapping_add(
            u32::try_from(self.fates.iter().filter(|(_, at)| at.is_none()).count()).unwrap_or(0),
        );
        self.finish(FeedbackFlags::default(), base_seq, base_time, out);
        true
    }

    /// Writes a feedback datagram that asks for an IDR.
    pub(crate) fn write_want_idr(&mut self, out: &mut Vec<u8>) {
        self.arrivals.clear();
        let flags = FeedbackFlags {
            want_idr: true,
            want_recovery: false,
        };
        self.finish(flags, 0, 0, out);
    }

    /// The oldest packet told of; by the distance to the first of the list, since numbers wrap.
    fn first(&self) -> Option<u32> {
        let (any, _) = *self.fates.first()?;
        self.fates
            .iter()
            .map(|(packet, _)| packet.wrapping_sub(any).cast_signed())
            .min()
            .map(|least| any.wrapping_add_signed(least))
    }

    fn fill(&mut self, base_seq: u32, base_time: u64) {
        self.arrivals.clear();
        for (packet, arrival) in &self.fates {
            let at = usize::try_from(packet.wrapping_sub(base_seq)).unwrap_or(usize::MAX);
            if at >= FEEDBACK_PACKETS_MAX {
                continue;
            }
            if at >= self.arrivals.len() {
                self.arrivals.resize(at + 1, None);
            }
            if let Some(slot) = self.arrivals.get_mut(at) {
                *slot = arrival.map(|at| at - base_time);
            }
        }
        // What never went out (a packet of a kind that this transport does not carry) is not lost: it came with its neighbour.
        let mut before = 0;
        for (n, arrival) in (0..).zip(&mut self.arrivals) {
            let packet = base_seq.wrapping_add(n);
            match arrival {
                Some(at) => before = *at,
                None if self.carried.get(slot(packet)).copied().flatten() != Some(packet) => {
                    *arrival = Some(before);
                }
                None => {}
            }
        }
    }

    fn finish(&mut self, flags: FeedbackFlags, base_seq: u32, base_time: u64, out: &mut Vec<u8>) {
        self.report = self.report.wrapping_add(1);
        WriteFeedback {
            flags,
            report: self.report,
            base_seq,
            base_time,
            lost: self.lost,
            arrivals: &self.arrivals,
            ..WriteFeedback::default()
        }
        .write(out);
    }
}

const fn slot(packet: u32) -> usize {
    packet as usize % RING
}

/// Packets remembered: as many as the sender's own list.
const RING: usize = 8_192;
/// The browser counts from anywhere, perhaps from zero, which would say that there is no time.
const EPOCH_US: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_wire::Feedback;
    use proptest::prelude::*;

    fn fate(stream: Stream, sequence: u16, ms: Option<u64>) -> Fate {
        Fate {
            stream,
            sequence,
            arrival: ms.map(Duration::from_millis),
        }
    }

    #[test]
    fn fates_of_both_streams_are_told_by_the_senders_numbers() {
        let mut ledger = Ledger::new();
        ledger.record(u32::MAX, Stream::Video, 65_535);
        ledger.record(0, Stream::Audio, 9);
        // Number 1 was padding.
        ledger.record(2, Stream::Video, 0);
        ledger.record(3, Stream::Video, 1);
        let mut out = Vec::new();
        let fates = [
            fate(Stream::Video, 65_535, Some(100)),
            fate(Stream::Video, 0, None),
            fate(Stream::Video, 1, Some(132)),
            fate(Stream::Audio, 9, Some(116)),
            fate(Stream::Audio, 77, Some(1)),
        ];
        assert!(ledger.write(&fates, &mut out));
        let feedback = Feedback::parse(&out).unwrap();
        assert_eq!((feedback.report, feedback.base_seq), (1, u32::MAX));
        let arrivals: Vec<_> = feedback.arrivals().collect();
        assert_eq!(
            arrivals,
            [Some(0), Some(16_000), Some(16_000), None, Some(32_000)]
        );
        assert_eq!(feedback.lost, 1);
    }

    #[test]
    fn what_is_unknown_is_not_told_and_an_idr_can_be_asked_for() {
        let mut ledger = Ledger::new();
        let mut out = Vec::new();
        assert!(!ledger.write(&[fate(Stream::Video, 3, Some(1))], &mut out));
        ledger.write_want_idr(&mut out);
        let feedback = Feedback::parse(&out).unwrap();
        assert!(feedback.flags.want_idr);
        assert_eq!(feedback.arrivals().count(), 0);
    }

    proptest! {
        #[test]
        fn every_report_can_be_read(fates in proptest::collection::vec((any::<u16>(), any::<Option<u32>>()), 0..600)) {
            let mut ledger = Ledger::new();
            for n in 0..RING as u32 {
                ledger.record(n, Stream::Video, n as u16);
            }
            let fates: Vec<_> = fates.into_iter().map(|(seq, at)| fate(Stream::Video, seq, at.map(u64::from))).collect();
            let mut out = Vec::new();
            if ledger.write(&fates, &mut out) {
                prop_assert!(Feedback::parse(&out).is_ok());
            }
        }
    }
}
