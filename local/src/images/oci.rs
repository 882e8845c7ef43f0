//! OCI image archives: reading what a base holds, and writing an image on top of it.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    digest,
    error::{At, Error, Result},
    files::{create_folder, own_as_folder},
};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Where containerd, and where others look for an image's name.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// An image: what its containers start, and its layers.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The `config` of the image's configuration: user, environment, entrypoint.
    pub(crate) config: Value,
    layers: Vec<Layer>,
}

/// One layer: how the manifest describes it, the digest of its plain tar, and where its bytes are.
#[derive(Debug, Clone)]
struct Layer {
    descriptor: Value,
    diff_id: String,
    blob: Blob,
}

#[derive(Debug, Clone)]
struct Blob {
    file: PathBuf,
    offset: u64,
    size: u64,
}

impl Image {
    /// An image with nothing in it.
    pub(crate) fn scratch() -> Self {
        Self { config: json!({}), layers: Vec::new() }
    }

    /// The first image in an archive.
    pub(crate) fn open(archive: &Path) -> Result<Self> {
        let blobs = Blobs::read(archive)?;
        let manifest = blobs.json(blobs.index()?["manifests"][0]["digest"].as_str().unwrap_or_default())?;
        let config = blobs.json(manifest["config"]["digest"].as_str().unwrap_or_default())?;
        let (descriptors, diff_ids) = (array(&manifest["layers"]), array(&config["rootfs"]["diff_ids"]));
        let layer = |(descriptor, diff_id): (&Value, &Value)| {
            let blob = blobs.blob(descriptor["digest"].as_str().unwrap_or_default())?;
            Ok(Layer {
                descriptor: descriptor.clone(),
                diff_id: diff_id.as_str().unwrap_or_default().to_owned(),
                blob,
            })
        };
        let layers = descriptors.iter().zip(diff_ids).map(layer).collect::<Result<_>>()?;
        let config = if config["config"].is_object() { config["config"].clone() } else { json!({}) };
        Ok(Self { config, layers })
    }

    /// Puts the tar file `layer` on top. It must stay until the image is written.
    pub(crate) fn push(&mut self, layer: &Path) -> Result<()> {
        let size = layer.metadata().at(layer)?.len();
        let digest = format!("sha256:{}", digest::sha256_file(layer)?);
        self.layers.push(Layer {
            descriptor: json!({ "mediaType": LAYER, "digest": digest, "size": size }),
            diff_id: digest,
            blob: Blob { file: layer.to_owned(), offset: 0, size },
        });
        Ok(())
    }

    /// Writes the image as an archive under the name `name`; a reader sees the old or the whole new one.
    pub(crate) fn write(&self, archive: &Path, name: &str) -> Result<()> {
        let (config, manifest, index) = self.documents(name);
        let new = archive.with_extension("new");
        if let Some(folder) = archive.parent() {
            create_folder(folder)?;
        }
        let mut tar = tar::Builder::new(File::create(&new).at(&new)?);
        let mut add = |name: &str, size: u64, bytes: &mut dyn Read| {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes).at(&new)
        };
        let layout = json!({ "imageLayoutVersion": "1.0.0" }).to_string();
        // The index early: who only wants the name need not read past the layers.
        for (name, text) in [
            ("oci-layout".to_owned(), &layout),
            ("index.json".to_owned(), &index),
            config.file(),
            manifest.file(),
        ] {
            add(&name, text.len() as u64, &mut text.as_bytes())?;
        }
        for layer in &self.layers {
            let name = blob_name(layer.descriptor["digest"].as_str().unwrap_or_default());
            add(&name, layer.blob.size, &mut layer.blob.open()?)?;
        }
        tar.into_inner().and_then(|mut file| file.flush()).at(&new)?;
        own_as_folder(&new)?;
        fs::rename(&new, archive).at(archive)
    }

    fn documents(&self, name: &str) -> (Document, Document, String) {
        let diff_ids: Vec<_> = self.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        let config = Document::new(json!({
            // A fixed time: the same content gives the same image.
            "created": "1970-01-01T00:00:00Z",
            "architecture": architecture(),
            "os": "linux",
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        }));
        let layers: Vec<_> = self.layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let manifest = Document::new(json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(CONFIG),
            "layers": layers,
        }));
        let mut descriptor = manifest.descriptor(MANIFEST);
        descriptor["annotations"] = NAMES
            .map(|key| (key.to_owned(), Value::from(name)))
            .into_iter()
            .collect::<serde_json::Map<_, _>>()
            .into();
        let index = json!({ "schemaVersion": 2, "manifests": [descriptor] }).to_string();
        (config, manifest, index)
    }
}

/// The names in an archive with the digests of their manifests; none when it is of the older Docker kind.
pub(crate) fn names(archive: &Path) -> Result<Vec<(String, String)>> {
    let Ok(index) = Blobs::read(archive)?.index() else { return Ok(Vec::new()) };
    let named = |manifest: &Value| {
        let name = NAMES.iter().find_map(|key| manifest["annotations"][*key].as_str())?;
        Some((name.to_owned(), manifest["digest"].as_str()?.to_owned()))
    };
    Ok(array(&index["manifests"]).iter().filter_map(named).collect())
}

struct Document(String);

impl Document {
    fn new(value: Value) -> Self {
        Self(value.to_string())
    }

    fn digest(&self) -> String {
        format!("sha256:{}", digest::sha256(self.0.as_bytes()))
    }

    fn descriptor(&self, kind: &str) -> Value {
        json!({ "mediaType": kind, "digest": self.digest(), "size": self.0.len() })
    }

    fn file(&self) -> (String, &String) {
        (blob_name(&self.digest()), &self.0)
    }
}

/// Where each file of an archive lies in it.
struct Blobs {
    archive: PathBuf,
    files: Vec<(PathBuf, u64, u64)>,
}

impl Blobs {
    fn read(archive: &Path) -> Result<Self> {
        let mut tar = tar::Archive::new(File::open(archive).at(archive)?);
        let mut files = Vec::new();
        for entry in tar.entries_with_seek().at(archive)? {
            let entry = entry.at(archive)?;
            let path = entry.path().at(archive)?.components().as_path().to_owned();
            files.push((path, entry.raw_file_position(), entry.size()));
        }
        Ok(Self { archive: archive.to_owned(), files })
    }

    fn index(&self) -> Result<Value> {
        self.json_file("index.json")
    }

    fn json(&self, digest: &str) -> Result<Value> {
        self.json_file(&blob_name(digest))
    }

    fn json_file(&self, name: &str) -> Result<Value> {
        let mut text = Vec::new();
        self.find(name)?.open()?.read_to_end(&mut text).at(&self.archive)?;
        serde_json::from_slice(&text).map_err(|error| self.error(format!("{name}: {error}")))
    }

    fn blob(&self, digest: &str) -> Result<Blob> {
        self.find(&blob_name(digest))
    }

    fn find(&self, name: &str) -> Result<Blob> {
        let file = self
            .files
            .iter()
            .find(|(path, ..)| path == Path::new(name) || *path == Path::new(".").join(name));
        let (_, offset, size) = file.ok_or_else(|| self.error(format!("it has no {name}")))?;
        Ok(Blob { file: self.archive.clone(), offset: *offset, size: *size })
    }

    fn error(&self, reason: String) -> Error {
        Error::Archive { path: self.archive.clone(), reason }
    }
}

impl Blob {
    fn open(&self) -> Result<impl Read + use<>> {
        let mut file = File::open(&self.file).at(&self.file)?;
        file.seek(SeekFrom::Start(self.offset)).at(&self.file)?;
        Ok(file.take(self.size))
    }
}

fn blob_name(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
