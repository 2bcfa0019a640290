//! When the encoder is asked for an IDR or a recovery: once for each gap, not for each report of it.

use super::{IdrCause, SendEvent};
use crate::near;
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// The newest access unit that the client has decoded; 0: none in this attachment.
    acknowledged: FrameId,
    /// The first access unit of this attachment; 0: none yet.
    first: FrameId,
    /// The newest IDR or recovery that was pushed.
    start: Option<Start>,
    idr_asked: Option<Timestamp>,
    recovery_asked: Option<Timestamp>,
    target: Option<Bitrate>,
    idr: Option<IdrCause>,
    recovery: bool,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    frame: FrameId,
    idr: bool,
    /// When it is to be waited for no longer, as soon as it has been sent.
    sent_at: Option<Timestamp>,
}

impl Wishes {
    pub(crate) fn attach(&mut self, now: Timestamp) {
        *self = Self {
            target: self.target,
            ..Self::default()
        };
        self.ask_idr(now, IdrCause::Attach);
    }

    pub(crate) fn set_target(&mut self, target: Bitrate) {
        self.target = Some(target);
    }

    pub(crate) fn ask_idr(&mut self, now: Timestamp, cause: IdrCause) {
        self.idr = Some(cause);
        self.idr_asked = Some(now);
        self.recovery = false;
    }

    /// A unit of this access unit was pushed.
    pub(crate) fn on_pushed(&mut self, frame: FrameId, idr: bool, recovery: bool) {
        if self.first.get() == 0 {
            self.first = frame;
        }
        if (idr || recovery) && self.start.is_none_or(|start| start.frame != frame) {
            self.start = Some(Start {
                frame,
                idr,
                sent_at: None,
            });
            self.recovery_asked = None;
            self.recovery = false;
            if idr {
                self.idr_asked = None;
                self.idr = None;
            }
        }
    }

    /// The last packet of this access unit was sent.
    pub(crate) fn on_sent(&mut self, now: Timestamp, frame: FrameId) {
        if let Some(start) = self.start.as_mut().filter(|start| start.frame == frame) {
            start.sent_at = Some(now);
        }
    }

    /// The client says what it has decoded; `false` when that was never sent.
    pub(crate) fn on_decoded(&mut self, low: u32, newest: FrameId) -> bool {
        if low == 0 || self.first.get() == 0 {
            return low == 0;
        }
        let decoded = FrameId::new(near(newest.get(), low));
        if decoded > newest {
            return false;
        }
        // What an earlier attachment decoded is of no use to this one.
        if decoded >= self.first {
            self.acknowledged = self.acknowledged.max(decoded);
        }
        true
    }

    /// The newest access unit that the client has decoded; 0: none in this attachment.
    pub(crate) const fn acknowledged(&self) -> FrameId {
        self.acknowledged
    }

    /// The client cannot go on; `patience` is a round trip and a frame. Returns whether the encoder is asked.
    pub(crate) fn on_wanted(&mut self, now: Timestamp, patience: Micros, idr: bool) -> bool {
        if self.is_coming(now, patience, idr) {
            return false;
        }
        let unacknowledged = self.acknowledged.get() == 0;
        if idr || unacknowledged {
            if is_fresh(now, self.idr_asked) {
                return false;
            }
            self.ask_idr(
                now,
                if idr {
                    IdrCause::Client
                } else {
                    IdrCause::Unacknowledged
                },
            );
        } else {
            if is_fresh(now, self.recovery_asked) || is_fresh(now, self.idr_asked) {
                return false;
            }
            self.recovery_asked = Some(now);
            self.recovery = true;
        }
        true
    }

    /// What was pushed and has not been acknowledged may never arrive whole. Returns whether that takes an IDR.
    pub(crate) fn on_cut(&mut self, now: Timestamp) -> bool {
        let nothing_there = self.acknowledged.get() == 0;
        if nothing_there {
            self.ask_idr(now, IdrCause::Overflow);
        } else if self.idr.is_none() {
            self.recovery_asked = Some(now);
            self.recovery = true;
        }
        nothing_there
    }

    /// What was pushed after what the client has may end the gap when it arrives.
    fn is_coming(&self, now: Timestamp, patience: Micros, idr: bool) -> bool {
        self.start.is_some_and(|start| {
            start.frame > self.acknowledged
                && (start.idr || !idr)
                && start.sent_at.is_none_or(|at| now.since(at) < patience)
        })
    }

    pub(crate) fn poll(&mut self) -> Option<SendEvent> {
        if let Some(target) = self.target.take() {
            return Some(SendEvent::Target(target));
        }
        if let Some(cause) = self.idr.take() {
            return Some(SendEvent::NeedIdr(cause));
        }
        if std::mem::take(&mut self.recovery) {
            return Some(SendEvent::NeedRecovery {
                first_lost: self.acknowledged.next(),
                acknowledged: self.acknowledged,
            });
        }
        None
    }
}

fn is_fresh(now: Timestamp, asked: Option<Timestamp>) -> bool {
    asked.is_some_and(|at| now.since(at) < ASK_AGAIN)
}

/// An encoder that was asked and pushed nothing: a frozen app, a starved path. Asking again costs nothing.
const ASK_AGAIN: Micros = Micros::from_millis(250);
