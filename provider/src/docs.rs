//! Documentation as registries lay it out, derived from the schemas and from `examples/`.

mod page;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use neuralinverse_api::Kind;
use tf_provider_sdk::Provider;

use crate::NeuralInverse;

/// Where the examples are, from the root of the repository.
const EXAMPLES: &str = "examples";

/// Runs `docs DIR` (writes) or `docs --check DIR` (fails when something is stale), at the root of the repository.
pub fn run(args: &[String]) -> ExitCode {
    let (check, folder) = match args {
        [folder] => (false, folder),
        [flag, folder] if flag == "--check" => (true, folder),
        _ => {
            eprintln!("usage: terraform-provider-neuralinverse docs [--check] DIR");
            return ExitCode::from(2);
        }
    };
    match files().and_then(|files| if check { stale(folder, &files) } else { write(folder, &files) }) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Every page: its path and text.
fn files() -> Result<Vec<(PathBuf, String)>, std::io::Error> {
    let provider = NeuralInverse::default();
    let example = |path: String| {
        let path = Path::new(EXAMPLES).join(path);
        fs::read_to_string(&path)
            .map_err(|error| std::io::Error::other(format!("{}: {error}", path.display())))
    };
    let mut files = vec![(
        PathBuf::from("index.md"),
        page::index(&provider.schema(), &example("provider/provider.tf".to_owned())?),
    )];
    let kinds = Kind::all();
    for (kind, resource) in kinds.iter().zip(provider.resources()) {
        let name = resource.type_name();
        let text =
            page::resource(kind, &resource.schema(), &example(format!("resources/{name}/resource.tf"))?);
        files.push((Path::new("resources").join(format!("{}.md", kind.terraform_name)), text));
    }
    for (kind, source) in kinds.iter().zip(provider.data_sources()) {
        let text = page::data_source(kind, &source.schema());
        files.push((Path::new("data-sources").join(format!("{}.md", kind.terraform_name)), text));
    }
    Ok(files)
}

fn write(folder: &str, files: &[(PathBuf, String)]) -> Result<ExitCode, std::io::Error> {
    for (path, text) in files {
        let path = Path::new(folder).join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stale(folder: &str, files: &[(PathBuf, String)]) -> Result<ExitCode, std::io::Error> {
    let mut code = ExitCode::SUCCESS;
    for (path, text) in files {
        let path = Path::new(folder).join(path);
        if !fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            eprintln!("{} is stale: run `make generate`", path.display());
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
