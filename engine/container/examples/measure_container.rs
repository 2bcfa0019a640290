//! Prints how long a container takes to start, to be captured and to be heard, with the beacon as its title.
//!
//! `cargo run --release -p firstlight-container --example measure_container -- titles/beacon [SECONDS]`, on an idle machine.

use firstlight_container::{Audio, Capture, Container, Error, InputEvent, Spec, Wait, now};
use firstlight_title::Title;
use firstlight_units::{Micros, Timestamp};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(args.first().ok_or("measure TITLE_DIR [SECONDS]")?);
    let seconds: u64 = args.get(1).map_or(Ok(5), |text| text.parse())?;
    let title = firstlight_title::load(folder)?;
    let mut starts = Vec::new();
    for _ in 0..5 {
        let begun = now();
        let (container, _root) = start(&title, folder)?;
        starts.push(now().since(begun));
        container.stop();
    }
    print("start", starts)?;
    let (container, _root) = start(&title, folder)?;
    pictures(&mut container.capture()?, seconds)?;
    if title.id.to_string() == "beacon" {
        sound(&container)?;
    }
    container.stop();
    Ok(())
}

fn start(title: &Title, folder: &Path) -> Outcome<(Container, tempfile::TempDir)> {
    let root = tempfile::tempdir()?;
    let container = Container::start(Spec {
        title: title.clone(),
        title_dir: folder.canonicalize()?,
        run_dir: root.path().join("run"),
        home: root.path().join("home"),
        cgroup: None,
    })?;
    Ok((container, root))
}

fn pictures(capture: &mut Capture, seconds: u64) -> Outcome<()> {
    let until = now() + Micros::from_secs(seconds);
    let (mut whole, mut grabs, mut gaps, mut same) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let (mut last, mut before) = (now(), Vec::new());
    while let Wait::Damage { at } = capture.wait(Some(until))? {
        let begun = now();
        let grab = capture.grab()?;
        grabs.push(grab.grabbed_at.since(begun));
        whole.push(grab.grabbed_at.since(at));
        gaps.push(at.since(last));
        last = at;
        same += u32::from(grab.pixels == before.as_slice());
        before.clear();
        before.extend_from_slice(grab.pixels);
    }
    let (width, height) = capture.size();
    let count = whole.len();
    writeln!(
        std::io::stdout(),
        "{width}x{height}: {count} pictures in {seconds} s, {same} the same as the one before"
    )?;
    print("grab", grabs)?;
    print("damage to grabbed", whole)?;
    print("picture to picture", gaps)
}

/// Presses a key and sees when the answer is to be seen and to be heard.
fn sound(container: &Container) -> Outcome<()> {
    let mut capture = container.capture()?;
    let mut input = container.input()?;
    let Some(audio) = container.audio()? else {
        return Ok(());
    };
    let (tell, told) = sync_channel(1_024);
    let listener = std::thread::spawn(move || listen(audio, &tell));
    let (mut late, mut told_late) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        // The tone before must have ended: it is short.
        let quiet = now() + Micros::from_millis(500);
        while capture.wait(Some(quiet))? != Wait::Timeout {
            capture.grab()?;
        }
        while told.try_recv().is_ok() {}
        input.inject(InputEvent::Key { code: 57, down: true })?;
        let seen = seen(&mut capture)?;
        input.inject(InputEvent::Key {
            code: 57,
            down: false,
        })?;
        let (heard, returned) = heard(&told, seen)?;
        late.push(i128::from(heard.as_micros()) - i128::from(seen.as_micros()));
        told_late.push(returned.since(heard));
    }
    late.sort_unstable();
    let (least, middle, most) = (late.first(), late.get(late.len() / 2), late.last());
    writeln!(
        std::io::stdout(),
        "sound after picture: min {least:?} p50 {middle:?} max {most:?} us"
    )?;
    print("sample recorded to read", told_late)?;
    drop(told);
    drop(listener);
    Ok(())
}

/// When the beacon counted another input.
fn seen(capture: &mut Capture) -> Outcome<Timestamp> {
    let count = |capture: &mut Capture| -> Result<(u32, Timestamp), Error> {
        let grab = capture.grab()?;
        let bit = |n: usize| {
            let at = 24 * grab.stride + (n * 16 + 8) * 4;
            u32::from(grab.pixels.get(at).is_some_and(|blue| *blue > 127))
        };
        Ok(((32..48).fold(0, |sum, n| sum * 2 + bit(n)), grab.committed_at))
    };
    let (before, _) = count(capture)?;
    loop {
        let Wait::Damage { .. } = capture.wait(Some(now() + Micros::from_secs(2)))? else {
            return Err("the beacon counts nothing".into());
        };
        let (counted, at) = count(capture)?;
        if counted != before {
            return Ok(at);
        }
    }
}

type Loud = (Timestamp, Timestamp);

fn heard(told: &Receiver<Loud>, _seen: Timestamp) -> Outcome<Loud> {
    Ok(told.recv_timeout(std::time::Duration::from_secs(2))?)
}

/// Tells of the first loud sample of each frame: when it was recorded, and when the reader had it.
fn listen(mut audio: Audio, tell: &std::sync::mpsc::SyncSender<Loud>) {
    let mut frame = [0; 960];
    while let Ok(first) = audio.read(&mut frame) {
        let returned = now();
        let Some(at) = frame.iter().position(|sample| sample.unsigned_abs() > 200) else {
            continue;
        };
        let recorded = first + Micros::new((at as u64 / 2) * 1_000_000 / 48_000);
        if tell.send((recorded, returned)).is_err() {
            return;
        }
    }
}

fn print(what: &str, mut times: Vec<Micros>) -> Outcome<()> {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let ms = |share| at(share).copied().unwrap_or_default().as_millis_f64();
    let (n, p50, p95, p99, max) = (times.len(), ms(50), ms(95), ms(99), ms(100));
    writeln!(
        std::io::stdout(),
        "{what}: p50 {p50:.3} p95 {p95:.3} p99 {p99:.3} max {max:.3} ms, n {n}"
    )?;
    Ok(())
}
