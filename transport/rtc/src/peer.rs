//! From an offer to a connection.

use crate::link::{Channel, DATAGRAM_BYTES, Link, Wires};
use crate::media::{Media, Terms};
use crate::taps::{Heard, Keyframes, REPEATS_SLOT, Repeats, Reports};
use crate::{Error, addresses, candidates};
use rtc::interceptor::{
    CongestionControlBuilder, NackResponderBuilder, Registry, SenderReportBuilder, Slot, TwccSenderBuilder,
};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RTCRtpSendParameters, RtpCodecKind,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCIceServer, RTCPeerConnectionState, RTCSessionDescription, SettingEngineBuilder,
};

/// A STUN or TURN server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: String,
    /// For TURN.
    pub credential: String,
}

/// What a peer is made with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Addresses to receive on (UDP). A wildcard is every address of its family.
    pub listen: Vec<SocketAddr>,
    /// Servers that help to be reached.
    pub ice_servers: Vec<IceServer>,
    /// The title has sound.
    pub has_audio: bool,
}

/// A client on its way in.
pub struct Peer {
    pc: Arc<dyn PeerConnection>,
    state: watch::Receiver<State>,
    media: Option<(Media, Wires)>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Connected,
    Over,
}

/// Answers an offer. The answer holds every candidate of this side, so that nothing has to be trickled to the client.
///
/// # Errors
/// [`Error::Offer`] when it cannot be answered, and what the library or the system refused.
pub async fn answer(config: &Config, offer: &str) -> Result<(Peer, String), Error> {
    check(offer)?;
    let streams = Streams::new(config.has_audio)?;
    let repeated = Arc::clone(&streams.repeated);
    let (heard_in, heard) = mpsc::channel(HEARD_MAX);
    let (channels_in, channels) = mpsc::channel(CHANNELS_MAX);
    let (state_in, state) = watch::channel(State::New);
    let (over_in, over) = watch::channel(false);
    let (gathered_in, mut gathered) = watch::channel(false);
    let handler = Handler {
        state: state_in,
        over: over_in,
        gathered: gathered_in,
        channels: channels_in,
    };
    let pc = connection(config, &streams, heard_in, handler).await?;
    let done = negotiate(&pc, &streams, offer, &mut gathered).await;
    let (answer, media) = match done {
        Ok(done) => done,
        Err(error) => {
            // An error of closing says nothing that matters any more.
            drop(pc.close().await);
            return Err(error);
        }
    };
    let wires = Wires {
        video: streams.video.track,
        audio: streams.audio.map(|audio| audio.track),
        heard,
        channels,
        over,
        repeated,
    };
    let peer = Peer {
        pc,
        state,
        media: Some((media, wires)),
    };
    Ok((peer, answer))
}

/// Looks at an offer, before anything is spent on it.
///
/// # Errors
/// [`Error::Offer`]: what the library would refuse late or in other words.
pub fn check(offer: &str) -> Result<(), Error> {
    let refuse = |words: &str| Err(Error::Offer(words.to_owned()));
    if offer.len() > OFFER_BYTES_MAX {
        return refuse("the offer is longer than 64 KiB");
    }
    if !offer.starts_with("v=0") {
        return refuse("the offer is not SDP");
    }
    if !offer.contains("m=video") {
        return refuse("the offer has no video to answer");
    }
    if !offer.to_ascii_uppercase().contains("H264/90000") {
        return refuse("the offer has no H.264, the only video there is");
    }
    Ok(())
}

async fn negotiate(
    pc: &Arc<dyn PeerConnection>,
    streams: &Streams,
    offer: &str,
    gathered: &mut watch::Receiver<bool>,
) -> Result<(String, Media), Error> {
    let unread = |error: webrtc::error::Error| Error::Offer(format!("the offer cannot be read: {error}"));
    let description = RTCSessionDescription::offer(offer.to_owned()).map_err(unread)?;
    pc.set_remote_description(description).await.map_err(unread)?;
    let video = add(pc, &streams.video).await?;
    let audio = match &streams.audio {
        Some(stream) if offer.contains("m=audio") => Some(add(pc, stream).await?),
        _ => None,
    };
    let answer = pc
        .create_answer(None)
        .await
        .map_err(|error| Error::Offer(format!("the offer cannot be answered: {error}")))?;
    pc.set_local_description(answer)
        .await
        .map_err(Error::rtc("use the answer"))?;
    if tokio::time::timeout(GATHERED_WITHIN, gathered.wait_for(|done| *done))
        .await
        .is_err()
    {
        tracing::debug!("the answer goes without the candidates of a slow server");
    }
    let local = pc
        .local_description()
        .await
        .ok_or_else(|| Error::Offer("the offer cannot be answered".to_owned()))?;
    let video_terms = terms(&video, &streams.video, MIME_TYPE_H264).await?;
    let video_terms = video_terms.ok_or_else(|| {
        Error::Offer("the offer has no H.264 with packetization-mode=1 that can be sent".to_owned())
    })?;
    let audio_terms = match (&audio, &streams.audio) {
        (Some(sender), Some(stream)) => terms(sender, stream, MIME_TYPE_OPUS).await?,
        _ => None,
    };
    Ok((local.sdp, Media::new(Some(video_terms), audio_terms)))
}

type Sender = Arc<dyn webrtc::rtp_transceiver::RtpSender>;

async fn add(pc: &Arc<dyn PeerConnection>, stream: &Stream) -> Result<Sender, Error> {
    let track = Arc::clone(&stream.track) as Arc<dyn TrackLocal>;
    pc.add_track(track).await.map_err(Error::rtc("add a track"))
}

/// What was agreed on; `None` when the codec was not.
async fn terms(sender: &Sender, stream: &Stream, mime: &str) -> Result<Option<Terms>, Error> {
    let parameters: RTCRtpSendParameters = sender
        .get_parameters()
        .await
        .map_err(Error::rtc("read what was agreed on"))?;
    let rtp = parameters.rtp_parameters;
    let codec = rtp
        .codecs
        .iter()
        .find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime));
    let playout_delay = rtp
        .header_extensions
        .iter()
        .find(|extension| extension.uri == PLAYOUT_DELAY)
        .and_then(|extension| u8::try_from(extension.id).ok());
    Ok(codec.map(|codec| Terms {
        ssrc: stream.ssrc,
        payload_type: codec.payload_type,
        playout_delay,
    }))
}

impl Peer {
    /// A handle that takes candidates, and gives up, while [`Self::connected`] waits.
    #[must_use]
    pub fn trickle(&self) -> Trickle {
        Trickle {
            pc: Arc::clone(&self.pc),
        }
    }

    /// Waits until the client can be sent to.
    ///
    /// # Errors
    /// [`Error::NoPath`] when it cannot be reached, or takes longer than fifteen seconds.
    pub async fn connected(mut self) -> Result<Link, Error> {
        let connected = tokio::time::timeout(
            CONNECTED_WITHIN,
            self.state.wait_for(|state| *state != State::New),
        );
        let reached = matches!(connected.await, Ok(Ok(state)) if *state == State::Connected);
        match self.media.take().filter(|_| reached) {
            Some((media, wires)) => Ok(Link::new(self.pc, media, wires)),
            None => {
                // An error of closing says nothing that matters any more.
                drop(self.pc.close().await);
                Err(Error::NoPath)
            }
        }
    }
}

/// See [`Peer::trickle`].
#[derive(Clone)]
pub struct Trickle {
    pc: Arc<dyn PeerConnection>,
}

impl std::fmt::Debug for Trickle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trickle").finish_non_exhaustive()
    }
}

impl Trickle {
    /// Takes candidates of the client, as an SDP fragment.
    ///
    /// # Errors
    /// [`Error::Candidate`] for what cannot be read.
    pub async fn add_candidates(&self, fragment: &str) -> Result<(), Error> {
        for candidate in candidates::parse(fragment)? {
            // A name of multicast DNS that is not known here, TCP: not every candidate is of use, and one is enough.
            if let Err(error) = self.pc.add_ice_candidate(candidate).await {
                tracing::debug!(%error, "a candidate is of no use");
            }
        }
        Ok(())
    }

    /// Closes the connection.
    pub async fn close(&self) {
        if let Err(error) = self.pc.close().await {
            tracing::debug!(%error, "the peer connection did not close in order");
        }
    }
}

/// One track and its number.
struct Stream {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
}

struct Streams {
    video: Stream,
    /// What goes again of the video, and how many packets that were.
    rtx: u32,
    repeated: Arc<AtomicU64>,
    audio: Option<Stream>,
}

impl Streams {
    fn new(has_audio: bool) -> Result<Self, Error> {
        let [video, rtx, audio] = ssrcs()?;
        let video = Stream::new(RtpCodecKind::Video, video, Some(rtx), h264(PROFILES[0]));
        let audio = has_audio.then(|| Stream::new(RtpCodecKind::Audio, audio, None, opus()));
        Ok(Self {
            video,
            rtx,
            repeated: Arc::default(),
            audio,
        })
    }
}

impl Stream {
    fn new(kind: RtpCodecKind, ssrc: u32, rtx: Option<u32>, codec: RTCRtpCodec) -> Self {
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx: rtx.map(|ssrc| RTCRtpRtxParameters { ssrc }),
                ..Default::default()
            },
            active: true,
            codec,
            ..Default::default()
        };
        let name = if kind == RtpCodecKind::Video {
            "video"
        } else {
            "audio"
        };
        // One stream for both, as players expect.
        let track = MediaStreamTrack::new(
            "firstlight".to_owned(),
            name.to_owned(),
            name.to_owned(),
            kind,
            vec![coding],
        );
        Self {
            track: Arc::new(TrackLocalStaticRTP::new(track)),
            ssrc,
        }
    }
}

fn ssrcs() -> Result<[u32; 3], Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    let mut numbers = [0; 3];
    for (number, four) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) | 1;
    }
    Ok(numbers)
}

async fn connection(
    config: &Config,
    streams: &Streams,
    heard: mpsc::Sender<Heard>,
    handler: Handler,
) -> Result<Arc<dyn PeerConnection>, Error> {
    let listen = addresses::expand(&config.listen);
    if listen.is_empty() {
        return Err(Error::NoAddress);
    }
    let servers = config.ice_servers.iter().map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    let settings = SettingEngineBuilder::new()
        .with_include_loopback_candidate(true)
        .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
        .with_ice_connection_attempts(Some(ICE_CHECK), None)
        .build();
    let pc = PeerConnectionBuilder::new()
        .with_configuration(
            RTCConfigurationBuilder::new()
                .with_ice_servers(servers.collect())
                .build(),
        )
        .with_media_engine(engine().map_err(Error::rtc("name the codecs"))?)
        .with_interceptor_registry(registry(streams, heard))
        .with_setting_engine(settings)
        .with_handler(Arc::new(handler))
        .with_data_channel_send_buffer_limit(DATA_BUFFER_BYTES)
        .with_udp_addrs(listen)
        .build()
        .await
        .map_err(Error::rtc("open a connection"))?;
    Ok(Arc::new(pc))
}

/// By hand: no pacer and no estimator of the library's own.
fn registry(streams: &Streams, heard: mpsc::Sender<Heard>) -> Registry {
    let reports = Reports {
        heard: heard.clone(),
        video: streams.video.ssrc,
        audio: streams.audio.as_ref().map_or(0, |audio| audio.ssrc),
    };
    Registry::new()
        .with(
            Slot::CongestionControl,
            CongestionControlBuilder::new(reports).build(),
        )
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(
            Slot::NackResponder,
            NackResponderBuilder::new().with_size(REPEATS).build(),
        )
        .with(
            Slot::from(REPEATS_SLOT),
            Repeats::new(streams.rtx, Arc::clone(&streams.repeated)),
        )
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
        .with(Slot::from(KEYFRAMES_SLOT), Keyframes::new(heard))
}

fn engine() -> Result<MediaEngine, webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    let mut payload_type = 102;
    for profile in PROFILES {
        let codec = RTCRtpCodecParameters {
            rtp_codec: h264(profile),
            payload_type,
        };
        engine.register_codec(codec, RtpCodecKind::Video)?;
        let rtx = RTCRtpCodec {
            mime_type: MIME_TYPE_RTX.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: format!("apt={payload_type}"),
            rtcp_feedback: Vec::new(),
        };
        let rtx = RTCRtpCodecParameters {
            rtp_codec: rtx,
            payload_type: payload_type + 1,
        };
        engine.register_codec(rtx, RtpCodecKind::Video)?;
        payload_type += 2;
    }
    let sound = RTCRtpCodecParameters {
        rtp_codec: opus(),
        payload_type: 120,
    };
    engine.register_codec(sound, RtpCodecKind::Audio)?;
    for (uri, kinds) in [
        (
            TRANSPORT_CC,
            [RtpCodecKind::Video, RtpCodecKind::Audio].as_slice(),
        ),
        (PLAYOUT_DELAY, [RtpCodecKind::Video].as_slice()),
        (MID, [RtpCodecKind::Video, RtpCodecKind::Audio].as_slice()),
    ] {
        for kind in kinds {
            let capability = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
            engine.register_header_extension(capability, *kind, None)?;
        }
    }
    Ok(engine)
}

fn h264(profile: &str) -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    };
    RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}"),
        rtcp_feedback: vec![
            feedback("transport-cc", ""),
            feedback("ccm", "fir"),
            feedback("nack", ""),
            feedback("nack", "pli"),
        ],
    }
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1".to_owned(),
        rtcp_feedback: vec![RTCPFeedback {
            typ: "transport-cc".to_owned(),
            parameter: String::new(),
        }],
    }
}

struct Handler {
    state: watch::Sender<State>,
    over: watch::Sender<bool>,
    gathered: watch::Sender<bool>,
    channels: mpsc::Sender<(Channel, Arc<dyn DataChannel>)>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(%state, "the peer connection");
        if state == RTCPeerConnectionState::Connected {
            self.state.send_replace(State::Connected);
        } else if matches!(
            state,
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed
        ) {
            self.state.send_replace(State::Over);
            self.over.send_replace(true);
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let kind = match channel.label().await.as_deref() {
            Ok("datagrams") => Channel::Datagrams,
            Ok("control") => Channel::Control,
            _ => return,
        };
        if self.channels.try_send((kind, channel)).is_err() {
            tracing::debug!("a data channel too many");
        }
    }
}

/// Longest offer that is read; a browser's has some 6 KiB.
pub const OFFER_BYTES_MAX: usize = 64 << 10;
/// What is offered by this side. The stream says itself what it is; these are the names that browsers know.
const PROFILES: [&str; 4] = ["42e01f", "42001f", "4d001f", "64001f"];
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Past every interceptor of the library.
const KEYFRAMES_SLOT: usize = 14_000;
/// Packets that can be sent again: a second at 12 Mbit/s.
const REPEATS: u16 = 1_024;
/// Reports that wait for the loop.
const HEARD_MAX: usize = 256;
const CHANNELS_MAX: usize = 4;
/// A data channel's buffer: some hundred datagrams, or the largest cursor.
const DATA_BUFFER_BYTES: usize = 128 << 10;
/// A STUN server that takes longer is not waited for.
const GATHERED_WITHIN: Duration = Duration::from_millis(500);
/// ICE and DTLS over a bad line.
const CONNECTED_WITHIN: Duration = Duration::from_secs(15);
/// The library's 200 ms are most of the time that a connection takes.
const ICE_CHECK: Duration = Duration::from_millis(50);
const ICE_DISCONNECTED: Duration = Duration::from_secs(3);
/// The worker notices silence long before; this frees what is left.
const ICE_FAILED: Duration = Duration::from_secs(8);
const ICE_KEEPALIVE: Duration = Duration::from_secs(1);
const _: () = assert!(DATAGRAM_BYTES + 60 < 1_280, "fits IPv6's least MTU");
