//! What is sealed, and the code that repairs it: nothing opens but what was sealed, once; what parity gives back is what was sent.

use crate::script::Script;
use firstlight_proto::{fec, receive::Receiver};
use firstlight_seal::{AttachmentId, Keypair, PublicKey, Seal, Side};
use firstlight_units::Timestamp;
use firstlight_wire::{Flags, Kind, MEDIA_HEADER_BYTES, MediaHeader, PARITY_DATA_MAX, PARITY_MAX};
use std::sync::LazyLock;

/// Whoever carries packets changes, cuts, repeats and makes them up.
pub(crate) fn seal(bytes: &[u8]) {
    play_seal(bytes);
}

/// Datagrams and control messages that opened.
fn play_seal(bytes: &[u8]) -> (u32, u32) {
    let mut script = Script::new(bytes);
    let attachment = AttachmentId::from_bytes([script.u8(); 16]);
    let (host_key, player_key) = &*KEYS;
    let mut host = Seal::new(Side::Host, host_key, &player_key.public(), "s", &attachment);
    let mut player = Seal::new(Side::Player, player_key, &host_key.public(), "s", &attachment);
    let mut carried = Carried::default();
    let (mut datagrams, mut messages) = (0, 0);
    while !script.is_over() {
        match script.u8() % 8 {
            0 | 1 => carried.take_datagram(&mut host, script.bytes()),
            2 => carried.take_message(&mut host, script.bytes()),
            3..=5 => datagrams += carried.deliver_datagram(&mut player, &mut script),
            6 => messages += carried.deliver_message(&mut player, &mut script),
            _ => {
                let made_up = script.bytes();
                assert!(player.open_datagram(&mut made_up.to_vec()).is_err());
                assert!(player.open_control(&mut made_up.to_vec()).is_err());
                assert!(
                    host.open_datagram(&mut made_up.to_vec()).is_err(),
                    "nor the other way"
                );
            }
        }
    }
    (datagrams, messages)
}

/// What was handed to whoever carries it: plain, sealed, and whether it has opened.
#[derive(Default)]
struct Carried {
    datagrams: Vec<(Vec<u8>, Vec<u8>, bool)>,
    messages: Vec<(Vec<u8>, Vec<u8>)>,
    /// The control message that may open next.
    next: usize,
}

impl Carried {
    fn take_datagram(&mut self, host: &mut Seal, plain: &[u8]) {
        let mut sealed = Vec::new();
        if host.seal_datagram(plain, &mut sealed).is_ok() {
            self.datagrams.push((plain.to_vec(), sealed, false));
        } else {
            assert!(plain.is_empty(), "only nothing cannot be sealed");
        }
    }

    fn take_message(&mut self, host: &mut Seal, plain: &[u8]) {
        let sealed = host.seal_control(plain).expect("keys are not used up");
        self.messages.push((plain.to_vec(), sealed));
    }

    fn deliver_datagram(&mut self, player: &mut Seal, script: &mut Script<'_>) -> u32 {
        let Some(at) = pick(script, self.datagrams.len()) else {
            return 0;
        };
        let newest = self.datagrams.iter().rposition(|(_, _, opened)| *opened);
        let Some((plain, sealed, opened)) = self.datagrams.get_mut(at) else {
            return 0;
        };
        let mut bytes = sealed.clone();
        change(script, &mut bytes);
        let genuine = bytes == *sealed;
        let young = newest.is_none_or(|newest| at + WINDOW > newest);
        match player.open_datagram(&mut bytes) {
            Ok(range) => {
                assert!(genuine && !*opened, "it opens what was changed, or twice");
                assert_eq!(bytes.get(range), Some(plain.as_slice()));
                *opened = true;
                1
            }
            Err(_) => {
                assert!(!genuine || *opened || !young, "it refuses what is genuine");
                0
            }
        }
    }

    fn deliver_message(&mut self, player: &mut Seal, script: &mut Script<'_>) -> u32 {
        let Some(at) = pick(script, self.messages.len()) else {
            return 0;
        };
        let Some((plain, sealed)) = self.messages.get(at) else {
            return 0;
        };
        let mut bytes = sealed.clone();
        change(script, &mut bytes);
        let genuine = bytes == *sealed && at == self.next;
        match player.open_control(&mut bytes) {
            Ok(opened) => {
                assert!(genuine, "it opens what was changed, left out or put in");
                assert_eq!(opened, *plain);
                self.next += 1;
                1
            }
            Err(_) => {
                assert!(!genuine, "it refuses what is genuine");
                0
            }
        }
    }
}

fn pick(script: &mut Script<'_>, of: usize) -> Option<usize> {
    usize::from(script.u8()).checked_rem(of)
}

/// One in two is left as it is.
fn change(script: &mut Script<'_>, bytes: &mut Vec<u8>) {
    match script.u8() % 8 {
        0 => bytes.truncate(usize::from(script.u16())),
        1 => bytes.push(script.u8()),
        2 | 3 => {
            let (at, flip) = (usize::from(script.u16()), script.u8());
            if let Some(at) = at.checked_rem(bytes.len()) {
                bytes[at] ^= flip;
            }
        }
        _ => {}
    }
}

/// Keys that come in a ticket or an attach URL.
pub(crate) fn keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = PublicKey::read(&text) {
        assert_eq!(key.text(), text, "a key has one spelling");
    }
    if let Ok(id) = AttachmentId::read(&text) {
        assert_eq!(id.text(), text, "an id has one spelling");
    }
}

/// A unit in fragments and parity packets, of which some come, in any order: as many as there are fragments give it back.
pub(crate) fn parity(bytes: &[u8]) {
    play_parity(bytes);
}

/// Whether the unit came out.
fn play_parity(bytes: &[u8]) -> bool {
    let mut script = Script::new(bytes);
    let room = 1 + usize::from(script.u16() % 1_200);
    let parities = script.u8() % (MOST_PARITY + 1);
    // Without a trace: the byte of its length.
    let mut unit = vec![0];
    unit.extend_from_slice(script.bytes());
    let Some(packets) = cut(&unit, room, parities) else {
        return false;
    };
    let fragments = packets.len() - usize::from(parities);
    let now = Timestamp::from_micros(1_000_000);
    let mut receiver = Receiver::new();
    receiver.attach();
    let mut came = vec![false; packets.len()];
    let (mut genuine, mut out) = (true, Vec::new());
    let mut delivered = None;
    while !script.is_over() {
        let Some(at) = pick(&mut script, packets.len()) else {
            break;
        };
        let Some(packet) = packets.get(at) else { break };
        let mut datagram = packet.clone();
        change(&mut script, &mut datagram);
        // What is not as it was sent can be anything, also a part of another unit that looks right.
        genuine &= datagram == *packet;
        came[at] |= datagram == *packet;
        receiver.handle_datagram(now, &datagram);
        while receiver.poll_unit(&mut out).is_some() {
            delivered = Some(std::mem::take(&mut out));
        }
        assert!(receiver.held() <= HELD_MAX, "{} bytes held", receiver.held());
    }
    if genuine {
        let enough = came.iter().filter(|came| **came).count() >= fragments;
        assert_eq!(
            delivered.is_some(),
            enough,
            "any so many give it back, and no fewer"
        );
    }
    if let (true, Some(nals)) = (genuine, &delivered) {
        assert_eq!(Some(nals.as_slice()), unit.get(1..), "what was sent");
    }
    delivered.is_some()
}

/// The datagrams of a unit (docs/PROTOCOL.md, 2.1 and 2.5): its fragments, then so many parity packets.
fn cut(unit: &[u8], room: usize, parities: u8) -> Option<Vec<Vec<u8>>> {
    let count = u16::try_from(unit.len().div_ceil(room)).ok()?;
    if count > PARITY_DATA_MAX {
        return None;
    }
    let step = unit.len().div_ceil(usize::from(count));
    let header = |kind, fragment| MediaHeader {
        kind,
        flags: Flags {
            idr: true,
            last_unit: true,
            ..Flags::default()
        },
        participant: 0,
        track: 0,
        packet_seq: if kind == Kind::Parity {
            1 + u32::from(count) + u32::from(fragment)
        } else {
            1 + u32::from(fragment)
        },
        sent_at: 1,
        frame: 1,
        reference: 1,
        captured_at: 1,
        key_epoch: 0,
        unit: 0,
        fragment,
        fragments: count,
    };
    let mut packets = Vec::new();
    for (n, piece) in (0..).zip(unit.chunks(step)) {
        packets.push([header(Kind::Video, n).to_bytes().as_slice(), piece].concat());
    }
    for parity in 0..parities {
        let mut packet = header(Kind::Parity, parity.into()).to_bytes().to_vec();
        packet.extend_from_slice(&u32::try_from(unit.len()).ok()?.to_be_bytes());
        let mut shard = vec![0; step];
        for (n, piece) in (0..).zip(unit.chunks(step)) {
            fec::add(parity, n, piece, &mut shard);
        }
        packet.extend_from_slice(&shard);
        packets.push(packet);
    }
    debug_assert!(packets.iter().all(|packet| packet.len() > MEDIA_HEADER_BYTES));
    Some(packets)
}

static KEYS: LazyLock<(Keypair, Keypair)> = LazyLock::new(|| {
    let pair = |seed| Keypair::from_bytes(&[seed; 32]).expect("a key");
    (pair(1), pair(2))
});
/// docs/PROTOCOL.md, 8: what is further behind the newest is not opened.
const WINDOW: usize = 2_048;
#[expect(clippy::cast_possible_truncation, reason = "55 fits")]
const MOST_PARITY: u8 = PARITY_MAX as u8;
/// docs/PROTOCOL.md, 6.
const HELD_MAX: usize = 10 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(name: &str) -> Vec<u8> {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        std::fs::read(file).expect("an input")
    }

    #[test]
    fn the_corpus_opens_and_is_restored() {
        let (datagrams, messages) = play_seal(&corpus("seal/some-changed"));
        assert!(datagrams >= 4 && messages >= 2, "{datagrams} and {messages}");
        assert!(play_parity(&corpus("parity/parity-alone")));
        assert!(play_parity(&corpus("parity/half-and-half")));
        assert!(!play_parity(&corpus("parity/one-too-few")));
    }
}
