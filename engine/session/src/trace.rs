//! The traced start: what the client tells of it, and what this side knows. Pure.

use firstlight_link::StartTrace;
use firstlight_units::Timestamp;
use firstlight_wire::control::StartReport;

/// The start in steps; nothing where the client's times are out of order or beyond belief. `thawed`: when a parked copy's app ran.
pub(crate) fn steps(report: &StartReport, thawed: Option<Timestamp>) -> Option<StartTrace> {
    let StartReport {
        clicked_at_us,
        placed_us,
        connected_us,
        first_frame_us,
        shown_us,
    } = *report;
    let marks = [0, placed_us, connected_us, first_frame_us, shown_us, TOTAL_MAX_US];
    if !marks.is_sorted() {
        return None;
    }
    // The two clocks are compared to within the asymmetry of the path: what would be outside its step is its edge.
    let thawed_us = thawed.map_or(connected_us, |at| {
        let since_click = at.as_micros().saturating_sub(clicked_at_us);
        u32::try_from(since_click)
            .unwrap_or(u32::MAX)
            .clamp(connected_us, first_frame_us)
    });
    Some(StartTrace {
        parked: thawed.is_some(),
        placed_us,
        connected_us: connected_us - placed_us,
        thawed_us: thawed_us - connected_us,
        first_frame_us: first_frame_us - thawed_us,
        shown_us: shown_us - first_frame_us,
        total_us: shown_us,
    })
}

/// Nobody waits ten minutes for a picture.
const TOTAL_MAX_US: u32 = 600_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPORT: StartReport = StartReport {
        clicked_at_us: 1_000_000,
        placed_us: 20_000,
        connected_us: 50_000,
        first_frame_us: 90_000,
        shown_us: 100_000,
    };

    #[test]
    fn the_thaw_is_a_step_only_where_the_player_waits_for_it() {
        let at = |us| Some(Timestamp::from_micros(1_000_000 + us));
        let thawed = |at| steps(&REPORT, at).unwrap();
        assert_eq!(thawed(at(60_000)).thawed_us, 10_000);
        for before in [at(15_000), Some(Timestamp::from_micros(0)), None] {
            let trace = thawed(before);
            assert_eq!((trace.thawed_us, trace.first_frame_us), (0, 40_000));
            assert_eq!(trace.parked, before.is_some());
        }
        assert_eq!(thawed(at(u64::from(u32::MAX) * 2)).thawed_us, 40_000);
    }

    #[test]
    fn times_out_of_order_are_not_believed() {
        let disordered = StartReport {
            connected_us: 10_000,
            ..REPORT
        };
        let endless = StartReport {
            shown_us: TOTAL_MAX_US + 1,
            ..REPORT
        };
        assert_eq!(steps(&disordered, None), None);
        assert_eq!(steps(&endless, None), None);
    }

    proptest! {
        #[test]
        fn steps_sum_to_the_whole(
            clicked_at_us: u64, placed_us: u32, connected_us: u32, first_frame_us: u32, shown_us: u32,
            thawed in prop::option::of(any::<u64>()),
        ) {
            let report = StartReport { clicked_at_us, placed_us, connected_us, first_frame_us, shown_us };
            if let Some(t) = steps(&report, thawed.map(Timestamp::from_micros)) {
                let sum = t.placed_us + t.connected_us + t.thawed_us + t.first_frame_us + t.shown_us;
                prop_assert_eq!(sum, t.total_us);
            }
        }
    }
}
