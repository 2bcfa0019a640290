//! Text that a player typed, where it is no key's (docs/PROTOCOL.md, section 3.4).

use std::fmt;

/// Most bytes of UTF-8 in one event: ten signs of Chinese. Longer texts are several events.
pub const TEXT_BYTES_MAX: usize = 32;

/// A piece of text: 1 to [`TEXT_BYTES_MAX`] bytes of UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text {
    bytes: [u8; TEXT_BYTES_MAX],
    length: u8,
}

impl Text {
    /// `None` when it is empty or too long.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; TEXT_BYTES_MAX];
        let length = u8::try_from(text.len()).ok().filter(|length| *length > 0)?;
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Bytes of it.
    pub(crate) const fn length(&self) -> usize {
        self.length as usize
    }

    /// `None` when it is no text.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().and_then(Self::new)
    }

    pub(crate) const fn bytes(&self) -> &[u8; TEXT_BYTES_MAX] {
        &self.bytes
    }
}

impl fmt::Debug for Text {
    /// Without what was typed, which is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.length)
    }
}
