//! Sans-IO link emulator: rate, delay, jitter, bursty loss, queue.
