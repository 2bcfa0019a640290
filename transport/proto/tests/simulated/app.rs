//! A title that draws all the time, and an encoder that keeps to its rate about as well as a real one.

use firstlight_netem::Random;
use firstlight_units::{Bitrate, Micros, Timestamp};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) frame: u64,
    pub(crate) reference: u64,
    pub(crate) captured_at: Timestamp,
    pub(crate) idr: bool,
    pub(crate) recovery: bool,
    pub(crate) units: Vec<Vec<u8>>,
}

pub(crate) struct App {
    next: u64,
    idr: bool,
    /// The newest IDR: an encoder keeps no picture from before it.
    last_idr: u64,
    recovery: Option<u64>,
    random: Random,
    /// Bytes spent over the budget so far, to be saved later.
    debt: u64,
    load: u64,
    sent: BTreeMap<u32, Encoded>,
}

impl App {
    pub(crate) fn new(seed: u64, first_frame: u64, load: u64) -> Self {
        Self {
            next: first_frame,
            idr: true,
            last_idr: first_frame,
            recovery: None,
            random: Random::new(seed ^ 0xABCD),
            debt: 0,
            load,
            sent: BTreeMap::new(),
        }
    }

    pub(crate) fn want_idr(&mut self) {
        self.idr = true;
    }

    pub(crate) fn want_recovery(&mut self, acknowledged: u64) {
        self.recovery = Some(acknowledged);
    }

    /// An access unit of at most so many bytes, or of as many as it takes.
    ///
    /// `acknowledged`: the client has decoded that, perhaps since a recovery was asked for.
    pub(crate) fn encode(
        &mut self,
        now: Timestamp,
        target: Bitrate,
        most: u64,
        acknowledged: u64,
    ) -> Encoded {
        let frame = self.next;
        self.next += 1;
        let newer = |a: u64| a.max(acknowledged);
        let acknowledged = self.recovery.take().map(newer).filter(|a| a + 1 < frame);
        // A reference that left the decoded picture buffer is none.
        let recovery = acknowledged.filter(|a| *a >= self.last_idr && frame - a <= DPB && !self.idr);
        let idr = self.idr || (acknowledged.is_some() && recovery.is_none());
        self.idr = false;
        if idr {
            self.last_idr = frame;
        }
        let reference = if idr { frame } else { recovery.unwrap_or(frame - 1) };
        let budget = target.bytes_in(Micros::new(16_667)).as_u64() * self.load / 100;
        let size = if idr {
            (budget * 5).min(most).max(IDR_MIN)
        } else if recovery.is_some() {
            (budget * 2).min(most).max(P_MIN)
        } else {
            // Between 0.7 and 1.3 of the budget, less what was overspent, at the most half of it at once.
            let size = budget * (70 + self.random.below(60)) / 100;
            let saved = self.debt.min(size / 2);
            self.debt -= saved;
            (size - saved).min(most).max(P_MIN)
        };
        self.debt += size.saturating_sub(budget);
        let count = 1 + self.random.below(3) as usize;
        let units: Vec<Vec<u8>> = (0..count).map(|_| self.nals(size as usize / count)).collect();
        let encoded = Encoded {
            frame,
            reference,
            captured_at: now,
            idr,
            recovery: recovery.is_some(),
            units,
        };
        self.sent.insert(frame as u32, encoded.clone());
        encoded
    }

    /// What was sent under these low bits.
    pub(crate) fn sent(&self, frame: u32) -> &Encoded {
        &self.sent[&frame]
    }

    pub(crate) fn count(&self, pick: impl Fn(&Encoded) -> bool) -> usize {
        self.sent.values().filter(|encoded| pick(encoded)).count()
    }

    fn nals(&mut self, size: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 8);
        while out.len() < size {
            out.extend_from_slice(&self.random.bits().to_be_bytes());
        }
        out.truncate(size);
        out
    }
}

/// x264 at 720p keeps up to 16 pictures.
const DPB: u64 = 16;
/// A 720p IDR at the coarsest QP, about.
const IDR_MIN: u64 = 9_000;
const P_MIN: u64 = 200;
