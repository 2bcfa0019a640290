//! Reads and checks title manifests.
