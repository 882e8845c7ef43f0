//! The keyboard: keys go to whatever has the focus, as a person's do.

use anyhow::Result;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};

use crate::Chromium;

/// Control, for [`Chromium::chord`].
pub const CONTROL: char = '\u{e009}';

/// Shift, for [`Chromium::chord`].
pub const SHIFT: char = '\u{e008}';

/// Enter, as a character of a text.
pub const ENTER: char = '\u{e007}';

/// The key to the beginning.
pub const HOME: char = '\u{e011}';

impl Chromium {
    /// Types a text, sign by sign.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        let keys = text.chars().fold(KeyActions::new("keyboard".to_owned()), |keys, value| {
            keys.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        Ok(self.window.perform_actions(keys).await?)
    }

    /// Presses keys one after the other and lets them go together.
    pub async fn chord(&self, values: &[char]) -> Result<()> {
        let mut keys = KeyActions::new("keyboard".to_owned());
        for value in values.iter().copied() {
            keys = keys.then(KeyAction::Down { value });
        }
        for value in values.iter().rev().copied() {
            keys = keys.then(KeyAction::Up { value });
        }
        Ok(self.window.perform_actions(keys).await?)
    }
}
