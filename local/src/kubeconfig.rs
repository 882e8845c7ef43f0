//! Kubeconfig files: a server, its authority, and a client certificate, all in one file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    error::{At, Result},
    files::write_private,
};

/// Writes `<folder>/<user>.kubeconfig` from the certificate `<pki>/<user>.crt`, with `cluster` as the context's name.
pub(crate) fn write(folder: &Path, pki: &Path, cluster: &str, user: &str, server: &str) -> Result<PathBuf> {
    let data = |file: String| -> Result<String> {
        let path = pki.join(file);
        Ok(STANDARD.encode(fs::read(&path).at(&path)?))
    };
    let authority = data("ca.crt".to_owned())?;
    let (certificate, key) = (data(format!("{user}.crt"))?, data(format!("{user}.key"))?);
    let path = folder.join(format!("{user}.kubeconfig"));
    let text = format!(
        "apiVersion: v1
kind: Config
current-context: {cluster}
clusters:
- name: {cluster}
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {user}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {cluster}
  context: {{cluster: {cluster}, user: {user}}}
"
    );
    write_private(&path, &text)?;
    Ok(path)
}
