//! An attached client: the same datagrams as over WebTransport, one control channel, a close.

use crate::Error;
use crate::media::{Media, Out};
use crate::taps::Heard;
use bytes::{Bytes, BytesMut};
use firstlight_wire::Kind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::PeerConnection;

/// An attached client. Clones share the connection.
#[derive(Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pc: Arc<dyn PeerConnection>,
    media: Mutex<Media>,
    out: mpsc::Sender<Out>,
    data: mpsc::Sender<Bytes>,
    incoming: tokio::sync::Mutex<mpsc::Receiver<Bytes>>,
    control: tokio::sync::Mutex<watch::Receiver<Option<Arc<dyn DataChannel>>>>,
    over: watch::Receiver<bool>,
    received: AtomicU64,
    repeated: Arc<AtomicU64>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// The tracks, and what the peer connection's events fill.
pub(crate) struct Wires {
    pub(crate) video: Arc<TrackLocalStaticRTP>,
    pub(crate) audio: Option<Arc<TrackLocalStaticRTP>>,
    pub(crate) heard: mpsc::Receiver<Heard>,
    pub(crate) channels: mpsc::Receiver<(Channel, Arc<dyn DataChannel>)>,
    pub(crate) over: watch::Receiver<bool>,
    /// Packets that the library sent again.
    pub(crate) repeated: Arc<AtomicU64>,
}

/// What a data channel is for, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Datagrams,
    Control,
}

impl Link {
    pub(crate) fn new(pc: Arc<dyn PeerConnection>, media: Media, wires: Wires) -> Self {
        let Wires {
            video,
            audio,
            heard,
            channels,
            over,
            repeated,
        } = wires;
        let (out, packets) = mpsc::channel(PACKETS_MAX);
        let (data, data_out) = mpsc::channel(DATAGRAMS_MAX);
        let (incoming_in, incoming) = mpsc::channel(DATAGRAMS_MAX);
        let (control_in, control) = watch::channel(None);
        let inner = Arc::new(Inner {
            pc,
            media: Mutex::new(media),
            out,
            data,
            incoming: tokio::sync::Mutex::new(incoming),
            control: tokio::sync::Mutex::new(control),
            over: over.clone(),
            received: AtomicU64::new(0),
            repeated,
        });
        tokio::spawn(until_over(
            over.clone(),
            send_packets(packets, video, audio, inner.data.clone()),
        ));
        let weak = Arc::downgrade(&inner);
        tokio::spawn(until_over(
            over.clone(),
            hear(heard, weak.clone(), incoming_in.clone()),
        ));
        tokio::spawn(until_over(
            over.clone(),
            open_channels(channels, (over, data_out), (weak, incoming_in), control_in),
        ));
        Self { inner }
    }

    /// Queues a datagram. Video and audio go as RTP, padding as RTP's padding, the rest over the data channel.
    ///
    /// # Errors
    /// [`Error::Full`] when too much waits, [`Error::TooLarge`] over [`DATAGRAM_BYTES`], [`Error::Closed`] when the
    /// connection is over.
    pub fn send(&self, datagram: Bytes) -> Result<(), Error> {
        let size = datagram.len();
        if size > DATAGRAM_BYTES {
            return Err(Error::TooLarge {
                size,
                most: DATAGRAM_BYTES,
            });
        }
        if *self.inner.over.borrow() {
            return Err(Error::Closed);
        }
        if matches!(Kind::of(&datagram), Ok(Kind::ClockReply | Kind::InputAck)) {
            // A client without a data channel gets none.
            return self.inner.data.try_send(datagram).map_err(|_| Error::Full);
        }
        let mut media = self.inner.media.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inner.out.capacity() < PACKETS_PER_DATAGRAM {
            return Err(Error::Full);
        }
        let mut packets = Vec::with_capacity(2);
        media.push(&datagram, &mut packets)?;
        for packet in packets {
            self.inner.out.try_send(packet).map_err(|_| Error::Full)?;
        }
        Ok(())
    }

    /// The next datagram of the client: its own, and feedback made from what its browser reports.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is over.
    pub async fn receive(&self) -> Result<Bytes, Error> {
        let mut over = self.inner.over.clone();
        let mut incoming = self.inner.incoming.lock().await;
        tokio::select! {
            datagram = incoming.recv() => datagram.ok_or(Error::Closed),
            _ = over.wait_for(|over| *over) => Err(Error::Closed),
        }
    }

    /// Largest datagram, in bytes.
    #[must_use]
    pub const fn datagram_max(&self) -> usize {
        DATAGRAM_BYTES
    }

    /// Rises whenever anything came from the browser.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.inner.received.load(Ordering::Relaxed)
    }

    /// Packets of the video that went again because the browser asked for them (RTX), so far.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.inner.repeated.load(Ordering::Relaxed)
    }

    /// The control channel, which the client opens. A player without one never does.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection ends first.
    pub async fn control(&self) -> Result<(ControlWriter, ControlReader), Error> {
        let mut control = self.inner.control.lock().await;
        let mut over = self.inner.over.clone();
        let channel = tokio::select! {
            channel = control.wait_for(Option::is_some) => channel.map_err(|_| Error::Closed)?.clone(),
            _ = over.wait_for(|over| *over) => return Err(Error::Closed),
        };
        let channel = channel.ok_or(Error::Closed)?;
        let writer = ControlWriter {
            channel: Arc::clone(&channel),
        };
        Ok((
            writer,
            ControlReader {
                channel,
                over: self.inner.over.clone(),
            },
        ))
    }

    /// Closes, and waits until that was said.
    pub async fn close(&self) {
        if let Err(error) = self.inner.pc.close().await {
            tracing::debug!(%error, "the peer connection did not close in order");
        }
    }
}

/// Our half of the control channel.
pub struct ControlWriter {
    channel: Arc<dyn DataChannel>,
}

impl std::fmt::Debug for ControlWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlWriter").finish_non_exhaustive()
    }
}

impl ControlWriter {
    /// Writes one message; the channel keeps messages apart.
    ///
    /// # Errors
    /// [`Error::ControlTooLong`] over [`CONTROL_BYTES_MAX`], [`Error::Closed`] when the channel is gone.
    pub async fn write(&mut self, message: &[u8]) -> Result<(), Error> {
        if message.len() > CONTROL_BYTES_MAX {
            return Err(Error::ControlTooLong {
                size: message.len(),
                most: CONTROL_BYTES_MAX,
            });
        }
        let message = BytesMut::from(message);
        self.channel.send(message).await.map_err(|_| Error::Closed)
    }

    /// Waits until the client has everything.
    ///
    /// # Errors
    /// [`Error::Closed`] when the channel is gone.
    pub async fn finish(&mut self) -> Result<(), Error> {
        // The library tells when little is left, not when nothing is.
        while self
            .channel
            .outstanding_bytes()
            .await
            .map_err(|_| Error::Closed)?
            > 0
        {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }
}

/// The client's half of the control channel.
pub struct ControlReader {
    channel: Arc<dyn DataChannel>,
    over: watch::Receiver<bool>,
}

impl std::fmt::Debug for ControlReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlReader").finish_non_exhaustive()
    }
}

impl ControlReader {
    /// Reads one message; `None` when the client closed the channel.
    ///
    /// # Errors
    /// [`Error::ControlTooLong`] for a message that is over the limit.
    pub async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let event = tokio::select! {
                event = self.channel.poll() => event,
                _ = self.over.wait_for(|over| *over) => None,
            };
            match event {
                Some(DataChannelEvent::OnMessage(message)) if message.data.len() > CONTROL_BYTES_MAX => {
                    return Err(Error::ControlTooLong {
                        size: message.data.len(),
                        most: CONTROL_BYTES_MAX,
                    });
                }
                Some(DataChannelEvent::OnMessage(message)) => return Ok(Some(message.data.to_vec())),
                Some(DataChannelEvent::OnClosing | DataChannelEvent::OnClose) | None => return Ok(None),
                Some(_) => {}
            }
        }
    }
}

async fn until_over(mut over: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = over.wait_for(|over| *over) => {}
    }
}

async fn send_packets(
    mut packets: mpsc::Receiver<Out>,
    video: Arc<TrackLocalStaticRTP>,
    audio: Option<Arc<TrackLocalStaticRTP>>,
    data: mpsc::Sender<Bytes>,
) {
    while let Some(packet) = packets.recv().await {
        let written = match packet {
            Out::Video(packet) => video.write_rtp(packet).await,
            Out::Audio(packet) => match &audio {
                Some(track) => track.write_rtp(packet).await,
                None => Ok(()),
            },
            Out::Trace(trace) => {
                // Without a data channel nobody takes them; a trace that does not fit is a figure less.
                drop(data.try_send(trace));
                Ok(())
            }
        };
        if let Err(error) = written {
            tracing::debug!(%error, "an RTP packet was not sent");
        }
    }
}

/// What the taps hear becomes feedback datagrams.
async fn hear(mut heard: mpsc::Receiver<Heard>, link: std::sync::Weak<Inner>, incoming: mpsc::Sender<Bytes>) {
    while let Some(what) = heard.recv().await {
        let Some(link) = link.upgrade() else { return };
        link.received.fetch_add(1, Ordering::Relaxed);
        let mut datagram = Vec::new();
        {
            let mut media = link.media.lock().unwrap_or_else(PoisonError::into_inner);
            match what {
                Heard::Fates(fates) => {
                    if !media.ledger.write(&fates, &mut datagram) {
                        continue;
                    }
                }
                Heard::Keyframe => media.ledger.write_want_idr(&mut datagram),
                Heard::Life => continue,
            }
        }
        drop(link);
        if incoming.send(datagram.into()).await.is_err() {
            return;
        }
    }
}

type Outgoing = (watch::Receiver<bool>, mpsc::Receiver<Bytes>);
type Incoming = (std::sync::Weak<Inner>, mpsc::Sender<Bytes>);

/// Takes the first channel of each kind.
async fn open_channels(
    mut channels: mpsc::Receiver<(Channel, Arc<dyn DataChannel>)>,
    (over, data): Outgoing,
    (link, incoming): Incoming,
    control: watch::Sender<Option<Arc<dyn DataChannel>>>,
) {
    let mut data = Some(data);
    while let Some((kind, channel)) = channels.recv().await {
        match kind {
            Channel::Control => {
                control.send_if_modified(|known| known.is_none().then(|| *known = Some(channel)).is_some());
            }
            Channel::Datagrams => {
                if let Some(data) = data.take() {
                    tokio::spawn(until_over(over.clone(), write_data(Arc::clone(&channel), data)));
                    tokio::spawn(until_over(
                        over.clone(),
                        read_data(channel, link.clone(), incoming.clone()),
                    ));
                }
            }
        }
    }
}

async fn write_data(channel: Arc<dyn DataChannel>, mut data: mpsc::Receiver<Bytes>) {
    while let Some(datagram) = data.recv().await {
        // A full buffer: lost like any datagram.
        if let Err(error) = channel.try_send(BytesMut::from(datagram)).await {
            tracing::trace!(%error, "a datagram was not sent");
        }
    }
}

async fn read_data(
    channel: Arc<dyn DataChannel>,
    link: std::sync::Weak<Inner>,
    incoming: mpsc::Sender<Bytes>,
) {
    while let Some(event) = channel.poll().await {
        let DataChannelEvent::OnMessage(message) = event else {
            continue;
        };
        let Some(link) = link.upgrade() else { return };
        link.received.fetch_add(1, Ordering::Relaxed);
        drop(link);
        // Feedback is the driver's own to write: a client's would speak of packets that it cannot know.
        let own = matches!(Kind::of(&message.data), Ok(Kind::Feedback));
        if !own && incoming.try_send(message.data.freeze()).is_err() {
            tracing::trace!("a datagram of the client was dropped: too many wait");
        }
    }
}

/// Largest datagram: with RTP's header and SRTP's tag it fits any path of the internet.
pub const DATAGRAM_BYTES: usize = 1_200;
/// Longest control message, as docs/PROTOCOL.md says.
pub const CONTROL_BYTES_MAX: usize = 65_536;
/// Two IDRs of a high rate. The pacer above keeps it nearly empty.
const PACKETS_MAX: usize = 1_024;
/// A datagram holds a handful of NAL units at the most; one that holds more waits for a moment with more room.
const PACKETS_PER_DATAGRAM: usize = 64;
/// Datagrams that wait: input and reports are small and few.
const DATAGRAMS_MAX: usize = 256;
const LOOK_AGAIN: Duration = Duration::from_millis(5);
