//! Where a value sits: the way from a root object to an attribute, map key or list index.

use std::fmt;

/// One step of a [`Path`].
///
/// There is no step into a set: the protocol cannot name an element of one, so a path ends at the set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An attribute of an object.
    Attribute(String),
    /// A key of a map.
    Key(String),
    /// A position in a list, counted from zero.
    Index(usize),
}

/// The way from a root object to a value inside it; the empty path is the root itself.
///
/// ```
/// use tf_provider_sdk::Path;
/// let path = Path::root().attribute("spec").attribute("env").key("HOME").index(0);
/// assert_eq!(path.to_string(), r#"spec.env["HOME"][0]"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// The root object.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path, then an attribute.
    #[must_use]
    pub fn attribute(&self, name: impl Into<String>) -> Self {
        self.step(Step::Attribute(name.into()))
    }

    /// This path, then a map key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// This path, then a list index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// This path, then `step`.
    #[must_use]
    pub fn step(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }

    /// This path, then all of `tail`.
    #[must_use]
    pub fn join(&self, tail: &Path) -> Self {
        Self { steps: [self.steps.as_slice(), tail.steps.as_slice()].concat() }
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The path as error texts name it.
    pub(crate) fn quoted(&self) -> String {
        if self.is_root() { "the value".to_owned() } else { format!("`{self}`") }
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }
}

impl From<&str> for Path {
    /// The path of one root attribute.
    fn from(name: &str) -> Self {
        Path::root().attribute(name)
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self { steps: steps.into_iter().collect() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
