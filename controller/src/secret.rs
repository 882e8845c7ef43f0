//! Secrets of ours, as texts by key.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::ObjectMeta;

use crate::workspace::children;

/// One with these texts.
pub fn of(name: &str, data: &[(&str, String)]) -> Secret {
    let data = data.iter().map(|(key, text)| ((*key).to_owned(), ByteString(text.clone().into_bytes())));
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(children::managed()),
            ..Default::default()
        },
        data: Some(data.collect()),
        ..Default::default()
    }
}

/// One with a certificate and its key.
pub fn of_tls(name: &str, data: &[(&str, String)]) -> Secret {
    Secret { type_: Some("kubernetes.io/tls".to_owned()), ..of(name, data) }
}

/// The text of one key.
pub fn text(secret: &Secret, key: &str) -> Option<String> {
    String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok()
}
