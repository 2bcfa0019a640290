//! The path from a picture to its access unit allocates nothing once an encoder is open.
#![cfg(feature = "x264")]
#![expect(unsafe_code, reason = "counting allocations takes an allocator")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{Config, Encoder, How, Picture, Refine, Scale};
use firstlight_units::{Bitrate, ByteCount, FrameId};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system allocator's doing; counting changes nothing about it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn encoding_allocates_nothing() {
    for threads in [1, 2] {
        let config = Config::builder().size(640, 368).threads(threads).build().unwrap();
        let mut encoder = Encoder::open(config).unwrap();
        let mut pixels = vec![0u8; 640 * 368 * 4];
        let mut bytes = 0;
        encoder.set_scale(Scale::ThreeQuarters).unwrap();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for n in 1..=60u8 {
            for (i, p) in pixels.iter_mut().enumerate() {
                *p = p
                    .wrapping_mul(31)
                    .wrapping_add(n)
                    .wrapping_add(u8::try_from(i % 251).unwrap_or(0));
            }
            encoder
                .load(Picture {
                    bgrx: &pixels,
                    stride: 640 * 4,
                })
                .unwrap();
            let how = How {
                idr: n == 20,
                refine: (n > 50).then_some(Refine { qp: 12, room: n % 4 }),
                bytes_max: (n > 40).then_some(ByteCount::new(3_000)),
            };
            if n == 30 {
                encoder.set_bitrate(Bitrate::mbps(2)).unwrap();
                encoder.invalidate(FrameId::new(28)).unwrap();
            }
            encoder
                .encode(FrameId::new(n.into()), how, &mut |u| bytes += u.nals.len())
                .unwrap();
        }
        assert!(bytes > 0);
        // What the first use of a lock or of a CPU feature check sets up once.
        let allowed = 2;
        let made = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert!(
            made <= allowed,
            "{made} allocations for 60 pictures on {threads} threads"
        );
    }
}
