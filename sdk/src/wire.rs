//! What goes over the connection: protocol messages, and values in MessagePack.

mod convert;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod messages;

pub(crate) use convert::{decode_state, decode_value, encode_value, state_json};
