//! What a player is told when a session ends.

use firstlight_link::End;
use firstlight_quic::CloseCode;
use firstlight_wire::control::EndReason;

/// A reason, the close code that goes with it, and one sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell {
    pub(crate) code: CloseCode,
    pub(crate) reason: EndReason,
    pub(crate) words: &'static str,
}

/// For the end of a session.
pub(crate) const fn farewell(end: End) -> Farewell {
    let (code, reason, words) = match end {
        End::TitleExited => (CloseCode::Ended, EndReason::TitleExited, "The game was closed."),
        End::TitleCrashed => (
            CloseCode::Ended,
            EndReason::TitleCrashed,
            "The game stopped unexpectedly. You can start it again.",
        ),
        End::ByPlayer => (CloseCode::Ended, EndReason::ByPlayer, "You ended this session."),
        End::ByOperator => (
            CloseCode::Ended,
            EndReason::ByOperator,
            "The operator ended this session.",
        ),
        End::EngineStopping => (
            CloseCode::Engine,
            EndReason::EngineStopping,
            "The streaming engine is shutting down.",
        ),
        End::EngineFault => (
            CloseCode::Ended,
            EndReason::EngineFault,
            "The streaming engine had a fault in this session. You can start it again.",
        ),
        End::GaveWay => (
            CloseCode::GaveWay,
            EndReason::GaveWay,
            "The session gave its room to another player while you were away.",
        ),
        End::NotResumed => (
            CloseCode::Ended,
            EndReason::NotResumed,
            "The session ended because nobody came back to it.",
        ),
    };
    Farewell { code, reason, words }
}

/// For a player who is replaced by the same player elsewhere.
pub(crate) const TAKEN_OVER: Farewell = Farewell {
    code: CloseCode::TakenOver,
    reason: EndReason::TakenOver,
    words: "You went on playing elsewhere.",
};

/// For a player who left, or whose line is dead.
pub(crate) const BYE: Farewell = Farewell {
    code: CloseCode::Bye,
    reason: EndReason::Unspecified,
    words: "The session waits for you.",
};
