//! The functions that stand in for those that show a picture.
#![expect(unsafe_code, reason = "a library that stands between two C programs")]

use crate::tick;
use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The real function behind one of ours.
struct Real {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Real {
    const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            found: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// The next function of this name after ours, or null.
    fn find(&self) -> *mut c_void {
        let known = self.found.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: the name is a C string, and RTLD_NEXT asks for the library after this one.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

static RENDER_PRESENT: Real = Real::new(c"SDL_RenderPresent");
static GL_SWAP_WINDOW: Real = Real::new(c"SDL_GL_SwapWindow");
static UPDATE_SURFACE: Real = Real::new(c"SDL_UpdateWindowSurface");
static GLX_SWAP_BUFFERS: Real = Real::new(c"glXSwapBuffers");

/// `void SDL_RenderPresent(SDL_Renderer *)`
///
/// # Safety
/// As for SDL's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn SDL_RenderPresent(renderer: *mut c_void) {
    let real = RENDER_PRESENT.find();
    if !real.is_null() {
        // SAFETY: a function of this name has SDL's signature; the argument is the caller's.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(real)(renderer) };
    }
    hold();
}

/// `void SDL_GL_SwapWindow(SDL_Window *)`
///
/// # Safety
/// As for SDL's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn SDL_GL_SwapWindow(window: *mut c_void) {
    let real = GL_SWAP_WINDOW.find();
    if !real.is_null() {
        // SAFETY: a function of this name has SDL's signature; the argument is the caller's.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(real)(window) };
    }
    hold();
}

/// `int SDL_UpdateWindowSurface(SDL_Window *)`
///
/// # Safety
/// As for SDL's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn SDL_UpdateWindowSurface(window: *mut c_void) -> c_int {
    let real = UPDATE_SURFACE.find();
    let mut result = -1;
    if !real.is_null() {
        // SAFETY: a function of this name has SDL's signature; the argument is the caller's.
        result = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> c_int>(real)(window)
        };
    }
    hold();
    result
}

/// `void glXSwapBuffers(Display *, GLXDrawable)`
///
/// # Safety
/// As for GLX's own.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn glXSwapBuffers(display: *mut c_void, drawable: c_ulong) {
    let real = GLX_SWAP_BUFFERS.find();
    if !real.is_null() {
        // SAFETY: a function of this name has GLX's signature; the arguments are the caller's.
        unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, c_ulong)>(real)(
                display, drawable,
            )
        };
    }
    hold();
}

/// Sleeps until the next tick.
fn hold() {
    static PERIOD: OnceLock<Option<u64>> = OnceLock::new();
    static LAST: AtomicU64 = AtomicU64::new(0);
    let Some(period) = *PERIOD.get_or_init(|| tick::period(&std::env::var("PACE_FPS").ok()?)) else {
        return;
    };
    // An app that shows pictures from several threads at once is held loosely; nothing worse follows.
    let until = tick::next(LAST.load(Ordering::Relaxed), monotonic_ns(), period);
    LAST.store(until, Ordering::Relaxed);
    sleep_until(until);
}

fn monotonic_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists on every Linux, and `now` is ours to be written to.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    part(now.tv_sec) * NANOS + part(now.tv_nsec)
}

fn sleep_until(at: u64) {
    let part = |n: u64| i64::try_from(n).unwrap_or(0);
    let until = libc::timespec {
        tv_sec: part(at / NANOS),
        tv_nsec: part(at % NANOS),
    };
    loop {
        // SAFETY: `until` is a valid time; the remaining time of an absolute sleep is never written.
        let result = unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &raw const until,
                std::ptr::null_mut(),
            )
        };
        if result != libc::EINTR {
            return;
        }
    }
}

const NANOS: u64 = 1_000_000_000;
