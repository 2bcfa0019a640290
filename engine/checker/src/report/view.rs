//! A report as it is kept and shown: `docs/QOE.md`, section 4.

use serde::{Deserialize, Serialize};

/// Rises when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// A session, told. Scores are in ten-thousandths, times as their names say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The session's id.
    pub session: String,
    /// The title's id.
    pub title: String,
    /// The class that it is judged by.
    pub class: String,
    /// What the title draws.
    pub display: Display,
    /// When the session began: milliseconds since 1970.
    pub began_ms: u64,
    /// From then to its end, or so far.
    pub lasted_ms: u64,
    /// How it ended; none: it goes on.
    pub ended: Option<Ended>,
    /// What it is worth.
    pub scores: Scores,
    /// How it began; none where the page did not tell.
    pub start: Option<Started>,
    /// From an input to the first picture drawn after it, of all pictures that answer one.
    pub click_to_photon: Click,
    /// From the title's drawing to the player's screen, of all pictures.
    pub glass_to_glass: Delay,
    /// What became of the pictures.
    pub frames: Frames,
    /// Second by second.
    pub timeline: Timeline,
    /// What happened, in order.
    pub events: Vec<Happened>,
    /// What happened besides.
    pub events_left_out: u32,
}

/// What a title draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second at most.
    pub fps: u32,
    /// It draws so many all the time.
    pub steady: bool,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// For programs.
    pub reason: String,
    /// For the player.
    pub message: String,
}

/// What a session is worth, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// Of the quality model; see `docs/QOE.md`.
    pub model: u32,
    /// The whole; none before a second was judged.
    pub whole: Option<u16>,
    /// From the click to the first picture.
    pub start: u16,
    /// Of its seconds: the mean and the worst tenth.
    pub middle: u16,
    /// Of its end.
    pub exit: u16,
    /// Mean of its seconds.
    pub mean: u16,
    /// Mean of the worst tenth of its seconds.
    pub worst_decile: u16,
    /// Seconds judged.
    pub seconds: u64,
    /// Of those, the ones that a player has nothing to say about.
    pub good: u64,
    /// In one sentence.
    pub words: String,
    /// What the others lacked, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// What cost a session most in some of its seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// `delay`, `variation`, `freezes`, `rate` or `picture`.
    pub factor: String,
    /// In how many.
    pub seconds: u64,
    /// For the player.
    pub words: String,
}

/// From the player's click to the first picture that he saw: the steps sum to `total_us`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The title had been booted before anybody asked.
    pub parked: bool,
    /// Click to ticket.
    pub placed_us: u32,
    /// Ticket to open transport.
    pub connected_us: u32,
    /// Open transport to running app; 0 where that ran before.
    pub thawed_us: u32,
    /// That to the first whole access unit at the client.
    pub first_frame_us: u32,
    /// That to its presentation.
    pub shown_us: u32,
    /// Click to presentation.
    pub total_us: u32,
}

impl Started {
    /// Its steps, one after the other, with what each took in microseconds. The last ends where the first picture is shown.
    pub(crate) const fn steps(&self) -> [(&'static str, u32); 5] {
        [
            ("placed", self.placed_us),
            ("connected", self.connected_us),
            ("thawed", self.thawed_us),
            ("first_frame", self.first_frame_us),
            ("shown", self.shown_us),
        ]
    }
}

/// From an input to its picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Click {
    /// What is measured, in words.
    pub means: String,
    /// The delay.
    #[serde(flatten)]
    pub delay: Delay,
}

/// A delay in its stages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// Pictures that were measured.
    pub pictures: u64,
    /// Half of the seconds that had any had a median of at most this.
    pub p50_us: u32,
    /// And 95 of a hundred at most this.
    pub p95_us: u32,
    /// Means over all pictures, in the order of the stages; they sum to the mean of the whole. Empty: none was measured.
    pub stages_us: Vec<i32>,
    /// What it can be wrong by, at the most in any second. From a click on, both ends are of one clock, and it is which picture answers: one
    /// interval. Of a picture it is the two clocks, and where in what is told as its capture the title committed it.
    pub error_us: u32,
    /// What a stage can be wrong by that begins on one clock and ends on the other: `input` and `network`, and what is lacking in one
    /// is in the other.
    pub stage_error_us: u32,
}

/// What became of the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frames {
    /// That there were to show.
    pub expected: u64,
    /// That were shown.
    pub shown: u64,
    /// That never came.
    pub lost: u64,
    /// That came too late.
    pub late: u64,
    /// That the client discarded.
    pub dropped: u64,
    /// Time without a new picture while there was one to show.
    pub frozen_ms: u64,
    /// Seconds in which the picture stood.
    pub freezes: u32,
}

/// A session's seconds in columns: each has a value for each entry of `at_s`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeline {
    /// Seconds that an entry stands for.
    pub step_s: u32,
    /// When it begins, after the session's begin.
    pub at_s: Vec<u32>,
    /// Mean score; none where nothing is judged.
    pub score: Vec<Option<u16>>,
    /// Mean of the seconds' medians, as judged; none where nothing was shown.
    pub delay_us: Vec<Option<u32>>,
    /// The 95th percentile less that.
    pub variation_us: Vec<u32>,
    /// Time without a new picture.
    pub frozen_ms: Vec<u32>,
    /// Pictures that there were to show.
    pub expected: Vec<u32>,
    /// Pictures shown.
    pub shown: Vec<u32>,
    /// What the player got, bits per second.
    pub received_bps: Vec<u64>,
    /// What the rate rule allowed, bits per second.
    pub target_bps: Vec<u64>,
    /// Of the picture as decoded.
    pub width: Vec<u32>,
    /// Of the picture as decoded.
    pub height: Vec<u32>,
    /// The largest.
    pub rtt_us: Vec<u32>,
    /// What the clocks' offset can be wrong by, the largest.
    pub clock_error_us: Vec<u32>,
    /// Frames that never came.
    pub lost: Vec<u32>,
    /// Frames that came too late.
    pub late: Vec<u32>,
    /// Frames that the client discarded.
    pub dropped: Vec<u32>,
    /// Pictures that answer an input.
    pub clicks: Vec<u32>,
    /// As [`Delay::stages_us`], over all pictures.
    pub picture_stages_us: Vec<Vec<i32>>,
    /// As [`Delay::stages_us`], over pictures that answer an input.
    pub click_stages_us: Vec<Vec<i32>>,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// After the session's begin.
    pub at_ms: u64,
    /// `attached`, `away`, `started`, `frozen`, `hidden`, `seen`, `resized` or `ended`.
    pub what: String,
    /// For people.
    pub words: String,
    /// How long it lasted, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasted_ms: Option<u64>,
}
