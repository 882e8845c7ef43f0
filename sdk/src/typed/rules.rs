//! Checks that follow from a field's type: one of some texts, a range, a length.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::schema::Validator;
use crate::{Diagnostic, Number, Path, Value};

/// The checks a JSON schema asks for.
pub(super) fn rules(json: &Json) -> Vec<Validator> {
    let mut rules: Vec<Validator> = Vec::new();
    if let Some(texts) = texts(json) {
        rules.push(Arc::new(move |value, path| one_of(&texts, value, path)));
    }
    let bound = |key: &str| json.get(key).and_then(Json::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    if least.is_some() || most.is_some() {
        rules.push(Arc::new(move |value, path| within(least, most, value, path)));
    }
    rules
}

/// The texts an enum allows; with documented variants they are spelled as constants.
pub(super) fn texts(json: &Json) -> Option<Vec<String>> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    if let Some(texts) = json.get("enum") {
        return texts.as_array()?.iter().filter(|text| !text.is_null()).map(text).collect();
    }
    let parts = json.get("oneOf")?.as_array()?.iter().map(|part| match part.get("const") {
        Some(constant) => text(constant).map(|text| vec![text]),
        None => texts(part),
    });
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.concat())
}

fn one_of(texts: &[String], value: &Value, path: &Path) -> Vec<Diagnostic> {
    match value.as_str() {
        Some(text) if !texts.iter().any(|allowed| allowed == text) => {
            let allowed = texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
            let detail = format!("`{path}` is `{text}`. Use one of {allowed}");
            vec![Diagnostic::error("Value not allowed", detail).at(path.clone())]
        }
        _ => Vec::new(),
    }
}

fn within(least: Option<f64>, most: Option<f64>, value: &Value, path: &Path) -> Vec<Diagnostic> {
    let Some(float) = value.as_number().and_then(Number::to_f64) else { return Vec::new() };
    if least.is_none_or(|least| float >= least) && most.is_none_or(|most| float <= most) {
        return Vec::new();
    }
    let range = match (least, most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("of at least {least}"),
        (None, most) => format!("of at most {}", most.unwrap_or_default()),
    };
    vec![
        Diagnostic::error("Number out of range", format!("`{path}` is {float}. Use a number {range}"))
            .at(path.clone()),
    ]
}
