//! The titles and the publishers' guide of this repository.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_title::{catalogue, parse, picture};
use std::path::{Path, PathBuf};

#[test]
fn every_title_here_is_valid_and_has_a_light_picture() {
    let mut ids = Vec::new();
    for entry in catalogue(&root().join("titles")).unwrap() {
        let title = entry.title.unwrap();
        let picture = picture(&entry.dir).unwrap_or_else(|| panic!("{} has no picture", title.id));
        assert!(
            picture.metadata().unwrap().len() <= 150_000,
            "{}",
            picture.display()
        );
        ids.push(title.id.to_string());
    }
    assert_eq!(ids, ["beacon", "freedoom", "lbreakouthd"]);
}

#[test]
fn the_guides_example_is_a_manifest_and_its_table_has_every_key() {
    let guide = std::fs::read_to_string(root().join("docs/guides/publisher.md")).unwrap();
    let example = guide
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let title = parse(example, Path::new("docs/guides/publisher.md")).unwrap();
    let whole = serde_json::to_value(&title).unwrap();
    for (table, keys) in whole.as_object().unwrap() {
        let names: Vec<String> = match keys.as_object() {
            Some(keys) => keys.keys().map(|key| format!("{table}.{key}")).collect(),
            None => vec![table.clone()],
        };
        for name in names {
            assert!(
                guide.contains(&format!("\n| `{name}` |")),
                "{name} is not in the guide's table"
            );
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
