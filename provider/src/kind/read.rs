//! Read: what of our fields is there now.

use tf_provider_sdk::{Diagnostics, Value};

use super::{KindResource, managed_fields, object::with};
use crate::{error::Problem, region::install::Installation};

impl KindResource {
    pub(super) async fn read_object(&self, state: Value) -> Result<Option<Value>, Diagnostics> {
        let cluster = self.cluster(&state)?;
        let address = self.address(&state)?;
        // Asked once for all objects, so that a refresh without a cluster fails at once.
        let answers = cluster.serves_us().await;
        if let Err(
            problem
            @ (Problem::Unreachable { .. } | Problem::NoCluster { .. } | Problem::Unauthorized { .. }),
        ) = answers
        {
            return Err(self.explain(&address, &problem));
        }
        let live = cluster.get(&address).await.map_err(|problem| self.explain(&address, &problem))?;
        let Some(live) = live else { return Ok(None) };

        // Right after an import the state holds a name and nothing else.
        let imported = state.attr("wait").is_null();
        let fields = match imported && managed_fields::owned(&live).is_none() {
            true => self.model.all(&live),
            false => self.model.ours(&live, &state),
        };
        let mut read = with(&state, fields);
        let mut set = |name: &str, value: Value| {
            read = with(&read, [(name.to_owned(), value)]);
        };
        set("region", cluster.region.as_str().into());
        set("name", address.name.as_str().into());
        set("status", self.model.status(&live));
        if let Some(namespace) = &address.namespace {
            set("namespace", namespace.as_str().into());
        }
        if imported {
            set("wait", true.into());
            set("force_conflicts", false.into());
        }
        if let Some(installation) = Installation::of(&state).filter(|_| self.model.installs()) {
            let install = installation.read(&cluster, state.attr("install")).await;
            set("install", install.map_err(|problem| self.explain(&address, &problem))?);
        }
        Ok(Some(read))
    }
}
