//! Logs as the CLI reads them: one JSON object per line of standard error.
//!
//! The CLI copies the lines into its own log. A line whose `@` keys are not texts of the right form crashes
//! it, so they are written last and cannot be overwritten. Facts: hashicorp/go-plugin `log_entry.go`,
//! `client.go`.

use std::env;
use std::io::{self, Write};

use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The CLI splits longer lines and loses their structure.
const MAX_LINE: usize = 60 << 10;

/// Chatter of the connection, of use only to who works on this SDK.
const TRANSPORT: [&str; 5] = ["h2", "hyper", "hyper_util", "rustls", "tonic"];

/// Starts logging at the level the environment asks for, none if it asks for none, and reports panics in the
/// form the CLI recognises. A logger that is there already is kept.
pub(super) fn init(address: &str) {
    std::panic::set_hook(Box::new(|panic| eprintln!("panic: {panic}")));
    let level = level(address, |name| env::var(name).ok());
    if level == LevelFilter::OFF {
        return;
    }
    let transport = if env::var_os("TF_LOG_SDK_PROTO").is_some() { level } else { LevelFilter::OFF };
    let targets =
        Targets::new().with_default(level).with_targets(TRANSPORT.map(|target| (target, transport)));
    let _ = tracing_subscriber::registry().with(JsonLines.with_filter(targets)).try_init();
}

/// The level for the provider of this address: its own variable, else all providers', else everything's.
fn level(address: &str, variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let name = address.rsplit('/').next().unwrap_or_default().replace('-', "_").to_uppercase();
    let names = [format!("TF_LOG_PROVIDER_{name}"), "TF_LOG_PROVIDER".to_owned(), "TF_LOG".to_owned()];
    let asked = names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty());
    match asked.map(|value| value.to_uppercase()).as_deref() {
        None | Some("OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some(_) => LevelFilter::TRACE, // TRACE, JSON, and what the CLI takes for TRACE with a warning
    }
}

/// Writes events with the fields of the spans they are in.
struct JsonLines;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.clone());
            }
        }
        event.record(&mut line);
        let text = line.finish(event.metadata().level(), event.metadata().target());
        let _ = writeln!(io::stderr().lock(), "{text}"); // nowhere to report a failure to report
    }
}

/// Fields of a span or event as JSON.
#[derive(Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn put(&mut self, field: &Field, value: Json) {
        self.0.insert(field.name().to_owned(), value);
    }

    /// The line, without its end.
    fn finish(mut self, level: &Level, module: &str) -> String {
        let message = match self.0.remove("message") {
            Some(Json::String(message)) => message,
            other => other.map(|other| other.to_string()).unwrap_or_default(),
        };
        let line = self.line(level, module, &message);
        if line.len() <= MAX_LINE {
            return line;
        }
        let end =
            (0..=1024.min(message.len())).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
        Self::default().line(
            level,
            module,
            &format!("{} … (fields left out: the line is too long)", &message[..end]),
        )
    }

    fn line(&self, level: &Level, module: &str, message: &str) -> String {
        let mut fields = self.0.clone();
        let mut time = String::new();
        let _ = SystemTime.format_time(&mut Writer::new(&mut time)); // six digits of a second, as required
        for (key, value) in [
            ("@level", level.as_str().to_lowercase()),
            ("@message", message.to_owned()),
            ("@module", module.to_owned()),
            ("@timestamp", time),
        ] {
            fields.insert(key.to_owned(), Json::String(value));
        }
        Json::Object(fields).to_string()
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_variable_decides() {
        for (set, expected) in [
            (&[][..], LevelFilter::OFF),
            (&[("TF_LOG", "JSON")], LevelFilter::TRACE),
            (&[("TF_LOG", "")], LevelFilter::OFF),
            (&[("TF_LOG", "trace"), ("TF_LOG_PROVIDER", "warn")], LevelFilter::WARN),
            (&[("TF_LOG_PROVIDER", "info"), ("TF_LOG_PROVIDER_MY_FILES", "OFF")], LevelFilter::OFF),
        ] {
            let variable =
                |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
            assert_eq!(level("registry.terraform.io/acme/my-files", variable), expected, "{set:?}");
        }
    }

    #[test]
    fn a_line_has_the_form_the_cli_parses() {
        let mut fields = Fields::default();
        fields.0.insert("message".into(), "hello".into());
        fields.0.insert("@level".into(), 7.into());
        fields.0.insert("tf_rpc".into(), "ReadResource".into());
        let line: Json = serde_json::from_str(&fields.finish(&Level::INFO, "m")).expect("JSON");
        assert_eq!(
            (&line["@level"], &line["@message"], &line["tf_rpc"]),
            (&"info".into(), &"hello".into(), &"ReadResource".into())
        );
        let time = line["@timestamp"].as_str().expect("text");
        assert_eq!((time.len(), time.rfind('.'), time.ends_with('Z')), (27, Some(19), true), "{time}");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let mut fields = Fields::default();
        fields.0.insert("message".into(), "é".repeat(MAX_LINE).into());
        let line = fields.finish(&Level::INFO, "m");
        assert!(line.len() < MAX_LINE && serde_json::from_str::<Json>(&line).is_ok());
    }
}
