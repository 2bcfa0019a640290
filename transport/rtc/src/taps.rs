//! Where the driver listens in on the library's chain of interceptors.
//!
//! [`Reports`] sits where the library wants an estimator: it is told the fate of every packet, and hands it on to the one
//! estimator that decides, which is the sender core's. [`Keyframes`] sees the browser's requests for an IDR, [`Repeats`] what the
//! library sends again.

use crate::feedback::{Fate, Stream};
use rtc::interceptor::{BandwidthEstimator, Interceptor, Packet, PacketReport, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;
use webrtc::error::Error;

/// What a tap heard.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Fates of packets.
    Fates(Vec<Fate>),
    /// The browser cannot go on without an IDR.
    Keyframe,
    /// Anything else: a sign of life.
    Life,
}

/// The estimator's place; see the module.
#[derive(Debug)]
pub(crate) struct Reports {
    pub(crate) heard: mpsc::Sender<Heard>,
    pub(crate) video: u32,
    pub(crate) audio: u32,
}

impl BandwidthEstimator for Reports {
    fn on_reports(&mut self, _now: Instant, reports: &[PacketReport]) {
        let fates = reports.iter().filter_map(|report| {
            let stream = if report.ssrc == self.video {
                Stream::Video
            } else if report.ssrc == self.audio {
                Stream::Audio
            } else {
                return None;
            };
            Some(Fate {
                stream,
                sequence: report.rtp_sequence_number,
                arrival: report.arrival.filter(|_| report.arrived),
            })
        });
        tell(&self.heard, Heard::Fates(fates.collect()));
    }

    /// Nobody asks: the registry has no pacer.
    fn target_bitrate(&self) -> f64 {
        0.0
    }
}

/// See the module.
pub(crate) struct Keyframes {
    pub(crate) heard: mpsc::Sender<Heard>,
    pub(crate) reads: VecDeque<TaggedPacket>,
    pub(crate) writes: VecDeque<TaggedPacket>,
}

impl Keyframes {
    pub(crate) const fn new(heard: mpsc::Sender<Heard>) -> Self {
        Self {
            heard,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Keyframes {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            let keyframe = packets.iter().any(|packet| {
                let packet = packet.as_any();
                packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>()
            });
            tell(&self.heard, if keyframe { Heard::Keyframe } else { Heard::Life });
        }
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Keyframes {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// See the module. Closer to the wire than what answers NACKs, so that it sees the answers.
pub(crate) struct Repeats {
    /// Of what is sent again.
    ssrc: u32,
    count: Arc<AtomicU64>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Repeats {
    pub(crate) const fn new(ssrc: u32, count: Arc<AtomicU64>) -> Self {
        Self {
            ssrc,
            count,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Repeats {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && rtp.header.ssrc == self.ssrc
        {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Repeats {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

fn tell(heard: &mpsc::Sender<Heard>, what: Heard) {
    if heard.try_send(what).is_err() {
        tracing::trace!("a report of the browser was dropped: nobody reads them");
    }
}

/// Between what answers NACKs (4000) and the wire.
pub(crate) const REPEATS_SLOT: usize = 3_500;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rtc::interceptor::{AttributedPacket, NackResponderBuilder, RTCPFeedback, Registry, Slot};
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
        TransportLayerNack, nack_pairs_from_sequence_numbers,
    };
    use rtc::rtp;

    fn tagged(packet: Packet) -> TaggedPacket {
        TaggedPacket {
            now: Instant::now(),
            transport: rtc::shared::TransportContext::default(),
            message: AttributedPacket::new(packet),
        }
    }

    #[test]
    fn what_the_library_sends_again_is_counted_and_nothing_else() {
        let count = Arc::new(AtomicU64::new(0));
        let mut chain = Registry::new()
            .with(
                Slot::NackResponder,
                NackResponderBuilder::new().with_size(64).build(),
            )
            .with(Slot::from(REPEATS_SLOT), Repeats::new(9, Arc::clone(&count)))
            .build();
        chain.bind_local_stream(&StreamInfo {
            ssrc: 1,
            ssrc_rtx: Some(9),
            payload_type: 102,
            payload_type_rtx: Some(103),
            clock_rate: 90_000,
            rtcp_feedback: vec![RTCPFeedback {
                typ: "nack".to_owned(),
                parameter: String::new(),
            }],
            ..StreamInfo::default()
        });
        for sequence_number in 0..5 {
            let header = rtp::header::Header {
                version: 2,
                ssrc: 1,
                payload_type: 102,
                sequence_number,
                ..Default::default()
            };
            let payload = Bytes::from_static(&[1, 2, 3]);
            chain
                .handle_write(tagged(Packet::Rtp(rtp::Packet { header, payload })))
                .unwrap();
        }
        let mut sent = std::iter::from_fn(|| chain.poll_write()).count();
        assert_eq!((sent, count.load(Ordering::Relaxed)), (5, 0));
        let nack = TransportLayerNack {
            sender_ssrc: 7,
            media_ssrc: 1,
            nacks: nack_pairs_from_sequence_numbers(&[1, 3]),
        };
        chain
            .handle_read(tagged(Packet::Rtcp(vec![Box::new(nack)])))
            .unwrap();
        sent = std::iter::from_fn(|| chain.poll_write()).count();
        assert_eq!((sent, count.load(Ordering::Relaxed)), (2, 2));
    }
}
