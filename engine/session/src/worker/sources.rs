//! Everything the net thread listens to.

use super::attach::Accepted;
use crate::Error;
use crate::audio::AudioUnit;
use crate::link::{Link, LinkError};
use crate::media::MediaEvent;
use crate::player::ControlEvent;
use crate::run::MediaReceiver;
use bytes::Bytes;
use firstlight_container::{ClipboardEvent, CursorEvent, Rumble};
use firstlight_link::{Away, Order};
use firstlight_quic::{Alarm, Attempt, Listener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Everything that can happen to a session.
pub(crate) enum Event {
    Order(Option<Order>),
    Attempt(Box<Attempt>),
    Accepted(Box<Accepted>),
    Datagram(Bytes),
    /// The link is gone: that is how its player went.
    LinkLost(Away),
    Control(ControlEvent),
    Media(MediaEvent),
    Audio(AudioUnit),
    Cursor(CursorEvent),
    Rumble(Rumble),
    Clipboard(ClipboardEvent),
    Fault(Error),
    /// Somebody wants this process to end.
    Terminate,
    Time,
}

/// See the module.
pub(crate) struct Sources {
    pub(super) listener: Listener,
    pub(super) alarm: Alarm,
    terminate: Signal,
    /// Taken and not acted on: Ctrl-C in a terminal reaches host and workers alike, and the host ends its sessions itself.
    interrupt: Signal,
    orders: mpsc::Receiver<Order>,
    accepted: mpsc::Receiver<Accepted>,
    control: mpsc::Receiver<ControlEvent>,
    media: MediaReceiver,
    audio: mpsc::Receiver<AudioUnit>,
    cursor: mpsc::Receiver<CursorEvent>,
    rumble: mpsc::Receiver<Rumble>,
    clipboard: mpsc::Receiver<ClipboardEvent>,
    faults: mpsc::Receiver<Error>,
}

/// From the threads: media, audio, cursor, rumble, clipboard, and their faults.
type Threads = (
    MediaReceiver,
    mpsc::Receiver<AudioUnit>,
    mpsc::Receiver<CursorEvent>,
    mpsc::Receiver<Rumble>,
    mpsc::Receiver<ClipboardEvent>,
    mpsc::Receiver<Error>,
);

impl Sources {
    /// Within the runtime. The senders are for links that were accepted and for what their control streams bring.
    pub(crate) fn new(
        listener: Listener,
        orders: mpsc::Receiver<Order>,
        (media, audio, cursor, rumble, clipboard, faults): Threads,
    ) -> Result<(Self, mpsc::Sender<Accepted>, mpsc::Sender<ControlEvent>), Error> {
        let (accepted_in, accepted) = mpsc::channel(ACCEPTED_MAX);
        let (control_in, control) = mpsc::channel(CONTROL_MAX);
        let alarm = Alarm::open()?;
        let listen = |kind| {
            signal(kind).map_err(|source| Error::Start {
                what: "a signal's listener",
                source,
            })
        };
        let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let sources = Self {
            listener,
            alarm,
            terminate,
            interrupt,
            orders,
            accepted,
            control,
            media,
            audio,
            cursor,
            rumble,
            clipboard,
            faults,
        };
        Ok((sources, accepted_in, control_in))
    }

    /// The next event; which of several is up to chance, so that no flood starves the others.
    pub(crate) async fn next(&mut self, link: Option<&Link>) -> Event {
        tokio::select! {
            received = receive(link) => received.map_or_else(Event::LinkLost, Event::Datagram),
            Some(event) = self.media.recv() => Event::Media(event),
            () = self.alarm.ring() => Event::Time,
            Some(unit) = self.audio.recv() => Event::Audio(unit),
            Some(event) = self.control.recv() => Event::Control(event),
            Some(event) = self.cursor.recv() => Event::Cursor(event),
            Some(rumble) = self.rumble.recv() => Event::Rumble(rumble),
            Some(event) = self.clipboard.recv() => Event::Clipboard(event),
            Some(attempt) = self.listener.attempt() => Event::Attempt(Box::new(attempt)),
            Some(accepted) = self.accepted.recv() => Event::Accepted(Box::new(accepted)),
            Some(error) = self.faults.recv() => Event::Fault(error),
            Some(()) = self.terminate.recv() => Event::Terminate,
            Some(()) = self.interrupt.recv() => Event::Time,
            order = self.orders.recv() => Event::Order(order),
        }
    }

    /// A unit that is there already.
    pub(crate) fn unit(&mut self) -> Option<Event> {
        self.media.try_recv().ok().map(Event::Media)
    }
}

/// An error: the link is gone, and how its player went.
async fn receive(link: Option<&Link>) -> Result<Bytes, Away> {
    let Some(link) = link else {
        return std::future::pending().await;
    };
    link.receive().await.map_err(|error| match error {
        LinkError::Cut => Away::Cut,
        LinkError::TooLarge | LinkError::Violation(_) | LinkError::Failed(_) => Away::Left,
    })
}

/// Clients that were let in within one turn of the loop.
const ACCEPTED_MAX: usize = 16;
/// A reader waits for the loop when it is ahead by this much.
const CONTROL_MAX: usize = 64;
