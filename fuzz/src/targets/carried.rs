//! What those who carry packets for others read: WebSocket messages, routes, the query of an attach URL.

use crate::script::Script;
use bytes::Bytes;
use firstlight_bridge::{Frame, Outbox, Outgoing};
use firstlight_ticket::{Issuer, Route, RouteKey};
use firstlight_units::WallTime;
use firstlight_wire::FRAME_BYTES_MAX;
use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// One message of a WebSocket, from either side.
pub(crate) fn message(bytes: &[u8]) {
    match Frame::read(bytes) {
        Ok(frame) => {
            assert_eq!(frame.to_message(), bytes, "a message has one spelling");
            match frame {
                Frame::Datagram(datagram) => assert!(!datagram.is_empty() && datagram.len() <= 1_500),
                Frame::Control(content) => assert!(content.len() <= FRAME_BYTES_MAX),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A player who takes what waits for him now and then, or never.
pub(crate) fn outbox(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut now = *BEGUN;
    let mut outbox = Outbox::default();
    // What was pushed and is not accounted for.
    let (mut waiting, mut control) = (0u64, VecDeque::new());
    while !script.is_over() {
        match script.u8() % 8 {
            0..=3 => {
                let mut datagram = vec![0; 1 + usize::from(script.u16() % 1_500)];
                datagram[0] = 0x10 | (script.u8() % 16);
                waiting += 1;
                waiting -= outbox.push(now, Bytes::from(datagram)).0;
            }
            4 => {
                let message = script.bytes().to_vec();
                if outbox.has_room_for_control() {
                    control.push_back(message.clone());
                    outbox.push_control(message);
                }
            }
            5 => now += Duration::from_micros(u64::from(script.u16())),
            _ => waiting -= take(&mut outbox, now, usize::from(script.u8()), &mut control),
        }
        assert!(waiting <= WAITING_MAX, "{waiting} wait");
    }
    waiting -= take(&mut outbox, now, usize::MAX, &mut control);
    assert!(
        outbox.is_empty() && control.is_empty() && waiting == 0,
        "nothing is forgotten without a word"
    );
}

/// Takes so many; returns the datagrams that are gone.
fn take(outbox: &mut Outbox, now: Instant, most: usize, control: &mut VecDeque<Vec<u8>>) -> u64 {
    let mut gone = 0;
    for _ in 0..most {
        let (next, dropped) = outbox.pop(now);
        gone += dropped.0;
        match next {
            Some(Outgoing::Control(message)) => {
                assert_eq!(control.pop_front(), Some(message), "in order, each once");
            }
            Some(Outgoing::Datagram(_)) => {
                assert!(control.is_empty(), "control goes first");
                gone += 1;
            }
            None => break,
        }
    }
    gone
}

/// Only what this gateway signed, to the letter, is a route.
pub(crate) fn route(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (key, genuine) = &*ROUTE;
    let taken = key.verify(&text, WallTime::from_micros(0)).is_ok();
    assert_eq!(taken, text == genuine.as_str(), "a route has one spelling");
    if let Some(key) = RouteKey::read(&text) {
        assert_eq!(key.to_string(), text.to_ascii_lowercase());
    }
}

/// What a player puts into the query never says where he is carried from, and the rest comes through.
pub(crate) fn query(bytes: &[u8]) {
    firstlight_relay::fuzz_query(&String::from_utf8_lossy(bytes));
}

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The one in the corpus.
static ROUTE: LazyLock<(RouteKey, String)> = LazyLock::new(|| {
    let issuer = Issuer::from_seed(&[1; 32]).expect("a seed");
    let route = Route {
        session: "s1".to_owned(),
        address: ([198, 51, 100, 7], 7_000).into(),
        certificates: vec![[7; 32]],
        expires: WallTime::from_micros(1_790_000_000_000_000),
    };
    let token = issuer.issue_route(&route).expect("a route");
    (RouteKey::new(issuer.public_key()), token)
});
/// 256 KiB in datagrams of one byte, and 128 that are urgent.
const WAITING_MAX: u64 = (256 << 10) + 128;
