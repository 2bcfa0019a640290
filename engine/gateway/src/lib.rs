//! The HTTP API, tickets and the embedded client.
