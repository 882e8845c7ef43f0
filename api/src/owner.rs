//! Who owns a workspace: a stable id made of issuer and subject.
//!
//! Names and mail addresses change hands, and a subject means something only together with its issuer.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base32;

/// Stable id of a developer, as it stands in `spec.owner` and in labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

impl Owner {
    /// `u-` and the first 26 characters (130 bits) of the base32 of SHA-256 over issuer, line feed, subject.
    /// Never changes, or people would lose their workspaces. A URL holds no line feed, so no two pairs
    /// hash the same text.
    pub fn of(issuer: &str, subject: &str) -> Self {
        let hash = Sha256::digest(format!("{issuer}\n{subject}"));
        Self(format!("u-{}", base32::prefix(&hash, 26)))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        for (issuer, subject, id) in [
            ("https://git.example.com", "1", "u-ycpdwxjqkvwrkzhimlr7fvzocn"),
            ("https://git.example.com", "2", "u-hq62cggbntmqfnw67iuifplgqs"),
            ("https://id.example.com/realms/main", "3f1c9d2e-aaaa-bbbb", "u-bylm6rmde5bgs5mz26wdgbmedx"),
        ] {
            assert_eq!(Owner::of(issuer, subject).as_str(), id);
        }
    }

    #[test]
    fn an_id_is_a_label_value() {
        let id = Owner::of("https://git.example.com", "Ünïcode / subject\n");
        assert_eq!(id.as_str().len(), 28);
        assert!(
            id.as_str()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        );
    }
}
