//! WebRTC: players for our sender, and a sender that is the library alone: RTP packets of the same sizes at the same times.

use crate::machine::{now, resident, tell};
use crate::send::{Counts, Opened, PERIOD_US, measure};
use crate::units::Recording;
use crate::{Play, Send, signal};
use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use firstlight_quic::Alarm;
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::MEDIA_HEADER_BYTES;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_H264;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::LocalSet;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
};

/// Sessions of the library alone.
pub(crate) async fn send_bare(options: &Send) -> Result<()> {
    let recording = Rc::new(Recording::open(&options.units)?);
    let desk = signal::Desk::open().await?;
    tell(&Opened {
        port: desk.port()?,
        certificate: String::new(),
    })?;
    let before = resident()?;
    let counts = Rc::new(Counts::default());
    let tasks = LocalSet::new();
    tasks
        .run_until(async {
            let mut open = Vec::new();
            for n in 0..options.sessions {
                let (offer, mut back) = desk.offer().await?;
                let track = Arc::new(TrackLocalStaticRTP::new(track(n)));
                let call = Call::open().await?;
                call.pc
                    .set_remote_description(RTCSessionDescription::offer(offer)?)
                    .await?;
                call.pc
                    .add_track(Arc::clone(&track) as Arc<dyn TrackLocal>)
                    .await?;
                let answer = call.pc.create_answer(None).await?;
                signal::write(&mut back, &call.told(answer).await?).await?;
                call.connected().await?;
                open.push(call);
                tokio::task::spawn_local(one(track, recording.clone(), counts.clone(), n));
            }
            let result = measure(&counts, Duration::from_secs(options.seconds), before).await?;
            for call in &open {
                call.pc.close().await?;
            }
            tell(&result)
        })
        .await
}

/// A session: at each picture's time, as many packets as it would be cut into.
async fn one(
    track: Arc<TrackLocalStaticRTP>,
    recording: Rc<Recording>,
    counts: Rc<Counts>,
    n: usize,
) -> Result<()> {
    let mut alarm = Alarm::open()?;
    let content = Bytes::from(vec![0x5a; 2_048]);
    let mut next: Timestamp = now() + Micros::new(n as u64 * 7_919 % PERIOD_US);
    let mut sequence_number = 0u16;
    for frame in 1u32.. {
        while now() < next {
            alarm.set(Some(next));
            alarm.ring().await;
        }
        next += Micros::new(PERIOD_US);
        let length = 1 + recording.get(frame.into()).len();
        let fragments = length.div_ceil(firstlight_rtc::DATAGRAM_BYTES - MEDIA_HEADER_BYTES);
        let step = length.div_ceil(fragments);
        let (mut left, mut packets, mut bytes) = (length, 0, 0);
        while left > 0 {
            let size = step.min(left);
            left -= size;
            let packet = rtp::Packet {
                header: rtp::header::Header {
                    version: 2,
                    marker: left == 0,
                    payload_type: PAYLOAD_TYPE,
                    sequence_number,
                    timestamp: frame.wrapping_mul(TICKS),
                    ssrc: ssrc(n),
                    ..Default::default()
                },
                payload: content.slice(..size),
            };
            sequence_number = sequence_number.wrapping_add(1);
            track.write_rtp(packet).await?;
            packets += 1;
            // Counted as ours are, which have a header of their own before they become RTP.
            bytes += (size + MEDIA_HEADER_BYTES) as u64;
        }
        counts.add(|t| {
            t.units += 1;
            t.packets += packets;
            t.bytes += bytes;
        });
    }
    Ok(())
}

/// Players for either sender: the library's receiver, which reports as a browser's does.
pub(crate) async fn play(options: &Play) -> Result<()> {
    let mut calls = Vec::new();
    for _ in 0..options.sessions {
        let call = Call::open().await?;
        let receive = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            ..Default::default()
        };
        call.pc
            .add_transceiver_from_kind(RtpCodecKind::Video, Some(receive))
            .await?;
        let offer = call.pc.create_offer(None).await?;
        let answer = signal::ask(options.port, &call.told(offer).await?).await?;
        call.pc
            .set_remote_description(RTCSessionDescription::answer(answer)?)
            .await?;
        call.connected().await?;
        calls.push(call);
    }
    for call in &calls {
        call.over().await;
    }
    let packets: u64 = calls
        .iter()
        .map(|call| call.packets.load(Ordering::Relaxed))
        .sum();
    ensure!(packets > 0, "nothing came");
    tell(&serde_json::json!({ "packets": packets }))
}

/// A connection of the library, as its examples make it.
struct Call {
    pc: Arc<dyn PeerConnection>,
    state: watch::Receiver<RTCPeerConnectionState>,
    gathered: watch::Receiver<bool>,
    packets: Arc<AtomicU64>,
}

impl Call {
    async fn open() -> Result<Self> {
        let mut engine = MediaEngine::default();
        engine.register_codec(codec(), RtpCodecKind::Video)?;
        let registry = register_default_interceptors(Registry::new(), &mut engine)?;
        let (state_in, state) = watch::channel(RTCPeerConnectionState::New);
        let (gathered_in, gathered) = watch::channel(false);
        let packets = Arc::new(AtomicU64::new(0));
        let handler = Handler {
            state: state_in,
            gathered: gathered_in,
            packets: Arc::clone(&packets),
        };
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .build();
        let pc = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await?;
        Ok(Self {
            pc: Arc::new(pc),
            state,
            gathered,
            packets,
        })
    }

    /// Takes its own description, and gives it with all candidates in it.
    async fn told(&self, own: RTCSessionDescription) -> Result<String> {
        self.pc.set_local_description(own).await?;
        self.gathered.clone().wait_for(|done| *done).await?;
        Ok(self.pc.local_description().await.context("no description")?.sdp)
    }

    async fn connected(&self) -> Result<()> {
        let mut state = self.state.clone();
        state
            .wait_for(|state| *state == RTCPeerConnectionState::Connected)
            .await?;
        Ok(())
    }

    async fn over(&self) {
        let ended = |state: &RTCPeerConnectionState| {
            matches!(
                state,
                RTCPeerConnectionState::Disconnected
                    | RTCPeerConnectionState::Failed
                    | RTCPeerConnectionState::Closed
            )
        };
        // An error says that nobody tells any more.
        drop(self.state.clone().wait_for(ended).await);
    }
}

struct Handler {
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<bool>,
    packets: Arc<AtomicU64>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered
            .send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let packets = Arc::clone(&self.packets);
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(_) = event {
                    packets.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}

fn codec() -> RTCRtpCodecParameters {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_H264.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
                .to_owned(),
            rtcp_feedback: vec![
                feedback("transport-cc", ""),
                feedback("nack", ""),
                feedback("nack", "pli"),
            ],
        },
        payload_type: PAYLOAD_TYPE,
    }
}

fn track(n: usize) -> MediaStreamTrack {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc(n)),
            ..Default::default()
        },
        active: true,
        codec: codec().rtp_codec,
        ..Default::default()
    };
    let name = || "video".to_owned();
    MediaStreamTrack::new(
        "bare".to_owned(),
        name(),
        name(),
        RtpCodecKind::Video,
        vec![coding],
    )
}

fn ssrc(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(0) + 1
}

const PAYLOAD_TYPE: u8 = 102;
/// 90 kHz at 60 fps.
const TICKS: u32 = 1_500;
