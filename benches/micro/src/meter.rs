//! Adds up what calls take.

use crate::ffi::allocations;
use std::time::{Duration, Instant};

/// A call that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `Sender::push_video`: an access unit is cut.
    PushVideo,
    /// `Sender::poll_transmit` that gives a packet.
    PollTransmit,
    /// `Sender::handle_feedback`.
    HandleFeedback,
    /// `Receiver::handle_datagram`.
    HandleDatagram,
    /// `Receiver::poll_unit` that gives an access unit.
    PollUnit,
    /// `Receiver::poll_feedback` that gives a report.
    PollFeedback,
    /// A key on its way from `InputSender::push` to its acknowledgement.
    Input,
}

impl Op {
    /// All of them, in the order of [`Meter::taken`].
    pub const ALL: [Self; 7] = [
        Self::PushVideo,
        Self::PollTransmit,
        Self::HandleFeedback,
        Self::HandleDatagram,
        Self::PollUnit,
        Self::PollFeedback,
        Self::Input,
    ];

    /// Its name in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PushVideo => "push_video",
            Self::PollTransmit => "poll_transmit",
            Self::HandleFeedback => "handle_feedback",
            Self::HandleDatagram => "handle_datagram",
            Self::PollUnit => "poll_unit",
            Self::PollFeedback => "poll_feedback",
            Self::Input => "input",
        }
    }
}

/// What one kind of call took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Calls that did something.
    pub calls: u64,
    /// All of them together.
    pub time: Duration,
    /// Allocations in all of them.
    pub allocations: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Meter {
    running: bool,
    /// The media packets that were sent.
    pub packets: u64,
    taken: [Taken; Op::ALL.len()],
}

impl Meter {
    /// Counts from here on; what came before only warmed up.
    pub fn start(&mut self) {
        *self = Self {
            running: true,
            ..Self::default()
        };
    }

    /// What each call took.
    #[must_use]
    pub fn taken(&self, op: Op) -> Taken {
        self.taken.get(op as usize).copied().unwrap_or_default()
    }

    /// Runs `call`; counts it if it did something.
    pub(crate) fn run<T>(&mut self, op: Op, call: impl FnOnce() -> T, did: impl FnOnce(&T) -> bool) -> T {
        let before = allocations();
        let began = Instant::now();
        let value = call();
        let time = began.elapsed();
        let made = allocations() - before;
        if self.running
            && did(&value)
            && let Some(taken) = self.taken.get_mut(op as usize)
        {
            taken.calls += 1;
            taken.time += time;
            taken.allocations += made;
        }
        value
    }

    pub(crate) fn sent(&mut self) {
        self.packets += u64::from(self.running);
    }

    /// What looking at the clock twice takes, which every call is charged.
    #[must_use]
    pub fn overhead() -> Duration {
        let mut meter = Self::default();
        meter.start();
        for _ in 0..OVERHEAD_CALLS {
            meter.run(Op::Input, || (), |()| true);
        }
        meter.taken(Op::Input).time / OVERHEAD_CALLS
    }
}

const OVERHEAD_CALLS: u32 = 100_000;
