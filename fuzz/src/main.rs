//! The runner: `./test fuzz`.

use anyhow::{Context, Result, bail};
use clap::Parser;
use firstlight_fuzz::{Mutator, TARGETS, Target, find};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Replays the corpus of each target and goes on with mutations of it. The same seed makes the same inputs.
#[derive(Parser)]
struct Args {
    /// Which; all by default.
    targets: Vec<String>,
    /// Go on for so long with each instead of its usual number of runs.
    #[arg(long)]
    seconds: Option<u64>,
    /// Seed of the mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder that has corpus/ and, after a finding, crashes/.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR")))]
    folder: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let targets: Vec<&Target> = if args.targets.is_empty() {
        TARGETS.iter().collect()
    } else {
        let named = args
            .targets
            .iter()
            .map(|name| find(name).with_context(|| format!("no target {name}")));
        named.collect::<Result<_>>()?
    };
    let mut found = 0;
    for target in targets {
        found += u32::from(!run(target, &args)?);
    }
    if found > 0 {
        bail!(
            "{found} targets failed: the inputs are in {}/crashes",
            args.folder.display()
        );
    }
    Ok(())
}

/// `false` when something was found.
fn run(target: &Target, args: &Args) -> Result<bool> {
    let corpus = corpus(&args.folder.join("corpus").join(target.name))?;
    let begun = Instant::now();
    let mut mutator = Mutator::new(args.seed, target.bytes_max);
    let mut input = Vec::new();
    let mut runs: u64 = 0;
    for known in &corpus {
        if !holds(target, known, args)? {
            return Ok(false);
        }
    }
    loop {
        let over = match args.seconds {
            Some(seconds) => begun.elapsed() >= Duration::from_secs(seconds),
            None => runs >= u64::from(target.runs),
        };
        if over {
            break;
        }
        mutator.next_input(&corpus, &mut input);
        runs += 1;
        if !holds(target, &input, args)? {
            return Ok(false);
        }
    }
    let took = begun.elapsed().as_secs_f64();
    eprintln!(
        "fuzz: {}: {} inputs of the corpus, {runs} runs, {took:.1} s",
        target.name,
        corpus.len()
    );
    Ok(true)
}

fn holds(target: &Target, input: &[u8], args: &Args) -> Result<bool> {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok() {
        return Ok(true);
    }
    let folder = args.folder.join("crashes").join(target.name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join(format!("seed-{}-{}", args.seed, input.len()));
    std::fs::write(&file, input).with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("fuzz: {}: FOUND, input kept in {}", target.name, file.display());
    Ok(false)
}

/// Sorted by name, so that the same seed means the same inputs.
fn corpus(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no corpus at {}", folder.display()))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).with_context(|| format!("cannot read {}", file.display())))
        .collect()
}
