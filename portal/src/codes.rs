//! The way from the portal's origin to a workspace's: a code that works once, for seconds.
//!
//! It travels in the body of a form, never in a URL. What was used is remembered in memory: a replica
//! that was started in between could take a code twice within its thirty seconds.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use neuralinverse_api::Workspace;
use serde::{Deserialize, Serialize};

use crate::{
    grant::Grant,
    random,
    seal::{Purpose, Seal, SealError},
};

const LIFE: SignedDuration = SignedDuration::from_secs(30);

/// What lets somebody into one workspace; the cookie on the workspace's origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// UID of the workspace.
    pub workspace: String,
    /// Whom it lets in, and for how long.
    pub grant: Grant,
    /// Whether the editor is wanted before the repository is there.
    #[serde(default)]
    pub at_once: bool,
}

#[derive(Serialize, Deserialize)]
struct Code {
    id: String,
    until: Timestamp,
    pass: Pass,
}

/// Codes that were used and have not expired.
#[derive(Default)]
pub struct Codes {
    used: Mutex<HashMap<String, Timestamp>>,
}

impl Codes {
    /// A code that lets this session into this workspace.
    pub fn make(
        &self,
        seal: &Seal,
        grant: &Grant,
        workspace: &Workspace,
        now: Timestamp,
    ) -> Result<String, SealError> {
        let uid = workspace.metadata.uid.clone().ok_or(SealError)?;
        let pass = Pass { workspace: uid, grant: grant.clone(), at_once: false };
        seal.seal(Purpose::Code, &Code { id: random::id()?, until: now + LIFE, pass })
    }

    /// The pass, if this is such a code and the first use of it.
    pub fn redeem(&self, seal: &Seal, sealed: &str, now: Timestamp) -> Option<Pass> {
        let code: Code = seal.open(Purpose::Code, sealed)?;
        if now >= code.until {
            return None;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until > now);
        used.insert(code.id, code.until).is_none().then_some(code.pass)
    }
}

#[cfg(test)]
mod tests {
    use neuralinverse_api::Owner;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_code_works_once_and_not_for_long() {
        let seal = Seal::from_lines("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let workspace: Workspace = serde_json::from_value(json!({
            "apiVersion": "cloud.neuralinverse.com/v1alpha1", "kind": "Workspace",
            "metadata": { "name": "w", "uid": "uid" }, "spec": { "owner": "u-a", "tier": "t", "template": "t" },
        }))
        .unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let grant = Grant::new(Owner::of("i", "s"), "session".to_owned(), now);
        let codes = Codes::default();
        let make = || codes.make(&seal, &grant, &workspace, now).unwrap();

        let code = make();
        assert_eq!(codes.redeem(&seal, &code, now).map(|pass| pass.workspace), Some("uid".to_owned()));
        assert_eq!(codes.redeem(&seal, &code, now), None);
        assert_eq!(codes.redeem(&seal, &make(), now + LIFE), None);
        assert_eq!(codes.redeem(&seal, "anything", now), None);
        assert!(codes.redeem(&seal, &make(), now).is_some());
    }
}
