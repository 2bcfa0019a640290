//! The only place that names metrics and spans.
