//! What a manifest says, and what it says where it is silent.

use firstlight_units::{Class, TitleId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A title as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// `[a-z0-9-]{1,64}`, the name of the title's folder.
    #[serde(with = "id")]
    pub id: TitleId,
    /// For people.
    pub name: String,
    /// The publisher's own version.
    pub version: String,
    /// What to start.
    pub run: Run,
    /// What it draws on.
    pub display: Display,
    /// What its pictures are encoded by.
    #[serde(default)]
    pub video: Video,
    /// What it sounds on.
    pub audio: Audio,
    /// What it is played with.
    pub input: Input,
    /// What is kept ready.
    pub warm: Warm,
    /// Where its sessions go.
    #[serde(default)]
    pub place: Place,
    /// How it is judged.
    #[serde(default)]
    pub score: Score,
}

/// `[run]`: what to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Program and arguments. An absolute program is the system's; a relative one lies in the title's folder.
    pub command: Vec<String>,
    /// Extra environment.
    pub env: BTreeMap<String, String>,
    /// May the app open sockets?
    pub network: bool,
    /// What survives a session, per player: relative paths without `..`.
    pub persist: Vec<String>,
    /// When the player's data must be there.
    pub profile: Profile,
}

/// When the player's data must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// At no particular time.
    #[default]
    None,
    /// After the boot.
    Late,
    /// At the boot: the title is never parked for a stranger.
    Boot,
}

/// `[display]`: what the title draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// What kind of display.
    pub kind: DisplayKind,
    /// Pixels; even.
    pub width: u16,
    /// Pixels; even.
    pub height: u16,
    /// Pictures per second at most.
    pub fps: u16,
    /// May the player's screen say when they are drawn, where the display can tell the app?
    #[serde(default = "yes")]
    pub phase_lock: bool,
    /// Whose size it is.
    #[serde(default)]
    pub resize: Resize,
    /// The smallest that it may become, in pixels; even, at most [`Self::width`].
    #[serde(default = "bounds::width_min")]
    pub width_min: u16,
    /// As [`Self::width_min`].
    #[serde(default = "bounds::height_min")]
    pub height_min: u16,
    /// The largest that it may become, in pixels; even, at least [`Self::width`].
    #[serde(default = "bounds::width_max")]
    pub width_max: u16,
    /// As [`Self::width_max`].
    #[serde(default = "bounds::height_max")]
    pub height_max: u16,
}

/// Of a manifest that an older engine wrote down.
const fn yes() -> bool {
    true
}

/// Whose size a display has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// The title's: the player's page scales the picture.
    #[default]
    Fixed,
    /// The player's window's, while the title runs and within the bounds; the title's own until a window is known.
    Window,
}

/// What an app draws on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisplayKind {
    /// An X server.
    #[default]
    X11,
    /// A Wayland compositor.
    Wayland,
    /// An Android device.
    Android,
}

/// `[video]`: what the title's pictures are encoded by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Video {
    /// An encoder or a codec, by its word; none: the host chooses for each player.
    #[serde(default)]
    pub encoder: Option<String>,
}

/// `[audio]`: what the title sounds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audio {
    /// Has the title sound?
    pub enabled: bool,
}

/// `[input]`: what the title is played with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Is it played with keys?
    pub keyboard: bool,
    /// How the pointer moves.
    pub mouse: Mouse,
    /// Gamepads at once.
    pub gamepads: u8,
    /// Is it played by touch?
    pub touch: bool,
    /// What of the clipboard crosses between title and player.
    #[serde(default)]
    pub clipboard: Clipboard,
}

/// What of the clipboard crosses between title and player, as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clipboard {
    /// Nothing.
    #[default]
    None,
    /// What the title copies, to the player.
    Copy,
    /// What the player pastes, to the title.
    Paste,
    /// Both.
    Both,
}

impl Clipboard {
    /// Whether what the title copies reaches the player.
    #[must_use]
    pub const fn copies(self) -> bool {
        matches!(self, Self::Copy | Self::Both)
    }

    /// Whether what the player pastes reaches the title.
    #[must_use]
    pub const fn pastes(self) -> bool {
        matches!(self, Self::Paste | Self::Both)
    }
}

/// How the pointer moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mouse {
    /// To where the player points.
    #[default]
    Absolute,
    /// By how far the player moves the mouse; the page locks the pointer.
    Relative,
    /// Absolute while the app shows a cursor, relative while it hides it.
    Both,
}

/// `[warm]`: what is kept ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// Booted, frozen copies kept ready per host, whatever the demand.
    pub parked: u16,
    /// Copies per host at most, where so many players come.
    #[serde(default)]
    pub parked_max: u16,
    /// When a booted copy counts as ready.
    pub ready: Ready,
}

/// When a booted copy counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// When it has drawn its first picture.
    #[default]
    FirstFrame,
}

/// `[place]`: where its sessions go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// What counts among the hosts that will do.
    pub policy: Policy,
    /// The most that an hour of a slot may cost, in hundredths of the fleet's currency; none: whatever it costs.
    pub price_max_cents: Option<u32>,
    /// The farthest that a host may be from the player, there and back, in milliseconds; none: as far as the player goes along with.
    pub rtt_max_ms: Option<u16>,
}

/// What counts among the hosts that will do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The lowest price that is still playable.
    Cheapest,
    /// The shortest click-to-photon, whatever it costs.
    BestExperience,
    /// Something of both.
    #[default]
    BestOverall,
}

/// `[score]`: how a session of the title is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// What a player of it feels first.
    #[serde(with = "class")]
    pub class: Class,
    /// It draws at the display's rate all the time: a picture that it did not draw is missed, too.
    pub steady: bool,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            kind: DisplayKind::X11,
            width: 1280,
            height: 720,
            fps: 60,
            phase_lock: true,
            resize: Resize::Fixed,
            width_min: bounds::width_min(),
            height_min: bounds::height_min(),
            width_max: bounds::width_max(),
            height_max: bounds::height_max(),
        }
    }
}

/// What a size that follows the player's window stays within, where a title does not say.
pub(crate) mod bounds {
    /// A quarter of 720p: smaller windows are thumbnails.
    pub(crate) const fn width_min() -> u16 {
        320
    }

    pub(crate) const fn height_min() -> u16 {
        180
    }

    /// 1440p: beyond it a software encoder has no time left for 60 pictures a second on any machine.
    pub(crate) const fn width_max() -> u16 {
        2560
    }

    pub(crate) const fn height_max() -> u16 {
        1440
    }
}

impl Default for Audio {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Input {
    fn default() -> Self {
        Self {
            keyboard: true,
            mouse: Mouse::Absolute,
            gamepads: 0,
            touch: false,
            clipboard: Clipboard::None,
        }
    }
}

/// Ids travel as text.
mod id {
    use firstlight_units::TitleId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(id: &TitleId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TitleId, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Classes travel by their names.
mod class {
    use firstlight_units::Class;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(class: &Class, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(class.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Class, D::Error> {
        let name = String::deserialize(from)?;
        Class::from_name(&name).ok_or_else(|| de::Error::custom("no class of titles"))
    }
}
