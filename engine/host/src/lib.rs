//! Supervises workers and slots.
