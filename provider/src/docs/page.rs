//! One page: front matter, example, schema, import.

use neuralinverse_api::Kind;
use tf_provider_sdk::{Attribute, Kind as AttributeKind, Nesting, Schema, Type};

use crate::kind::import;

/// The provider's own page.
pub fn index(schema: &Schema, example: &str) -> String {
    let head = head("neuralinverse Provider", &schema.description);
    format!(
        "{head}# neuralinverse Provider\n\n{}\n{}{}",
        schema.description,
        usage(example),
        attributes(schema)
    )
}

/// A resource's page.
pub fn resource(kind: &Kind, schema: &Schema, example: &str) -> String {
    let name = format!("neuralinverse_{}", kind.terraform_name);
    let import = format!(
        "\n## Import\n\nThe id is {}.\n\n```shell\nterraform import {name}.example {}\n```\n",
        import::format(kind),
        import::format(kind).split('`').nth(1).unwrap_or_default(),
    );
    let title = format!("{name} (Resource)");
    let head = head(&title, &schema.description);
    format!("{head}# {title}\n\n{}\n{}{}{import}", schema.description, usage(example), attributes(schema))
}

/// A data source's page.
pub fn data_source(kind: &Kind, schema: &Schema) -> String {
    let name = format!("neuralinverse_{}", kind.terraform_name);
    let argument = if kind.singleton.is_some() { "" } else { "  name = \"example\"\n" };
    let example = format!("data \"{name}\" \"example\" {{\n{argument}}}\n");
    let title = format!("{name} (Data Source)");
    let head = head(&title, &schema.description);
    format!("{head}# {title}\n\n{}\n{}{}", schema.description, usage(&example), attributes(schema))
}

fn head(title: &str, description: &str) -> String {
    let indented = description.replace('\n', "\n  ");
    format!("---\npage_title: \"{title}\"\nsubcategory: \"\"\ndescription: |-\n  {indented}\n---\n\n")
}

fn usage(example: &str) -> String {
    format!("\n## Example Usage\n\n```terraform\n{}\n```\n", example.trim_end())
}

fn attributes(schema: &Schema) -> String {
    let mut page = "\n## Schema\n".to_owned();
    let mut nested = Vec::new();
    groups(&schema.attributes, "", "\n### ", "\n", &mut page, &mut nested);
    // Nested schemas grow the list as they are written.
    let mut next = 0;
    while next < nested.len() {
        let (path, attributes): (String, Vec<Attribute>) = nested[next].clone();
        page += &format!("\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`\n", anchor(&path));
        groups(&attributes, &format!("{path}."), "\n", ":\n", &mut page, &mut nested);
        next += 1;
    }
    page
}

fn groups(
    attributes: &[Attribute],
    prefix: &str,
    before: &str,
    after: &str,
    page: &mut String,
    nested: &mut Vec<(String, Vec<Attribute>)>,
) {
    let of = |group: usize, it: &Attribute| match group {
        0 => it.required,
        1 => it.optional,
        _ => !it.required && !it.optional,
    };
    for (group, title) in ["Required", "Optional", "Read-Only"].into_iter().enumerate() {
        let members: Vec<&Attribute> = attributes.iter().filter(|it| of(group, it)).collect();
        if members.is_empty() {
            continue;
        }
        *page += &format!("{before}{title}{after}\n");
        for attribute in members {
            let path = format!("{prefix}{}", attribute.name);
            *page += &line(attribute, &path);
            if !attribute.children().is_empty() {
                nested.push((path, attribute.children().to_vec()));
            }
        }
    }
}

fn line(attribute: &Attribute, path: &str) -> String {
    let description = attribute.description.split_whitespace().collect::<Vec<_>>().join(" ");
    let sensitive = if attribute.sensitive { ", Sensitive" } else { "" };
    let replaces = if attribute.requires_replace { " A change makes a new object." } else { "" };
    let below = match attribute.children().is_empty() {
        true => String::new(),
        false => format!(" (see [below for nested schema](#{}))", anchor(path)),
    };
    let text = format!("- `{}` ({}{sensitive}) {description}", attribute.name, type_name(attribute));
    format!("{}{replaces}{below}\n", text.trim_end())
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

fn type_name(attribute: &Attribute) -> String {
    match &attribute.kind {
        AttributeKind::Type(ty) => plain(ty),
        AttributeKind::Nested { mode: Nesting::Single, .. } => "Attributes".to_owned(),
        AttributeKind::Nested { mode: Nesting::List, .. } => "Attributes List".to_owned(),
        AttributeKind::Nested { mode: Nesting::Set, .. } => "Attributes Set".to_owned(),
        AttributeKind::Nested { mode: Nesting::Map, .. } => "Attributes Map".to_owned(),
    }
}

fn plain(ty: &Type) -> String {
    match ty {
        Type::String => "String".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::Bool => "Boolean".to_owned(),
        Type::List(element) => format!("List of {}", plain(element)),
        Type::Set(element) => format!("Set of {}", plain(element)),
        Type::Map(element) => format!("Map of {}", plain(element)),
        Type::Object(_) => "Object".to_owned(),
        Type::Tuple(_) | Type::Dynamic => "Dynamic".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_in_their_groups_and_nested_ones_below() {
        let schema = Schema::new([
            Attribute::string("name").required().describe("Name\nof it."),
            Attribute::string("token").optional().sensitive(),
            Attribute::nested("images", Nesting::Single, [Attribute::bool("pull").computed()]).optional(),
        ]);
        let expected = r#"
## Schema

### Required

- `name` (String) Name of it.

### Optional

- `token` (String, Sensitive)
- `images` (Attributes) (see [below for nested schema](#nestedatt--images))

<a id="nestedatt--images"></a>
### Nested Schema for `images`

Read-Only:

- `pull` (Boolean)
"#;
        assert_eq!(attributes(&schema), expected);
    }
}
