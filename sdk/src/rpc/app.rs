//! The provider behind the calls: its types by name with their schemas, and the token that stops it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::{Context, Diagnostic, Diagnostics, DynDataSource, DynResource, Provider, Schema, Type};

/// A schema and the type of its values.
pub(crate) struct Shape {
    pub(crate) schema: Schema,
    pub(crate) ty: Type,
}

impl From<Schema> for Shape {
    fn from(schema: Schema) -> Self {
        let ty = schema.ty();
        Self { schema, ty }
    }
}

/// A named type whose schema is made when first asked for: most processes need few of them.
struct Entry<T: ?Sized> {
    source: Arc<T>,
    shape: OnceLock<Shape>,
}

/// The provider as the calls see it.
pub(crate) struct App {
    pub(super) provider: Arc<dyn Provider>,
    address: String,
    /// In debug mode later runs of the CLI use the same process, so a stop must not last.
    restartable: bool,
    stop: Mutex<CancellationToken>,
    requests: AtomicU64,
    shape: OnceLock<Shape>,
    resources: BTreeMap<String, Entry<dyn DynResource>>,
    data_sources: BTreeMap<String, Entry<dyn DynDataSource>>,
}

impl App {
    pub(crate) fn new(provider: Arc<dyn Provider>, address: String, restartable: bool) -> Self {
        let resources = provider.resources().into_iter().map(|source| {
            let name = source.type_name().to_owned();
            (name, Entry { source, shape: OnceLock::new() })
        });
        let data_sources = provider.data_sources().into_iter().map(|source| {
            let name = source.type_name().to_owned();
            (name, Entry { source, shape: OnceLock::new() })
        });
        Self {
            resources: resources.collect(),
            data_sources: data_sources.collect(),
            provider,
            address,
            restartable,
            stop: Mutex::default(),
            requests: AtomicU64::default(),
            shape: OnceLock::new(),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A number for the next call, for logs.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// The context of a new call.
    pub(super) fn context(&self) -> Context {
        Context::new(self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Asks all calls under way to stop.
    pub(super) fn stop(&self) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        stop.cancel();
        if self.restartable {
            *stop = CancellationToken::new();
        }
    }

    /// The schema of the provider block.
    pub(super) fn shape(&self) -> &Shape {
        self.shape.get_or_init(|| self.provider.schema().into())
    }

    pub(super) fn resource(&self, name: &str) -> Result<(&dyn DynResource, &Shape), Diagnostics> {
        let entry = self.resources.get(name).ok_or_else(|| unheard_of("resource type", name))?;
        Ok((entry.source.as_ref(), entry.shape.get_or_init(|| entry.source.schema().into())))
    }

    pub(super) fn data_source(&self, name: &str) -> Result<(&dyn DynDataSource, &Shape), Diagnostics> {
        let entry = self.data_sources.get(name).ok_or_else(|| unheard_of("data source", name))?;
        Ok((entry.source.as_ref(), entry.shape.get_or_init(|| entry.source.schema().into())))
    }

    pub(super) fn resource_names(&self) -> impl Iterator<Item = &String> {
        self.resources.keys()
    }

    pub(super) fn data_source_names(&self) -> impl Iterator<Item = &String> {
        self.data_sources.keys()
    }
}

fn unheard_of(kind: &str, name: &str) -> Diagnostics {
    Diagnostic::bug(format!("The CLI asks for the {kind} `{name}`, which is not in the provider's schema"))
        .into()
}
