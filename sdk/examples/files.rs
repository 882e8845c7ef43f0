//! A provider of files: one resource, one data source, the whole of it.

use std::path::{Path as FilePath, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tf_provider_sdk::*;
use tokio::fs;

/// A text file.
#[derive(Serialize, Deserialize, JsonSchema)]
struct File {
    /// Name below the provider's directory.
    #[schemars(extend("x-terraform" = {"requires_replace": true}))]
    name: String,
    /// What the file holds.
    #[serde(default)]
    content: String,
    /// SHA-256 of the content in hexadecimal.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    sha256: Option<String>,
    /// Length of the content in bytes.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    length: Option<u64>,
}

impl File {
    fn holding(name: String, content: String) -> Self {
        let digest = Sha256::digest(&content);
        let sha256 = Some(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        Self { name, sha256, length: Some(content.len() as u64), content }
    }

    async fn read(path: &FilePath, name: String) -> Result<Option<Self>, Diagnostics> {
        match fs::read_to_string(path).await {
            Ok(content) => Ok(Some(Self::holding(name, content))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Diagnostic::error("Cannot read the file", format!("{}: {error}", path.display())).into())
            }
        }
    }
}

/// The resource and the data source share the directory the provider is configured with.
struct Files(Configured<PathBuf>);

#[async_trait]
impl Resource for Files {
    type Model = File;
    const NAME: &'static str = "files_file";

    async fn create(&self, _ctx: &Context, planned: File) -> Outcome<File> {
        fs::write(self.0.get()?.join(&planned.name), &planned.content)
            .await
            .explain("Cannot write the file")?;
        Ok(File::holding(planned.name, planned.content).into())
    }

    async fn read(&self, _ctx: &Context, state: File) -> Result<Option<File>, Diagnostics> {
        File::read(&self.0.get()?.join(&state.name), state.name).await
    }

    async fn update(&self, ctx: &Context, _prior: File, planned: File) -> Outcome<File> {
        self.create(ctx, planned).await
    }

    async fn delete(&self, _ctx: &Context, state: File) -> Result<(), Failure<File>> {
        match fs::remove_file(self.0.get()?.join(&state.name)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).explain("Cannot delete the file")?
            }
            _ => Ok(()),
        }
    }

    async fn import(&self, _ctx: &Context, name: &str) -> Result<File, Diagnostics> {
        Ok(File { name: name.to_owned(), content: String::new(), sha256: None, length: None })
    }
}

#[async_trait]
impl DataSource for Files {
    type Model = Found;
    const NAME: &'static str = "files_file";

    async fn read(&self, _ctx: &Context, config: Found) -> Result<Found, Diagnostics> {
        let file = File::read(&self.0.get()?.join(&config.name), config.name.clone()).await?;
        let missing =
            || Diagnostic::error("File not found", format!("There is no file `{}`", config.name)).at("name");
        let File { name, content, length, sha256: _ } = file.ok_or_else(missing)?;
        Ok(Found { name, content: Some(content), length })
    }
}

/// A file that is there already.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Found {
    /// Name below the provider's directory.
    name: String,
    /// What the file holds.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    content: Option<String>,
    /// Length of the content in bytes.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    length: Option<u64>,
}

struct FilesProvider(Configured<PathBuf>);

#[async_trait]
impl Provider for FilesProvider {
    fn schema(&self) -> Schema {
        Schema::new([Attribute::string("directory")
            .optional()
            .describe("Where the files are; `.` if not said.")])
    }

    async fn configure(&self, _ctx: &Context, config: Value) -> Result<(), Diagnostics> {
        self.0.set(config.attr("directory").as_str().unwrap_or(".").into());
        Ok(())
    }

    fn resources(&self) -> Vec<Arc<dyn DynResource>> {
        vec![typed(Files(self.0.clone()))]
    }

    fn data_sources(&self) -> Vec<Arc<dyn DynDataSource>> {
        vec![typed_data_source(Files(self.0.clone()))]
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = ServeOptions {
        address: "registry.terraform.io/example/files".to_owned(),
        version: "0.1.0".to_owned(),
    };
    serve(FilesProvider(Configured::new()), options).await
}
