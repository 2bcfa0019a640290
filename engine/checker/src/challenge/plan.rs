//! What a claim comes to: tasks that a host of that size does in time, and a smaller one doesn't.

use super::{Task, WORDS_MAX};
use firstlight_units::{ByteCount, Micros};

/// What a host says of itself, as far as it has to prove it: T0, not evidence of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Cores that sessions may use.
    pub cores: u32,
    /// Millions of rounds of [`super::work::chain`] in a second, on one core.
    pub core_score: u32,
    /// Memory that sessions may use.
    pub memory: ByteCount,
}

/// The tasks that prove a claim, with how long each may take; [`BUDGET`] at most together.
///
/// No more memory is asked for than the claimed cores fill in time (512 MiB each second): what is claimed beyond is not proven.
#[must_use]
pub fn plan(claim: &Claim) -> [(Task, Micros); 4] {
    [compute(claim), memory(claim), disk(), encode()]
}

fn compute(claim: &Claim) -> (Task, Micros) {
    let chains = u16::try_from(claim.cores)
        .unwrap_or(u16::MAX)
        .clamp(1, CHAINS_MAX);
    let segments = (WORDS_MAX / usize::from(chains)).clamp(1, SEGMENTS_MAX);
    let segments = u16::try_from(segments).unwrap_or(1);
    // Millions of rounds a second are rounds a microsecond.
    let all = u64::from(claim.core_score.clamp(1, SCORE_MAX)) * COMPUTE.as_micros();
    let rounds = u32::try_from(all / u64::from(segments))
        .unwrap_or(u32::MAX)
        .max(1);
    let task = Task::Compute {
        chains,
        segments,
        rounds,
    };
    (task, COMPUTE.scale(3, 2) + SLACK)
}

fn memory(claim: &Claim) -> (Task, Micros) {
    let cores = u64::from(claim.cores.clamp(1, CORES_MAX));
    let in_time = (cores * FILL_PER_CORE).saturating_mul(FILL.as_micros()) / 1_000_000;
    // An eighth stays for the system and for what the host does beside.
    let offered = claim.memory.as_u64() / 8 * 7;
    let lanes = u32::try_from(offered.min(in_time) >> 20)
        .unwrap_or(u32::MAX)
        .clamp(1, 1 << 20);
    let task = Task::Memory {
        lanes,
        stops: 256,
        steps: 256,
    };
    (task, FILL + SLACK)
}

const fn disk() -> (Task, Micros) {
    let chunks = DISK_CHUNKS;
    let time = (chunks as u64 * 1_000_000) / DISK_CHUNKS_PER_S;
    (Task::Disk { chunks }, Micros::new(time + SLACK.as_micros()))
}

const fn encode() -> (Task, Micros) {
    let task = Task::Encode {
        width: 1280,
        height: 720,
        fps: 60,
        frames: ENCODE_FRAMES,
    };
    let time = ENCODE_FRAMES as u64 * 1_000_000 / 60;
    (task, Micros::new(time + SLACK.as_micros()))
}

/// Of a host's time, for all four, where it uses all that it is given.
pub const BUDGET: Micros = Micros::from_secs(5);
/// For the way there and back, for the start of a process, and for a neighbour on the machine.
const SLACK: Micros = Micros::from_millis(400);
/// What the chains take a core of the claimed speed; half as long again is taken.
const COMPUTE: Micros = Micros::from_millis(400);
/// What the lanes may take.
const FILL: Micros = Micros::from_millis(1_600);
/// A core fills fresh memory at 1.5 to 3 GiB/s, pages that the kernel has to clear included, and at 1.0 to 1.2 on a virtual machine whose
/// memory its host has taken back meanwhile; half of the slowest is asked for.
const FILL_PER_CORE: u64 = 512 << 20;
/// The slowest disk that games load from in time: 40 MB/s, there and back.
const DISK_CHUNKS_PER_S: u64 = 40;
const DISK_CHUNKS: u16 = 24;
/// A quarter of a second of what a title at 720p60 needs: more pictures would leave each too few of an answer's bytes.
const ENCODE_FRAMES: u16 = 16;
/// Some threads; more cores prove themselves through their memory.
const CHAINS_MAX: u16 = 1_024;
const SEGMENTS_MAX: usize = 32;
/// Ten times the fastest core; what claims more has to do what this one could.
const SCORE_MAX: u32 = 5_000;
const CORES_MAX: u32 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_claimed_is_tested_within_the_budget(cores in any::<u32>(), core_score in any::<u32>(), memory in any::<u64>()) {
            let claim = Claim { cores, core_score, memory: ByteCount::new(memory) };
            let tasks = plan(&claim);
            prop_assert!(tasks.iter().all(|(task, _)| task.check().is_ok()), "{tasks:?}");
            let all = tasks.iter().fold(Micros::ZERO, |sum, (_, within)| sum + *within);
            prop_assert!(all <= BUDGET, "{all:?}");
        }
    }

    #[test]
    fn who_claims_more_has_more_to_do() {
        let claim = |cores, gib: u64| Claim {
            cores,
            core_score: 400,
            memory: ByteCount::new(gib << 30),
        };
        let lanes = |claim| {
            let Task::Memory { lanes, .. } = plan(&claim)[1].0 else {
                panic!("not of memory")
            };
            lanes
        };
        assert_eq!(lanes(claim(4, 2)), 1_792);
        assert_eq!(lanes(claim(4, 64)), 3_276);
        assert!(lanes(claim(64, 64)) > 50_000);
        let chains = |claim| {
            let Task::Compute { chains, .. } = plan(&claim)[0].0 else {
                panic!("not of integers")
            };
            chains
        };
        assert_eq!((chains(claim(4, 2)), chains(claim(64, 2))), (4, 64));
    }
}
