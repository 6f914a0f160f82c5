//! Computes a digest of the crate's sources, and one of the extractor's, which alone define the text of a page.
//!
//! Twin of the first: `refinery.kernels.choice.digest_of_sources`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use xxhash_rust::xxh3::Xxh3;

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = vec![root.join("Cargo.lock"), root.join("Cargo.toml")];
    gather(&root.join("src"), &mut files)?;
    let mut named: Vec<(String, PathBuf)> = files.into_iter().map(|file| (name(&root, &file), file)).collect();
    named.sort();
    let (mut all, mut extractor) = (Xxh3::new(), Xxh3::new());
    for (name, file) in named {
        println!("cargo:rerun-if-changed={name}");
        let content = fs::read(file)?;
        for hash in [Some(&mut all), name.starts_with("src/extract/").then_some(&mut extractor)].into_iter().flatten() {
            hash.update(format!("{name} {}\n", content.len()).as_bytes());
            hash.update(&content);
        }
    }
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rustc-env=SOURCES={:016x}", all.digest());
    println!("cargo:rustc-env=EXTRACTOR={:016x}", extractor.digest());
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue; // an editor's
        }
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The path of a file below the crate, with `/`.
fn name(root: &Path, file: &Path) -> String {
    let parts = file.strip_prefix(root).unwrap_or(file).iter();
    parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
