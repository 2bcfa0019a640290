//! What hosts and indexers say to each other over a bus that anybody may write to.

use firstlight_fleet::Key;
use firstlight_fleet::messages::{
    Asked, Beat, Channel, Enrol, Enrolled, Guard, Refusal, Replied, Report, Signer, Summary,
};
use firstlight_units::{Micros, WallTime};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte chooses: what follows is a message as it came in; or it is a body that is sealed here and then changed.
pub(crate) fn seal(bytes: &[u8]) {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    let channel = CHANNELS[usize::from(choice >> 1) % CHANNELS.len()];
    if choice & 1 == 0 {
        anything(channel, rest);
    } else {
        changed(channel, rest);
    }
}

/// Whatever is let in is its sender's, says what it said, and is not let in again.
fn anything(channel: Channel, message: &[u8]) {
    let mut guard = guard();
    let Ok(opened) = guard.open(channel, None, message, NOW) else {
        assert_eq!(
            guard.refusals().values().sum::<u64>(),
            1,
            "each refusal is counted once"
        );
        return;
    };
    assert_eq!(opened.from, signer().id());
    assert!(message.ends_with(&opened.body));
    // A reply is bound to its ask instead.
    if channel != Channel::Reply {
        assert_eq!(guard.open(channel, None, message, NOW), Err(Refusal::Replayed));
    }
}

/// Where and how it is changed is said by its first three bytes; no change is none where the third is 0.
fn changed(channel: Channel, rest: &[u8]) {
    let Some((script, body)) = rest.split_at_checked(3) else {
        return;
    };
    let mut message = signer().seal(channel, body, NOW).to_vec();
    let at = usize::from(u16::from_be_bytes([script[0], script[1]])) % message.len();
    message[at] ^= script[2];
    let mut guard = guard();
    let opened = guard.open(channel, Some(&signer().id()), &message, NOW);
    if script[2] == 0 {
        assert_eq!(opened.map(|opened| opened.body).as_deref(), Ok(body));
    } else {
        assert!(opened.is_err(), "byte {at} was changed");
    }
}

/// The first byte chooses the message. What is read is written so that it reads the same.
pub(crate) fn message(bytes: &[u8]) {
    let Some((&choice, body)) = bytes.split_first() else {
        return;
    };
    match choice % 7 {
        0 => same(Beat::read(body).ok(), Beat::write, Beat::read),
        1 => same(Report::read(body).ok(), Report::write, Report::read),
        2 => same(Asked::read(body).ok(), Asked::write, Asked::read),
        3 => same(Replied::read(body).ok(), Replied::write, Replied::read),
        4 => enrol(body),
        5 => same(Summary::read(body).ok(), Summary::write, Summary::read),
        _ => drop(json::<Enrolled>(body)),
    }
}

fn same<T>(read: Option<T>, write: fn(&T) -> Vec<u8>, again: fn(&[u8]) -> Result<T, Refusal>) {
    let Some(message) = read else { return };
    let written = write(&message);
    assert_eq!(again(&written).map(|message| write(&message)), Ok(written));
}

/// Nobody here has a key but ours: whoever else is let in was forged.
fn enrol(body: &[u8]) {
    if let Some(wish) = json::<Enrol>(body)
        && let Ok(key) = wish.check(NOW)
    {
        assert_eq!(key, signer().key().public());
        assert_eq!(wish.check(NOW + Micros::from_secs(60)), Err(Refusal::NotNow));
    }
}

fn json<T: Serialize + DeserializeOwned>(body: &[u8]) -> Option<T> {
    let message: T = serde_json::from_slice(body).ok()?;
    let written = serde_json::to_vec(&message).unwrap_or_default();
    let again: Option<T> = serde_json::from_slice(&written).ok();
    assert_eq!(
        again.and_then(|again| serde_json::to_vec(&again).ok()),
        Some(written)
    );
    Some(message)
}

fn signer() -> Signer {
    Signer::new(Key::from_seed(&SEED), 1)
}

fn guard() -> Guard {
    let mut guard = Guard::default();
    guard.admit(signer().id());
    guard
}

const SEED: [u8; 32] = [1; 32];
const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);
const CHANNELS: [Channel; 5] = [
    Channel::Beat,
    Channel::Report,
    Channel::Ask,
    Channel::Reply,
    Channel::Summary,
];
