//! The book without *Play*, where nothing compiles it. `crates/play/tests/` has the tests of *Play* itself.

use crate::driver::{KEYBOOK, alone, stderr};
use std::process::Command;

#[test]
fn without_a_compiler_for_the_browser_the_book_is_built_and_the_command_is_named() {
    let (built, nothing) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _alone = alone();
    let output = Command::new(KEYBOOK)
        .env("MDBOOK_BUILD__BUILD_DIR", built.path())
        .env("XDG_CACHE_HOME", nothing.path())
        .env("PATH", nothing.path())
        .output()
        .unwrap();
    let told = stderr(&output);
    assert!(told.contains("The book is built without Play"), "{told}");
    assert!(told.contains(": .ci/wasm installs what compiles it"), "{told}");
    let play = built.path().join("play");
    for (file, is_there) in [("explorer.html", true), ("data.js", true), ("rules.wasm", false)] {
        assert_eq!(play.join(file).exists(), is_there, "{file}");
    }
}
