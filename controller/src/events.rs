//! Events: what happened to an object, for people. Only when something changes, never at each look.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use neuralinverse_api::labels;
use tokio::time::sleep;

/// How much later people hear: what a user waits for comes first at the API server.
const AFTER: Duration = Duration::from_secs(1);

/// Tells people what happened.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Speaks as this replica.
    pub fn new(client: Client, replica: &str) -> Self {
        let reporter =
            Reporter { controller: labels::CONTROLLER.to_owned(), instance: Some(replica.to_owned()) };
        Self(Recorder::new(client, reporter))
    }

    /// Something went as it should. Does not wait: an event is worth no delay, and none is worth a failure.
    pub fn normal<K: Resource<DynamicType = ()>>(&self, object: &K, reason: &str, note: String) {
        self.publish(object.object_ref(&()), EventType::Normal, reason, note);
    }

    /// Something needs somebody's attention.
    pub fn warning<K: Resource<DynamicType = ()>>(&self, object: &K, reason: &str, note: String) {
        self.warning_about(object.object_ref(&()), reason, note);
    }

    /// The same of an object that is not at hand.
    pub fn warning_about(&self, object: ObjectReference, reason: &str, note: String) {
        self.publish(object, EventType::Warning, reason, note);
    }

    fn publish(&self, object: ObjectReference, type_: EventType, reason: &str, note: String) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: reason.to_owned(),
            secondary: None,
        };
        let recorder = self.0.clone();
        tokio::spawn(async move {
            sleep(AFTER).await;
            if let Err(error) = recorder.publish(&event, &object).await {
                tracing::debug!(%error, "event was not taken");
            }
        });
    }
}
