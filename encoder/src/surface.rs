//! Where the pixels live: a planar picture in 4:2:0, in memory that is allocated once.

use crate::scale::{Plane, Scaler};
use crate::{Error, Picture, Scale};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

/// The picture to encode, in memory of the CPU: I420, BT.709, limited range.
///
/// Sides are even: a picture with an odd side gets its last column or row twice, since 4:2:0 can neither hold nor crop
/// half a block. It may be smaller than the pictures that are loaded ([`Scale`]); what is kept is as large as they are, so that
/// another size is to be had at any time.
#[derive(Debug)]
pub struct Surface {
    /// Of the pictures loaded.
    width: u16,
    /// Of the pictures loaded.
    height: u16,
    kept: Planes,
    /// Where the next picture is converted to, to be compared with `kept`.
    ///
    /// Comparing after the conversion costs a still picture 0.25 ms; comparing the raw pictures before would cost each
    /// changed one a copy of 0.1 ms, on the way to the player.
    next: Planes,
    empty: bool,
    scaled: Option<Scaled>,
}

/// The kept picture in another size.
#[derive(Debug)]
struct Scaled {
    width: u16,
    height: u16,
    planes: Planes,
    luma: Scaler,
    chroma: Scaler,
}

impl Surface {
    /// An empty one for pictures of this size.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Self {
        let planes = || Planes::new(width, height);
        Self {
            width,
            height,
            kept: planes(),
            next: planes(),
            empty: true,
            scaled: None,
        }
    }

    /// Codes smaller than loaded from here on. Allocates.
    pub(crate) fn set_scale(&mut self, scale: Scale) {
        let even = |side: u16| side.next_multiple_of(2);
        let from = (even(self.width), even(self.height));
        let to = (even(scale.side(self.width)), even(scale.side(self.height)));
        self.scaled = (from != to).then(|| {
            let halves = |(w, h): (u16, u16)| (usize::from(w / 2), usize::from(h / 2));
            let wholes = |(w, h): (u16, u16)| (usize::from(w), usize::from(h));
            Scaled {
                width: to.0,
                height: to.1,
                planes: Planes::new(to.0, to.1),
                luma: Scaler::new(wholes(from), wholes(to)),
                chroma: Scaler::new(halves(from), halves(to)),
            }
        });
        self.scale_kept();
    }

    fn scale_kept(&mut self) {
        let Some(scaled) = &mut self.scaled else { return };
        let Planes { y, u, v, stride } = &self.kept;
        let to = &mut scaled.planes;
        let plane = |samples, stride| Plane { samples, stride };
        scaled.luma.scale(plane(y, *stride), &mut to.y, to.stride);
        scaled
            .chroma
            .scale(plane(u, stride / 2), &mut to.u, to.stride / 2);
        scaled
            .chroma
            .scale(plane(v, stride / 2), &mut to.v, to.stride / 2);
    }

    /// Holds no picture so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.empty
    }

    /// Pixels across of what is coded, rounded up to even.
    #[must_use]
    pub fn width(&self) -> u16 {
        let loaded = self.width.next_multiple_of(2);
        self.scaled.as_ref().map_or(loaded, |s| s.width)
    }

    /// Pixels down of what is coded, rounded up to even.
    #[must_use]
    pub fn height(&self) -> u16 {
        let loaded = self.height.next_multiple_of(2);
        self.scaled.as_ref().map_or(loaded, |s| s.height)
    }

    /// Luma and the two chroma planes.
    #[must_use]
    pub fn planes(&self) -> [&[u8]; 3] {
        let planes = self.coded();
        [&planes.y, &planes.u, &planes.v]
    }

    /// Bytes from one row to the next, of luma and of chroma.
    #[must_use]
    pub fn strides(&self) -> (usize, usize) {
        let stride = self.coded().stride;
        (stride, stride / 2)
    }

    fn coded(&self) -> &Planes {
        self.scaled.as_ref().map_or(&self.kept, |s| &s.planes)
    }

    /// Takes a picture. False: it is the one that is kept already.
    ///
    /// # Errors
    /// When the picture does not cover the size.
    pub fn load(&mut self, picture: Picture<'_>) -> Result<bool, Error> {
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        if picture.stride < width * 4 || picture.bgrx.len() / picture.stride < height {
            return Err(self.refuse(picture));
        }
        self.convert(picture)?;
        self.next.pad(width, height);
        if !self.empty && self.next.same(&self.kept) {
            return Ok(false);
        }
        std::mem::swap(&mut self.kept, &mut self.next);
        self.empty = false;
        self.scale_kept();
        Ok(true)
    }

    fn convert(&mut self, picture: Picture<'_>) -> Result<(), Error> {
        let stride = u32::try_from(picture.stride).map_err(|_| self.refuse(picture))?;
        let chroma = u32::try_from(self.next.stride / 2).unwrap_or(u32::MAX);
        let luma = self.next.stride * usize::from(self.height);
        let Planes { y, u, v, .. } = &mut self.next;
        // The crate takes the last row of an odd height from what its pairs of rows leave over.
        let y = y.get_mut(..luma).unwrap_or_default();
        let mut image = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(y),
            y_stride: chroma * 2,
            u_plane: BufferStoreMut::Borrowed(u),
            u_stride: chroma,
            v_plane: BufferStoreMut::Borrowed(v),
            v_stride: chroma,
            width: self.width.into(),
            height: self.height.into(),
        };
        let bgra = picture
            .bgrx
            .get(..usize::from(self.height) * picture.stride)
            .unwrap_or_default();
        yuv::bgra_to_yuv420(
            &mut image,
            bgra,
            stride,
            YuvRange::Limited,
            YuvStandardMatrix::Bt709,
            YuvConversionMode::Balanced,
        )
        .map_err(|_| self.refuse(picture))
    }

    const fn refuse(&self, picture: Picture<'_>) -> Error {
        Error::Picture {
            bytes: picture.bgrx.len(),
            stride: picture.stride,
            width: self.width,
            height: self.height,
        }
    }
}

/// Three planes with rows padded to whole cache lines.
#[derive(Debug)]
struct Planes {
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    stride: usize,
}

impl Planes {
    fn new(width: u16, height: u16) -> Self {
        let stride = usize::from(width).next_multiple_of(128);
        let rows = usize::from(height).next_multiple_of(2);
        let chroma = || vec![128; stride / 2 * rows / 2];
        Self {
            y: vec![16; stride * rows],
            u: chroma(),
            v: chroma(),
            stride,
        }
    }

    /// Doubles the last column and row of luma where a side is odd; chroma is whole as the conversion writes it.
    fn pad(&mut self, width: usize, height: usize) {
        if width % 2 == 1 {
            for row in self.y.chunks_exact_mut(self.stride) {
                row.copy_within(width - 1..width, width);
            }
        }
        if height % 2 == 1 {
            let last = (height - 1) * self.stride;
            self.y.copy_within(last..last + self.stride, height * self.stride);
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.y == other.y && self.u == other.u && self.v == other.v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, level: u8) -> Vec<u8> {
        vec![level; width * height * 4]
    }

    fn picture(bgrx: &[u8], stride: usize) -> Picture<'_> {
        Picture { bgrx, stride }
    }

    #[test]
    fn the_same_picture_again_is_told() {
        let mut s = Surface::new(64, 48);
        let mut pixels = grey(64, 48, 90);
        assert_eq!(s.load(picture(&pixels, 256)), Ok(true));
        assert_eq!(s.load(picture(&pixels, 256)), Ok(false));
        pixels[64 * 47 * 4 + 4 * 63] = 0;
        pixels[64 * 47 * 4 + 4 * 63 + 1] = 0;
        assert_eq!(s.load(picture(&pixels, 256)), Ok(true));
    }

    #[test]
    fn black_and_white_are_of_limited_range() {
        let mut s = Surface::new(16, 16);
        s.load(picture(&grey(16, 16, 255), 64)).unwrap();
        assert_eq!(
            (s.planes()[0][0], s.planes()[1][0], s.planes()[2][0]),
            (235, 128, 128)
        );
        s.load(picture(&grey(16, 16, 0), 64)).unwrap();
        assert_eq!(
            (s.planes()[0][0], s.planes()[1][0], s.planes()[2][0]),
            (16, 128, 128)
        );
    }

    #[test]
    fn odd_sides_repeat_their_last_pixels() {
        let mut s = Surface::new(17, 19);
        s.load(picture(&grey(17, 19, 255), 68)).unwrap();
        assert_eq!((s.width(), s.height()), (18, 20));
        let (luma, chroma) = s.strides();
        assert_eq!(s.planes()[0][19 * luma + 17], 235);
        assert_eq!(s.planes()[1][9 * chroma + 8], 128);
    }

    #[test]
    fn rows_may_be_longer_than_the_picture() {
        let mut s = Surface::new(16, 16);
        let mut pixels = vec![7; 80 * 16];
        for row in pixels.chunks_exact_mut(80) {
            row[..64].fill(255);
        }
        s.load(picture(&pixels, 80)).unwrap();
        let (luma, _) = s.strides();
        assert_eq!(s.planes()[0][15 * luma + 15], 235);
    }

    #[test]
    fn a_smaller_one_follows_what_is_loaded_and_back() {
        let mut s = Surface::new(64, 48);
        let mut pixels = grey(64, 48, 255);
        s.load(picture(&pixels, 256)).unwrap();
        s.set_scale(Scale::Half);
        assert_eq!((s.width(), s.height()), (32, 24));
        let (luma, chroma) = s.strides();
        assert_eq!(
            (s.planes()[0][23 * luma + 31], s.planes()[1][11 * chroma + 15]),
            (235, 128)
        );
        assert_eq!(s.load(picture(&pixels, 256)), Ok(false), "compared as drawn");
        pixels.fill(0);
        s.load(picture(&pixels, 256)).unwrap();
        assert_eq!(s.planes()[0][23 * luma + 31], 16);
        s.set_scale(Scale::Whole);
        assert_eq!(
            (s.width(), s.height(), s.planes()[0][47 * s.strides().0 + 63]),
            (64, 48, 16)
        );
    }

    #[test]
    fn a_picture_that_is_too_small_is_refused() {
        let mut s = Surface::new(64, 48);
        let pixels = grey(64, 47, 0);
        assert_eq!(
            s.load(picture(&pixels, 256)),
            Err(Error::Picture {
                bytes: 64 * 47 * 4,
                stride: 256,
                width: 64,
                height: 48
            })
        );
        assert!(s.load(picture(&pixels, 255)).is_err());
        assert!(s.is_empty());
    }
}
