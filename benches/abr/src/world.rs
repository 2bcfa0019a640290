//! Runs flows over one path, event by event.

use crate::flow::Flow;
use crate::path::{Conditions, Path, START, Spent};
use crate::source::{Frame, INTERVAL, Source};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// One stream in a run.
#[derive(Debug)]
pub struct Actor {
    /// Its ends.
    pub flow: Box<dyn Flow>,
    /// Its pictures.
    pub source: Source,
}

/// What a run left.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Each stream's frames.
    pub frames: Vec<Vec<Frame>>,
    /// What each stream put on the line.
    pub spent: Vec<Spent>,
    /// Looked at each [`SAMPLE`].
    pub samples: Vec<Sample>,
    /// How often a flow asked for the present and did nothing with it: it is broken.
    pub spun: u64,
}

/// A look at the run.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When, from the start.
    pub at: Micros,
    /// The bottleneck's queue.
    pub queueing: Micros,
    /// What each stream's encoder is told.
    pub targets: Vec<Bitrate>,
    /// What of each stream came through so far.
    pub delivered: Vec<ByteCount>,
}

/// Runs until `end` after the start.
///
/// # Errors
/// When the trace cannot be replayed.
pub fn run(
    conditions: &Conditions,
    mut actors: Vec<Actor>,
    end: Micros,
) -> Result<Outcome, firstlight_netem::Error> {
    let mut path = Path::new(conditions, actors.len())?;
    let end = START + end;
    let (mut now, mut capture_at, mut sample_at) = (START, START, START);
    let mut samples = Vec::new();
    let (mut idle, mut spun) = (0, 0);
    while now < end {
        path.deliver(now);
        if now >= capture_at {
            capture_at += INTERVAL;
            for actor in &mut actors {
                actor.flow.capture(now, &mut actor.source);
            }
        }
        for actor in &mut actors {
            actor.flow.step(now, &mut path, &mut actor.source);
        }
        if now >= sample_at {
            sample_at += SAMPLE;
            samples.push(Sample {
                at: now.since(START),
                queueing: path.queueing(now),
                delivered: (0..actors.len()).map(|flow| path.spent(flow).delivered).collect(),
                targets: actors.iter().map(|actor| actor.flow.target()).collect(),
            });
        }
        let next = next(&path, &actors).min(capture_at).min(sample_at);
        idle = if next > now { 0 } else { idle + 1 };
        // A driver's timer has a millisecond: who asks for the present again and again gets it that often.
        let next = if idle < IDLE_MAX {
            next
        } else {
            now + Micros::from_millis(1)
        };
        spun += u64::from(idle == IDLE_MAX);
        now = now.max(next);
    }
    Ok(Outcome {
        spent: (0..actors.len()).map(|flow| path.spent(flow)).collect(),
        frames: actors
            .iter()
            .map(|actor| actor.source.frames().to_vec())
            .collect(),
        samples,
        spun,
    })
}

fn next(path: &Path, actors: &[Actor]) -> Timestamp {
    let flows = actors.iter().filter_map(|actor| actor.flow.next());
    flows
        .chain(path.next())
        .min()
        .unwrap_or(Timestamp::from_micros(u64::MAX))
}

/// How often a run is looked at.
pub const SAMPLE: Micros = Micros::from_millis(5);
/// A flow that asks for the present so often is broken.
const IDLE_MAX: u32 = 1_000;
