//! The worker: joins container, encoder and transport into one live stream.
