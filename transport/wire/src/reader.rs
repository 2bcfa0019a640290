//! A cursor over borrowed bytes whose every step may fail.

use crate::Error;

pub(crate) struct Reader<'a> {
    what: &'static str,
    all: &'a [u8],
    at: usize,
}

macro_rules! number {
    ($name:ident, $type:ty, $size:literal) => {
        pub(crate) fn $name(&mut self) -> Result<$type, Error> {
            let mut bytes = [0; $size];
            bytes.copy_from_slice(self.take($size)?);
            Ok(<$type>::from_be_bytes(bytes))
        }
    };
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(what: &'static str, all: &'a [u8]) -> Self {
        Self { what, all, at: 0 }
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let end = self.at.saturating_add(n);
        let bytes = self.all.get(self.at..end).ok_or(Error::Truncated {
            what: self.what,
            have: self.all.len(),
            need: end,
        })?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn skip(&mut self, n: usize) -> Result<(), Error> {
        self.take(n).map(|_| ())
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.all.get(self.at..).unwrap_or_default()
    }

    number!(u8, u8, 1);
    number!(u16, u16, 2);
    number!(i16, i16, 2);
    number!(u32, u32, 4);
    number!(u64, u64, 8);
}
