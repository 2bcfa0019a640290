//! The commands as a user gives them: one clear line for whatever is wrong, and a clean stop.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "cli/join.rs"]
mod join;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

fn firstlight(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstlight"));
    command.args(arguments).env_remove("FIRSTLIGHT_LOG");
    command
}

/// The one line that a refused command wrote, and its exit code.
fn refusal(command: &mut Command) -> (String, i32) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let line = String::from_utf8(stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: ") && stdout.is_empty(), "{line}");
    (line, status.code().unwrap())
}

fn title(folder: &TempDir, id: &str, manifest: &str) -> PathBuf {
    let dir = folder.path().join(id);
    fs::create_dir_all(&dir).unwrap();
    fs::write(
        dir.join("title.toml"),
        format!("id = \"{id}\"\nname = \"T\"\nversion = \"1\"\n{manifest}"),
    )
    .unwrap();
    dir
}

const PLAIN: &str = "[run]\ncommand = [\"/bin/sleep\", \"1000\"]\n";

/// A running engine; killed if a test fails.
struct Engine {
    child: Child,
    lines: BufReader<ChildStdout>,
    greeting: String,
}

impl Engine {
    fn up(titles: &Path, data: &Path) -> Self {
        Self::up_with(titles, data, &[])
    }

    fn up_with(titles: &Path, data: &Path, more: &[&str]) -> Self {
        let mut child = firstlight(&["up", "--listen", "127.0.0.1:0", "--media-ports", "20000-60000"])
            .args(more)
            .args([Path::new("--titles"), titles, Path::new("--data"), data])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Stop it with") {
            assert_ne!(lines.read_line(&mut greeting).unwrap(), 0, "it ended: {greeting}");
        }
        Self {
            child,
            lines,
            greeting,
        }
    }

    fn address(&self) -> &str {
        let (_, rest) = self.greeting.split_once("http://").unwrap();
        rest.split_once('/').unwrap().0
    }

    fn ask(&self, request: &str, body: &str) -> String {
        let address = self.address();
        let mut stream = TcpStream::connect(address).unwrap();
        let text = format!(
            "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer flp_{}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            "A".repeat(43),
            body.len()
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends SIGTERM; returns what it said and its exit code.
    fn stop(mut self) -> (String, i32) {
        kill(
            Pid::from_raw(self.child.id().try_into().unwrap()),
            Signal::SIGTERM,
        )
        .unwrap();
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code().unwrap())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_in_one_line() {
    let cases: [(&[&str], &str); 9] = [
        (&[], "name a command"),
        (&["fly"], "'fly'"),
        (&["up", "--slots", "none"], "--slots"),
        (&["up", "--slots", "0"], "--slots"),
        (&["up", "--media-ports", "9-8"], "7000-7099"),
        (&["up", "--bitrate-max", "8MB"], "8M or 800k"),
        (&["up", "--host-name", "http://x"], "play.example"),
        (&["up", "--tls", "cert.pem"], "CERT,KEY"),
        (&["title", "check", "--yaml"], "--yaml"),
    ];
    for (arguments, word) in cases {
        let (line, code) = refusal(&mut firstlight(arguments));
        assert!(line.contains(word) && code == 2, "{code} {line}");
    }
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    title(&folder, "plain", PLAIN);
    let titles = folder.path().to_str().unwrap();
    let data = folder.path().join("data");
    let up = |more: &[&str]| {
        let mut command = firstlight(&["up", "--titles", titles, "--data", data.to_str().unwrap()]);
        command.args(more);
        command
    };
    let (line, code) = refusal(&mut firstlight(&["up", "--titles", "/nowhere"]));
    assert!(
        line.contains("/nowhere") && line.contains("--titles") && code == 1,
        "{line}"
    );
    let squatter = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = squatter.local_addr().unwrap().to_string();
    let (line, code) = refusal(&mut up(&["--listen", &address]));
    assert!(
        line.contains(&format!(
            "port {} is in use",
            squatter.local_addr().unwrap().port()
        )) && code == 1,
        "{line}"
    );
    let (line, code) = refusal(&mut up(&["--listen", "8080"]));
    assert!(line.contains("localhost:8080") && code == 1, "{line}");
    for (pair, words) in [
        ("/nowhere.pem,/nowhere.key", "cannot read /nowhere.pem"),
        ("/dev/null,/dev/null", "/dev/null holds no certificate in PEM"),
    ] {
        let (line, code) = refusal(&mut up(&["--listen", "127.0.0.1:0", "--tls", pair]));
        assert!(line.contains(words) && code == 1, "{line}");
    }
    let (line, code) = refusal(up(&[]).env("FIRSTLIGHT_LOG", "=="));
    assert!(line.contains("FIRSTLIGHT_LOG") && code == 1, "{line}");
    assert!(!data.exists(), "nothing is made by a command that is refused");
}

#[test]
fn without_xvfb_the_engine_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    title(&folder, "plain", PLAIN);
    // Everything that is installed, but for Xvfb.
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).unwrap();
    for name in ["bwrap", "pulseaudio", "parec"] {
        std::os::unix::fs::symlink(Path::new("/usr/bin").join(name), programs.join(name)).unwrap();
    }
    let mut command = firstlight(&["up", "--titles"]);
    let (line, code) = refusal(command.arg(folder.path()).env("PATH", &programs));
    assert!(
        line.contains("Xvfb is not installed: apt-get install xvfb") && code == 1,
        "{line}"
    );
    let doctor = firstlight(&["doctor", "--json"])
        .env("PATH", &programs)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(
        (doctor.status.code(), &report["ok"]),
        (Some(1), &serde_json::json!(false))
    );
}

#[test]
fn titles_are_checked_with_file_line_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let good = title(&folder, "good", PLAIN);
    let check = |dir: &Path, more: &[&str]| {
        firstlight(&["title", "check"])
            .arg(dir)
            .args(more)
            .output()
            .unwrap()
    };
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let fine = check(&good, &[]);
    assert!(
        fine.status.success() && text(&fine).starts_with("ok: "),
        "{}",
        text(&fine)
    );

    let cases = [
        (
            "unknown-key",
            "[run]\ncommand = [\"/bin/true\"]\n[display]\nwidht = 3\n",
            "widht",
        ),
        ("wrong-type", "[run]\ncommand = \"/bin/true\"\n", "command"),
        (
            "no-program",
            "[run]\ncommand = [\"/nowhere/game\"]\n",
            "/nowhere/game",
        ),
    ];
    for (id, manifest, word) in cases {
        let dir = title(&folder, id, manifest);
        let output = check(&dir, &[]);
        let line = text(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            line.starts_with("error: ") && line.contains("title.toml:") && line.contains(word),
            "{line}"
        );
        assert_eq!(
            line.lines().filter(|line| line.starts_with("error")).count(),
            1,
            "{line}"
        );
    }
    let all = check(folder.path(), &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(
        (all.status.code(), &report["ok"]),
        (Some(1), &serde_json::json!(false))
    );
    assert_eq!(report["titles"].as_array().unwrap().len(), 4);
    let (line, code) = refusal(&mut firstlight(&["title", "check", "/nowhere"]));
    assert!(line.contains("/nowhere") && code == 1, "{line}");
}

#[test]
fn the_probe_is_the_program_beside_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("firstlight");
    // A file that this process had open for writing may not be run: another test's child may hold it still.
    let shell = |line: &str| {
        let done = Command::new("sh")
            .args(["-c", line])
            .current_dir(folder.path())
            .status();
        assert!(done.unwrap().success(), "{line}");
    };
    shell(&format!("cp {} firstlight", env!("CARGO_BIN_EXE_firstlight")));
    let (line, code) = refusal(Command::new(&alone).args(["probe", "x"]));
    assert!(
        line.contains("firstlight-probe is not there") && code == 1,
        "{line}"
    );
    shell("printf '#!/bin/sh\\necho \"$@\"\\nexit 7\\n' > firstlight-probe && chmod 700 firstlight-probe");
    let output = Command::new(&alone)
        .args(["probe", "http://x", "--seconds", "3", "--help"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"http://x --seconds 3 --help\n");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn every_command_explains_itself() {
    for arguments in [
        &["--help"][..],
        &["up", "--help"],
        &["title", "--help"],
        &["title", "check", "--help"],
        &["doctor", "--help"],
    ] {
        let output = firstlight(arguments).output().unwrap();
        assert!(
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains("Usage:"),
            "{arguments:?}"
        );
    }
    let version = firstlight(&["--version"]).output().unwrap();
    assert!(version.status.success() && version.stdout.starts_with(b"firstlight "));
}

#[test]
fn doctor_reports_for_programs() {
    let output = firstlight(&["doctor", "--json", "--titles", "/nowhere"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|check| check["name"].as_str())
        .collect();
    for name in [
        "programs",
        "sandbox",
        "keymap",
        "encoder",
        "GPU encoder",
        "room",
        "media ports",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(report["ok"], output.status.success());
}

#[test]
fn an_engine_greets_plays_and_stops_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    title(&folder, "sleeper", PLAIN);
    title(&folder, "broken", "[run]\ncommand = 3\n");
    let data = folder.path().join("data");
    let engine = Engine::up(folder.path(), &data);
    assert!(
        engine.greeting.contains("sleeper") && engine.greeting.contains("broken/title.toml:"),
        "{}",
        engine.greeting
    );
    let key = data.join("operator.key");
    assert!(engine.greeting.contains(key.to_str().unwrap()));
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let second = firstlight(&["up", "--listen", "127.0.0.1:0", "--titles"])
        .arg(folder.path())
        .arg("--data")
        .arg(&data)
        .output();
    assert!(
        String::from_utf8(second.unwrap().stderr)
            .unwrap()
            .contains("another engine uses the data folder")
    );

    let started = engine.ask("POST /v1/sessions", "{\"title\":\"sleeper\"}");
    assert!(started.starts_with("HTTP/1.1 201 "), "{started}");
    let (_, rest) = started.split_once("\"session\":\"").unwrap();
    let session = rest.split_once('"').unwrap().0.to_owned();
    let (said, code) = engine.stop();
    assert!(
        said.contains("one session is being ended") && said.contains("Stopped") && code == 0,
        "{said}"
    );

    let run_roots = [PathBuf::from("/run/firstlight"), data.join("run")];
    assert!(!run_roots.iter().any(|root| root.join(&session).exists()));
    // A command line in the sandbox names the session's folders.
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let left = processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    assert_eq!(left.filter(|line| line.contains(&session)).count(), 0);
    let groups = [
        "/sys/fs/cgroup/unified",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/freezer",
    ];
    assert!(
        !groups
            .iter()
            .any(|root| Path::new(root).join(format!("firstlight-{session}")).exists())
    );
}

#[test]
fn over_tls_the_engine_prints_https_and_its_fingerprint_and_tells_a_plain_client() {
    let folder = tempfile::tempdir().unwrap();
    title(&folder, "plain", PLAIN);
    let data = folder.path().join("data");
    let fingerprint = |engine: &Engine| {
        let (_, rest) = engine.greeting.split_once("SHA-256 ").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let engine = Engine::up_with(folder.path(), &data, &["--tls", "self-signed"]);
    let first = fingerprint(&engine);
    let (_, rest) = engine.greeting.split_once("https://").unwrap();
    let mut plain = TcpStream::connect(rest.split_once('/').unwrap().0).unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("https://"),
        "{answer}"
    );
    let mode = fs::metadata(data.join("tls.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(engine.stop().1, 0);
    let again = Engine::up_with(folder.path(), &data, &["--tls", "self-signed"]);
    assert_eq!(fingerprint(&again), first, "it is kept");
}

/// Records that were signed once, and hold for ever.
const PROVEN: &str = include_str!("../../../fuzz/corpus/evidence/proven");
const LATE: &str = include_str!("../../../fuzz/corpus/evidence/late");

/// Judges a file of these lines: what it said, and its exit code.
fn judged(lines: &str, more: &[&str]) -> (String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.txt");
    fs::write(&file, lines).unwrap();
    let mut command = firstlight(&["checker", "verify"]);
    let output = command.arg(&file).args(more).output().unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

#[test]
fn evidence_is_judged_again_a_line_a_record() {
    let (said, code) = judged(&format!("{PROVEN}\n{LATE}"), &[]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), code), (3, 0), "{said}");
    assert!(
        lines[0].starts_with("1: compute of host ") && lines[0].ends_with(": holds: proven"),
        "{said}"
    );
    assert!(
        lines[1].ends_with("holds: failed: the answer took 901 ms, and 900 ms were given"),
        "{said}"
    );
    assert_eq!(lines[2], "2 of 2 records hold");

    let checker = lines[0].split(' ').nth(7).unwrap().trim_end_matches(':');
    assert_eq!(judged(PROVEN, &["--checker", checker]).1, 0);
    let (said, code) = judged(PROVEN, &["--checker", "0000"]);
    assert!(said.contains("it is another checker's") && code == 1, "{said}");
    let (said, code) = judged(PROVEN, &["--json"]);
    assert!(
        said.contains("\"hold\":1") && said.contains("\"part\":\"compute\"") && code == 0,
        "{said}"
    );
}

#[test]
fn evidence_that_was_changed_does_not_hold_and_the_line_says_why() {
    // The last character but one is of the checker's signature of the whole.
    let mut forged = PROVEN.trim_end().to_owned();
    let last = forged.pop().unwrap();
    let before = forged.pop().unwrap();
    forged.push(if before == 'A' { 'B' } else { 'A' });
    forged.push(last);
    let (said, code) = judged(&format!("{PROVEN}{forged}\nnonsense\n"), &[]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(code, 1, "{said}");
    assert!(
        lines[1].ends_with("does not hold: the record is not signed by the checker that it names"),
        "{said}"
    );
    assert!(lines[2].starts_with("3: no record: "), "{said}");
    assert_eq!(lines[3], "1 of 3 records hold");
}

#[test]
fn evidence_that_is_not_there_is_a_line_on_standard_error() {
    let (line, code) = refusal(&mut firstlight(&["checker", "verify", "/no/such/file"]));
    assert!(
        line.contains("/no/such/file cannot be opened") && code == 1,
        "{line}"
    );
    let (line, code) = refusal(&mut firstlight(&["checker", "verify", "/dev/null"]));
    assert!(line.contains("holds no record") && code == 1, "{line}");
    let (line, code) = refusal(&mut firstlight(&["checker"]));
    assert!(line.contains("--help") && code == 2, "{line}");
    let help = firstlight(&["checker", "verify", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("offline") && help.contains("--json"), "{help}");
}
