//! The part of a Containerfile that needs no running container: parsed into steps, variables filled in.

use std::{collections::BTreeMap, path::Path};

use crate::error::{Error, Result};

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    From(String),
    Copy(Copy),
    Env(Vec<(String, String)>),
    Label(Vec<(String, String)>),
    User(String),
    Workdir(String),
    Entrypoint(Vec<String>),
    Cmd(Vec<String>),
    Expose(Vec<String>),
    Volume(Vec<String>),
    StopSignal(String),
}

/// `COPY [--chown=UID:GID] [--chmod=MODE] SOURCE… TARGET`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Copy {
    pub(super) owner: (u64, u64),
    pub(super) mode: Option<u32>,
    pub(super) sources: Vec<String>,
    pub(super) target: String,
}

/// The steps of `text`; `args` override the defaults of `ARG`.
pub(super) fn parse(file: &Path, text: &str, args: &BTreeMap<String, String>) -> Result<Vec<Step>> {
    let mut variables = BTreeMap::new();
    let mut steps = Vec::new();
    for (number, line) in lines(text) {
        let fail = |reason: String| Error::Containerfile { file: file.to_owned(), line: number, reason };
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let rest = expand(rest.trim(), &variables);
        if word.eq_ignore_ascii_case("ARG") {
            let (name, default) = rest.split_once('=').unwrap_or((&rest, ""));
            let value = args.get(name).cloned().unwrap_or_else(|| unquote(default));
            variables.insert(name.to_owned(), value);
            continue;
        }
        let step = step(&word.to_ascii_uppercase(), &rest).map_err(fail)?;
        if let Step::Env(pairs) = &step {
            variables.extend(pairs.iter().cloned());
        }
        steps.push(step);
    }
    check(file, &steps)?;
    Ok(steps)
}

fn check(file: &Path, steps: &[Step]) -> Result<()> {
    let stages = steps.iter().filter(|step| matches!(step, Step::From(_))).count();
    if stages == 1 && matches!(steps.first(), Some(Step::From(_))) {
        return Ok(());
    }
    let reason =
        "one FROM must come first: stages that compile need a running container; build outside, then COPY";
    Err(Error::Containerfile { file: file.to_owned(), line: 1, reason: reason.to_owned() })
}

fn step(word: &str, rest: &str) -> Result<Step, String> {
    Ok(match word {
        "FROM" => Step::From(rest.split_whitespace().next().unwrap_or_default().to_owned()),
        "COPY" => Step::Copy(copy(rest)?),
        "ENV" => Step::Env(pairs(rest)?),
        "LABEL" => Step::Label(pairs(rest)?),
        "USER" => Step::User(rest.to_owned()),
        "WORKDIR" => Step::Workdir(rest.to_owned()),
        "ENTRYPOINT" => Step::Entrypoint(command(rest)?),
        "CMD" => Step::Cmd(command(rest)?),
        "EXPOSE" => Step::Expose(words(rest)),
        "VOLUME" => Step::Volume(if rest.starts_with('[') { command(rest)? } else { words(rest) }),
        "STOPSIGNAL" => Step::StopSignal(rest.to_owned()),
        "RUN" => {
            return Err("RUN needs a running container, which there is none: put packages into the list of the base image, \
                 and COPY what is made outside"
                .to_owned());
        }
        other => return Err(format!("{other} is not known here; a container engine may build this file")),
    })
}

fn copy(rest: &str) -> Result<Copy, String> {
    let mut copy = Copy::default();
    let mut paths = Vec::new();
    for word in words(rest) {
        if let Some(owner) = word.strip_prefix("--chown=") {
            copy.owner = self::owner(owner)?;
        } else if let Some(mode) = word.strip_prefix("--chmod=") {
            copy.mode = Some(u32::from_str_radix(mode, 8).map_err(|_| format!("`{mode}` is no octal mode"))?);
        } else if word.starts_with("--") {
            return Err(format!("COPY {word} is not known here; a container engine may build this file"));
        } else {
            paths.push(word);
        }
    }
    copy.target = paths.pop().unwrap_or_default();
    copy.sources = paths;
    if copy.sources.is_empty() {
        return Err("COPY needs a source and a target".to_owned());
    }
    if copy.sources.len() > 1 && !copy.target.ends_with('/') {
        return Err("COPY of several sources needs a target that ends with `/`".to_owned());
    }
    Ok(copy)
}

fn owner(text: &str) -> Result<(u64, u64), String> {
    let id = |part: &str| if part == "root" { Some(0) } else { part.parse().ok() };
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    id(user)
        .zip(id(group))
        .ok_or_else(|| format!("--chown={text}: use numbers, names are known only in a container"))
}

/// `["a", "b"]`, or a line for the shell.
fn command(rest: &str) -> Result<Vec<String>, String> {
    if rest.starts_with('[') {
        return serde_json::from_str(rest).map_err(|error| format!("not a list of strings: {error}"));
    }
    Ok(["/bin/sh", "-c", rest].map(String::from).to_vec())
}

fn pairs(rest: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |word: String| {
        word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or(word)
    };
    let result: Result<Vec<_>, _> = words(rest).into_iter().map(pair).collect();
    result.map_err(|word| format!("`{word}` is not NAME=value"))
}

/// Splits at blanks outside of double quotes, and takes the quotes away.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn unquote(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

/// Fills in `$NAME` and `${NAME}`; unknown names become empty.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((name, end)) => (name, end),
            None => after.split_at(
                after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len()),
            ),
        };
        result.push_str(variables.get(name).map_or("", String::as_str));
        rest = end;
    }
    result + rest
}

/// Lines without comments, those that end with a backslash joined to the next; with the number of the first.
fn lines(text: &str) -> Vec<(usize, String)> {
    let (mut lines, mut open): (Vec<(usize, String)>, bool) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (part, continues) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut().filter(|_| open) {
            Some((_, last)) => last.push_str(part),
            None => lines.push((index + 1, part.to_owned())),
        }
        open = continues;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Result<Vec<Step>> {
        parse(Path::new("Containerfile"), text, &BTreeMap::from([("BASE".to_owned(), "base.tar".to_owned())]))
    }

    #[test]
    fn arguments_fill_in_and_lines_join() {
        let text = "# a comment\nARG BASE=debian\nFROM ${BASE}\nENV A=1 \\\n  B=\"two words\"\nCOPY --chown=1000:1000 --chmod=755 x y /$A/\nCMD [\"run\"]\n";
        let copy = Copy {
            owner: (1000, 1000),
            mode: Some(0o755),
            sources: vec!["x".into(), "y".into()],
            target: "/1/".into(),
        };
        let pairs = vec![("A".into(), "1".into()), ("B".into(), "two words".into())];
        let expected = [
            Step::From("base.tar".into()),
            Step::Env(pairs),
            Step::Copy(copy),
            Step::Cmd(vec!["run".into()]),
        ];
        assert_eq!(steps(text).unwrap(), expected);
    }

    #[test]
    fn what_needs_a_container_is_refused_with_its_line_and_the_way_out() {
        for (text, line, part) in [
            ("FROM scratch\nRUN make\n", 2, "COPY what is made outside"),
            ("FROM a AS one\nFROM b\n", 1, "one FROM"),
            ("FROM scratch\nCOPY --from=one /a /b\n", 2, "--from=one"),
            ("FROM scratch\nCOPY --chown=me a /b\n", 2, "use numbers"),
        ] {
            let error = steps(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("Containerfile:{line}: ")) && error.contains(part), "{error}");
        }
    }
}
