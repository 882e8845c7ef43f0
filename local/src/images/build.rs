//! From a Containerfile without `RUN` to an image archive.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    containerfile::{self, Step},
    layer,
    oci::{self, Image},
};
use crate::{
    digest::Digest,
    error::{At, Error, Result},
};

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The Containerfile. It may use everything but `RUN`, `ADD` and several stages.
    pub containerfile: PathBuf,
    /// The folder that `COPY` takes from.
    pub context: PathBuf,
    /// The image's name: `localhost/neuralinverse/agent:dev`.
    pub tag: String,
    /// The archive to write.
    pub out: PathBuf,
    /// Values for `ARG`. A base in `FROM` must be `scratch` or the path of an image archive.
    pub args: BTreeMap<String, String>,
}

/// Builds the archive, unless one of the very same inputs is there. Says whether it did.
pub fn build(options: &BuildOptions) -> Result<bool> {
    let file = &options.containerfile;
    let text = fs::read_to_string(file).at(file)?;
    let steps = containerfile::parse(file, &text, &options.args)?;
    let (key, key_file) = (key(options, &steps)?, options.out.with_extension("key"));
    if options.out.exists() && fs::read_to_string(&key_file).is_ok_and(|old| old == key) {
        return Ok(false);
    }
    write(options, &steps)?;
    fs::write(&key_file, key).at(key_file)?;
    Ok(true)
}

fn write(options: &BuildOptions, steps: &[Step]) -> Result<()> {
    let scratch = options.out.with_extension("layers");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).at(&scratch)?;
    let mut image = Image::scratch();
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::From(base) => image = open_base(options, base)?,
            Step::Copy(copy) => {
                let file = scratch.join(number.to_string());
                let workdir = image.config["WorkingDir"].as_str().unwrap_or("/").to_owned();
                layer::write(copy, &options.context, &workdir, &file)?;
                image.push(&file)?;
            }
            other => configure(&mut image.config, other),
        }
    }
    image.write(&options.out, &options.tag)?;
    fs::remove_dir_all(&scratch).at(scratch)
}

/// Everything that the image depends on.
fn key(options: &BuildOptions, steps: &[Step]) -> Result<String> {
    let mut digest = Digest::default();
    digest.add(options.tag.as_bytes());
    for step in steps {
        // The steps with their variables filled in: the text alone would miss the arguments.
        digest.add(format!("{step:?}").as_bytes());
        match step {
            Step::Copy(copy) => layer::digest(copy, &options.context, &mut digest)?,
            Step::From(base) if base != "scratch" => {
                digest.add(format!("{:?}", oci::names(Path::new(base))?).as_bytes())
            }
            _ => {}
        }
    }
    Ok(digest.short())
}

fn open_base(options: &BuildOptions, base: &str) -> Result<Image> {
    if base == "scratch" {
        return Ok(Image::scratch());
    }
    if Path::new(base).is_file() {
        return Image::open(Path::new(base));
    }
    Err(Error::Containerfile {
        file: options.containerfile.clone(),
        line: 1,
        reason: format!(
            "FROM `{base}` is no image archive here; give one: --build-arg BASE=$(neuralinverse-local base-image)"
        ),
    })
}

fn configure(config: &mut Value, step: &Step) {
    match step {
        Step::From(_) | Step::Copy(_) => {}
        Step::Env(pairs) => pairs.iter().for_each(|(name, value)| set_env(config, name, value)),
        Step::Label(pairs) => {
            pairs.iter().for_each(|(name, value)| config["Labels"][name] = value.as_str().into())
        }
        Step::User(user) => config["User"] = user.as_str().into(),
        Step::Workdir(folder) => {
            let current = config["WorkingDir"].as_str().unwrap_or("/").to_owned();
            config["WorkingDir"] = Path::new(&current).join(folder).display().to_string().into();
        }
        Step::Entrypoint(words) => {
            config["Entrypoint"] = json!(words);
            // The base's default arguments are not meant for another program.
            config["Cmd"] = Value::Null;
        }
        Step::Cmd(words) => config["Cmd"] = json!(words),
        Step::Expose(ports) => ports.iter().for_each(|port| {
            let port = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
            config["ExposedPorts"][port] = json!({});
        }),
        Step::Volume(folders) => folders.iter().for_each(|folder| config["Volumes"][folder] = json!({})),
        Step::StopSignal(signal) => config["StopSignal"] = signal.as_str().into(),
    }
}

fn set_env(config: &mut Value, name: &str, value: &str) {
    let mut all: Vec<String> = serde_json::from_value(config["Env"].clone()).unwrap_or_default();
    all.retain(|pair| pair.split('=').next() != Some(name));
    all.push(format!("{name}={value}"));
    config["Env"] = json!(all);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &Path, text: &str) -> BuildOptions {
        fs::write(folder.join("Containerfile"), text).unwrap();
        BuildOptions {
            containerfile: folder.join("Containerfile"),
            context: folder.to_owned(),
            tag: "localhost/neuralinverse/test:1".to_owned(),
            out: folder.join("out.tar"),
            args: BTreeMap::new(),
        }
    }

    #[test]
    fn an_image_builds_on_another_and_only_when_something_changed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("program"), "one").unwrap();
        let mut base = options(folder.path(), "FROM scratch\nCOPY program /bin/\nENV A=1\n");
        base.out = folder.path().join("base.tar");
        assert!(build(&base).unwrap());

        let text =
            "ARG BASE\nFROM $BASE\nENV A=2 B=3\nUSER 65532\nCOPY program /opt/p\nENTRYPOINT [\"/opt/p\"]\n";
        let mut top = options(folder.path(), text);
        top.args.insert("BASE".to_owned(), base.out.display().to_string());
        assert!(build(&top).unwrap());
        assert!(!build(&top).unwrap());
        let image = Image::open(&top.out).unwrap();
        assert_eq!(
            image.config,
            json!({ "Env": ["A=2", "B=3"], "User": "65532", "Entrypoint": ["/opt/p"], "Cmd": null })
        );
        assert_eq!(oci::names(&top.out).unwrap()[0].0, top.tag);

        fs::write(folder.path().join("program"), "two").unwrap();
        assert!(build(&top).unwrap());
    }

    #[test]
    fn a_base_that_is_no_archive_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = build(&options(folder.path(), "FROM debian:12\n")).unwrap_err().to_string();
        assert!(error.contains("debian:12"), "{error}");
    }
}
