//! Measures what a beat weighs, what sealing one costs a host, and what it costs an indexer to take one in: seal, time and number are
//! checked, then the content is read.
//!
//! `cargo run --release -p firstlight-fleet --example measure_beats`
#![allow(clippy::print_stdout, reason = "a tool for people")]

use firstlight_fleet::Key;
use firstlight_fleet::messages::{Beat, Channel, Guard, Held, HostState, Installed, Position, Signer, Spec};
use firstlight_units::{Micros, WallTime};
use std::error::Error;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    println!("titles  held  bytes  seals/s  taken/s  (one core)");
    for (titles, held) in [(1, 1), (20, 4), (200, 8)] {
        measure(titles, held)?;
    }
    Ok(())
}

fn measure(titles: u32, held: u32) -> Result<()> {
    let beat = beat(titles, held)?;
    let signer = Signer::new(Key::generate()?, 1);
    let now = WallTime::from_micros(1_800_000_000_000_000);
    let began = Instant::now();
    let sealed: Vec<_> = (0..ROUNDS)
        .map(|_| signer.seal(Channel::Beat, &beat.write(), now))
        .collect();
    let seals = rate(began);
    let mut guard = Guard::default();
    guard.admit(signer.id());
    let began = Instant::now();
    for bytes in &sealed {
        let opened = guard.open(
            Channel::Beat,
            Some(&signer.id()),
            bytes,
            now + Micros::from_millis(40),
        )?;
        if Beat::read(&opened.body)?.titles.len() != beat.titles.len() {
            return Err("a beat lost a title".into());
        }
    }
    let taken = rate(began);
    let bytes = sealed.first().map_or(0, bytes::Bytes::len);
    println!("{titles:6}  {held:4}  {bytes:5}  {seals:7.0}  {taken:7.0}");
    Ok(())
}

/// As a machine of the fleet sends it.
fn beat(titles: u32, held: u32) -> Result<Beat> {
    let title = |n: u32| -> Result<Installed> {
        Ok(Installed {
            id: format!("some-title-{n}").parse()?,
            version: "1.12.3".to_owned(),
            parked: n % 3,
            boot_ms: 900,
        })
    };
    let hold = |slot: u32| -> Result<Held> {
        Ok(Held {
            slot,
            fence: 1_000 + u64::from(slot),
            session: format!("6f1d2a7b9c3e4f50{slot:016x}").parse()?,
            rtt_us: 24_000,
            starting: false,
        })
    };
    Ok(Beat {
        name: "rack-12-box-07".to_owned(),
        position: Some(Position {
            lat_milli: 52_520,
            lon_milli: 13_405,
        }),
        engine: "0.1.0".to_owned(),
        state: HostState::Open,
        slots: 12,
        held: (0..held).map(hold).collect::<Result<_>>()?,
        titles: (0..titles).map(title).collect::<Result<_>>()?,
        spec: Spec {
            cores: 16,
            core_score: 1_480,
            memory_bytes: 64 << 30,
            memory_available_bytes: 41 << 30,
            millicores_charged: 6_200,
            encoders: vec!["libx264 (avc1.64001F)".to_owned()],
            stages_us: 5_400,
            ipv4: true,
            ipv6: true,
        },
        addresses: vec!["203.0.113.7".parse()?, "2001:db8::7".parse()?],
        price_micros: 40_000,
        ..Beat::new("eu-central-1".parse()?)
    })
}

fn rate(began: Instant) -> f64 {
    f64::from(ROUNDS) / began.elapsed().as_secs_f64()
}

const ROUNDS: u32 = 50_000;
