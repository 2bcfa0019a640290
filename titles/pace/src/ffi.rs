//! The functions that stand in for those that show a picture or tell the time.
#![expect(unsafe_code, reason = "a library that stands between two C programs")]

use crate::{pauses, tick};
use firstlight_units::Ticks;
use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::os::fd::AsRawFd;
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

static GET_TICKS: Real = Real::new(c"SDL_GetTicks");
static GET_TICKS_64: Real = Real::new(c"SDL_GetTicks64");
static PERFORMANCE_COUNTER: Real = Real::new(c"SDL_GetPerformanceCounter");
static PERFORMANCE_FREQUENCY: Real = Real::new(c"SDL_GetPerformanceFrequency");

/// `Uint32 SDL_GetTicks(void)`: milliseconds.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SDL_GetTicks() -> u32 {
    let real = GET_TICKS.find();
    if real.is_null() {
        return 0;
    }
    // SAFETY: a function of this name has SDL's signature, and takes nothing.
    let ticks = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> u32>(real)() };
    // It wraps after 49 days, as SDL's does.
    let pause = u32::try_from(paused() / 1_000_000 % (1 << 32)).unwrap_or(0);
    ticks.wrapping_sub(pause)
}

/// `Uint64 SDL_GetTicks64(void)`: milliseconds.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SDL_GetTicks64() -> u64 {
    pauses::less(read(&GET_TICKS_64), 1_000, paused())
}

/// `Uint64 SDL_GetPerformanceCounter(void)`: ticks of `SDL_GetPerformanceFrequency` a second.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn SDL_GetPerformanceCounter() -> u64 {
    pauses::less(read(&PERFORMANCE_COUNTER), read(&PERFORMANCE_FREQUENCY), paused())
}

fn read(clock: &Real) -> u64 {
    let real = clock.find();
    if real.is_null() {
        return 0;
    }
    // SAFETY: the functions that this is called with take nothing and return 64 bits.
    unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> u64>(real)() }
}

/// How long this process was frozen so far, nanoseconds: the engine writes it before the process goes on. 0 outside a sandbox.
fn paused() -> u64 {
    static SUM: OnceLock<Option<&'static [AtomicU64; 1]>> = OnceLock::new();
    let sum = SUM.get_or_init(|| shared(PAUSES));
    sum.map_or(0, |[sum]| u64::from_le(sum.load(Ordering::Relaxed)))
}

/// The ticks that the engine wants the app to keep to; `None` where it does not, and outside a sandbox.
fn ticks() -> Option<Ticks> {
    static TICKS: OnceLock<Option<&'static [AtomicU64; 2]>> = OnceLock::new();
    let [period, tick] = (*TICKS.get_or_init(|| shared(TIMETABLE)))?;
    let read = |number: &AtomicU64| u64::from_le(number.load(Ordering::Relaxed));
    tick::ticks(read(period), read(tick))
}

/// Numbers that the engine keeps in a file.
fn shared<const N: usize>(path: &str) -> Option<&'static [AtomicU64; N]> {
    let file = std::fs::File::open(path).ok()?;
    let bytes = N * size_of::<AtomicU64>();
    if usize::try_from(file.metadata().ok()?.len()).ok()? < bytes {
        return None;
    }
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing; the file is open.
    let at = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if at == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the mapping is as many readable bytes, aligned to a page, and is never unmapped; the file keeps its length. It is only
    // loaded from.
    Some(unsafe { &*at.cast::<[AtomicU64; N]>() })
}

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
    let (last, now) = (LAST.load(Ordering::Relaxed), monotonic_ns());
    let until = match ticks() {
        Some(ticks) => tick::keep(ticks, last, now),
        None => tick::next(last, now, period),
    };
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

/// See `engine/container`.
const PAUSES: &str = "/run/firstlight/pauses";
const TIMETABLE: &str = "/run/firstlight/ticks";
const NANOS: u64 = 1_000_000_000;
