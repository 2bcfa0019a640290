//! Text goes from client to player and from player to client, whatever clients do with it.

use super::Stage;
use super::client::{Client, Heard};
use super::input::player;
use crate::clipboard::{CLIPBOARD_BYTES_MAX, Clipboard, ClipboardEvent};
use crate::clock;
use firstlight_title::Clipboard as Allowed;
use firstlight_units::Micros;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use wayland_client::protocol::wl_data_device::{EVT_DATA_OFFER_OPCODE, Event as DeviceEvent, WlDataDevice};
use wayland_client::protocol::wl_data_device_manager::WlDataDeviceManager;
use wayland_client::protocol::wl_data_offer::WlDataOffer;
use wayland_client::protocol::wl_data_source::{Event as SourceEvent, WlDataSource};
use wayland_client::{Connection, Dispatch, QueueHandle, delegate_noop, event_created_child};

const UTF8: &str = "text/plain;charset=utf-8";

/// The thread that a session would have for the clipboard.
struct Served {
    events: Receiver<ClipboardEvent>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new(mut clipboard: Clipboard) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (told, events) = sync_channel(16);
        let stop = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let until = clock::now() + Micros::from_millis(20);
                if let Some(event) = clipboard.wait(Some(until)).unwrap() {
                    told.send(event).unwrap();
                }
            }
        });
        Self {
            events,
            over,
            thread: Some(thread),
        }
    }

    fn next(&self) -> ClipboardEvent {
        let far = Duration::from_secs(20);
        self.events
            .recv_timeout(far)
            .expect("nothing happens to the clipboard")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

/// Offers a text as a kind of `kinds`.
fn copy(client: &mut Client, kinds: &[&str]) -> (WlDataDevice, WlDataSource) {
    let manager: WlDataDeviceManager = client.bind();
    let device = manager.get_data_device(&client.seat, &client.qh, ());
    let source = manager.create_data_source(&client.qh, ());
    for kind in kinds {
        source.offer((*kind).to_owned());
    }
    device.set_selection(Some(&source), client.heard.serial);
    client.roundtrip().unwrap();
    (device, source)
}

/// Waits until the text is wanted.
fn asked(client: &mut Client, kind: &str) -> File {
    client.hear(&format!("send {kind}"));
    client.heard.lines.retain(|line| !line.starts_with("send"));
    client.heard.wanted.remove(0).into()
}

fn copied(text: &str) -> ClipboardEvent {
    ClipboardEvent::Copied(text.into())
}

/// What the client finds comes out of this.
fn receive(client: &mut Client) -> (OwnedFd, OwnedFd) {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let offer = client.heard.offer.clone().expect("there is nothing to paste");
    offer.receive(UTF8.to_owned(), theirs.as_fd());
    client.roundtrip().unwrap();
    (ours, theirs)
}

fn read(pipe: OwnedFd) -> String {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_a_client_copies_is_told() {
    let stage = Stage::new();
    let clipboard = Served::new(stage.clipboard(Allowed::Both));
    let (mut client, ..) = player(&stage);
    let _kept = copy(&mut client, &["text/html", "text/plain", UTF8]);
    asked(&mut client, UTF8).write_all("grüß 😀".as_bytes()).unwrap();
    assert_eq!(clipboard.next(), copied("grüß 😀"));
}

#[test]
fn what_the_player_pastes_is_what_clients_find() {
    let stage = Stage::new();
    let clipboard = stage.clipboard(Allowed::Paste);
    let paster = clipboard.paster().unwrap();
    let clipboard = Served::new(clipboard);
    let (mut client, ..) = player(&stage);
    let manager: WlDataDeviceManager = client.bind();
    let _device = manager.get_data_device(&client.seat, &client.qh, ());
    client.roundtrip().unwrap();
    assert!(paster.paste(7, "grüß 😀"));
    assert_eq!(clipboard.next(), ClipboardEvent::Pasted(7));
    client.hear("selection");
    let (text, theirs) = receive(&mut client);
    drop(theirs);
    assert_eq!(read(text), "grüß 😀");
}

#[test]
fn nothing_is_asked_for_where_the_title_has_no_clipboard() {
    let stage = Stage::new();
    let (mut client, ..) = player(&stage);
    let _kept = copy(&mut client, &[UTF8]);
    client.roundtrip().unwrap();
    assert!(client.heard.wanted.is_empty(), "{:?}", client.heard.lines);
}

#[test]
fn what_may_only_be_pasted_is_not_told() {
    let stage = Stage::new();
    let clipboard = stage.clipboard(Allowed::Paste);
    let paster = clipboard.paster().unwrap();
    let clipboard = Served::new(clipboard);
    let (mut client, ..) = player(&stage);
    let _kept = copy(&mut client, &[UTF8]);
    asked(&mut client, UTF8).write_all(b"a secret").unwrap();
    paster.paste(1, "x");
    assert_eq!(clipboard.next(), ClipboardEvent::Pasted(1));
    assert!(stage.clipboard(Allowed::Copy).paster().is_none());
}

#[test]
fn a_client_that_offers_and_never_writes_holds_up_nothing() {
    let stage = Stage::new();
    let clipboard = Served::new(stage.clipboard(Allowed::Copy));
    let (mut client, ..) = player(&stage);
    let _kept = copy(&mut client, &[UTF8]);
    let _silent = asked(&mut client, UTF8);
    let _kept = copy(&mut client, &[UTF8]);
    asked(&mut client, UTF8).write_all(b"the second").unwrap();
    assert_eq!(clipboard.next(), copied("the second"));
    stage.still_works();
}

#[test]
fn a_client_that_writes_for_ever_is_not_read_for_ever() {
    let stage = Stage::new();
    let clipboard = Served::new(stage.clipboard(Allowed::Copy));
    let (mut client, ..) = player(&stage);
    let _kept = copy(&mut client, &[UTF8]);
    let mut pipe = asked(&mut client, UTF8);
    // Until nobody reads any more.
    while pipe.write_all(&[b'x'; 4_096]).is_ok() {}
    assert_eq!(clipboard.next(), ClipboardEvent::TooLong);
    stage.still_works();
}

#[test]
fn a_client_that_asks_and_never_reads_keeps_nobody_from_reading() {
    let stage = Stage::new();
    let clipboard = stage.clipboard(Allowed::Both);
    let paster = clipboard.paster().unwrap();
    let clipboard = Served::new(clipboard);
    let (mut client, ..) = player(&stage);
    let manager: WlDataDeviceManager = client.bind();
    let _device = manager.get_data_device(&client.seat, &client.qh, ());
    client.roundtrip().unwrap();
    let long = "x".repeat(CLIPBOARD_BYTES_MAX);
    assert!(paster.paste(1, &long));
    assert_eq!(clipboard.next(), ClipboardEvent::Pasted(1));
    client.hear("selection");
    // It does not fit this one.
    let (silent, small) = pipe2(OFlag::O_CLOEXEC).unwrap();
    fcntl(&small, FcntlArg::F_SETPIPE_SZ(4_096)).unwrap();
    let offer = client.heard.offer.clone().unwrap();
    offer.receive(UTF8.to_owned(), small.as_fd());
    let (text, theirs) = receive(&mut client);
    drop(theirs);
    assert_eq!(read(text).len(), long.len());
    drop((silent, small));
    stage.still_works();
}

#[test]
fn what_is_too_long_to_paste_is_refused() {
    let stage = Stage::new();
    let paster = stage.clipboard(Allowed::Both).paster().unwrap();
    assert!(!paster.paste(1, &"x".repeat(CLIPBOARD_BYTES_MAX + 1)));
    assert!(!paster.paste(1, ""));
}

impl Dispatch<WlDataDevice, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &WlDataDevice,
        event: DeviceEvent,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let DeviceEvent::Selection { id } = event {
            if id.is_some() {
                heard.lines.push("selection".to_owned());
            }
            heard.offer = id;
        }
    }

    event_created_child!(Heard, WlDataDevice, [EVT_DATA_OFFER_OPCODE => (WlDataOffer, ())]);
}

impl Dispatch<WlDataSource, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &WlDataSource,
        event: SourceEvent,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let SourceEvent::Send { mime_type, fd } = event {
            heard.lines.push(format!("send {mime_type}"));
            heard.wanted.push(fd);
        }
    }
}

delegate_noop!(Heard: ignore WlDataDeviceManager);
delegate_noop!(Heard: ignore WlDataOffer);
