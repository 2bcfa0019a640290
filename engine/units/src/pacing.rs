//! What a title's frame clock goes by.

/// What the frame clock of a title's display goes by, and why not by the player's screen where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pacing {
    /// It has none that could be steered.
    #[default]
    Off,
    /// Nothing is known of the screen, or not any more.
    Unknown,
    /// The screen's rate and the title's do not go together.
    Apart,
    /// Pictures come too unsteadily.
    Loose,
    /// The title draws by a clock of its own.
    Own,
    /// It is on its way to the screen's.
    Turning,
    /// Pictures are drawn for the screen's next refresh.
    Locked,
}

impl Pacing {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Off,
        Self::Unknown,
        Self::Apart,
        Self::Loose,
        Self::Own,
        Self::Turning,
        Self::Locked,
    ];

    /// The name in metrics and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Unknown => "unknown",
            Self::Apart => "apart",
            Self::Loose => "loose",
            Self::Own => "own",
            Self::Turning => "turning",
            Self::Locked => "locked",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pacing| pacing.name() == name)
    }
}
