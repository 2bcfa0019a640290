//! The receiving end.

use super::{Kind, Media, Part, Repair, Report};
use firstlight_units::{Micros, Timestamp};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Player {
    repair: Repair,
    arrivals: Vec<(u64, Timestamp)>,
    report_at: Option<Timestamp>,
    frames: BTreeMap<u64, Frame>,
    /// The newest frame that was decoded.
    decoded: u64,
    /// Every part before it has been noticed.
    rtp_next: u64,
    missing: BTreeMap<u64, Missing>,
    due: Vec<u64>,
    /// Twice the newest packet's way.
    rtt: Micros,
    /// The chain is broken since.
    stuck: bool,
    pli_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
struct Frame {
    idr: bool,
    count: u16,
    got: Vec<bool>,
    parts: u16,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Timestamp,
    ask_at: Timestamp,
    tries: u32,
}

impl Player {
    pub(super) const fn new(repair: Repair) -> Self {
        Self {
            repair,
            arrivals: Vec::new(),
            report_at: None,
            frames: BTreeMap::new(),
            decoded: 0,
            rtp_next: 1,
            missing: BTreeMap::new(),
            due: Vec::new(),
            rtt: Micros::from_millis(50),
            stuck: false,
            pli_at: None,
        }
    }

    pub(super) fn handle(&mut self, now: Timestamp, media: &Media, decoded: &mut dyn FnMut(u64)) {
        self.arrivals.push((media.seq, now));
        self.report_at.get_or_insert(now + REPORT);
        self.rtt = now.since(media.sent_at).scale(2, 1);
        let (part, parity) = match media.kind {
            Kind::Part(part) => (part, false),
            Kind::Parity(part) => (part, true),
            Kind::Padding => return,
        };
        if !parity {
            self.notice(now, part.rtp);
        }
        if part.frame <= self.decoded {
            return;
        }
        self.insert(part);
        self.decode(decoded);
        if self.repair != Repair::Again {
            self.check_parity(part.frame);
        }
    }

    /// Notes the gap before a part.
    fn notice(&mut self, now: Timestamp, rtp: u64) {
        self.missing.remove(&rtp);
        if self.repair == Repair::Again {
            for lost in self.rtp_next..rtp {
                let missing = Missing {
                    since: now,
                    ask_at: now,
                    tries: 0,
                };
                self.missing.insert(lost, missing);
            }
        }
        self.rtp_next = self.rtp_next.max(rtp + 1);
    }

    fn insert(&mut self, part: Part) {
        let frame = self.frames.entry(part.frame).or_default();
        frame.idr = part.idr;
        frame.count = part.count;
        let index = usize::from(part.index);
        if frame.got.len() <= index {
            frame.got.resize(index + 1, false);
        }
        if let Some(got) = frame.got.get_mut(index)
            && !*got
        {
            *got = true;
            frame.parts += 1;
        }
        while self.frames.len() > FRAMES_MAX {
            self.frames.pop_first();
        }
    }

    /// Any parts will do where there is parity: as many as there are parts.
    fn decode(&mut self, decoded: &mut dyn FnMut(u64)) {
        let whole = |frame: &Frame| frame.parts >= frame.count;
        loop {
            let next = self.decoded + 1;
            let id = if self.frames.get(&next).is_some_and(whole)
                && (!self.stuck || self.repair == Repair::Again)
            {
                next
            } else if let Some((&id, _)) = self
                .frames
                .iter()
                .rev()
                .find(|(_, frame)| frame.idr && whole(frame))
            {
                id
            } else {
                return;
            };
            self.decoded = id;
            self.stuck = false;
            self.pli_at = None;
            self.frames = self.frames.split_off(&(id + 1));
            decoded(id);
        }
    }

    /// A newer frame's packets come: what is not whole by now never will be.
    fn check_parity(&mut self, newest: u64) {
        self.stuck |= newest > self.decoded + 1;
    }

    /// What is to be told at `now`.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<Report> {
        let mut pli = self.stuck && self.repair != Repair::Again;
        self.due.clear();
        let again = self.rtt.max(ASK_AGAIN_MIN);
        let mut hopeless = false;
        for (&rtp, missing) in &mut self.missing {
            if missing.tries >= TRIES_MAX || now.since(missing.since) > GIVE_UP {
                hopeless = true;
            } else if missing.ask_at <= now {
                missing.tries += 1;
                missing.ask_at = now + again;
                self.due.push(rtp);
            }
        }
        if hopeless {
            self.missing
                .retain(|_, missing| missing.tries < TRIES_MAX && now.since(missing.since) <= GIVE_UP);
            self.stuck = true;
        }
        pli |= self.stuck;
        pli &= self.pli_at.is_none_or(|at| now.since(at) > PLI_AGAIN + self.rtt);
        if pli {
            self.pli_at = Some(now);
        }
        let regular = self.report_at.is_some_and(|at| at <= now);
        if self.due.is_empty() && !pli && !regular {
            return None;
        }
        let arrivals = if regular {
            self.report_at = None;
            std::mem::take(&mut self.arrivals)
        } else {
            Vec::new()
        };
        Some(Report {
            sent_at: now,
            arrivals,
            nacks: std::mem::take(&mut self.due),
            pli,
        })
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        let ask = self.missing.values().map(|missing| missing.ask_at).min();
        let pli = self.stuck.then(|| {
            self.pli_at.map_or_else(Timestamp::default, |at| {
                at + PLI_AGAIN + self.rtt + Micros::new(1)
            })
        });
        [self.report_at, ask, pli].into_iter().flatten().min()
    }
}

const REPORT: Micros = Micros::from_millis(20);
/// libwebrtc looks at its list each 20 ms, and waits a round trip before it asks again.
const ASK_AGAIN_MIN: Micros = Micros::from_millis(20);
const TRIES_MAX: u32 = 10;
const GIVE_UP: Micros = Micros::from_millis(500);
const PLI_AGAIN: Micros = Micros::from_millis(100);
const FRAMES_MAX: usize = 600;
