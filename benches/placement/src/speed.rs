//! Decisions, beats and memory of a large fleet.

use crate::fleet::{Fleet, NOW, Size};
use anyhow::Context;
use firstlight_indexer::{Beat, BeatTitle, Query, Ranking};
use firstlight_units::Micros;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) decisions: u32,
    pub(crate) scans: u32,
    pub(crate) beats: u32,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Speed {
    hosts: u32,
    regions: u16,
    titles: u32,
    entries: u64,
    memory_bytes: u64,
    memory_bytes_per_entry: f64,
    memory_bytes_per_host: f64,
    beats_per_s: f64,
    beat_us: Distribution,
    /// Placing, promising and settling, with sessions that end and beats that come in between.
    decisions_per_s: f64,
    decision_us: Distribution,
    decision_explained_us: Distribution,
    looked_at: Distribution,
    nowhere: u32,
    scan_us: Distribution,
    scans_per_s: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Distribution {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    n: usize,
}

impl Distribution {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |thousandths: usize| {
            let at = (values.len() * thousandths / 1000).min(values.len().saturating_sub(1));
            values.get(at).copied().unwrap_or(0.0)
        };
        Self {
            p50: at(500),
            p99: at(990),
            p999: at(999),
            max: values.last().copied().unwrap_or(0.0),
            n: values.len(),
        }
    }
}

pub(crate) fn measure(size: Size, amount: Amount, seed: u64) -> anyhow::Result<Speed> {
    let mut fleet = Fleet::empty(size, seed);
    let (memory, entries) = fill(&mut fleet, size)?;
    let (beats_per_s, beat_us) = beats(&mut fleet, amount.beats);
    let made = decisions(&mut fleet, amount);
    let per = |whole: u64, parts: u64| to_f64(whole) / to_f64(parts.max(1));
    Ok(Speed {
        hosts: size.hosts,
        regions: size.regions,
        titles: size.titles,
        entries,
        memory_bytes: memory,
        memory_bytes_per_entry: per(memory, entries),
        memory_bytes_per_host: per(memory, size.hosts.into()),
        beats_per_s,
        beat_us,
        decisions_per_s: made.per_s,
        decision_us: Distribution::of(made.each_us),
        decision_explained_us: Distribution::of(made.explained_us),
        looked_at: Distribution::of(made.looked_at),
        nowhere: made.nowhere,
        scans_per_s: 1e6 * to_f64(made.scan_us.len() as u64) / made.scan_us.iter().sum::<f64>().max(1.0),
        scan_us: Distribution::of(made.scan_us),
    })
}

/// Lets all hosts join; returns what the registry takes, and how many titles they have together.
fn fill(fleet: &mut Fleet, size: Size) -> anyhow::Result<(u64, u64)> {
    let beats: Vec<Beat> = (0..size.hosts).map(|n| fleet.host(n)).collect();
    let before = resident_bytes()?;
    for beat in &beats {
        fleet.registry.admit(NOW, &beat.host);
        let taken = fleet.registry.handle_beat(NOW, beat);
        debug_assert_eq!(taken, Ok(()));
    }
    let memory = resident_bytes()?.saturating_sub(before);
    let entries = beats.iter().map(|beat| beat.titles.len() as u64).sum();
    fleet.beats = beats;
    Ok((memory, entries))
}

/// What a fleet says in ten seconds, over and over: most say what they said before and a little more or less load; some that a
/// session began or ended; a few that a title was installed or a copy parked; and every thousandth was restarted.
fn beats(fleet: &mut Fleet, amount: u32) -> (f64, Distribution) {
    let (mut spent, mut each, mut told) = (Duration::ZERO, Vec::new(), 0u32);
    let mut now = NOW;
    while told < amount {
        let mut batch = Vec::with_capacity(BATCH);
        for _ in 0..BATCH {
            let at = fleet.random.below(count(&fleet.beats)) as usize;
            change(fleet, at);
            batch.push(fleet.beats[at].clone());
        }
        now += Micros::from_millis(1);
        let (began, began_cpu) = (Instant::now(), cpu());
        for beat in &batch {
            std::hint::black_box(fleet.registry.handle_beat(now, beat)).ok();
        }
        // Lost hosts are part of the work.
        drop(fleet.registry.expire(now));
        let took = began.elapsed();
        spent += cpu().saturating_sub(began_cpu);
        each.push(took.as_secs_f64() * 1e6 / to_f64(BATCH as u64));
        told += u32::try_from(BATCH).unwrap_or(u32::MAX);
    }
    (f64::from(told) / spent.as_secs_f64(), Distribution::of(each))
}

fn change(fleet: &mut Fleet, at: usize) {
    let what = fleet.random.below(1000);
    let (a, b) = (fleet.random.below(100), fleet.random.next());
    let titles = count(&fleet.titles);
    let rank = fleet.random.rank(titles) as usize;
    let title = fleet.titles[rank].clone();
    let beat = &mut fleet.beats[at];
    beat.seq += 1;
    let load = i32::from(beat.load) + i32::try_from(a).unwrap_or(0) - 50;
    beat.load = u16::try_from(load.clamp(0, 1000)).unwrap_or(0);
    match what {
        0 => {
            beat.boot += 1;
            beat.seq = 1;
            beat.free = beat.slots;
        }
        1..=5 => {
            let room = beat.titles.len() < 12;
            match beat.titles.iter_mut().find(|has| has.title == title) {
                Some(has) => has.parked = u8::from(has.parked == 0),
                None if room => beat.titles.push(BeatTitle { title, parked: 0 }),
                None => drop(beat.titles.pop()),
            }
        }
        6..=35 => {
            beat.free = if b & 1 == 0 {
                beat.free.saturating_sub(1)
            } else {
                (beat.free + 1).min(beat.slots)
            };
        }
        _ => {}
    }
}

struct Made {
    per_s: f64,
    each_us: Vec<f64>,
    explained_us: Vec<f64>,
    looked_at: Vec<f64>,
    scan_us: Vec<f64>,
    nowhere: u32,
}

/// Players come and go, and their hosts beat in between.
fn decisions(fleet: &mut Fleet, amount: Amount) -> Made {
    let mut made = Made {
        per_s: 0.0,
        each_us: Vec::new(),
        explained_us: Vec::new(),
        looked_at: Vec::new(),
        scan_us: Vec::new(),
        nowhere: 0,
    };
    let mut playing: VecDeque<Arc<str>> = VecDeque::new();
    let mut spent = Duration::ZERO;
    let scan_each = (amount.decisions / amount.scans.max(1)).max(1);
    for n in 0..amount.decisions {
        let (title, rtts) = (fleet.title(), fleet.rtts());
        let query = Query {
            title: Some(&title),
            rtts: &rtts,
            rtt_unknown: Micros::from_millis(200),
            ..Query::default()
        };
        if n.is_multiple_of(scan_each) {
            let began = Instant::now();
            drop(std::hint::black_box(fleet.registry.scan(&query)));
            made.scan_us.push(began.elapsed().as_secs_f64() * 1e6);
        }
        let (began, began_cpu) = (Instant::now(), cpu());
        let ranking = fleet.registry.place(&query);
        let decided = began.elapsed();
        if let Some(first) = ranking.candidates.first() {
            fleet.registry.promise(&first.host, &title);
            fleet.registry.settle(&first.host, true);
        }
        spent += cpu().saturating_sub(began_cpu);
        made.each_us.push(decided.as_secs_f64() * 1e6);
        note(&mut made, fleet, &ranking, n);
        match ranking.candidates.first() {
            Some(first) => playing.push_back(Arc::clone(&first.host)),
            None => made.nowhere += 1,
        }
        if playing.len() > PLAYING_MAX
            && let Some(host) = playing.pop_front()
        {
            fleet.registry.vacated(&host);
        }
    }
    made.per_s = f64::from(amount.decisions) / spent.as_secs_f64();
    made
}

fn note(made: &mut Made, fleet: &Fleet, ranking: &Ranking, n: u32) {
    if n.is_multiple_of(10) {
        let began = Instant::now();
        let why = fleet.registry.explain(ranking);
        let text = serde_json::to_string(&why).unwrap_or_default();
        made.explained_us.push(began.elapsed().as_secs_f64() * 1e6);
        made.looked_at.push(f64::from(why.looked_at));
        drop(std::hint::black_box(text));
    }
}

fn resident_bytes() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").context("cannot read /proc/self/statm")?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.context("/proc/self/statm is not as expected")? * 4096)
}

/// Time that this thread was on a core: what "a second on one core" is about, on a machine where others work too.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map_or(Duration::ZERO, Duration::from)
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
const fn to_f64(n: u64) -> f64 {
    n as f64
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// Beats that are timed together.
const BATCH: usize = 1000;
/// Sessions that run; the oldest ends when there is one more.
const PLAYING_MAX: usize = 100_000;
