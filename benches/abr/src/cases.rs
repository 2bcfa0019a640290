//! Every trace with every algorithm and seed, on all cores.

use crate::algorithms;
use crate::metrics::{Case, Measured};
use crate::path::Conditions;
use crate::source::Source;
use crate::world::{self, Actor};
use anyhow::Context;
use firstlight_netem::Trace;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A path by name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The file's name without its ending.
    pub name: String,
    /// What is in it.
    pub trace: Arc<Trace>,
}

/// Reads every CSV of a folder, in the order of their names.
///
/// # Errors
/// When a file cannot be read or is no trace, or there is none.
pub fn read_folder(folder: &Path) -> anyhow::Result<Vec<Named>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let trace = Trace::parse(&text).with_context(|| format!("{} is no trace", path.display()))?;
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            found.push(Named {
                name,
                trace: Arc::new(trace),
            });
        }
    }
    anyhow::ensure!(!found.is_empty(), "no .csv in {}", folder.display());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// How cases are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many runs of each, with different losses and pictures.
    pub seeds: u64,
    /// The recorded loss takes feedback too.
    pub loss_up: bool,
}

/// One run.
///
/// # Errors
/// When the algorithm is unknown or the trace cannot be replayed.
pub fn measure(trace: &Arc<Trace>, algorithm: &str, seed: u64, options: Options) -> anyhow::Result<Measured> {
    let conditions = Conditions {
        trace: Arc::clone(trace),
        seed,
        loss_up: options.loss_up,
        queue: None,
    };
    let flow =
        algorithms::open(algorithm, 0, trace).with_context(|| format!("unknown algorithm: {algorithm}"))?;
    let actor = Actor {
        flow,
        source: Source::new(seed),
    };
    let outcome = world::run(&conditions, vec![actor], trace.length())?;
    let frames = outcome.frames.first().map_or(&[][..], Vec::as_slice);
    let spent = outcome.spent.first().copied().unwrap_or_default();
    Ok(Measured::new(frames, spent, trace, trace.length()))
}

/// All cases, in the order of traces, then algorithms.
///
/// # Errors
/// As [`measure`].
pub fn run_all(traces: &[Named], algorithms: &[String], options: Options) -> anyhow::Result<Vec<Case>> {
    let pairs: Vec<_> = traces
        .iter()
        .flat_map(|trace| algorithms.iter().map(move |name| (trace, name)))
        .collect();
    parallel(pairs.len(), |index| {
        let (named, algorithm) = pairs.get(index).context("a pair")?;
        let mut sum = Measured::default();
        for seed in 1..=options.seeds {
            sum.add(&measure(&named.trace, algorithm, seed, options)?);
        }
        Ok(sum.case(&named.name, algorithm, named.trace.mean_loss()))
    })
}

/// Does `count` things on all cores; the results are in order.
///
/// # Errors
/// The first error of any.
pub fn parallel<T: Send>(
    count: usize,
    work: impl Fn(usize) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(count.max(1));
    let run = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, work(index)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let mut all = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
