//! Machines that join: what keeps them from it, and how they come and go.

use super::{Engine, PLAIN, firstlight, refusal, title};
use firstlight_test_servers::Nats;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A gateway on a bus, and a folder for everything.
struct Fleet {
    folder: TempDir,
    nats: Nats,
    engine: Engine,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nats = Nats::start().unwrap();
        let titles = folder.path().join("titles");
        fs::create_dir(&titles).unwrap();
        title_in(&titles);
        let engine = Engine::up_with(&titles, &folder.path().join("gateway"), &["--bus", &nats.url()]);
        Self { folder, nats, engine }
    }

    fn url(&self) -> String {
        format!("http://{}", self.engine.address())
    }

    fn token(&self, wanted: &Value) -> String {
        let made = self.operate("POST", "/v1/hosts/tokens", &wanted.to_string());
        made["token"].as_str().unwrap().to_owned()
    }

    fn operate(&self, method: &str, path: &str, body: &str) -> Value {
        let key = fs::read_to_string(self.folder.path().join("gateway/operator.key")).unwrap();
        let mut stream = TcpStream::connect(self.engine.address()).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.engine.address(),
            key.trim(),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    fn host(&self, data: &str, more: &[&str]) -> Command {
        let mut command = firstlight(&["host", "--join", &self.url(), "--media-ports", "20000-60000"]);
        command
            .arg("--titles")
            .arg(self.folder.path().join("titles"))
            .arg("--data")
            .arg(self.folder.path().join(data))
            .args(more);
        command
    }
}

fn title_in(titles: &Path) {
    let dir = titles.join("plain");
    fs::create_dir(&dir).unwrap();
    fs::write(
        dir.join("title.toml"),
        format!("id = \"plain\"\nname = \"T\"\nversion = \"1\"\n{PLAIN}"),
    )
    .unwrap();
}

/// A host that has joined; killed if a test fails.
struct Host {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Host {
    fn join(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Stop it with") {
            assert_ne!(lines.read_line(&mut greeting).unwrap(), 0, "it ended: {greeting}");
        }
        Self { child, lines }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn what_is_no_gateway_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    title(&folder, "plain", PLAIN);
    let titles = folder.path().to_str().unwrap();
    let data = folder.path().join("data");
    let join = |url: &str| {
        let mut command = firstlight(&["host", "--titles", titles, "--join", url, "--data"]);
        command.arg(&data);
        refusal(&mut command)
    };
    let (line, code) = refusal(&mut firstlight(&["host"]));
    assert!(line.contains("--join") && code == 2, "{line}");
    let (line, code) = join("localhost:8080");
    assert!(line.contains("http://localhost:8080") && code == 2, "{line}");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (line, code) = join(&url);
    assert!(
        line.contains(&format!("no gateway answers at {url}")) && code == 1,
        "{line}"
    );

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            lines.read_line(&mut head).unwrap();
        }
        stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
            .unwrap();
    });
    let (line, code) = join(&url);
    answering.join().unwrap();
    assert!(
        line.contains("is no gateway of a fleet") && line.contains("404") && code == 1,
        "{line}"
    );

    let alone = Engine::up(folder.path(), &folder.path().join("gateway"));
    let (line, code) = join(&format!("http://{}", alone.address()));
    assert!(
        line.contains("start it with --bus nats://") && code == 1,
        "{line}"
    );
}

#[test]
fn a_token_that_is_wrong_spent_or_too_old_is_said_in_one_line() {
    let fleet = Fleet::new();
    let (line, code) = refusal(&mut fleet.host("one", &[]));
    assert!(line.contains("Give one with --token") && code == 1, "{line}");
    let expired = fleet.token(&json!({ "expires_in_s": 0 }));
    for token in ["flj_guess", &expired] {
        let (line, code) = refusal(&mut fleet.host("one", &["--token", token]));
        assert!(
            line.contains("unknown, used up or too old") && line.contains("/v1/hosts/tokens") && code == 1,
            "{line}"
        );
    }
    let token = fleet.token(&json!({}));
    let host = Host::join(fleet.host("one", &["--token", &token]));
    let (line, code) = refusal(&mut fleet.host("two", &["--token", &token]));
    assert!(line.contains("used up") && code == 1, "{line}");
    let (line, code) = refusal(&mut fleet.host("one", &["--token", &token]));
    assert!(
        line.contains("another engine uses the data folder") && code == 1,
        "{line}"
    );
    drop(host);
}

#[test]
fn without_a_bus_nobody_joins_and_nothing_starts() {
    let fleet = Fleet::new();
    let token = fleet.token(&json!({}));
    let dead = "nats://user:secret@127.0.0.1:1";
    let (line, code) = refusal(
        fleet
            .host("one", &["--bus", dead])
            .env("FIRSTLIGHT_TOKEN", &token),
    );
    assert!(
        line.contains("nothing answers at nats://…@127.0.0.1:1") && code == 1,
        "{line}"
    );
    let titles = fleet.folder.path().join("titles");
    let data = fleet.folder.path().join("other");
    let mut up = firstlight(&["up", "--listen", "127.0.0.1:0", "--bus", dead, "--titles"]);
    let (line, code) = refusal(up.arg(&titles).arg("--data").arg(&data));
    assert!(
        line.contains("is nats-server running there") && code == 1,
        "{line}"
    );
    let mut indexer = firstlight(&["indexer", "--store", "memory", "--bus", "local", "--titles"]);
    let (line, code) = refusal(indexer.arg(&titles));
    assert!(line.contains("--bus nats://HOST:PORT") && code == 1, "{line}");
    assert!(fleet.nats.url().starts_with("nats://"));
}

#[test]
fn a_machine_joins_says_how_it_is_and_leaves_when_it_is_told() {
    let fleet = Fleet::new();
    let token = fleet.token(&json!({}));
    let mut host = Host::join(fleet.host("one", &["--token", &token, "--name", "box"]));
    let data = fleet.folder.path().join("one");
    let key = data.join("host.key").metadata().unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    let word = |words: &[&str], data: &Path| {
        let mut command = firstlight(&["host"]);
        command.args(words).arg("--data").arg(data);
        command
    };
    let status = |data: &Path| -> Value {
        let output = word(&["status", "--json"], data).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(
        status(&data),
        json!({ "state": "open", "sessions": 0, "connected": true })
    );
    for (words, said, state) in [(["drain"], "Drained", "draining"), (["open"], "Open", "open")] {
        let output = word(&words, &data).output().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().starts_with(said) && output.status.success());
        assert_eq!(status(&data)["state"], state);
    }
    let left = word(&["leave"], &data).output().unwrap();
    let words = String::from_utf8(left.stdout).unwrap();
    assert!(
        words.ends_with("Left: the host has ended\n") && left.status.success(),
        "{words}"
    );
    let mut rest = String::new();
    host.lines.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("Leaving") && rest.ends_with("Stopped\n"), "{rest}");
    assert!(host.child.wait().unwrap().success());
    let (line, code) = refusal(&mut word(&["status"], &data));
    assert!(
        line.contains("no host runs with the data folder") && code == 1,
        "{line}"
    );

    // Its key is known: it needs no token to come back.
    drop(Host::join(fleet.host("one", &[])));
}
