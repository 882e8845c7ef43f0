//! A schema as protocol messages.
