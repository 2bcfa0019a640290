//! Finds libaom and reads its headers.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=aom.h");
    let aom = pkg_config::Config::new()
        .atleast_version("3.6")
        .probe("aom")
        .map_err(|error| format!("libaom is needed to encode AV1 (apt-get install libaom-dev): {error}"))?;
    let include = aom
        .include_paths
        .iter()
        .map(|path| format!("-I{}", path.display()));
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("aom.rs");
    bindgen::Builder::default()
        .header("aom.h")
        .clang_args(include)
        .allowlist_function("aom_codec_(av1_cx|enc_config_default|enc_init_ver|enc_config_set|control|encode|get_cx_data|destroy|error|error_detail)|aom_img_wrap")
        .allowlist_type("fl_.*|aome_enc_control_id|aom_color_.*|aom_transfer_.*|aom_matrix_.*")
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .layout_tests(false)
        .generate()?
        .write_to_file(out)?;
    Ok(())
}
