//! What libx264 is told, apart from how.

use crate::{Config, Preset, rate, still};

/// The settings that are ours to choose, in the library's own terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) preset: &'static std::ffi::CStr,
    pub(super) profile: &'static std::ffi::CStr,
    pub(super) threads: i32,
    pub(super) slices: i32,
    /// Quality that a moving picture is not coded above: bits beyond it cost time and show nothing.
    pub(super) crf: f32,
    pub(super) qp_min: i32,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        let preset = match config.preset {
            Preset::Fastest => c"ultrafast",
            Preset::Fast => c"superfast",
        };
        // With more than one thread each makes one slice; the library knows no other way.
        let slices = if config.threads > 1 {
            config.threads
        } else {
            config.slices
        };
        let rows = config.height.div_ceil(16);
        let slices = u16::from(slices).min(rows);
        let threads = if config.threads > 1 { slices } else { 1 };
        Self {
            preset,
            profile: c"baseline",
            threads: threads.into(),
            slices: slices.into(),
            crf: CRF,
            qp_min: i32::from(still::QP_SHARP),
        }
    }
}

/// What follows from the rate, in the library's units: kbit/s, kbit and a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) rate_kbps: i32,
    pub(super) size_kbit: i32,
    pub(super) deblock: i32,
}

impl From<rate::Plan> for Rate {
    fn from(plan: rate::Plan) -> Self {
        let kilo = |n: u64| i32::try_from(n.div_ceil(1000)).unwrap_or(i32::MAX).max(1);
        Self {
            rate_kbps: kilo(plan.asked.as_bps()),
            size_kbit: kilo(plan.cap.as_u64().saturating_mul(8)),
            deblock: plan.deblock.into(),
        }
    }
}

/// 41 dB on Freedoom: higher shows nothing in motion, and what stops moving is refined.
const CRF: f32 = 20.0;
