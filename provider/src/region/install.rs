//! `install`: the attribute, and the objects that it stands for.

use std::sync::LazyLock;

use neuralinverse_api::{
    Images, Kind,
    install::{self, Install},
};
use schemars::schema_for;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tf_provider_sdk::{Attribute, Nesting, Value};

use crate::{
    address::Address,
    kind::{
        object,
        schema::{Model, attribute as of_field},
        shape::Shape,
    },
};

/// Kind of the objects that hold what users made, and are kept when a region goes.
pub const CRD: &str = "CustomResourceDefinition";

static INSTALL: LazyLock<Shape> = LazyLock::new(|| Shape::parse(&schema_for!(Install).to_value()));

static IMAGES: LazyLock<Shape> = LazyLock::new(|| {
    let region = Kind::all().into_iter().find(|kind| kind.name() == "Region");
    let images = region.map(|kind| kind.spec_schema()["properties"]["images"].take());
    Shape::parse(&images.unwrap_or_default())
});

/// The attribute. `revision` is how a change shows that is none of the configuration: another release of
/// the provider, or a piece that somebody removed or changed.
pub fn attribute() -> Attribute {
    let revision = Attribute::string("revision")
        .computed()
        .describe("Names what is installed. Says what is missing or changed where that is so.");
    let children = INSTALL.fields().iter().map(of_field).chain([revision]);
    Attribute::nested("install", Nesting::Single, children).optional().describe(
        "Installs the CRDs, the controller and its rights into the cluster. Leave it out where something else does, such as GitOps with `deploy/install.yaml`; taking it out later leaves what is installed.",
    )
}

/// What a region's attributes ask to be installed.
#[derive(Clone, Debug)]
pub struct Installation {
    install: Install,
    images: Images,
}

impl Installation {
    /// What `region` asks for. None when it asks for nothing, or for what is not known yet.
    pub fn of(region: &Value) -> Option<Self> {
        let (install, images) = (region.attr("install"), region.attr("images"));
        let known = INSTALL.fields().iter().all(|field| install.attr(&field.attribute).is_wholly_known());
        if install.is_null() || !known || !images.is_wholly_known() {
            return None;
        }
        let install = serde_json::from_value(INSTALL.json_of(install)?).ok()?;
        let images = IMAGES.json_of(images).map(serde_json::from_value).transpose().ok()?.unwrap_or_default();
        Some(Self { install, images })
    }

    /// The `install` of a planned region, with the revision that an apply will lead to.
    pub fn plan(region: &Value) -> Value {
        let install = region.attr("install");
        if install.is_null() || !install.is_known() {
            return install.clone();
        }
        let revision = Self::of(region).map_or(Value::Unknown, |it| it.revision().into());
        object::with(install, [("revision".to_owned(), revision)])
    }

    /// All objects, in the order in which they are applied.
    pub fn objects(&self) -> Vec<(Address, Json)> {
        let objects = install::objects(&self.install, &self.images);
        objects.into_iter().map(|object| (Address::of_object(&object), object)).collect()
    }

    /// The release and a hash of all objects.
    pub fn revision(&self) -> String {
        let mut hash = Sha256::new();
        self.objects().iter().for_each(|(_, object)| hash.update(object.to_string()));
        let hash: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hash}", env!("CARGO_PKG_VERSION"))
    }
}

impl Model {
    /// Whether the resource also installs what its kind needs.
    pub fn installs(&self) -> bool {
        self.kind.name() == "Region"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(install: Value) -> Value {
        let images = IMAGES.value_of(&serde_json::json!({ "registry": "r", "pullPolicy": "Never" }));
        Value::object([("install", install), ("images", images)])
    }

    fn install(namespace: impl Into<Value>) -> Value {
        Value::object([
            ("namespace", namespace.into()),
            ("replicas", 2.into()),
            ("node_selector", Value::Null),
            ("revision", Value::Unknown),
        ])
    }

    #[test]
    fn attributes_become_the_objects_of_the_api() {
        let installation = Installation::of(&region(install("system"))).unwrap();
        let expected = Install { namespace: "system".to_owned(), replicas: 2, node_selector: None };
        assert_eq!(installation.install, expected);
        assert_eq!(installation.images.registry, "r");
        assert_eq!(installation.objects().len(), install::objects(&expected, &installation.images).len());
    }

    #[test]
    fn the_revision_is_planned_as_soon_as_all_is_known() {
        let planned = Installation::plan(&region(install("system")));
        assert!(
            planned.attr("revision").as_str().is_some_and(|it| it.starts_with(env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(Installation::plan(&region(install(Value::Unknown))).attr("revision"), &Value::Unknown);
        assert!(Installation::plan(&region(Value::Null)).is_null());
    }
}
