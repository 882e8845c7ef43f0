//! The rules a schema must keep, so that a fault is found in a unit test and not by a CLI.
//!
//! Facts: hashicorp/terraform, `internal/configs/configschema/internal_validate.go`; the rest keeps authors
//! from plans that core refuses.

use super::{Attribute, Kind, Nesting, Schema};
use crate::wire::encode::encode;
use crate::{Type, Value};

/// Names that mean something else in a resource or data block.
const RESERVED: [&str; 7] =
    ["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"];

impl Schema {
    /// Faults of a resource's or data source's schema, each naming the attribute; empty when it is good.
    /// Every provider should have a test that all its schemas are.
    pub fn check(&self) -> Vec<String> {
        self.check_reserving(&RESERVED)
    }

    pub(crate) fn check_reserving(&self, reserved: &[&str]) -> Vec<String> {
        let mut faults = self.faults.clone();
        if self.version < 0 {
            faults.push(format!("the version {} is negative", self.version));
        }
        for attribute in &self.attributes {
            if reserved.contains(&attribute.name.as_str()) {
                faults.push(format!("`{}` is a reserved name", attribute.name));
            }
        }
        check_attributes(&self.attributes, "", false, &mut faults);
        faults
    }
}

fn check_attributes(attributes: &[Attribute], parent: &str, in_set: bool, faults: &mut Vec<String>) {
    for (position, attribute) in attributes.iter().enumerate() {
        let place = format!("{parent}{}", attribute.name);
        let mut fault = |broken: bool, text: &str| {
            if broken {
                faults.push(format!("`{place}` {text}"));
            }
        };
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        fault(
            attribute.name.is_empty() || !attribute.name.bytes().all(is_name),
            "is not a name of `[a-z0-9_]`",
        );
        fault(attributes[..position].iter().any(|other| other.name == attribute.name), "is there twice");
        check_flags(attribute, in_set, &mut fault);
        if let Kind::Nested { mode, attributes } = &attribute.kind {
            let open_child = attribute.write_only && attributes.iter().any(|child| !child.write_only);
            fault(open_child, "is write-only, so all its attributes must be");
            let hidden_child = attribute.computed && attributes.iter().any(|child| child.write_only);
            fault(hidden_child, "is computed, so none of its attributes can be write-only");
            check_attributes(attributes, &format!("{place}."), in_set || *mode == Nesting::Set, faults);
        }
    }
}

fn check_flags(attribute: &Attribute, in_set: bool, fault: &mut impl FnMut(bool, &str)) {
    let Attribute { required, optional, computed, write_only, .. } = *attribute;
    fault(!(required || optional || computed), "must be required, optional or computed");
    fault(required && optional, "cannot be both required and optional");
    fault(required && computed, "cannot be both required and computed");
    fault(write_only && computed, "is write-only, so it cannot be computed");
    fault(write_only && in_set, "is in a set, so it cannot be write-only");
    fault(attribute.default.is_some() && !computed, "has a default, so it must be computed too");
    fault(attribute.default.is_some() && required, "has a default, so it cannot be required");
    fault(attribute.keep_prior && !computed, "keeps its prior value, so it must be computed");
    let default_fits =
        |default: &Value| default.is_wholly_known() && encode(default, &attribute.ty()).is_ok();
    fault(!attribute.default.as_ref().is_none_or(default_fits), "has a default of another type");
    if let Kind::Type(ty) = &attribute.kind {
        fault(in_set && ty.has_dynamic(), "is in a set, so it cannot be dynamic");
        fault(ty_hides_dynamic(ty), "has a dynamic type inside a collection, which mixes types");
    }
}

/// Whether a list, set or map has elements with a dynamic part.
fn ty_hides_dynamic(ty: &Type) -> bool {
    match ty {
        Type::List(element) | Type::Set(element) | Type::Map(element) => element.has_dynamic(),
        Type::Object(attributes) => attributes.values().any(ty_hides_dynamic),
        Type::Tuple(elements) => elements.iter().any(ty_hides_dynamic),
        Type::String | Type::Number | Type::Bool | Type::Dynamic => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        let string = Attribute::string;
        let secret = || string("key").optional().write_only();
        for (attribute, fault) in [
            (string("a"), "`a` must be required, optional or computed"),
            (string("A").optional(), "`A` is not a name of `[a-z0-9_]`"),
            (string("count").optional(), "`count` is a reserved name"),
            (string("a").optional().required(), "`a` cannot be both required and optional"),
            (string("a").computed().required(), "`a` cannot be both required and computed"),
            (string("a").computed().write_only(), "`a` is write-only, so it cannot be computed"),
            (string("a").optional().keep_prior(), "`a` keeps its prior value, so it must be computed"),
            (string("a").default_value(true), "`a` has a default of another type"),
            (
                Attribute::nested("a", Nesting::Set, [secret()]).optional(),
                "`a.key` is in a set, so it cannot be write-only",
            ),
            (
                Attribute::nested("a", Nesting::Single, [secret()]).computed(),
                "`a` is computed, so none of its attributes can be write-only",
            ),
            (
                Attribute::new("a", Type::list(Type::Dynamic)).optional(),
                "`a` has a dynamic type inside a collection, which mixes types",
            ),
        ] {
            assert_eq!(Schema::new([attribute]).check(), [fault]);
        }
    }

    #[test]
    fn a_good_schema_has_no_faults() {
        let schema = Schema::new([
            Attribute::string("id").computed().keep_prior(),
            Attribute::string("size").default_value("small"),
            Attribute::new("any", Type::Dynamic).optional(),
        ]);
        assert_eq!(schema.check(), Vec::<String>::new());
    }

    #[test]
    fn editing_an_attribute_that_is_not_there_is_a_fault() {
        let schema = Schema::new([Attribute::string("a").optional()]).edit(&["b"], |_| {});
        assert_eq!(schema.check(), ["there is no attribute `b` to edit"]);
    }
}
