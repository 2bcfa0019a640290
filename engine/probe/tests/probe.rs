//! A real engine, a real game, a real decoder: what the probe says of them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_gateway::{Gateway, Metrics, OperatorKey, Settings, serve};
use firstlight_host::agent::Agent;
use firstlight_host::{Config, Host, State};
use firstlight_probe::{Error, Options, Target, run};
use firstlight_test_cell::Alone;
use firstlight_units::Micros;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

/// An engine that serves the beacon, in this process but for its workers.
struct Engine {
    host: Host,
    address: String,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
    _agent: Agent,
    _folder: TempDir,
}

impl Engine {
    async fn up(slots: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let titles = folder.path().join("titles");
        std::fs::create_dir(&titles).unwrap();
        symlink(
            firstlight_beacon::staged::folder().unwrap(),
            titles.join("beacon"),
        )
        .unwrap();
        let data = folder.path().join("data");
        let config = Config::builder(data.clone(), folder.path().join("run"), vec![worker()])
            .media_addresses(vec!["127.0.0.1".parse().unwrap()])
            .media_ports(free_port()..=u16::MAX)
            .slots(Some(slots));
        let host = Host::open(config.build().unwrap()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let alone = Alone::open(&data, Vec::new()).await.unwrap();
        let gateway = Gateway::open(Settings {
            cell: alone.cell.clone(),
            host: Some(host.clone()),
            bus: None,
            titles: titles.clone(),
            operator: OperatorKey::open(&data).unwrap(),
            names: Vec::new(),
            port: address.port(),
            secure: false,
            metrics: Metrics::install().unwrap(),
        })
        .unwrap();
        let agent = alone.employ(&host, titles).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(gateway, vec![listener], None, async move {
            drop(stopped.await);
        }));
        Self {
            host,
            address: address.to_string(),
            stop,
            serving,
            _agent: agent,
            _folder: folder,
        }
    }

    fn options(&self, path: &str) -> Options {
        Options::new(Target::parse(&format!("http://{}{path}", self.address)).unwrap())
    }

    fn live(&self) -> usize {
        let sessions = self.host.sessions();
        sessions
            .iter()
            .filter(|session| !matches!(session.state, State::Ended(_)))
            .count()
    }

    async fn down(self) {
        self.host.stop().await;
        drop(self.stop);
        self.serving.await.unwrap();
    }
}

/// Examples are built with the tests, beside them.
fn worker() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    deps.parent().unwrap().with_file_name("examples").join("worker")
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn it_plays_reads_the_barcode_sees_its_presses_and_leaves_nothing_behind() {
    // Two places: the cell hears of the first session's end a moment after its host.
    let engine = Engine::up(2).await;
    let (tell, _told) = mpsc::channel(1);
    let options = engine.options("/play/beacon").span(Micros::from_secs(4));
    let report = run(&options, &tell, std::future::pending()).await.unwrap();
    assert_eq!((report.width, report.height), (1280, 720));
    assert_eq!(
        (report.title.as_str(), report.transport),
        ("beacon", "webtransport")
    );
    // How many a busy machine manages is not the test's business, but from the app's first on they carry a barcode.
    assert!(report.barcodes > 1 && report.barcodes <= report.pictures);
    assert!(report.barcodes_missed * 10 <= report.barcodes, "{report:?}");
    let drawn = report.drawn_to_decoded_ms.unwrap();
    assert_eq!(drawn.count, report.barcodes);
    assert!(drawn.p50 > 0.0 && drawn.p50 <= drawn.p95 && drawn.p95 <= drawn.worst);
    assert!(report.captured_to_decoded_ms.unwrap().p50 <= drawn.worst);
    let clicks = report.click_to_decoded_ms.map_or(0, |ranks| ranks.count);
    assert!(clicks + report.clicks_lost > 0, "{report}");
    assert!(report.start_ms.first_picture >= report.start_ms.attached);
    assert!(report.packets.received > 0 && report.access_units.idrs >= 1);
    assert!(report.received_bps > 0.0);
    assert_eq!(engine.live(), 0, "the session is ended");

    // Stopped before anything came: the session is ended all the same.
    let stopped = run(&options, &tell, std::future::ready(())).await;
    assert_eq!(stopped.unwrap().pictures, 0);
    assert_eq!(engine.live(), 0, "the session is ended");
    engine.down().await;
}

#[tokio::test]
async fn refusals_come_with_the_engines_words() {
    let engine = Engine::up(1).await;
    let (tell, _told) = mpsc::channel(1);
    let (leave, left) = oneshot::channel::<()>();
    let occupant = {
        let (options, tell) = (engine.options("/").span(Micros::from_secs(3_600)), tell.clone());
        tokio::spawn(async move { run(&options, &tell, async { drop(left.await) }).await })
    };
    while engine.live() == 0 {
        assert!(!occupant.is_finished());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let full = run(&engine.options("/"), &tell, std::future::pending()).await;
    let Err(Error::Refused {
        status: 503,
        words,
        retry_after_s: Some(_),
    }) = full
    else {
        panic!("{full:?}");
    };
    assert!(words.contains("places are in use"), "{words}");
    let unknown = run(&engine.options("/play/chess"), &tell, std::future::pending()).await;
    assert!(
        matches!(&unknown, Err(Error::Refused { status: 404, words, .. }) if words.contains("chess")),
        "{unknown:?}"
    );
    drop(leave);
    occupant.await.unwrap().unwrap();
    assert_eq!(engine.live(), 0);
    engine.down().await;
}

/// The one line that a refused command wrote, and its exit code.
fn refusal(arguments: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_firstlight-probe"))
        .args(arguments)
        .output()
        .unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: ") && output.stdout.is_empty(), "{line}");
    (line, output.status.code().unwrap())
}

#[test]
fn what_is_asked_wrongly_is_answered_in_one_line() {
    let cases: [(&[&str], &str); 6] = [
        (&[], "URL"),
        (&["ftp://x"], "/play/beacon"),
        (&["x", "--seconds", "0"], "--seconds"),
        (&["x", "--seconds", "soon"], "--seconds"),
        (&["x", "--transport", "webrtc"], "--transport"),
        (&["x", "y"], "'y'"),
    ];
    for (arguments, word) in cases {
        let (line, code) = refusal(arguments);
        assert!(line.contains(word) && code == 2, "{code} {line}");
    }
    let (line, code) = refusal(&["http://x/play/doom", "--title", "chess"]);
    assert!(
        line.contains("doom") && line.contains("chess") && code == 1,
        "{line}"
    );
}

#[test]
fn what_cannot_be_reached_is_said_in_one_line() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (line, code) = refusal(&[&format!("127.0.0.1:{port}")]);
    assert!(
        line.contains(&format!("http://127.0.0.1:{port}/ cannot be reached")) && code == 1,
        "{line}"
    );
}

#[test]
fn something_else_at_that_address_is_no_engine() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut request = [0; 2_048];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n<html>\n")
            .unwrap();
    });
    let (line, code) = refusal(&[&address, "--title", "beacon"]);
    assert!(line.contains("not understood") && code == 1, "{line}");
    other.join().unwrap();
}
