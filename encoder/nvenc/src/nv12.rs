//! NV12: luma, and below it the two chroma planes pixel by pixel.

use firstlight_encoder::Surface;

/// Rows of a picture of this height: luma, and half as many of chroma.
pub(crate) const fn rows(height: usize) -> usize {
    height + height / 2
}

/// Writes the surface to `out` as NV12 with rows `pitch` apart. False: `out` is too small for it.
pub(crate) fn write(surface: &Surface, out: &mut [u8], pitch: usize) -> bool {
    let (width, height) = (usize::from(surface.width()), usize::from(surface.height()));
    let [y, u, v] = surface.planes();
    let (luma_stride, chroma_stride) = surface.strides();
    if pitch < width || out.len() < pitch * rows(height) {
        return false;
    }
    let (luma, chroma) = out.split_at_mut(pitch * height);
    for (to, from) in luma.chunks_exact_mut(pitch).zip(y.chunks_exact(luma_stride)) {
        if let (Some(to), Some(from)) = (to.get_mut(..width), from.get(..width)) {
            to.copy_from_slice(from);
        }
    }
    let planes = u.chunks_exact(chroma_stride).zip(v.chunks_exact(chroma_stride));
    for (to, (u, v)) in chroma.chunks_exact_mut(pitch).zip(planes) {
        let pairs = to.get_mut(..width).unwrap_or_default().chunks_exact_mut(2);
        for (to, (u, v)) in pairs.zip(u.iter().zip(v)) {
            to.copy_from_slice(&[*u, *v]);
        }
    }
    true
}
