//! What kind of title is played: what a player of it feels first.

/// The class that a title is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Aimed and won by reaction: every 10 ms are felt.
    Competitive,
    /// Moves all the time, and answers at once.
    #[default]
    Action,
    /// Turns, puzzles, desks: may take a moment.
    Casual,
    /// An Android phone under a finger.
    Phone,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Competitive, Self::Action, Self::Casual, Self::Phone];

    /// The name in manifests, metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Competitive => "competitive",
            Self::Action => "action",
            Self::Casual => "casual",
            Self::Phone => "phone",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}
