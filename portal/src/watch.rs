//! Following objects in Kubernetes for as long as the portal runs.

use std::{fmt::Debug, pin::pin};

use futures::StreamExt;
use kube::{
    Api,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tracing::warn;

/// Hands every event to `seen`. Failures heal by themselves: the watch starts anew, a little later each time.
pub(crate) async fn follow<K>(api: Api<K>, config: watcher::Config, mut seen: impl FnMut(Event<K>))
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut events = pin!(watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => seen(event),
            Err(error) => warn!(kind = short_name::<K>(), %error, "watch"),
        }
    }
}

fn short_name<K>() -> &'static str {
    let name = std::any::type_name::<K>();
    name.rsplit("::").next().unwrap_or(name)
}
