//! `generate DIR` writes what is derived from the types for people to read: `deploy/crds/`,
//! `deploy/install.yaml` and `docs/reference/`. `generate --check DIR` fails when a file is stale.

use std::{error::Error, fs, path::Path, process::ExitCode};

use neuralinverse_api::{
    Images, Kind,
    condition::{ConditionType, Reason},
    install,
};
use serde_json::Value;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let check = args.first().is_some_and(|arg| arg == "--check");
    if check {
        args.remove(0);
    }
    let root = Path::new(args.first().map_or(".", String::as_str));

    let mut stale = 0;
    for (name, text) in files()? {
        let path = root.join(&name);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if check {
            eprintln!("{name} is stale: run `make generate`");
            stale += 1;
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        eprintln!("wrote {name}");
    }
    Ok(if stale == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn files() -> Result<Vec<(String, String)>, serde_yaml_ng::Error> {
    let mut files = Vec::new();
    for kind in Kind::all() {
        files.push((format!("deploy/crds/{}.yaml", kind.plural()), serde_yaml_ng::to_string(&kind.crd)?));
        files
            .push((format!("docs/reference/{}.md", kind.terraform_name.replace('_', "-")), kind_page(&kind)));
    }
    let documents: Result<Vec<String>, _> =
        install::objects(&install::Install::default(), &Images::default())
            .iter()
            .map(serde_yaml_ng::to_string)
            .collect();
    files.push(("deploy/install.yaml".to_owned(), documents?.join("---\n")));
    files.push(("docs/reference/conditions.md".to_owned(), conditions_page()));
    Ok(files)
}

fn kind_page(kind: &Kind) -> String {
    let schema = kind.schema();
    let mut page = format!(
        "# {}\n\n{}\n\nTerraform: `neuralinverse_{}`. Kubernetes: `{}.{}`.\n",
        kind.name(),
        text(&kind.spec_schema()),
        kind.terraform_name,
        kind.plural(),
        neuralinverse_api::GROUP,
    );
    for (part, title) in [("spec", "Spec"), ("status", "Status")] {
        page += &format!("\n## {title}\n\n| field | type | default | meaning |\n|---|---|---|---|\n");
        rows(&schema["properties"][part], "", &mut page);
    }
    page
}

fn rows(schema: &Value, prefix: &str, page: &mut String) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let default = match &field["default"] {
            Value::Null if required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let path = format!("{prefix}{name}");
        *page += &format!(
            "| `{path}` | {} | {default} | {} |\n",
            type_name(field),
            text(field).replace('|', "\\|")
        );
        if field["x-kubernetes-list-map-keys"].is_null() {
            rows(field, &format!("{path}."), page);
            rows(&field["items"], &format!("{path}[]."), page);
        }
    }
}

fn type_name(schema: &Value) -> String {
    if schema["x-kubernetes-int-or-string"] == true {
        return "quantity".to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().filter_map(Value::as_str).map(|it| format!("`{it}`")).collect();
        return values.join(", ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", type_name(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of {}", type_name(&schema["additionalProperties"]))
        }
        other => other.unwrap_or("any").to_owned(),
    }
}

fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn conditions_page() -> String {
    let mut page = "# Conditions\n\nEvery kind has `Ready`; `kubectl wait --for=condition=Ready` works on each.\n\n| type | meaning |\n|---|---|\n".to_owned();
    for type_ in ConditionType::ALL {
        page += &format!("| `{}` | {} |\n", type_.as_str(), type_.doc());
    }
    page += "\n| reason | meaning |\n|---|---|\n";
    for reason in Reason::ALL {
        page += &format!("| `{}` | {} |\n", reason.as_str(), reason.doc());
    }
    page
}
