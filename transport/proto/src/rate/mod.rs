//! How fast a path may be used.
