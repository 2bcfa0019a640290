//! A recorded clip, whole in memory: reading takes no part of what is measured.

use anyhow::{Result, ensure};
use firstlight_encoder::Picture;
use std::path::Path;

/// Pictures of one size.
pub(crate) struct Clip {
    bgrx: Vec<u8>,
    stride: usize,
    picture: usize,
}

impl Clip {
    pub(crate) fn read(path: &Path, width: u16, height: u16) -> Result<Self> {
        let bgrx = std::fs::read(path)?;
        let stride = usize::from(width) * 4;
        let picture = stride * usize::from(height);
        ensure!(
            !bgrx.is_empty() && bgrx.len().is_multiple_of(picture),
            "{} holds no whole pictures of {width}x{height}",
            path.display()
        );
        Ok(Self {
            bgrx,
            stride,
            picture,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.bgrx.len() / self.picture
    }

    pub(crate) fn pictures(&self) -> impl Iterator<Item = Picture<'_>> {
        let stride = self.stride;
        self.bgrx
            .chunks_exact(self.picture)
            .map(move |bgrx| Picture { bgrx, stride })
    }
}
