//! The two images that every node has: `pause`, which holds a pod's namespaces, and `busybox`, a shell for small tasks.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::oci::Image;
use crate::{
    command::{command, output},
    digest::Digest,
    error::{At, Result},
    lock::Lock,
    paths,
};

/// The name of the image of a pod's first container.
pub const PAUSE: &str = "localhost/neuralinverse/pause:1";
/// The name of an image with a shell and the usual small commands, present on every node.
pub const BUSYBOX: &str = "localhost/neuralinverse/busybox:1";

const PAUSE_SOURCE: &str = include_str!("../../images/pause.c");
const BUSYBOX_PROGRAM: &str = "/bin/busybox";

/// Both archives, made when they are not in the cache.
pub(crate) fn archives() -> Result<[PathBuf; 2]> {
    let folder = paths::cache().join("images");
    let mut source = Digest::default();
    source.add(PAUSE_SOURCE.as_bytes());
    let mut busybox = Digest::default();
    busybox.add_file(Path::new(BUSYBOX_PROGRAM))?;
    let paths = [
        folder.join(format!("pause-{}.tar", source.short())),
        folder.join(format!("busybox-{}.tar", busybox.short())),
    ];
    let _lock = Lock::wait(&folder.join(".lock"))?;
    if !paths[0].exists() {
        make_pause(&paths[0])?;
    }
    if !paths[1].exists() {
        make_busybox(&paths[1])?;
    }
    Ok(paths)
}

fn make_pause(archive: &Path) -> Result<()> {
    let (source, program) = (archive.with_extension("c"), archive.with_extension("program"));
    fs::create_dir_all(source.parent().unwrap_or(Path::new("/"))).at(&source)?;
    fs::write(&source, PAUSE_SOURCE).at(&source)?;
    output(command("cc", ["-static", "-Os", "-s", "-o"]).arg(&program).arg(&source))?;
    make(archive, PAUSE, json!({ "Entrypoint": ["/pause"], "User": "65535:65535" }), |layer| {
        layer.append_path_with_name(&program, "pause")
    })?;
    fs::remove_file(&program).at(program)?;
    fs::remove_file(&source).at(source)
}

fn make_busybox(archive: &Path) -> Result<()> {
    let commands = output(&mut command(BUSYBOX_PROGRAM, ["--list"]))?;
    let config = json!({ "Cmd": ["sh"], "Env": ["PATH=/bin"] });
    make(archive, BUSYBOX, config, |layer| {
        layer.append_path_with_name(BUSYBOX_PROGRAM, "bin/busybox")?;
        for name in commands.lines().filter(|name| *name != "busybox") {
            let mut link = tar::Header::new_gnu();
            link.set_entry_type(tar::EntryType::Symlink);
            link.set_size(0);
            layer.append_link(&mut link, format!("bin/{name}"), "busybox")?;
        }
        let mut folder = tar::Header::new_gnu();
        folder.set_entry_type(tar::EntryType::Directory);
        folder.set_mode(0o1777);
        folder.set_size(0);
        layer.append_data(&mut folder, "tmp/", std::io::empty())?;
        for (name, text) in [("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"), ("etc/group", "root:x:0:\n")] {
            let mut file = tar::Header::new_gnu();
            file.set_mode(0o644);
            file.set_size(text.len() as u64);
            layer.append_data(&mut file, name, text.as_bytes())?;
        }
        Ok(())
    })
}

fn make(
    archive: &Path,
    name: &str,
    config: serde_json::Value,
    fill: impl FnOnce(&mut tar::Builder<File>) -> std::io::Result<()>,
) -> Result<()> {
    let file = archive.with_extension("layer");
    let mut layer = tar::Builder::new(File::create(&file).at(&file)?);
    layer.mode(tar::HeaderMode::Deterministic);
    fill(&mut layer).and_then(|()| layer.into_inner()).at(&file)?;
    let mut image = Image::scratch();
    image.config = config;
    image.push(&file)?;
    image.write(archive, name)?;
    fs::remove_file(&file).at(file)
}
