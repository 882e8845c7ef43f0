//! The name of a workspace on the web: immutable, never given twice.

use std::{fmt, str::FromStr};

use neuralinverse_api::{Workspace, base32};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const LENGTH: usize = 20;

/// First label of the workspace's own host name. It comes from the object's UID: a name can be given again
/// after a deletion, and what browsers keep for an origin (editor state, permissions) must not pass on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkspaceId(String);

impl WorkspaceId {
    /// The first 20 characters (100 bits) of the base32 of SHA-256 over the UID.
    pub fn of_uid(uid: &str) -> Self {
        Self(base32::prefix(&Sha256::digest(uid), LENGTH))
    }

    /// The id of an object that the API server knows.
    pub fn of(workspace: &Workspace) -> Option<Self> {
        workspace.metadata.uid.as_deref().map(Self::of_uid)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text cannot be an id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a workspace")]
pub struct NotAnId;

impl FromStr for WorkspaceId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
        if text.len() == LENGTH && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnId)
        }
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        let id = WorkspaceId::of_uid("0b0e3d5c-5a4e-4d39-9f4e-0d8a1c6b7e21");
        assert_eq!(id.as_str(), "osbv4bwzot5cusmgmopd");
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "portal",
            "OSBV4BWZOT5CUSMGMOPD",
            "../../etc/passwd....",
            "abcdefghijklmnopqrs1",
            "abcdefghijklmnopqrstu",
        ] {
            assert_eq!(text.parse::<WorkspaceId>(), Err(NotAnId), "{text}");
        }
    }
}
