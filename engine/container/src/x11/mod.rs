//! A display that is an X server of its own (Xvfb), and what any X server is reached by.

pub(crate) mod address;
pub(crate) mod capture;
pub(crate) mod clipboard;
pub(crate) mod cursor;
mod extent;
mod framebuffer;
pub(crate) mod input;
mod labour;
pub(crate) mod resize;
pub(crate) mod server;
pub(crate) mod typing;
mod warps;

pub(crate) use address::Address;
pub(crate) use server::Server;
