//! A library to preload into an app: holds it to a frame rate, and hides from it that it was frozen.
//!
//! ```text
//! app -> SDL_RenderPresent | SDL_GL_SwapWindow | SDL_UpdateWindowSurface | glXSwapBuffers
//!            | here: the real one first, then sleep until the next tick
//! ```
//!
//! Xvfb has no vertical blank, so an app that relies on it draws as fast as the machine can and leaves no room for the
//! encoder. With `LD_PRELOAD=/title/bin/libpace.so` and `PACE_FPS=60` it waits for ticks of `CLOCK_MONOTONIC` instead. It
//! waits after the picture was shown, not before: what the app reads next is the newest input. Where the engine knows when the player's
//! screen takes pictures, it keeps the ticks for that in another file of the sandbox, and the app is held to those.
//!
//! A parked or waiting app is frozen, and its clocks go on. A game that goes by SDL's clock would make up for the time: Doom runs up to two
//! seconds of its game at once. So SDL's clock, as the app reads it, leaves out the pauses, whose sum the engine keeps in a file of the
//! sandbox (`pauses`). Nothing else is changed: deadlines that the kernel or SDL itself keeps are relative, or not the app's.
//!
//! Nothing here changes what an app draws. Without `PACE_FPS` it is as if the library were not there.

mod ffi;
mod pauses;
mod tick;
