//! How large the screen is at this moment, for all who are connected to it.
//!
//! The X server tells its size when somebody connects, and by events afterwards; the engine's connections need it in the middle of other
//! things. Whoever changes it notes it here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Width and height in pixels, one for all clones.
#[derive(Clone, Debug)]
pub(crate) struct Extent(Arc<AtomicU32>);

impl Extent {
    pub(crate) fn new(size: (u16, u16)) -> Self {
        Self(Arc::new(AtomicU32::new(pack(size))))
    }

    pub(crate) fn get(&self) -> (u16, u16) {
        let [w1, w0, h1, h0] = self.0.load(Ordering::Acquire).to_be_bytes();
        (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]))
    }

    pub(super) fn set(&self, size: (u16, u16)) {
        self.0.store(pack(size), Ordering::Release);
    }
}

fn pack((width, height): (u16, u16)) -> u32 {
    u32::from(width) << 16 | u32::from(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_has_both_sides_of_the_newest_size() {
        let (extent, other) = (Extent::new((1, 2)), Extent::new((3, 4)));
        let clone = extent.clone();
        extent.set((0x1234, 0xfedc));
        assert_eq!((clone.get(), other.get()), ((0x1234, 0xfedc), (3, 4)));
    }
}
