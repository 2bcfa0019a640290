//! Generates the control messages with protoc.

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=proto/control.proto");
    prost_build::Config::new()
        .bytes(["."])
        .compile_protos(&["proto/control.proto"], &["proto"])
}
