//! Where a stream stands whose encoder predicts each picture from the one before, or will not say from which: what is lost costs an IDR.

use crate::{Error, How, Sink, Unit};
use firstlight_units::{ByteCount, FrameId};

/// See the module. The first access unit, and the first after [`Self::opened_anew`], is to be an IDR.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latest {
    newest: FrameId,
    before: FrameId,
    /// The newest IDR, where none is due.
    idr: Option<FrameId>,
}

impl Latest {
    /// A picture is to be encoded as access unit `frame`; whether as an IDR.
    ///
    /// # Errors
    /// [`Error::Order`] when `frame` does not rise.
    pub fn begin(&mut self, frame: FrameId, how: How) -> Result<bool, Error> {
        let newest = self.newest;
        if frame <= newest {
            return Err(Error::Order { frame, newest });
        }
        (self.before, self.newest) = (newest, frame);
        Ok(how.idr || self.idr.is_none())
    }

    /// The picture has become `nals`, handed on as one unit. Its size, and the access unit it needs.
    pub fn finish(&mut self, nals: &[u8], idr: bool, sink: &mut Sink<'_>) -> (ByteCount, FrameId) {
        sink(Unit {
            nals,
            index: 0,
            last: true,
        });
        let reference = if idr { self.newest } else { self.before };
        if idr {
            self.idr = Some(self.newest);
        }
        (nals.len().into(), reference)
    }

    /// As [`Backend::invalidate`](crate::Backend::invalidate).
    pub fn invalidate(&mut self, first_lost: FrameId) -> bool {
        let untouched = self
            .idr
            .is_some_and(|idr| first_lost < idr || first_lost > self.newest);
        if !untouched {
            self.idr = None;
        }
        untouched
    }

    /// The same numbers go on in another encoder.
    #[must_use]
    pub fn opened_anew(self) -> Self {
        Self { idr: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(latest: &mut Latest, frame: u64, how: How) -> (bool, FrameId) {
        let idr = latest.begin(FrameId::new(frame), how).unwrap();
        let (bytes, reference) = latest.finish(&[0; 7], idr, &mut |unit| assert!(unit.last));
        assert_eq!(bytes, ByteCount::new(7));
        (idr, reference)
    }

    #[test]
    fn what_is_lost_since_the_idr_costs_another() {
        let mut latest = Latest::default();
        let plain = How::default();
        assert_eq!(encode(&mut latest, 3, plain), (true, FrameId::new(3)));
        assert_eq!(encode(&mut latest, 5, plain), (false, FrameId::new(3)));
        assert!(latest.invalidate(FrameId::new(2)), "before the IDR");
        assert!(latest.invalidate(FrameId::new(6)), "not made yet");
        assert!(!latest.invalidate(FrameId::new(5)));
        assert_eq!(encode(&mut latest, 6, plain), (true, FrameId::new(6)));
        assert_eq!(
            encode(&mut latest.opened_anew(), 7, plain),
            (true, FrameId::new(7))
        );
    }

    #[test]
    fn a_number_that_does_not_rise_is_refused() {
        let mut latest = Latest::default();
        encode(&mut latest, 3, How::default());
        for frame in [2, 3] {
            let refused = latest.begin(FrameId::new(frame), How::default());
            assert!(matches!(refused, Err(Error::Order { .. })));
        }
    }
}
