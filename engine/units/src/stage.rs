//! The stages of the media path.

/// A stage of the path from a player's input to the picture that answers it, in order.
///
/// The same list serves metrics, spans, the wire protocol, the client's overlay and the checker, so that the
/// parts sum to the whole; what no stage owns is [`Stage::Unattributed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Player's event to its arrival at the host.
    Input,
    /// Arrival at the host to the event being in the app's display.
    Inject,
    /// The app's answer: event in the display to the next picture drawn.
    App,
    /// Picture drawn to pixels in the engine's memory.
    Capture,
    /// Colour conversion.
    Convert,
    /// Pixels to access unit.
    Encode,
    /// Access unit to packets.
    Packetize,
    /// Packets waiting for their turn.
    Pace,
    /// Last packet sent to last packet received.
    Network,
    /// Last packet received to access unit whole and in order.
    Reassemble,
    /// Access unit to decoded picture.
    Decode,
    /// Decoded picture to the screen.
    Present,
    /// What no stage owns.
    Unattributed,
}

impl Stage {
    /// Every stage in path order.
    pub const ALL: [Self; 13] = [
        Self::Input,
        Self::Inject,
        Self::App,
        Self::Capture,
        Self::Convert,
        Self::Encode,
        Self::Packetize,
        Self::Pace,
        Self::Network,
        Self::Reassemble,
        Self::Decode,
        Self::Present,
        Self::Unattributed,
    ];

    /// The name used in metrics, stats and the overlay.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Inject => "inject",
            Self::App => "app",
            Self::Capture => "capture",
            Self::Convert => "convert",
            Self::Encode => "encode",
            Self::Packetize => "packetize",
            Self::Pace => "pace",
            Self::Network => "network",
            Self::Reassemble => "reassemble",
            Self::Decode => "decode",
            Self::Present => "present",
            Self::Unattributed => "unattributed",
        }
    }
}
