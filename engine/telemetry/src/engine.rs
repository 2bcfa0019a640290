//! What host and gateway record.

use crate::catalogue::{
    COPIES_PARKED, FIRST_PICTURE, REQUEST_DURATION, REQUESTS, SESSIONS_ACTIVE, SESSIONS_ATTACHED,
    SESSIONS_ENDED, SESSIONS_PLACED, SESSIONS_REFUSED, SESSIONS_STARTED, SESSIONS_WAITING, STAGE_DURATION,
    START_STEP, START_TOTAL,
};
use firstlight_units::{Micros, Stage};
use metrics::{counter, gauge, histogram};

/// Why a session ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The title exited by itself with code 0.
    TitleExited,
    /// The title exited with another code or by a signal.
    TitleCrashed,
    /// The player ended it.
    ByPlayer,
    /// The operator ended it.
    ByOperator,
    /// The engine is stopping.
    EngineStopping,
    /// A fault of the engine.
    EngineFault,
    /// It gave its room to another.
    GaveWay,
    /// Its player did not come back in time.
    NotResumed,
    /// Its player took it to another page.
    TakenOver,
    /// Anything else.
    Other,
}

impl End {
    /// Every label.
    pub const ALL: [Self; 10] = [
        Self::TitleExited,
        Self::TitleCrashed,
        Self::ByPlayer,
        Self::ByOperator,
        Self::EngineStopping,
        Self::EngineFault,
        Self::GaveWay,
        Self::NotResumed,
        Self::TakenOver,
        Self::Other,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TitleExited => "title_exited",
            Self::TitleCrashed => "title_crashed",
            Self::ByPlayer => "by_player",
            Self::ByOperator => "by_operator",
            Self::EngineStopping => "engine_stopping",
            Self::EngineFault => "engine_fault",
            Self::GaveWay => "gave_way",
            Self::NotResumed => "not_resumed",
            Self::TakenOver => "taken_over",
            Self::Other => "other",
        }
    }

    /// The label for a reason as the API writes it; unknown ones are [`End::Other`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|end| end.name() == word)
            .unwrap_or(Self::Other)
    }
}

/// What carries a player's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Straight from the player.
    WebTransport,
    /// WebRTC.
    WebRtc,
    /// A relay.
    Relay,
    /// The gateway.
    WebSocket,
    /// Anything else.
    Other,
}

impl Carrier {
    /// Every label.
    pub const ALL: [Self; 5] = [
        Self::WebTransport,
        Self::WebRtc,
        Self::Relay,
        Self::WebSocket,
        Self::Other,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebTransport => "webtransport",
            Self::WebRtc => "webrtc",
            Self::Relay => "relay",
            Self::WebSocket => "websocket",
            Self::Other => "other",
        }
    }

    /// The label for a word of a worker's; unknown ones are [`Carrier::Other`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|over| over.name() == word)
            .unwrap_or(Self::Other)
    }
}

/// What a player attached with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// A ticket.
    Ticket,
    /// A resume secret.
    Resume,
}

impl Attach {
    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Resume => "resume",
        }
    }
}

/// A step of a player's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartStep {
    /// Click to ticket.
    Placed,
    /// Ticket to open transport.
    Connected,
    /// Open transport to running app.
    Thawed,
    /// That to the first access unit at the client.
    FirstFrame,
    /// That to its presentation.
    Shown,
}

impl StartStep {
    /// Every label.
    pub const ALL: [Self; 5] = [
        Self::Placed,
        Self::Connected,
        Self::Thawed,
        Self::FirstFrame,
        Self::Shown,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Connected => "connected",
            Self::Thawed => "thawed",
            Self::FirstFrame => "first_frame",
            Self::Shown => "shown",
        }
    }
}

/// How long a step of a player's start took.
pub fn start_step(step: StartStep, parked: bool, took: Micros) {
    histogram!(START_STEP.name, "step" => step.name(), "warmth" => warmth(parked)).record(seconds(took));
}

/// How long a player waited from the click to the first picture.
pub fn second_on(parked: bool, took: Micros) {
    histogram!(START_TOTAL.name, "warmth" => warmth(parked)).record(seconds(took));
}

fn seconds(time: Micros) -> f64 {
    std::time::Duration::from(time).as_secs_f64()
}

const fn warmth(parked: bool) -> &'static str {
    if parked { "parked" } else { "cold" }
}

/// How many sessions hold a slot.
pub fn sessions_active(sessions: u32) {
    gauge!(SESSIONS_ACTIVE.name).set(f64::from(sessions));
}

/// How many of them wait for their player.
pub fn sessions_waiting(sessions: u32) {
    gauge!(SESSIONS_WAITING.name).set(f64::from(sessions));
}

/// A session began.
pub fn session_started() {
    counter!(SESSIONS_STARTED.name).increment(1);
}

/// A session is over.
pub fn session_ended(end: End) {
    counter!(SESSIONS_ENDED.name, "reason" => end.name()).increment(1);
}

/// A session was refused because the host was full.
pub fn session_refused() {
    counter!(SESSIONS_REFUSED.name).increment(1);
}

/// A player attached.
pub fn session_attached(by: Attach, over: Carrier) {
    counter!(SESSIONS_ATTACHED.name, "by" => by.name(), "transport" => over.name()).increment(1);
}

/// A session can be attached to.
pub fn session_placed(parked: bool) {
    counter!(SESSIONS_PLACED.name, "warmth" => warmth(parked)).increment(1);
}

/// How many copies wait for a player.
pub fn copies_parked(copies: u32) {
    gauge!(COPIES_PARKED.name).set(f64::from(copies));
}

/// How long a worker took from its start to the app's first picture.
pub fn first_picture_seconds(seconds: f64) {
    histogram!(FIRST_PICTURE.name).record(seconds);
}

/// How long a picture was in a stage.
pub fn stage_seconds(stage: Stage, seconds: f64) {
    histogram!(STAGE_DURATION.name, "stage" => stage.name()).record(seconds);
}

/// A request was answered. `route` is the pattern that matched, such as `/v1/sessions/{id}`; an unknown one counts as `other`.
pub fn http_request(route: &str, status: u16, seconds: f64) {
    let route = ROUTES
        .iter()
        .find(|known| **known == route)
        .copied()
        .unwrap_or("other");
    counter!(REQUESTS.name, "route" => route, "status" => status_class(status)).increment(1);
    histogram!(REQUEST_DURATION.name, "route" => route).record(seconds);
}

fn status_class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

/// The gateway's routes.
pub(crate) const ROUTES: [&str; 33] = [
    "/",
    "/play/{title}",
    "/ops",
    "/assets/{*path}",
    "/healthz",
    "/metrics",
    "/v1/hosts",
    "/v1/openapi.json",
    "/v1/regions",
    "/v1/sessions",
    "/v1/sessions/{id}",
    "/v1/sessions/{id}/tickets",
    "/v1/titles",
    "/v1/titles/{id}/picture",
    "/v1/queue/{id}",
    "/v1/hosts/{id}/cordon",
    "/v1/hosts/{id}/evidence",
    "/v1/testimonies",
    "/v1/checkers",
    "/v1/sessions/{id}/account",
    "/v1/overview",
    "/v1/sessions/{id}/decision",
    "/v1/sessions/{id}/report",
    "/v1/sessions/{id}/trace",
    "/report/{session}",
    "/saves",
    "/v1/hosts/tokens",
    "/v1/hosts/{id}/drain",
    "/v1/hosts/enrol",
    "/v1/sessions/{id}/save",
    "/v1/saves",
    "/v1/saves/{title}",
    "/v1/saves/{title}/restore",
];
