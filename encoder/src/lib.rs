//! Frame in, access unit out: rate policy, Backend trait, software backend.
