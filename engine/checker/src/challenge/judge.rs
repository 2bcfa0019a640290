//! From an answer to a verdict.

use super::{Answer, Challenge, Failure, Proof, Scene, Task, Verdict, work};
use crate::Error;
use crate::hash::{Digest, Stream};
use firstlight_units::Micros;

/// Decodes H.264. The standard says of every bit of a picture what it is, so that all decoders come to the same.
pub trait Decode {
    /// The pictures of these access units, in order. A damaged bitstream has fewer.
    ///
    /// # Errors
    /// Why nothing could be decoded here at all, whatever the bitstream is.
    fn decode(&self, units: &[Vec<u8>]) -> Result<Vec<Plane>, String>;
}

/// The luma of a decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// One byte a pixel, rows without a gap.
    pub luma: Vec<u8>,
}

/// What follows from an answer that came `took` after it was asked for; `reveal` is what the challenge promised.
///
/// Computes a part of the work again: some hundred milliseconds.
///
/// # Errors
/// [`Error::NoDecoder`]: nothing follows.
pub fn judge(
    challenge: &Challenge,
    answer: Option<&Answer>,
    took: Micros,
    reveal: &Digest,
    decoder: &dyn Decode,
) -> Result<Verdict, Error> {
    let Some(answer) = answer else {
        return Ok(Verdict::Failed(Failure::Silent));
    };
    let found = match &answer.proof {
        Proof::GaveWay => return Ok(Verdict::GaveWay),
        Proof::Cannot => Some(Failure::Cannot),
        Proof::Unfinished if took > challenge.within => None,
        // With time left nobody has been too slow.
        Proof::Unfinished => Some(Failure::Cannot),
        Proof::Words(words) => words_fail(challenge, words, reveal),
        Proof::Units(units) => units_fail(challenge, units, decoder)?,
    };
    // A wrong answer is a wrong one, also when it comes late.
    let late = || {
        (took > challenge.within).then(|| Failure::Late {
            took_ms: millis(took),
            within_ms: millis(challenge.within),
        })
    };
    Ok(found.or_else(late).map_or(Verdict::Proven, Verdict::Failed))
}

fn words_fail(challenge: &Challenge, words: &[u64], reveal: &Digest) -> Option<Failure> {
    let seed = &challenge.seed;
    let wanted = match challenge.task {
        Task::Compute { chains, segments, .. } => usize::from(chains) * usize::from(segments),
        Task::Memory { stops, .. } => usize::from(stops),
        Task::Disk { chunks } => usize::from(chunks),
        Task::Encode { frames, .. } => return Some(shape(0, usize::from(frames))),
    };
    if words.len() != wanted {
        return Some(shape(words.len(), wanted));
    }
    let mut picks = Stream::of(&[b"firstlight picks\0", reveal, seed]);
    let mut pick = || usize::try_from(picks.below(u64::try_from(wanted).unwrap_or(1))).unwrap_or(0);
    let holds = |at: usize| {
        let stated = words.get(at).copied();
        let before = at.checked_sub(1).and_then(|at| words.get(at).copied());
        stated == recompute(&challenge.task, seed, at, before)
    };
    let picked = (0..picks_of(&challenge.task)).map(|_| pick());
    let wrong = picked.into_iter().find(|at| !holds(*at))?;
    Some(Failure::Wrong { part: count(wrong) })
}

/// The word at `at`, from the one before it.
fn recompute(task: &Task, seed: &Digest, at: usize, before: Option<u64>) -> Option<u64> {
    match *task {
        Task::Compute { segments, rounds, .. } => {
            let segments = usize::from(segments);
            let start = || work::chain_start(seed, u16::try_from(at / segments).unwrap_or(u16::MAX));
            let from = if at.is_multiple_of(segments) {
                start()
            } else {
                before?
            };
            Some(work::chain(from, rounds))
        }
        Task::Memory { lanes, steps, .. } => {
            let mut x = if at == 0 { work::walk_start(seed) } else { before? };
            let mut words = vec![0; work::LANE_WORDS];
            for _ in 0..steps {
                let (lane, line) = work::walk_at(x, lanes);
                work::fill(seed, lane, line, &mut words);
                x = work::walk_on(x, &words, line);
            }
            Some(x)
        }
        Task::Disk { .. } => {
            let mut words = vec![0; work::LANE_WORDS];
            work::chunk(seed, u16::try_from(at).ok()?, &mut words);
            Some(work::chunk_word(&words))
        }
        Task::Encode { .. } => None,
    }
}

fn units_fail(
    challenge: &Challenge,
    units: &[Vec<u8>],
    decoder: &dyn Decode,
) -> Result<Option<Failure>, Error> {
    let Task::Encode {
        width,
        height,
        frames,
        ..
    } = challenge.task
    else {
        return Ok(Some(shape(units.len(), 0)));
    };
    if units.len() != usize::from(frames) {
        return Ok(Some(shape(units.len(), usize::from(frames))));
    }
    let pictures = decoder.decode(units).map_err(Error::NoDecoder)?;
    if pictures.len() != units.len() {
        return Ok(Some(Failure::Undecodable {
            pictures: count(pictures.len()),
            wanted: frames.into(),
        }));
    }
    let mut scene = Scene::new(&challenge.seed, width, height);
    for (frame, picture) in pictures.iter().enumerate() {
        let error = if (picture.width, picture.height) == (width, height) {
            scene.error(&picture.luma)
        } else {
            u32::from(u8::MAX) * 100
        };
        if error > ERROR_MAX {
            return Ok(Some(Failure::Picture {
                frame: count(frame),
                error,
                most: ERROR_MAX,
            }));
        }
        scene.advance();
    }
    Ok(None)
}

/// How many words are computed again. Whoever makes up a quarter of his answer is found out 9 times in 10 by eight of them; of the
/// memory's, a word stands for 256 looks, so that two are 512.
const fn picks_of(task: &Task) -> usize {
    match task {
        Task::Compute { .. } => 8,
        Task::Memory { .. } => 2,
        Task::Disk { .. } | Task::Encode { .. } => 4,
    }
}

fn shape(given: usize, wanted: usize) -> Failure {
    Failure::Shape {
        given: count(given),
        wanted: count(wanted),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn millis(time: Micros) -> u32 {
    u32::try_from(time.as_micros() / 1_000).unwrap_or(u32::MAX)
}

/// Levels of 255, in hundredths, by which a cell may be off on average. At the rate that an answer has room for this encoder is up to 10
/// levels off in the worst cell of its first picture; a cell of another picture is some 60 off on average, and several are other ones.
const ERROR_MAX: u32 = 3_000;
