//! Datagrams in, whole access units and audio out in order, and feedback.
