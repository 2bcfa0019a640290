//! Names of things.

use std::fmt;
use std::str::FromStr;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The id with this number.
            #[must_use]
            pub const fn new(n: u64) -> Self {
                Self(n)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The low 32 bits, as they travel.
            #[must_use]
            #[expect(clippy::cast_possible_truncation, reason = "the cut is the point; the peer restores it")]
            pub const fn low(self) -> u32 {
                self.0 as u32
            }

            /// The id after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.wrapping_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A picture handed to the encoder: counts from 1 within a track, never reused. 0 means none.
    FrameId
}
number! {
    /// A datagram sent on a path: counts from 1, never reused, also for repeats.
    PacketSeq
}
number! {
    /// A player's input event: counts from 1 within a session. 0 means none.
    InputId
}

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdError {
    /// Empty or too long; carries the length and the most allowed.
    Length(usize, usize),
    /// Holds a character that is not allowed.
    Character(char),
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n, most) => write!(f, "must have 1 to {most} characters, has {n}"),
            Self::Character(c) => write!(f, "must not contain {c:?}"),
        }
    }
}

impl std::error::Error for IdError {}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $most:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                let ok: fn(char) -> bool = $ok;
                if s.is_empty() || s.len() > $most {
                    return Err(IdError::Length(s.len(), $most));
                }
                match s.chars().find(|c| !ok(*c)) {
                    Some(c) => Err(IdError::Character(c)),
                    None => Ok(Self(s.to_owned())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// A title's id: `[a-z0-9-]{1,64}`.
    TitleId, 64, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
text! {
    /// A session's id: `[a-z0-9]{1,32}`, random, no secret.
    SessionId, 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit()
}

text! {
    /// A host's id: `[a-z0-9]{1,32}`. Made from the host's public key, so that nobody else can have it.
    HostId, 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit()
}
text! {
    /// A region's name: `[a-z0-9-]{1,32}`.
    Region, 32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_ids_are_checked() {
        assert!("freedoom-1".parse::<TitleId>().is_ok());
        assert_eq!("Freedoom".parse::<TitleId>(), Err(IdError::Character('F')));
        assert_eq!("".parse::<TitleId>(), Err(IdError::Length(0, 64)));
        assert_eq!("../x".parse::<TitleId>(), Err(IdError::Character('.')));
    }
}
