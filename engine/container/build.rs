//! Builds the library that is loaded into apps which play with gamepads: `src/gamepad/shim.c`.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    let source = "src/gamepad/shim.c";
    println!("cargo::rerun-if-changed={source}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo names a folder")).join("gamepads.so");
    // The compiler that Cargo's own rules pick for the target.
    let compiler = cc::Build::new().cargo_metadata(false).opt_level(2).get_compiler();
    let mut command = Command::new(compiler.path());
    command
        .args(["-shared", "-fPIC", "-O2", "-s", "-Wall", "-Wextra"])
        // It would replace the functions that are defined here.
        .arg("-U_FORTIFY_SOURCE")
        .arg(source)
        .arg("-o")
        .arg(&out);
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} failed");
}
