//! What workers report, in the words of the metrics.

use firstlight_link::{End, Played, StartTrace, Stats};
use firstlight_telemetry::{Attach, Second, StartStep};
use firstlight_units::{Bitrate, Micros, Pacing, Stage};

pub(crate) fn second(stats: &Stats) -> Second {
    let sent_in_a_second = |bps| Bitrate::bps(bps).bytes_in(Micros::from_secs(1));
    let stages = [
        (Stage::Capture, stats.capture_us),
        (Stage::Convert, stats.convert_us),
        (Stage::Encode, stats.encode_us),
        (Stage::Pace, stats.pace_us),
    ];
    Second {
        target: Bitrate::bps(stats.target_bps),
        sent: sent_in_a_second(stats.sent_bps),
        video: sent_in_a_second(stats.video_bps),
        captured: stats.captured,
        encoded: stats.encoded,
        skipped: stats.skipped,
        repeated: stats.repeated,
        idr_total: stats.idr_total,
        recovery_total: stats.recovery_total,
        malformed_total: stats.malformed_total,
        input_total: stats.input_total,
        input_refused_total: stats.input_refused_total,
        lost_total: stats.lost_total,
        late_total: stats.late_total,
        dropped_total: stats.dropped_total,
        rtt: Some(Micros::new(stats.rtt_us)).filter(|rtt| *rtt > Micros::ZERO),
        stages: stages
            .into_iter()
            .filter(|(_, us)| *us > 0 && stats.encoded > 0)
            .map(|(stage, us)| (stage, Micros::new(us.into())))
            .collect(),
        pacing: Pacing::from_name(&stats.pacing).unwrap_or_default(),
        refresh_wait: stats.refresh_wait_us.map(|us| Micros::new(us.into())),
        cpu_encoder: Micros::new(stats.cpu_encoder_us),
        cpu_engine: Micros::new(stats.cpu_engine_us),
    }
}

/// What the client's second says of the stages that a worker does not see, and of the whole.
pub(crate) fn played(played: &Played) {
    let seconds = |us: i64| Micros::new(u64::try_from(us).unwrap_or(0)).as_secs_f64();
    let worker = [Stage::Capture, Stage::Convert, Stage::Encode, Stage::Pace];
    let mean = |us: i32| seconds(us.into());
    // The way of an input is known of the pictures that answer one.
    let input = [Stage::Input, Stage::Inject, Stage::App];
    let click = Stage::ALL.into_iter().zip(&played.click_stages_us);
    for (stage, us) in click.filter(|(stage, _)| input.contains(stage)) {
        firstlight_telemetry::stage_seconds(stage, mean(*us));
    }
    let picture = Stage::ALL.into_iter().zip(&played.stages_us);
    for (stage, us) in picture.filter(|(stage, _)| !input.contains(stage) && !worker.contains(stage)) {
        firstlight_telemetry::stage_seconds(stage, mean(*us));
    }
    if played.clicks > 0 {
        firstlight_telemetry::click_to_photon_seconds(seconds(played.delay_us.into()));
    }
}

pub(crate) fn started(start: StartTrace) {
    let step = |step, us: u32| firstlight_telemetry::start_step(step, start.parked, Micros::new(us.into()));
    step(StartStep::Placed, start.placed_us);
    step(StartStep::Connected, start.connected_us);
    step(StartStep::Thawed, start.thawed_us);
    step(StartStep::FirstFrame, start.first_frame_us);
    step(StartStep::Shown, start.shown_us);
    firstlight_telemetry::second_on(start.parked, Micros::new(start.total_us.into()));
}

pub(crate) const fn end(reason: End) -> firstlight_telemetry::End {
    use firstlight_telemetry::End as Label;
    match reason {
        End::TitleExited => Label::TitleExited,
        End::TitleCrashed => Label::TitleCrashed,
        End::ByPlayer => Label::ByPlayer,
        End::ByOperator => Label::ByOperator,
        End::EngineStopping => Label::EngineStopping,
        End::EngineFault => Label::EngineFault,
        End::GaveWay => Label::GaveWay,
        End::NotResumed => Label::NotResumed,
    }
}

pub(crate) fn attach(by: &str) -> Attach {
    if by == "resume" {
        Attach::Resume
    } else {
        Attach::Ticket
    }
}
