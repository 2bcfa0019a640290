//! The contract, claim by claim.

use crate::decode::decode;
use crate::source::Source;
use crate::stream::{Part, parts};
use crate::{Open, Terms};
use firstlight_encoder::still::Still;
use firstlight_encoder::{AccessUnit, Codec, Config, Encoder, Error, How, Scale, Unit, rate};
use firstlight_units::{Bitrate, ByteCount, FrameId, Timestamp};

const WIDTH: u16 = 416;
const HEIGHT: u16 = 240;

type Found = Result<(), String>;

/// A claim.
pub type Claim = fn(Open, &Terms) -> Found;

/// All of them, with a name for people, for who runs them outside a test.
pub const ALL: &[(&str, Claim)] = &[
    ("abilities", abilities),
    ("one in, one out", one_in_one_out),
    ("IDR on request", idr_only_on_request),
    ("rate step", rate_step),
    ("sizes", sizes),
    ("recovery", recovery),
    ("recovery by IDR", recovery_by_idr),
    ("still", still),
    ("cap", capped),
    ("cap, whole", capped_whole),
    ("resize", resize),
    ("redraw", redraw),
    ("order", order),
    ("open and close", open_and_close),
];

/// The same size, one thread, as many slices as the size allows up to `slices`.
pub fn slices(config: Config, slices: u8) -> Config {
    let rows = u8::try_from(config.height().div_ceil(16)).unwrap_or(u8::MAX);
    let builder = Config::builder().size(config.width(), config.height()).threads(1);
    builder.slices(slices.min(rows)).build().unwrap()
}

/// What every NAL unit is preceded by, of those this engine hands on.
const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// The OBU that begins a temporal unit (AV1, 5.6): its header and its size, 0.
const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0];

fn config() -> Config {
    Config::builder().size(WIDTH, HEIGHT).build().unwrap()
}

/// An access unit and its bytes.
struct Coded {
    unit: AccessUnit,
    bytes: Vec<u8>,
}

/// Loads and encodes one picture, and checks what comes out against what is said of it.
fn code(encoder: &mut Encoder, source: &Source, frame: u64, how: How) -> Result<Coded, String> {
    encoder.load(source.picture()).map_err(|e| e.to_string())?;
    again(encoder, frame, how)
}

/// Encodes the kept surface.
fn again(encoder: &mut Encoder, frame: u64, how: How) -> Result<Coded, String> {
    let codec = encoder.abilities().codec;
    let (mut bytes, mut units, mut whole) = (Vec::new(), 0u8, false);
    let mut found = Ok(());
    let unit = encoder
        .encode(FrameId::new(frame), how, &mut |u: Unit<'_>| {
            let begins = match codec {
                Codec::Av1 if units == 0 => u.nals.starts_with(&TEMPORAL_DELIMITER),
                Codec::Av1 => true,
                Codec::H264 => u.nals.starts_with(&START_CODE),
            };
            if u.index != units || whole || !begins {
                found = Err(format!("frame {frame}: unit {} is out of place", u.index));
            }
            (units, whole) = (units + 1, u.last);
            bytes.extend_from_slice(u.nals);
        })
        .map_err(|e| e.to_string())?;
    found?;
    if !whole || unit.bytes.as_u64() != bytes.len() as u64 {
        return Err(format!("frame {frame}: not whole, or another size than said"));
    }
    Ok(Coded { unit, bytes })
}

fn all(coded: &[Coded]) -> Vec<u8> {
    coded.iter().flat_map(|c| c.bytes.iter().copied()).collect()
}

pub fn abilities(open: Open, terms: &Terms) -> Found {
    let encoder = open(config());
    if encoder.abilities() != terms.abilities {
        return Err(format!("{} says {:?}", encoder.backend(), encoder.abilities()));
    }
    if Codec::of(encoder.codec()) != Some(terms.abilities.codec) {
        return Err(format!("{} encodes to {}", encoder.backend(), encoder.codec()));
    }
    Ok(())
}

pub fn one_in_one_out(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    let mut encoder = open(config());
    let sources: Vec<Source> = (0..20).map(|n| Source::moving(WIDTH, HEIGHT, n)).collect();
    let mut coded = Vec::new();
    for (n, source) in sources.iter().enumerate() {
        let one = code(&mut encoder, source, n as u64 + 1, How::default())?;
        let expected = FrameId::new((n as u64).max(1));
        if one.unit.reference != expected {
            return Err(format!(
                "frame {} needs {}, not {expected}",
                n + 1,
                one.unit.reference
            ));
        }
        coded.push(one);
    }
    let decoded = decode(codec, &all(&coded), WIDTH.into(), HEIGHT.into())?;
    if decoded.count() != sources.len() {
        return Err(format!(
            "{} pictures went in, {} came out",
            sources.len(),
            decoded.count()
        ));
    }
    for (n, source) in sources.iter().enumerate() {
        let db = source.psnr(decoded.luma(n), decoded.stride());
        if db < terms.clean_db {
            return Err(format!(
                "access unit {} shows another picture than its own ({db:.1} dB)",
                n + 1
            ));
        }
    }
    Ok(())
}

pub fn idr_only_on_request(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    let mut encoder = open(config());
    for n in 1..=40 {
        let asked = n == 17 || n == 18;
        // A cut to another scene in between is no reason for one.
        let source = Source::moving(WIDTH, HEIGHT, if n > 25 { n + 500 } else { n });
        let one = code(
            &mut encoder,
            &source,
            n as u64,
            How {
                idr: asked,
                ..How::default()
            },
        )?;
        let found = parts(codec, &one.bytes);
        let idr = asked || n == 1;
        let expected = if idr {
            found.starts_with(&[Part::Parameters, Part::Start]) && !found.contains(&Part::Predicted)
        } else {
            !found.is_empty() && found.iter().all(|part| *part == Part::Predicted)
        };
        if !expected || one.unit.idr != idr {
            return Err(format!("frame {n} holds {found:?}"));
        }
        if idr && one.unit.reference != FrameId::new(n as u64) {
            return Err(format!("IDR {n} needs {}", one.unit.reference));
        }
        let cap = rate::plan(Bitrate::mbps(8), &config(), 1).cap.as_u64();
        if n > 1 && one.unit.bytes.as_u64() * 100 > cap * terms.cap_percent.max(100) {
            return Err(format!("frame {n} has {} bytes", one.unit.bytes.as_u64()));
        }
    }
    Ok(())
}

pub fn rate_step(open: Open, terms: &Terms) -> Found {
    let mut encoder = open(config());
    let mut n = 0;
    for mbps in [8, 2, 6, 1] {
        let target = Bitrate::mbps(mbps);
        encoder.set_bitrate(target).map_err(|e| e.to_string())?;
        let mut bytes = 0;
        for after in 0..30 {
            n += 1;
            let one = code(
                &mut encoder,
                &Source::noise(WIDTH, HEIGHT, n as usize),
                n,
                How::default(),
            )?;
            let cap = rate::plan(target, &config(), 1).cap.as_u64();
            if after >= 5 && one.unit.bytes.as_u64() * 100 > cap * terms.cap_percent {
                return Err(format!(
                    "{after} after {target}: {} bytes over {cap}",
                    one.unit.bytes.as_u64()
                ));
            }
            bytes += if after >= 5 { one.unit.bytes.as_u64() } else { 0 };
        }
        let share = bytes * 8 * 60 / 25 * 100 / target.as_bps();
        if !terms.rate_percent.contains(&share) {
            return Err(format!("{share} % of {target} was produced"));
        }
    }
    match encoder.set_bitrate(Bitrate::ZERO) {
        Err(Error::Bitrate(_)) => Ok(()),
        other => Err(format!("a bitrate of nothing: {other:?}")),
    }
}

pub fn sizes(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    for (width, height) in [(854, 480), (402, 226), (322, 182), (17, 35), (16, 16)] {
        let config = Config::builder()
            .size(width, height)
            .slices(1)
            .build()
            .map_err(|e| e.to_string())?;
        let mut encoder = open(config);
        let even = |n: u16| usize::from(n.next_multiple_of(2));
        let source = Source::moving(width, height, 64);
        let mut coded = Vec::new();
        for n in 1..=3 {
            coded.push(code(&mut encoder, &source, n, How::default())?);
        }
        let decoded = decode(codec, &all(&coded), even(width), even(height))?;
        let db = source.psnr(decoded.luma(2), decoded.stride());
        if decoded.count() != 3 || db < terms.clean_db {
            return Err(format!(
                "{width}x{height}: {} pictures, {db:.1} dB",
                decoded.count()
            ));
        }
    }
    Ok(())
}

/// Encodes, loses `lost` access units from 20 on, tells the encoder, goes on; the stream without the lost ones.
fn lose(open: Open, lost: u64) -> Result<(bool, Vec<Coded>, Vec<Source>), String> {
    let mut encoder = open(config());
    let (mut coded, mut sources, mut possible) = (Vec::new(), Vec::new(), false);
    for n in 1..20 + lost + 10 {
        if n == 20 + lost {
            possible = encoder.invalidate(FrameId::new(20)).map_err(|e| e.to_string())?;
        }
        let source = Source::moving(WIDTH, HEIGHT, n as usize);
        let one = code(&mut encoder, &source, n, How::default())?;
        if !(20..20 + lost).contains(&n) {
            coded.push(one);
            sources.push(source);
        }
    }
    Ok((possible, coded, sources))
}

/// All pictures come out, and those in `right` are right; the first after an IDR have few bits and are no measure.
fn clean(coded: &[Coded], sources: &[Source], terms: &Terms, right: impl Fn(usize) -> bool) -> Found {
    let decoded = decode(terms.abilities.codec, &all(coded), WIDTH.into(), HEIGHT.into())?;
    if decoded.count() != sources.len() {
        return Err(format!(
            "{} of {} pictures came out",
            decoded.count(),
            sources.len()
        ));
    }
    for (n, source) in sources.iter().enumerate().filter(|(n, _)| right(*n)) {
        let db = source.psnr(decoded.luma(n), decoded.stride());
        if db < terms.clean_db {
            return Err(format!("picture {n} is damaged ({db:.1} dB)"));
        }
    }
    Ok(())
}

/// Without an IDR where the backend says that it can; else with one, at once.
pub fn recovery(open: Open, terms: &Terms) -> Found {
    if !terms.abilities.recovers {
        return by_idr(open, terms, &[1, 4, 15]);
    }
    for lost in [1, 4, 15] {
        let (possible, coded, sources) = lose(open, lost)?;
        let recovery = &coded[19].unit;
        if !possible || recovery.idr || coded[20..].iter().any(|c| c.unit.idr) {
            return Err(format!("{lost} lost: an IDR"));
        }
        if recovery.reference != FrameId::new(19) || coded[20].unit.reference != FrameId::new(20 + lost) {
            return Err(format!("{lost} lost: recovery needs {}", recovery.reference));
        }
        clean(&coded, &sources, terms, |n| n >= 10).map_err(|e| format!("{lost} lost: {e}"))?;
    }
    Ok(())
}

pub fn recovery_by_idr(open: Open, terms: &Terms) -> Found {
    by_idr(open, terms, &[16, 25])
}

fn by_idr(open: Open, terms: &Terms, losses: &[u64]) -> Found {
    for &lost in losses {
        let (possible, coded, sources) = lose(open, lost)?;
        if possible || !coded[19].unit.idr || coded[20].unit.idr {
            return Err(format!(
                "{lost} lost: possible {possible}, IDR {}",
                coded[19].unit.idr
            ));
        }
        clean(&coded, &sources, terms, |n| n >= 19 + 6).map_err(|e| format!("{lost} lost: {e}"))?;
    }
    Ok(())
}

pub fn still(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    let (width, height) = (1280, 720);
    let config = Config::builder()
        .size(width, height)
        .build()
        .map_err(|e| e.to_string())?;
    let target = Bitrate::mbps(8);
    let cap = rate::plan(target, &config, 1).cap.as_u64();
    let mut encoder = open(config);
    let mut policy = Still::new(&config);
    let (mut now, mut frame, mut coded) = (Timestamp::from_micros(0), 0, Vec::new());
    let source = Source::scene(width, height, 9);
    for n in 6..10 {
        frame += 1;
        let one = code(
            &mut encoder,
            &Source::scene(width, height, n),
            frame,
            How::default(),
        )?;
        policy.on_changed(now, &one.unit, target);
        coded.push(one);
    }
    if encoder.load(source.picture()) != Ok(false) {
        return Err("the same picture again was not told".to_owned());
    }
    let mut steps = 0;
    while let Some(at) = policy.poll_timeout() {
        let refine = policy.poll(at);
        (now, frame, steps) = (at, frame + 1, steps + 1);
        let one = again(
            &mut encoder,
            frame,
            How {
                refine,
                ..How::default()
            },
        )?;
        let room = refine.map_or(1, |r| u64::from(r.room));
        let allowed = cap * room * terms.cap_percent.max(110) / 100;
        if one.unit.bytes.as_u64() > allowed {
            return Err(format!(
                "step {steps} has {} bytes over {allowed}",
                one.unit.bytes.as_u64()
            ));
        }
        policy.on_refined(now, &one.unit, target);
        coded.push(one);
    }
    let decoded = decode(codec, &all(&coded), width.into(), height.into())?;
    let before = source.psnr(decoded.luma(3), decoded.stride());
    let db = source.psnr(decoded.luma(decoded.count() - 1), decoded.stride());
    // Threads of the encoder share the bits of a picture as they come to them: a decibel differs from run to run.
    if db < terms.still_db || now > Timestamp::from_micros(terms.still_ms * 1_000) {
        return Err(format!(
            "{before:.1} dB before, {db:.1} dB after {steps} steps at {} ms",
            now.as_micros() / 1000
        ));
    }
    Ok(())
}

/// One access unit in four gets a fraction of the plan's cap, the next ones what is usual.
pub fn capped(open: Open, terms: &Terms) -> Found {
    let mut encoder = open(config());
    let target = Bitrate::mbps(4);
    encoder.set_bitrate(target).map_err(|e| e.to_string())?;
    let cap = rate::plan(target, &config(), 1).cap.as_u64();
    let mut usual = 0;
    for n in 1..=48u64 {
        let most = (n % 4 == 0).then_some(cap * (1 + n / 4 % 3) / 4);
        let how = How {
            bytes_max: most.map(ByteCount::new),
            ..How::default()
        };
        let source = Source::noise(WIDTH, HEIGHT, n as usize);
        let one = code(&mut encoder, &source, n, how)?.unit.bytes.as_u64();
        let allowed = most.filter(|_| terms.abilities.caps).unwrap_or(cap);
        // The first ones teach the library what noise costs.
        if n > 8 && one * 100 > allowed * terms.cap_percent {
            return Err(format!("frame {n} has {one} bytes over {allowed}"));
        }
        usual += if n > 8 && n % 4 >= 2 { one } else { 0 };
    }
    let mean = usual / 20;
    if terms.abilities.caps && mean < cap / 2 {
        return Err(format!(
            "{mean} bytes a picture where {cap} are allowed: the cap stayed"
        ));
    }
    Ok(())
}

/// However little a picture may have, no part of it stays as it was. Without caps of its own an encoder may show a part of it late, but not for ever.
pub fn capped_whole(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    let mut encoder = open(config());
    encoder.set_bitrate(Bitrate::mbps(4)).map_err(|e| e.to_string())?;
    let mut coded = Vec::new();
    for n in 1..=40u64 {
        let how = How {
            bytes_max: (n > 10).then_some(ByteCount::new(600)),
            ..How::default()
        };
        let source = Source::blocks(WIDTH, HEIGHT, n as usize);
        coded.push(code(&mut encoder, &source, n, how)?);
    }
    if !terms.abilities.caps {
        for n in 41..=50 {
            coded.push(again(&mut encoder, n, How::default())?);
        }
    }
    let decoded = decode(codec, &all(&coded), WIDTH.into(), HEIGHT.into())?;
    let first = if terms.abilities.caps {
        0
    } else {
        decoded.count() - 1
    };
    for n in first..decoded.count() {
        let luma = decoded.luma(n);
        for block in 0..usize::from(WIDTH / 16) * usize::from(HEIGHT / 16) {
            let (column, row) = (block % usize::from(WIDTH / 16), block / usize::from(WIDTH / 16));
            let shown = luma[(row * 16 + 8) * decoded.stride() + column * 16 + 8] > 126;
            if shown != Source::is_white(column, row, (n + 1).min(40)) {
                return Err(format!("picture {}: block {column}, {row} is an old one", n + 1));
            }
        }
    }
    Ok(())
}

/// Sizes down and up while it runs: each change is one IDR, all pictures come out, and the last one is right.
pub fn resize(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    let mut encoder = open(config());
    let source = Source::scene(WIDTH, HEIGHT, 9);
    let mut n = 0;
    for scale in [
        Scale::Whole,
        Scale::Half,
        Scale::ThreeEighths,
        Scale::ThreeQuarters,
        Scale::Whole,
    ] {
        encoder.set_scale(scale).map_err(|e| e.to_string())?;
        let mut coded = Vec::new();
        for at in 0..8 {
            n += 1;
            let one = if at == 0 && n > 1 {
                // Of the kept picture: nothing is drawn for a change of size.
                again(&mut encoder, n, How::default())?
            } else {
                code(&mut encoder, &source, n, How::default())?
            };
            let idr = at == 0;
            if one.unit.idr != idr {
                return Err(format!("{scale:?}: picture {at} is an IDR: {}", one.unit.idr));
            }
            coded.push(one);
        }
        let (width, height) = (scale.side(WIDTH), scale.side(HEIGHT));
        let decoded = decode(codec, &all(&coded), width.into(), height.into())?;
        if decoded.count() != coded.len() {
            return Err(format!("{scale:?}: {} pictures came out", decoded.count()));
        }
        if encoder.config().width() != width || encoder.config().height() != height {
            return Err(format!(
                "{scale:?}: {:?} is not {width}x{height}",
                encoder.config()
            ));
        }
        if scale == Scale::Whole {
            let db = source.psnr(decoded.luma(7), decoded.stride());
            if db < terms.clean_db {
                return Err(format!("after {n} pictures: {db:.1} dB"));
            }
        }
    }
    Ok(())
}

pub fn redraw(open: Open, terms: &Terms) -> Found {
    let codec = terms.abilities.codec;
    let mut encoder = open(config());
    let mut n = 0;
    // Larger than it was opened, then smaller, in another shape and at another scale; the sides of a window are no multiples of 16.
    for (size, scale) in [
        ((WIDTH, HEIGHT), Scale::Whole),
        ((642, 362), Scale::Whole),
        ((300, 420), Scale::Half),
        ((WIDTH, HEIGHT), Scale::Whole),
    ] {
        if n > 0 {
            encoder.set_drawn(size, scale).map_err(|e| e.to_string())?;
        }
        let source = Source::scene(size.0, size.1, 9);
        let mut coded = Vec::new();
        for at in 0..8 {
            n += 1;
            let one = code(&mut encoder, &source, n, How::default())?;
            if one.unit.idr != (at == 0) {
                return Err(format!("{size:?}: picture {at} is an IDR: {}", one.unit.idr));
            }
            coded.push(one);
        }
        let (width, height) = (scale.side(size.0), scale.side(size.1));
        let decoded = decode(codec, &all(&coded), width.into(), height.into())?;
        if decoded.count() != coded.len() {
            return Err(format!("{size:?}: {} pictures came out", decoded.count()));
        }
        if scale == Scale::Whole && source.psnr(decoded.luma(7), decoded.stride()) < terms.clean_db {
            return Err(format!("{size:?}: the picture is not the one that went in"));
        }
    }
    match encoder.set_drawn((8, HEIGHT), Scale::Whole) {
        Err(Error::Size { .. }) if encoder.drawn() == (WIDTH, HEIGHT) => Ok(()),
        done => Err(format!("8 pixels across: {done:?}")),
    }
}

pub fn order(open: Open, _: &Terms) -> Found {
    let mut encoder = open(config());
    let nothing = encoder.encode(FrameId::new(1), How::default(), &mut |_| {});
    if nothing != Err(Error::NoPicture) {
        return Err(format!("before the first picture: {nothing:?}"));
    }
    let source = Source::moving(WIDTH, HEIGHT, 1);
    code(&mut encoder, &source, 5, How::default())?;
    match encoder.encode(FrameId::new(5), How::default(), &mut |_| {}) {
        Err(Error::Order { .. }) => {}
        other => return Err(format!("the same frame twice: {other:?}")),
    }
    code(&mut encoder, &source, 900, How::default()).map(drop)
}

pub fn open_and_close(open: Open, terms: &Terms) -> Found {
    let config = Config::builder()
        .size(160, 96)
        .build()
        .map_err(|e| e.to_string())?;
    let source = Source::moving(160, 96, 1);
    let mut before = 0;
    for n in 0..terms.openings {
        if n == terms.openings / 5 {
            before = resident_kib()?;
        }
        let mut encoder = open(config);
        code(&mut encoder, &source, 1, How::default())?;
    }
    let grown = resident_kib()?.saturating_sub(before);
    // An encoder of this size has 1 MiB: a hundredth of each of 800 left behind would be as much as this.
    if grown > 8 * 1024 {
        Err(format!("{grown} KiB more after {} encoders", terms.openings))
    } else {
        Ok(())
    }
}

/// Resident memory of this process.
fn resident_kib() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    line.trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .map_err(|_| "VmRSS is no number".to_owned())
}
