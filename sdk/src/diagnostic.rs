//! What a user is told: errors and warnings, collected, each with the argument it is about.

use std::error::Error;
use std::fmt;

use crate::Path;

/// How bad a [`Diagnostic`] is. An error stops the operation, a warning never changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The operation failed.
    Error,
    /// The operation went on; the user should look.
    Warning,
}

/// One message to the user. The text is not redacted by the CLI: keep secrets out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// One short line without a full stop.
    pub summary: String,
    /// What was tried, what came back, and what to do.
    pub detail: String,
    /// The argument to blame; the CLI shows its file and line.
    pub attribute: Option<Path>,
}

impl Diagnostic {
    /// An error about no argument in particular; see [`Diagnostic::at`].
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Error, summary: summary.into(), detail: detail.into(), attribute: None }
    }

    /// A warning about no argument in particular; see [`Diagnostic::at`].
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, detail) }
    }

    /// A fault of the provider itself, which the user can only report.
    pub fn bug(detail: impl fmt::Display) -> Self {
        Self::error(
            "Bug in the provider",
            format!("{detail}. This is a bug in the provider; please report it"),
        )
    }

    /// The same message, about the argument at `path`.
    #[must_use]
    pub fn at(mut self, path: impl Into<Path>) -> Self {
        self.attribute = Some(path.into());
        self
    }
}

/// Messages in the order they were found. As the `Err` of a handler it holds at least one error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an error; chain `.at(path)` by way of [`Diagnostics::push`] when an argument is to blame.
    pub fn error(&mut self, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Diagnostic::error(summary, detail));
    }

    /// Adds a warning.
    pub fn warning(&mut self, summary: impl Into<String>, detail: impl Into<String>) {
        self.push(Diagnostic::warning(summary, detail));
    }

    /// Adds one message.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether any message is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The messages in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// `value`, unless a message was collected. Warnings count too: give those to
    /// [`Context::warn`](crate::Context::warn) instead.
    ///
    /// # Errors
    /// The messages, when there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Diagnostics> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Turns a library's error into an error diagnostic.
pub trait Explain<T> {
    /// The value, or an error with this summary whose detail is the error and its causes.
    ///
    /// # Errors
    /// When `self` is an error.
    fn explain(self, summary: impl Into<String>) -> Result<T, Diagnostics>;
}

impl<T, E: Error> Explain<T> for Result<T, E> {
    fn explain(self, summary: impl Into<String>) -> Result<T, Diagnostics> {
        self.map_err(|error| Diagnostic::error(summary, causes(&error)).into())
    }
}

/// `error: its cause: the cause of that`.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
