//! The sandbox: app process, display, capture, audio, input.
