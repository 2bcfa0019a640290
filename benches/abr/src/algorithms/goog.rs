//! Google Congestion Control, by the crate `goog_cc` (libwebrtc's, ported): its rate, pacing and probes are obeyed.
//!
//! Its frame dropping by congestion window is not (browsers tolerate 350 ms of queue before it begins); the variant with a skip rule
//! leaves pictures out far earlier.

use crate::flow::Flow;
use crate::path::START;
use crate::rtp::{Controller, Fate, Probe, Repair, Sending, Skip, Stream};
use crate::source::{BITRATE_MAX, BITRATE_MIN, BITRATE_START};
use firstlight_units::{Bitrate, ByteCount, Timestamp};
use goog_cc::network_control::{NetworkControllerConfig, NetworkControllerInterface};
use goog_cc::transport::{
    EcnMarking, NetworkControlUpdate, PacedPacketInfo, PacketResult, ProcessInterval, SentPacket,
    StreamsConfig, TargetRateConstraints, TransportPacketsFeedback,
};
use goog_cc::units::{DataRate, DataSize, Timestamp as Time};
use goog_cc::{GoogCcConfig, GoogCcNetworkController};
use std::collections::VecDeque;
use std::fmt;

/// The stream, as flow number `flow`.
#[must_use]
pub(super) fn open(flow: usize, skip: Skip) -> Box<dyn Flow> {
    Box::new(Stream::new(flow, Box::new(Goog::new()), skip, Repair::Again))
}

struct Goog {
    control: GoogCcNetworkController,
    target: Bitrate,
    pacing: Bitrate,
    probes: VecDeque<Probe>,
}

impl fmt::Debug for Goog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Goog")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Goog {
    fn new() -> Self {
        let at_time = time(START);
        let constraints = TargetRateConstraints {
            at_time,
            min_data_rate: Some(rate(BITRATE_MIN)),
            max_data_rate: Some(rate(BITRATE_MAX)),
            starting_rate: Some(rate(BITRATE_START)),
        };
        let stream_based_config = StreamsConfig {
            at_time,
            requests_alr_probing: Some(true),
            max_total_allocated_bitrate: Some(rate(BITRATE_MAX)),
            min_total_allocated_bitrate: Some(rate(BITRATE_MIN)),
            ..StreamsConfig::default()
        };
        let config = NetworkControllerConfig {
            constraints,
            stream_based_config,
            ..NetworkControllerConfig::default()
        };
        Self {
            control: GoogCcNetworkController::new(config, GoogCcConfig::default()),
            target: BITRATE_START,
            pacing: BITRATE_START.scale(5, 2),
            probes: VecDeque::new(),
        }
    }

    fn obey(&mut self, update: NetworkControlUpdate) {
        if let Some(pacer) = update.pacer_config {
            self.pacing = back(pacer.data_rate());
        }
        if let Some(target) = update.target_rate {
            self.target = back(target.target_rate);
        }
        for cluster in update.probe_cluster_configs {
            let rate = back(cluster.target_data_rate);
            let span = u64::try_from(cluster.target_duration.us()).unwrap_or(0);
            self.probes.push_back(Probe {
                id: cluster.id,
                rate,
                packets: u32::try_from(cluster.target_probe_count).unwrap_or(0),
                bytes: rate.bytes_in(firstlight_units::Micros::new(span)),
            });
        }
    }
}

impl Controller for Goog {
    fn on_sent(&mut self, now: Timestamp, sending: &Sending) {
        let sent = SentPacket {
            send_time: time(now),
            size: size(sending.size),
            pacing_info: info(sending.probe),
            sequence_number: sending.seq.cast_signed(),
            data_in_flight: size(sending.in_flight + sending.size),
            ..SentPacket::default()
        };
        let update = self.control.on_sent_packet(sent);
        self.obey(update);
    }

    fn on_report(&mut self, now: Timestamp, fates: &[Fate], in_flight: ByteCount) {
        // It takes the newest of what was received, and does not look whether there is one.
        if fates.iter().all(|fate| fate.arrived_at.is_none()) {
            return;
        }
        let packet_feedbacks = fates.iter().map(|fate| PacketResult {
            sent_packet: SentPacket {
                send_time: time(fate.sent_at),
                size: size(fate.size),
                pacing_info: info(fate.probe),
                sequence_number: fate.seq.cast_signed(),
                ..SentPacket::default()
            },
            receive_time: fate.arrived_at.map_or(Time::plus_infinity(), time),
            ecn: EcnMarking::NotEct,
        });
        let update = self
            .control
            .on_transport_packets_feedback(TransportPacketsFeedback {
                feedback_time: time(now),
                data_in_flight: size(in_flight),
                packet_feedbacks: packet_feedbacks.collect(),
                sendless_arrival_times: Vec::new(),
            });
        self.obey(update);
    }

    fn on_tick(&mut self, now: Timestamp, queued: ByteCount) {
        let update = self.control.on_process_interval(ProcessInterval {
            at_time: time(now),
            pacer_queue: Some(size(queued)),
        });
        self.obey(update);
    }

    fn target(&self) -> Bitrate {
        self.target
    }

    fn pacing(&self) -> Bitrate {
        self.pacing.max(BITRATE_MIN)
    }

    fn take_probe(&mut self) -> Option<Probe> {
        self.probes.pop_front()
    }
}

fn info(probe: Option<Probe>) -> PacedPacketInfo {
    probe.map_or_else(PacedPacketInfo::default, |probe| PacedPacketInfo {
        send_bitrate: rate(probe.rate),
        ..PacedPacketInfo::new(probe.id, probe.packets.into(), probe.bytes.as_u64().cast_signed())
    })
}

const fn time(at: Timestamp) -> Time {
    Time::from_micros(at.as_micros().cast_signed())
}

const fn rate(rate: Bitrate) -> DataRate {
    DataRate::from_bits_per_sec(rate.as_bps().cast_signed())
}

fn back(rate: DataRate) -> Bitrate {
    Bitrate::bps(u64::try_from(rate.bps()).unwrap_or(0))
}

const fn size(size: ByteCount) -> DataSize {
    DataSize::from_bytes(size.as_u64().cast_signed())
}
