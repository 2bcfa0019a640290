//! Which ideas of the rule are in use, so that the contribution of each can be measured.

/// One switch per idea; all are on by default. For measurements only: nothing in the product turns one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch")]
pub struct Features {
    /// Lost bytes count as carried where no queue stands: loss by chance is not a narrow path.
    pub loss_counted: bool,
    /// Two slow trains in a row set the estimate at once, instead of over many frames.
    pub fast_drop: bool,
    /// The target falls by what drains a standing queue in 100 ms.
    pub drain: bool,
    /// A faster train is believed within a few frames, instead of growing by 8 % a round trip.
    pub fast_growth: bool,
    /// What is in flight is bounded by the estimate times (round trip and frame): past it no picture is encoded.
    pub in_flight_cap: bool,
    /// A frame may hold no more than what passes in its time, less what the frames before it overspent.
    pub frame_cap: bool,
    /// No picture is encoded while the client covers nothing for longer than the path explains.
    pub starvation: bool,
    /// A queue that does not fall while we send less than the path carries is somebody else's: it is shared, not drained.
    pub compete: bool,
    /// Trains of padding on a still screen.
    pub probes: bool,
    /// Parity with first sendings and with repeats.
    pub parity: bool,
}

impl Features {
    /// Everything on.
    pub const ALL: Self = Self {
        loss_counted: true,
        fast_drop: true,
        drain: true,
        fast_growth: true,
        in_flight_cap: true,
        frame_cap: true,
        starvation: true,
        compete: true,
        probes: true,
        parity: true,
    };

    /// The names of all switches, in the order of their fields.
    pub const NAMES: [&str; 10] = [
        "loss-counted",
        "fast-drop",
        "drain",
        "fast-growth",
        "in-flight-cap",
        "frame-cap",
        "starvation",
        "compete",
        "probes",
        "parity",
    ];

    /// All but the one of this name; `None` when there is none.
    #[must_use]
    pub fn without(name: &str) -> Option<Self> {
        let mut features = Self::ALL;
        let switch = match name {
            "loss-counted" => &mut features.loss_counted,
            "fast-drop" => &mut features.fast_drop,
            "drain" => &mut features.drain,
            "fast-growth" => &mut features.fast_growth,
            "in-flight-cap" => &mut features.in_flight_cap,
            "frame-cap" => &mut features.frame_cap,
            "starvation" => &mut features.starvation,
            "compete" => &mut features.compete,
            "probes" => &mut features.probes,
            "parity" => &mut features.parity,
            _ => return None,
        };
        *switch = false;
        Some(features)
    }
}

impl Default for Features {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn every_name_turns_one_switch_off() {
        let mut seen = Vec::new();
        for name in Features::NAMES {
            let features = Features::without(name).unwrap();
            assert!(features != Features::ALL && !seen.contains(&features), "{name}");
            seen.push(features);
        }
        assert_eq!(Features::without("x"), None);
    }
}
