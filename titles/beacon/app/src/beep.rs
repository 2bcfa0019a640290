//! The tone, in a thread of its own.

use libpulse_binding::def::BufferAttr;
use libpulse_binding::sample::{Format, Spec};
use libpulse_binding::stream::Direction;
use libpulse_simple_binding::Simple;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

/// Asks the sound thread for tones.
pub(crate) struct Beeper(Option<SyncSender<()>>);

impl Beeper {
    /// Starts the thread. Without a sound server the beacon is silent and says so once.
    pub(crate) fn start() -> Self {
        let (ask, asked) = sync_channel(ASKED_MAX);
        let started = thread::Builder::new().name("beep".to_owned()).spawn(move || {
            if let Err(error) = play(&asked) {
                eprintln!("beacon: no sound: {error}");
            }
        });
        Self(started.ok().map(|_| ask))
    }

    /// Without sound.
    pub(crate) fn silent() -> Self {
        Self(None)
    }

    /// Plays a tone at once; while one is due already, one is enough.
    pub(crate) fn beep(&self) {
        if let Some(ask) = &self.0 {
            // Full: that tone starts with the next block anyway. Closed: there is no sound.
            ask.try_send(()).unwrap_or_default();
        }
    }
}

/// Plays silence, and tones in it: a stream that always runs begins a tone within a block, one that is started would not.
fn play(asked: &Receiver<()>) -> Result<(), libpulse_binding::error::PAErr> {
    let spec = Spec {
        format: Format::S16le,
        channels: 1,
        rate: RATE,
    };
    // Two blocks in the server: the tone comes 10 to 20 ms after it was asked for.
    let length = BLOCK * 2;
    let attr = BufferAttr {
        maxlength: length * 4,
        tlength: length * 2,
        prebuf: length,
        minreq: length,
        fragsize: u32::MAX,
    };
    let stream = Simple::new(
        None,
        "Beacon",
        Direction::Playback,
        None,
        "beep",
        &spec,
        None,
        Some(&attr),
    )?;
    let mut at = TONE;
    loop {
        match asked.try_recv() {
            Ok(()) => at = 0,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        let block: Vec<u8> = (at..at + BLOCK).flat_map(|at| sample(at).to_le_bytes()).collect();
        at = (at + BLOCK).min(TONE);
        stream.write(&block)?;
    }
}

/// Sample `at` of a tone: 880 Hz, with its ends rounded so that they do not click.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the loudest sample is half of what 16 bits hold"
)]
fn sample(at: u32) -> i16 {
    let edge = at.min(TONE.saturating_sub(at)).min(EDGE);
    let loud = f64::from(edge) / f64::from(EDGE) * 0.5 * f64::from(i16::MAX);
    (loud * (f64::from(at) * 880.0 * std::f64::consts::TAU / f64::from(RATE)).sin()) as i16
}

/// Waiting for more tones than one makes no sound.
const ASKED_MAX: usize = 1;
const RATE: u32 = 48_000;
/// Samples written at once: 10 ms.
const BLOCK: u32 = RATE / 100;
/// Samples of a tone: 80 ms.
const TONE: u32 = RATE / 1_000 * 80;
/// Samples of its rounded ends: 2 ms.
const EDGE: u32 = RATE / 1_000 * 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_has_880_periods_a_second_and_ends() {
        let rises = (1..TONE)
            .filter(|at| sample(at - 1) < 0 && sample(*at) >= 0)
            .count();
        assert!(
            (69..=71).contains(&rises),
            "80 ms of 880 Hz have 70 periods: {rises}"
        );
        assert_eq!((sample(0), sample(TONE), sample(TONE + 100)), (0, 0, 0));
        assert!((0..TONE).map(sample).max() > Some(16_000));
    }
}
