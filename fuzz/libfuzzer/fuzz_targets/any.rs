//! Runs the target that FIRSTLIGHT_FUZZ_TARGET names.
#![no_main]

use firstlight_fuzz::Target;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("FIRSTLIGHT_FUZZ_TARGET").expect("FIRSTLIGHT_FUZZ_TARGET names a target");
    firstlight_fuzz::find(&name).unwrap_or_else(|| panic!("no target {name}"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
