//! Byte layouts: parse and serialize, nothing else.
