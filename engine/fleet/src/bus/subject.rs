//! Where messages go.

use crate::BusError;
use firstlight_units::HostId;
use std::fmt;
use std::str::FromStr;

/// Words of `[a-z0-9_-]` with dots between them. To listen, `*` stands for any word, and `>` at the end for all that follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// Where a host listens for asks.
    #[must_use]
    pub fn ask(host: &HostId) -> Self {
        Self(format!("fl.ask.{host}"))
    }

    /// Where a host's beats go.
    #[must_use]
    pub fn beat(host: &HostId) -> Self {
        Self(format!("fl.beat.{host}"))
    }

    /// Where a host's reports go.
    #[must_use]
    pub fn report(host: &HostId) -> Self {
        Self(format!("fl.report.{host}"))
    }

    /// Every host's beats.
    #[must_use]
    pub fn beats() -> Self {
        Self("fl.beat.*".to_owned())
    }

    /// Every host's reports.
    #[must_use]
    pub fn reports() -> Self {
        Self("fl.report.*".to_owned())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for more than itself.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.0.split('.').any(|word| word == "*" || word == ">")
    }

    /// Whether it stands for `subject`.
    #[must_use]
    pub fn covers(&self, subject: &str) -> bool {
        let mut words = subject.split('.');
        for own in self.0.split('.') {
            match (own, words.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (own, Some(word)) if own == word => {}
                _ => return false,
            }
        }
        words.next().is_none()
    }
}

impl FromStr for Subject {
    type Err = BusError;
    fn from_str(text: &str) -> Result<Self, BusError> {
        let count = text.split('.').count();
        let fine = |(i, word): (usize, &str)| {
            let plain = !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
            plain || word == "*" || (word == ">" && i + 1 == count)
        };
        if text.len() <= SUBJECT_BYTES_MAX && text.split('.').enumerate().all(fine) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BusError::Subject(text.chars().take(SUBJECT_BYTES_MAX).collect()))
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const SUBJECT_BYTES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Subject {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_cover_what_they_say() {
        assert!(subject("fl.beat.*").covers("fl.beat.a"));
        assert!(!subject("fl.beat.*").covers("fl.beat.a.b"));
        assert!(!subject("fl.beat.*").covers("fl.beat"));
        assert!(subject("fl.>").covers("fl.beat.a"));
        assert!(!subject("fl.>").covers("fl"));
        assert!(subject("fl.beat.a").covers("fl.beat.a"));
        assert!(!subject("fl.beat.a").covers("fl.beat.b"));
    }

    #[test]
    fn what_could_be_read_as_more_than_a_word_is_refused() {
        for text in ["", ".", "a.", "a b", "a.>.b", "A", "a\r\nPUB x", "a*"] {
            assert!(text.parse::<Subject>().is_err(), "{text:?}");
        }
        assert!("a".repeat(201).parse::<Subject>().is_err());
    }
}
