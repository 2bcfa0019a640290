//! The commands in `deploy/` are commands.

use crate::cli::Cli;
use clap::Parser;
use std::fs;
use std::path::Path;

#[test]
fn every_command_of_the_deployment_files_is_taken() {
    let expected = [
        ("systemd/firstlight-host.service", &["host"][..]),
        ("systemd/firstlight-indexer.service", &["indexer"]),
        ("systemd/firstlight-relay.service", &["relay"]),
        ("compose/compose.yaml", &["indexer", "host"]),
        ("kubernetes/host.yaml", &["host"]),
        ("kubernetes/indexer.yaml", &["indexer"]),
    ];
    let mut seen = Vec::new();
    for (file, words) in expected {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../deploy")
            .join(file);
        let text = fs::read_to_string(path).unwrap();
        let commands = commands(&text);
        let first: Vec<&str> = commands.iter().map(|command| command[0].as_str()).collect();
        assert_eq!(first, words, "{file}");
        for command in commands {
            let command: Vec<String> = command.iter().map(|word| filled_in(word)).collect();
            let taken = Cli::try_parse_from([&["firstlight".to_owned()][..], &command].concat());
            assert!(taken.is_ok(), "{file}: {command:?}: {}", taken.unwrap_err());
        }
        seen.push(file);
    }
    assert_eq!(files(), seen.iter().map(ToString::to_string).collect::<Vec<_>>());
}

/// Those of `deploy/` that start the engine.
fn files() -> Vec<String> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut found = Vec::new();
    for folder in ["systemd", "compose", "kubernetes"] {
        let entries = fs::read_dir(deploy.join(folder)).unwrap();
        for entry in entries.map(Result::unwrap) {
            if !commands(&fs::read_to_string(entry.path()).unwrap()).is_empty() {
                found.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    found.sort_by_key(|file| {
        let folder = ["systemd", "compose", "kubernetes"]
            .iter()
            .position(|folder| file.starts_with(folder));
        (folder, file.clone())
    });
    found
}

/// The engine's command lines: of units, and of containers, where they stand in one line as a list.
fn commands(text: &str) -> Vec<Vec<String>> {
    let of_unit = |line: &str| {
        let rest = line.strip_prefix("ExecStart=/usr/local/bin/firstlight ")?;
        Some(rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    };
    let of_container = |line: &str| {
        let line = line.trim().trim_start_matches("- ");
        let list = ["command: ", "args: "]
            .iter()
            .find_map(|key| line.strip_prefix(key))?;
        let words: Vec<String> = serde_json::from_str(list).ok()?;
        let ours = ["up", "host", "indexer", "relay"];
        words
            .first()
            .is_some_and(|first| ours.contains(&first.as_str()))
            .then_some(words)
    };
    text.lines()
        .filter_map(|line| of_unit(line).or_else(|| of_container(line)))
        .collect()
}

/// With what the environment would put in.
fn filled_in(word: &str) -> String {
    let key = "ab".repeat(32);
    let values = [
        ("FIRSTLIGHT_STORE", "postgres://firstlight@db/firstlight"),
        ("FIRSTLIGHT_BUS", "nats://bus:4222"),
        ("FIRSTLIGHT_NAME", "play.example"),
        ("FIRSTLIGHT_GATEWAY_KEY", &key),
        ("FIRSTLIGHT_GATEWAY_PASSWORD", "secret"),
        ("FIRSTLIGHT_HOST_PASSWORD", "secret"),
        ("FIRSTLIGHT_JOIN", "https://play.example"),
        ("FIRSTLIGHT_REGION", "eu-1"),
        ("NODE_NAME", "node-1"),
    ];
    let filled = values.iter().fold(word.to_owned(), |word, (name, value)| {
        word.replace(&format!("${{{name}}}"), value)
            .replace(&format!("$({name})"), value)
    });
    assert!(!filled.contains('$'), "nobody sets what is in {word}");
    filled
}
