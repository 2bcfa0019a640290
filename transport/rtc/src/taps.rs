//! Where the driver listens in on the library's chain of interceptors.
//!
//! [`Reports`] sits where the library wants an estimator: it is told the fate of every packet, and hands it on to the one
//! estimator that decides, which is the sender core's. [`Keyframes`] sees the browser's requests for an IDR.

use crate::feedback::{Fate, Stream};
use rtc::interceptor::{BandwidthEstimator, Interceptor, Packet, PacketReport, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use std::collections::VecDeque;
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

fn tell(heard: &mpsc::Sender<Heard>, what: Heard) {
    if heard.try_send(what).is_err() {
        tracing::trace!("a report of the browser was dropped: nobody reads them");
    }
}
