//! The types that users declare, and what is derived from them.
