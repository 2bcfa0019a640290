//! What is done once a second: count, tell, look for silence, renew.

use super::{Worker, phase};
use crate::clock;
use crate::played::{Own, Told};
use crate::player::Player;
use crate::run::MEDIA;
use crate::tally::{MediaTally, Spans};
use firstlight_link::{Report, Stats};
use firstlight_proto::send::SenderStats;
use firstlight_quic::{Certificates, Fingerprint, Listener};
use firstlight_units::{Micros, Pacing, Timestamp};
use firstlight_wire::control::{ClientReport, HostReport, server_message};
use std::sync::atomic::Ordering;

/// What was at the last second's end, and what came since.
pub(super) struct Second {
    began: Timestamp,
    sent: SenderStats,
    pace: Spans,
    cpu: Cpu,
    idr_total: u64,
    recovery_total: u64,
    refused_total: u64,
    client: ClientReport,
    media: MediaTally,
}

/// Processor time so far.
#[derive(Clone, Copy, Default)]
struct Cpu {
    process: Micros,
    /// The encoder's own threads.
    threads: Micros,
    /// Inside the encoder, on the media thread.
    encoding: Micros,
}

impl Second {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            began: now,
            sent: SenderStats::default(),
            pace: Spans::default(),
            cpu: Cpu::default(),
            idr_total: 0,
            recovery_total: 0,
            refused_total: 0,
            client: ClientReport::default(),
            media: MediaTally::default(),
        }
    }

    /// When it is over.
    pub(super) fn at(&self) -> Timestamp {
        self.began + SECOND
    }

    pub(super) fn paced(&mut self, span: Micros) {
        self.pace.add(span);
    }

    pub(super) fn refused(&mut self) {
        self.refused_total += 1;
    }

    fn client(&mut self, report: ClientReport) {
        self.client = report;
    }

    /// Moves on to the next certificate when it is time.
    pub(super) fn renewal(
        &self,
        certificates: &mut Certificates,
        listener: &Listener,
    ) -> Option<Vec<String>> {
        if clock::now() < self.at() {
            return None;
        }
        match certificates.renew(clock::wall()) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(%error, "the certificate was not renewed; the present one is valid for days");
                return None;
            }
        }
        if let Err(error) = listener.set_identity(certificates.current()) {
            tracing::error!(%error, "the new certificate was refused");
        }
        Some(fingerprints(certificates))
    }
}

pub(super) fn fingerprints(certificates: &Certificates) -> Vec<String> {
    certificates.fingerprints().iter().map(Fingerprint::hex).collect()
}

impl Worker {
    pub(super) fn each_second(&mut self, now: Timestamp) {
        if now < self.second.at() {
            return;
        }
        let span = now - self.second.began;
        self.second.began = now;
        self.listen_for_life(now);
        self.look_at_screen(now);
        self.follow_layout(now);
        let stats = self.count(span);
        if self.player.is_some() {
            let work = self.parts.container.work();
            let drawing = self.drawing.on_second(span, stats.captured, work);
            self.parts.shared.set_drawing(drawing);
        }
        let Some(player) = &self.player else { return };
        if player.greeted {
            player.tell(server_message::Message::Report(self.host_report(&stats)));
        }
        self.sender.set_datagram_max(player.link.datagram_max());
        self.parts.reports.send(Report::Stats(Box::new(stats)));
    }

    /// A client with nothing to say, of a still and silent title, answers QUIC's signs of life all the same.
    fn listen_for_life(&mut self, now: Timestamp) {
        let Some(player) = &mut self.player else { return };
        let received = player.link.received();
        if received != std::mem::replace(&mut player.received, received) {
            self.life.heard(now);
        }
    }

    /// The client tells of a second of its own, which ends at another moment than this side's.
    pub(super) fn on_client_second(&mut self, now: Timestamp, report: ClientReport) {
        self.count_media();
        let own = Own {
            hidden: self.wants.hidden,
            divisor: self.quality.choice().divisor,
            target: self.wants.target(self.sender.target()),
            drawn: self.drawn,
        };
        match self.played.take(now, &report, own) {
            Told::Played(played) => self.parts.reports.send(Report::Played(played)),
            Told::Nothing => {}
            Told::TooMany => self.malformed += 1,
        }
        self.second.client(report);
    }

    /// What the media thread did counts in this side's second and in the client's.
    fn count_media(&mut self) {
        let media = self.parts.shared.take_tally();
        self.played.on_media(&media);
        self.second.media.join(media);
    }

    fn host_report(&self, stats: &Stats) -> HostReport {
        let pacing = Pacing::from_name(&stats.pacing).unwrap_or_default();
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        HostReport {
            target_bps: stats.target_bps,
            sent_bps: stats.sent_bps,
            captured_frames: stats.captured,
            encoded_frames: stats.encoded,
            skipped_frames: stats.skipped,
            repeated_packets: stats.repeated,
            idr_total: narrow(stats.idr_total),
            recovery_total: narrow(stats.recovery_total),
            encoder: self.codec.1.to_owned(),
            frame_clock: phase::word(pacing).into(),
        }
    }

    fn count(&mut self, span: Micros) -> Stats {
        self.count_media();
        let (pacing, wait) = self.take_pacing();
        let second = &mut self.second;
        let mut media = std::mem::take(&mut second.media);
        let sent = self.sender.stats();
        let before = std::mem::replace(&mut second.sent, sent);
        let input = self.receiver.stats();
        second.idr_total += u64::from(media.idr);
        second.recovery_total += u64::from(media.recovery);

        let cpu_before = second.cpu;
        second.cpu = Cpu {
            process: clock::process_cpu(),
            threads: clock::threads_cpu(MEDIA, self.media_thread),
            encoding: cpu_before.encoding + media.encoder_cpu,
        };
        let encoder = second.cpu.encoding.saturating_sub(cpu_before.encoding)
            + second.cpu.threads.saturating_sub(cpu_before.threads);
        let process = second.cpu.process.saturating_sub(cpu_before.process);
        let malformed_control = self.malformed_control.load(Ordering::Relaxed);
        let client = std::mem::take(&mut second.client);
        let repeated = sent.repeated.saturating_sub(before.repeated)
            + self.player.as_mut().map_or(0, Player::take_repeated);
        Stats {
            transport: self.player.as_ref().map(|player| player.link.transport()),
            target_bps: self.wants.target(self.sender.target()).as_bps(),
            sent_bps: sent.bytes.saturating_sub(before.bytes).per(span).as_bps(),
            video_bps: firstlight_units::ByteCount::new(media.video_bytes)
                .per(span)
                .as_bps(),
            captured: media.captured,
            encoded: media.encoded,
            skipped: media.skipped,
            repeated: u32::try_from(repeated).unwrap_or(u32::MAX),
            idr_total: second.idr_total,
            recovery_total: second.recovery_total,
            malformed_total: self.malformed
                + malformed_control
                + self.keyring.forged()
                + input.malformed
                + sent.malformed
                + sent.forged,
            input_total: input.injected,
            input_refused_total: input.refused + input.held_back + input.merged,
            refused_total: second.refused_total,
            rtt_us: self.sender.rtt().unwrap_or_default().as_micros(),
            lost_total: sent.client_lost.into(),
            late_total: sent.client_late.into(),
            dropped_total: sent.client_dropped.into(),
            capture_us: media.capture.median(),
            convert_us: media.convert.median(),
            encode_us: media.encode.median(),
            pace_us: std::mem::take(&mut second.pace).median(),
            cpu_encoder_us: encoder.as_micros(),
            cpu_engine_us: process.saturating_sub(encoder).as_micros(),
            decoded: client.decoded_frames,
            presented: client.presented_frames,
            decode_us: client.decode_us,
            glass_to_glass_us: client.glass_to_glass_us,
            click_to_photon_us: client.click_to_photon_us,
            frozen_ms: client.frozen_ms,
            pacing: pacing.name().to_owned(),
            refresh_wait_us: wait.map(Micros::as_u32),
        }
    }
}

const SECOND: Micros = Micros::from_secs(1);
