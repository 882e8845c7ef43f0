//! Style sheet, script and icon. Their URLs carry a hash of the content, so browsers keep them for good.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderName, StatusCode, header};
use neuralinverse_api::base32;
use sha2::{Digest, Sha256};

/// Where they are, on the portal's origin and on those of workspaces alike.
pub const PREFIX: &str = "/.neuralinverse/assets";

/// One file.
pub struct Asset {
    /// Where it is.
    pub url: String,
    name: String,
    kind: &'static str,
    text: &'static str,
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("portal", "css", "text/css; charset=utf-8", include_str!("assets/portal.css"))
});

/// The script.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("portal", "js", "text/javascript; charset=utf-8", include_str!("assets/portal.js"))
});

/// The icon.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let name = format!("{stem}.{}.{extension}", base32::prefix(&Sha256::digest(text), 12));
        Self { url: format!("{PREFIX}/{name}"), name, kind, text }
    }
}

/// `GET {PREFIX}/{name}`.
pub async fn get(Path(name): Path<String>) -> Response {
    const FOR_GOOD: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    match [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) {
        Some(asset) => ([(header::CONTENT_TYPE, asset.kind), FOR_GOOD], asset.text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
