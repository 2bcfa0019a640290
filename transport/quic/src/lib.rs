//! Thin tokio driver: WebTransport on quinn.
