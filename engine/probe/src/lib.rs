//! A headless player: joins a session as a page does, decodes, and says what it saw.
//!
//! ```text
//! Target -> API: a session, a ticket -> attach -> Player (Receiver, feedback, clock, input, decoder) -> Report
//!                                                                                   \-> API: end the session
//! ```
//!
//! It receives with the very core that the page's is a twin of, presses keys now and then, and reads the beacon's barcode
//! from decoded pictures: when it was drawn, and what had been pressed by then. Of a title without a barcode it says how many
//! pictures came, and how old they were. Whatever happens, the session that it started is ended.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod api;
mod attach;
mod clock;
mod decoder;
mod error;
mod measure;
mod pictures;
mod player;
mod report;
mod target;

use api::{Api, Started};
pub use error::Error;
use firstlight_units::{Micros, Timestamp};
pub use measure::Ranks;
pub use pictures::pictures;
use player::Player;
pub use report::{AccessUnits, Packets, Report, Start};
pub use target::Target;
use tokio::sync::mpsc;

/// What to probe, and how.
#[derive(Clone, Debug)]
pub struct Options {
    target: Target,
    title: Option<String>,
    span: Micros,
    insecure: bool,
}

/// How a long run goes, every five seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Since the first picture.
    pub played: Micros,
    /// Decoded, since the last word.
    pub pictures_per_second: f64,
    /// Received, since the last word.
    pub bits_per_second: f64,
    /// Packets found lost since the last word.
    pub lost: u64,
}

impl Options {
    /// Ten seconds of the title that the target names, or of the beacon.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            title: None,
            span: Micros::from_secs(10),
            insecure: false,
        }
    }

    /// Plays this title.
    ///
    /// # Errors
    /// [`Error::Title`] when the link names another one, or it cannot be a title's id.
    pub fn title(mut self, title: &str) -> Result<Self, Error> {
        let offered = match self.target.title() {
            Some(named) if named != title => format!("the link names {named}, the option {title}"),
            _ if !target::is_id(title) => format!("{title:?} is no title's id"),
            _ => {
                self.title = Some(title.to_owned());
                return Ok(self);
            }
        };
        Err(Error::Title { offered })
    }

    /// Plays for so long, from the first picture on.
    #[must_use]
    pub const fn span(mut self, span: Micros) -> Self {
        self.span = span;
        self
    }

    /// Takes whatever certificate the gateway shows: for engines that signed their own. Media is pinned all the same, to what
    /// that gateway says.
    #[must_use]
    pub const fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }
}

/// Plays, and says what was seen. Ends early when `stop` is done, with what was seen until then. Must be called within a tokio
/// runtime.
///
/// # Errors
/// See [`Error`]; the session is ended all the same.
pub async fn run(
    options: &Options,
    progress: &mpsc::Sender<Progress>,
    stop: impl Future<Output = ()>,
) -> Result<Report, Error> {
    let api = Api::new(&options.target, options.insecure)?;
    let began = clock::now();
    let started = {
        let api = api.clone();
        let title = options
            .title
            .clone()
            .or_else(|| options.target.title().map(str::to_owned));
        aside(move || match title {
            Some(title) => api.start(&title),
            None => api.start(&api.choose_title()?),
        })
        .await?
    };
    let session = started.session.clone();
    let report = play(options, started, began, progress, stop).await;
    let ended = aside(move || api.end(&session)).await;
    let report = report?;
    ended.map(|()| report)
}

async fn play(
    options: &Options,
    started: Started,
    began: Timestamp,
    progress: &mpsc::Sender<Progress>,
    stop: impl Future<Output = ()>,
) -> Result<Report, Error> {
    let endpoint = started
        .endpoints
        .iter()
        .find(|endpoint| endpoint.kind == WEBTRANSPORT)
        .ok_or(Error::NoEndpoint)?;
    let link = attach::attach(endpoint, &started.ticket).await?;
    let attached = clock::now();
    let mut player = Player::begin(link).await?;
    let played = player.play(options.span, progress, stop).await;
    player.leave();
    played?;
    Ok(report(options, &started, &player, (began, attached)))
}

fn report(
    options: &Options,
    started: &Started,
    player: &Player,
    (began, attached): (Timestamp, Timestamp),
) -> Report {
    let sums = &player.sums;
    let stats = player.receiver().stats();
    let first = sums.first_picture.unwrap_or(attached);
    let played = sums.ended_at.unwrap_or(first).since(first);
    // One clock for certain, or one that looks like it.
    let one_clock = options.target.is_local() || sums.drawn_later == 0;
    Report {
        url: options.target.base().to_owned(),
        title: started.title.clone(),
        transport: WEBTRANSPORT,
        codec: sums.video.clone(),
        width: sums.size.0,
        height: sums.size.1,
        seconds: played.as_secs_f64(),
        start_ms: Start {
            placed: started.timing.placed_ms,
            ready: started.timing.ready_ms,
            attached: attached.since(began).as_millis_f64(),
            first_picture: first.since(began).as_millis_f64(),
        },
        pictures: sums.flow.pictures,
        barcodes: sums.barcodes,
        barcodes_missed: sums.barcodes_missed,
        decoded_fps: sums.flow.rate(),
        received_bps: 8.0 * measure::per_second(sums.bytes, played),
        drawn_to_decoded_ms: sums.drawn.ranks().filter(|_| one_clock),
        captured_to_decoded_ms: sums.captured.ranks(),
        clock_error_ms: sums.clock_error.map(Micros::as_millis_f64),
        click_to_decoded_ms: sums.clicked.ranks(),
        clicks_lost: sums.clicks.lost,
        freezes: sums.flow.freezes,
        gap_longest_ms: sums.flow.gap_longest.as_millis_f64(),
        packets: Packets {
            received: stats.packets,
            lost: stats.lost,
            repeated: stats.repeats,
        },
        access_units: AccessUnits {
            delivered: stats.delivered,
            idrs: stats.idrs,
            recoveries: stats.recoveries,
            lost: stats.frames_lost,
            late: stats.frames_late,
            dropped: stats.frames_dropped,
            decoder_restarts: sums.decoder_broken,
        },
    }
}

/// Runs what blocks on a thread of its own.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::System(std::io::Error::other(error))))
}

/// What the engine encodes: H.264 Constrained Baseline.
const CODEC: &str = "avc1.42E02A";
/// The kind of endpoint that is attached to.
const WEBTRANSPORT: &str = "webtransport";
