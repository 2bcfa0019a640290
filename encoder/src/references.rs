//! What the reference frames are.
