//! A provider of files: one resource, one data source, the whole of it.

use std::io::ErrorKind::NotFound;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
    /// Length of the content in bytes.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    length: Option<usize>,
}

/// A text file that is there already.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Found {
    /// Name below the provider's directory.
    name: String,
    /// What the file holds.
    #[schemars(extend("x-terraform" = {"computed": true}))]
    content: Option<String>,
}

/// The directory the provider is configured with.
struct Files(Configured<PathBuf>);

#[async_trait]
impl Resource for Files {
    type Model = File;
    const NAME: &'static str = "files_file";

    async fn create(&self, _ctx: &Context, planned: File) -> Outcome<File> {
        fs::write(self.0.get()?.join(&planned.name), &planned.content)
            .await
            .explain("Cannot write the file")?;
        Ok(File { length: Some(planned.content.len()), ..planned }.into())
    }

    async fn read(&self, _ctx: &Context, state: File) -> Result<Option<File>, Diagnostics> {
        match fs::read_to_string(self.0.get()?.join(&state.name)).await {
            Err(error) if error.kind() == NotFound => Ok(None),
            read => {
                let content = read.explain("Cannot read the file")?;
                Ok(Some(File { length: Some(content.len()), content, ..state }))
            }
        }
    }

    async fn update(&self, ctx: &Context, _prior: File, planned: File) -> Outcome<File> {
        self.create(ctx, planned).await
    }

    async fn delete(&self, _ctx: &Context, state: File) -> Result<(), Failure<File>> {
        match fs::remove_file(self.0.get()?.join(&state.name)).await {
            Err(error) if error.kind() == NotFound => Ok(()),
            removed => Ok(removed.explain("Cannot delete the file")?),
        }
    }

    async fn import(&self, _ctx: &Context, name: &str) -> Result<File, Diagnostics> {
        Ok(File { name: name.to_owned(), content: String::new(), length: None })
    }
}

#[async_trait]
impl DataSource for Files {
    type Model = Found;
    const NAME: &'static str = "files_file";

    async fn read(&self, _ctx: &Context, config: Found) -> Result<Found, Diagnostics> {
        let content =
            fs::read_to_string(self.0.get()?.join(&config.name)).await.explain("Cannot read the file")?;
        Ok(Found { content: Some(content), ..config })
    }
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
    let options =
        ServeOptions { address: "registry.terraform.io/example/files".into(), version: "0.1.0".into() };
    serve(FilesProvider(Configured::new()), options).await
}
