//! What a probe says when it is done: one JSON object, or a table for people.

use crate::measure::Ranks;
use serde::Serialize;
use std::fmt;

/// What a probe saw.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The engine's address.
    pub url: String,
    /// The title's id.
    pub title: String,
    /// How media came: `webtransport`.
    pub transport: &'static str,
    /// The video's codec, as in WebCodecs.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// From the first picture to the end.
    pub seconds: f64,
    /// How long the start took.
    pub start_ms: Start,
    /// Pictures that came out of the decoder.
    pub pictures: u64,
    /// Of those, with a barcode that could be read.
    pub barcodes: u64,
    /// Pictures after the first barcode in which none could be read.
    pub barcodes_missed: u64,
    /// Pictures a second.
    pub decoded_fps: f64,
    /// What came, of all kinds, without UDP and QUIC.
    pub received_bps: f64,
    /// From the drawing of a picture, by its barcode, to the decoder's end. None without a barcode or a common clock.
    pub drawn_to_decoded_ms: Option<Ranks>,
    /// From the moment the app handed a picture over to the decoder's end, by the clock that the session keeps.
    pub captured_to_decoded_ms: Option<Ranks>,
    /// How wrong that clock may be.
    pub clock_error_ms: Option<f64>,
    /// From a key's press to the first decoded picture that counts it.
    pub click_to_decoded_ms: Option<Ranks>,
    /// Presses whose effect was never seen.
    pub clicks_lost: u64,
    /// Gaps of more than 150 ms between pictures.
    pub freezes: u64,
    /// The longest gap between pictures.
    pub gap_longest_ms: f64,
    /// Packets and what became of them.
    pub packets: Packets,
    /// Access units and what became of them.
    pub access_units: AccessUnits,
}

/// How long the start took, counted from the first request.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Start {
    /// Until there was room, as the engine says.
    pub placed: f64,
    /// Until it could be attached to, as the engine says.
    pub ready: f64,
    /// Until the probe was attached.
    pub attached: f64,
    /// Until the first picture was decoded.
    pub first_picture: f64,
}

/// Media packets.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Packets {
    /// That came, each counted once.
    pub received: u64,
    /// That never came.
    pub lost: u64,
    /// That came because they were asked for again.
    pub repeated: u64,
}

/// Access units.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AccessUnits {
    /// Handed to the decoder.
    pub delivered: u64,
    /// Of those, IDRs.
    pub idrs: u64,
    /// Of those, recoveries.
    pub recoveries: u64,
    /// Not whole when they were passed over.
    pub lost: u64,
    /// Whole after their turn.
    pub late: u64,
    /// Whole, and not decodable.
    pub dropped: u64,
    /// Times at which the decoder had to start anew.
    pub decoder_restarts: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("{} at {}", self.title, self.url);
        let start = self.start_ms;
        line(f, "Title", &title)?;
        line(
            f,
            "Picture",
            &format!(
                "{}x{}, {}, over {}",
                self.width, self.height, self.codec, self.transport
            ),
        )?;
        line(
            f,
            "First picture",
            &format!(
                "{:.0} ms (ready {:.0}, attached {:.0})",
                start.first_picture, start.ready, start.attached
            ),
        )?;
        line(
            f,
            "Decoded",
            &format!(
                "{} pictures in {:.1} s, {:.1} a second",
                self.pictures, self.seconds, self.decoded_fps
            ),
        )?;
        line(f, "Received", &format!("{:.2} Mbit/s", self.received_bps / 1e6))?;
        line(f, "Drawn to decoded", &ranks(self.drawn_to_decoded_ms))?;
        let error = self
            .clock_error_ms
            .map_or_else(String::new, |ms| format!(" (clock within {ms:.1} ms)"));
        line(
            f,
            "Captured to decoded",
            &(ranks(self.captured_to_decoded_ms) + &error),
        )?;
        let lost = format!(", {} lost", self.clicks_lost);
        line(f, "Click to decoded", &(ranks(self.click_to_decoded_ms) + &lost))?;
        line(
            f,
            "Freezes",
            &format!(
                "{} over 150 ms, longest gap {:.0} ms",
                self.freezes, self.gap_longest_ms
            ),
        )?;
        let p = self.packets;
        line(
            f,
            "Packets",
            &format!("{} came, {} lost, {} repeated", p.received, p.lost, p.repeated),
        )?;
        let a = self.access_units;
        write!(
            f,
            "{:<20} {} delivered ({} IDR), {} lost, {} late, {} dropped",
            "Access units", a.delivered, a.idrs, a.lost, a.late, a.dropped
        )
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, words: &str) -> fmt::Result {
    writeln!(f, "{name:<20} {words}")
}

fn ranks(ranks: Option<Ranks>) -> String {
    ranks.map_or_else(
        || "-".to_owned(),
        |r| {
            format!(
                "p50 {:.1} ms, p95 {:.1}, p99 {:.1}, worst {:.1} of {}",
                r.p50, r.p95, r.p99, r.worst, r.count
            )
        },
    )
}
