//! Tests across the crates and end to end.
