//! Finds the built browser client, or puts a page in its place that says how to build it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = here.join("../../client-web/dist");
    // A folder that appears later must be noticed too: Cargo takes a missing path for a changed one.
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    let client = if dist.join("index.html").is_file() {
        dist.canonicalize()?
    } else {
        println!(
            "cargo:warning=client-web/dist is missing: the pages will only say so (cd client-web && npm ci && npm run build)"
        );
        placeholder(&PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()))?
    };
    println!("cargo:rustc-env=FIRSTLIGHT_CLIENT={}", client.display());
    Ok(())
}

fn placeholder(out: &Path) -> io::Result<PathBuf> {
    let folder = out.join("client");
    fs::create_dir_all(&folder)?;
    for page in ["index.html", "ops.html"] {
        fs::write(folder.join(page), PAGE)?;
    }
    Ok(folder)
}

const PAGE: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Firstlight</title>\n\
<h1>The client is not built in</h1>\n\
<p>This engine was compiled before the browser client. In the project's folder:</p>\n\
<pre>cd client-web && npm ci && npm run build && cd .. && cargo build -p firstlight</pre>\n\
<p>or simply <code>./run</code>, which does all of it. The API answers at <a href=\"/v1/titles\">/v1/titles</a>.</p>\n";
