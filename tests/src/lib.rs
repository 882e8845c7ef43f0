//! What the end-to-end tests and benches stand on: the demo, and somebody who uses it in a browser.

mod demo;
mod editor;
mod person;
mod writes;

pub use demo::{DEADLINE, Demo, USER};
pub use editor::Editor;
pub use person::Person;
pub use writes::{Writes, writes};
