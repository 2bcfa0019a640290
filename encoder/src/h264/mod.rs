//! Just enough of H.264 to mend an SPS and to check what a slice says.
