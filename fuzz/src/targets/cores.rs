//! The cores under scripts of datagrams and time. Scripts build what passes the parsers as well as what does not.

use crate::script::Script;
use firstlight_proto::input::InputReceiver;
use firstlight_proto::receive::Receiver;
use firstlight_proto::send::{AudioFrame, Sender, SenderConfig, SenderStats, VideoUnit};
use firstlight_units::{FrameId, InputId, Micros, Timestamp};
use firstlight_wire::{Event, EventKind, Flags, Kind, MediaHeader, Pad, Phase, Text, Touch, WriteInput};

/// The client's receiver: bounded in memory, decodable in order, each sound once, and never busy.
pub(crate) fn receive(bytes: &[u8]) {
    play_receive(bytes);
}

/// Access units and sounds that were handed on.
fn play_receive(bytes: &[u8]) -> (u32, u32) {
    let (mut units, mut sounds) = (0, 0);
    let mut script = Script::new(bytes);
    let mut receiver = Receiver::new();
    let mut now = Timestamp::from_micros(1_000_000);
    let (mut newest, mut seq) = (0, 0);
    let mut out = Vec::new();
    receiver.attach();
    while !script.is_over() {
        match script.u8() % 8 {
            0..=3 => {
                seq = u32::wrapping_add(seq, u32::from(script.u8() % 4));
                let datagram = media(&mut script, seq, now);
                receiver.handle_datagram(now, &datagram);
            }
            4 => drop(receiver.handle_datagram(now, script.bytes())),
            5 => now += Micros::new(u64::from(script.u16()) * 16),
            6 => receiver.handle_decoded(FrameId::new(u64::from(script.u32()))),
            _ => match script.u8() % 4 {
                0 => receiver.handle_decoder_broken(now),
                1 => receiver.set_rtt(Micros::new(u64::from(script.u32()))),
                2 => receiver.set_follows_recovery(script.bool()),
                _ => {
                    receiver.attach();
                    newest = 0;
                }
            },
        }
        for turn in 0.. {
            assert!(turn < TURNS_MAX, "a timeout that is due again and again");
            while let Some(unit) = receiver.poll_unit(&mut out) {
                assert!(
                    unit.idr || unit.reference < unit.frame,
                    "it refers to what comes later"
                );
                assert!(unit.frame.get() > newest || unit.idr, "out of order");
                newest = unit.frame.get();
                units += 1;
            }
            while receiver.poll_audio(&mut out).is_some() {
                sounds += 1;
            }
            while receiver.poll_feedback(now, &mut out) {}
            assert!(receiver.held() <= HELD_MAX, "{} bytes held", receiver.held());
            match receiver.poll_timeout() {
                Some((at, _)) if at <= now => receiver.handle_timeout(now),
                _ => break,
            }
        }
    }
    (units, sounds)
}

/// A datagram that may well be one of a stream.
fn media(script: &mut Script<'_>, seq: u32, now: Timestamp) -> Vec<u8> {
    let (kind, shape, frame) = (script.u8(), script.u8(), u32::from(script.u8()));
    let header = MediaHeader {
        kind: [Kind::Video, Kind::Video, Kind::Audio, Kind::Padding][usize::from(kind % 4)],
        flags: Flags {
            idr: shape & 1 != 0,
            last_unit: shape & 2 != 0,
            recovery: shape & 4 != 0,
            repeat: shape & 8 != 0,
            still: shape & 16 != 0,
        },
        participant: 0,
        track: u8::from(kind % 4 == 2),
        packet_seq: seq,
        sent_at: now.as_micros(),
        // Near a wrap at times.
        frame: if kind & 64 == 0 {
            frame
        } else {
            frame.wrapping_sub(128)
        },
        reference: frame.wrapping_sub(u32::from(script.u8() % 8)),
        captured_at: now.as_micros(),
        key_epoch: u16::from(kind & 128 != 0),
        unit: script.u8() % 4,
        fragment: u16::from(script.u8() % 8),
        fragments: 1 + u16::from(script.u8() % 8),
    };
    let mut datagram = header.to_bytes().to_vec();
    // A video unit without a trace begins with 0, an audio unit with its length.
    datagram.extend_from_slice(&[0; 2]);
    datagram.extend_from_slice(script.bytes());
    datagram
}

/// The host's sender under reports that lie.
pub(crate) fn send(bytes: &[u8]) {
    play_send(bytes);
}

fn play_send(bytes: &[u8]) -> SenderStats {
    let mut script = Script::new(bytes);
    let mut sender = Sender::new(SenderConfig::default());
    let mut now = Timestamp::from_micros(1_000_000);
    let mut frame = FrameId::new(0);
    let mut out = Vec::new();
    let blob = [7; 4_096];
    sender.attach(now, 1_200);
    while !script.is_over() {
        match script.u8() % 8 {
            0 | 1 => {
                frame = frame.next();
                let shape = script.u8();
                let unit = VideoUnit {
                    frame,
                    reference: if shape & 1 == 0 {
                        FrameId::new(frame.get() - 1)
                    } else {
                        frame
                    },
                    captured_at: now,
                    idr: shape & 1 != 0 || frame.get() == 1,
                    recovery: shape & 6 == 2,
                    still: shape & 8 != 0,
                    unit: shape >> 7,
                    last: shape & 64 == 0,
                    trace: None,
                    nals: blob.get(..usize::from(script.u16() % 4_096)).unwrap_or_default(),
                };
                sender.push_video(now, unit);
            }
            2 => sender.push_audio(
                now,
                AudioFrame {
                    frame: FrameId::new(script.u32().into()),
                    captured_at: now,
                    silent: script.bool(),
                    primary: blob.get(..100).unwrap_or_default(),
                    previous: &[],
                },
            ),
            3 => sender.handle_feedback(now, script.bytes()),
            4 => sender.handle_feedback(now, &report(&mut script, now)),
            5 | 6 => now += Micros::new(u64::from(script.u16()) * 4),
            _ => match script.u8() % 3 {
                0 => sender.set_datagram_max(usize::from(script.u16())),
                1 => sender.detach(now),
                _ => sender.attach(now, usize::from(script.u16())),
            },
        }
        drain(&mut sender, now, &mut out);
    }
    sender.stats()
}

fn drain(sender: &mut Sender, now: Timestamp, out: &mut Vec<u8>) {
    for turn in 0.. {
        assert!(turn < TURNS_MAX, "it sends without end at one moment");
        if sender.poll_transmit(now, out) {
            assert!(MediaHeader::parse(out).is_ok(), "it sends what nobody can read");
            continue;
        }
        while sender.poll_event().is_some() {}
        match sender.poll_timeout() {
            Some((at, _)) if at <= now => sender.handle_timeout(now),
            _ => break,
        }
    }
    let config = SenderConfig::default();
    assert!(sender.target() >= config.bitrate_min && sender.target() <= config.bitrate_max);
    let _may = (
        sender.may_encode(now),
        sender.frame_max(now),
        sender.stats(),
        sender.rtt(),
    );
}

/// A report that may well be about what was sent.
fn report(script: &mut Script<'_>, now: Timestamp) -> Vec<u8> {
    let (packets, nacks) = (u16::from(script.u8() % 64), script.u8() % 4);
    let mut out = vec![0x19, script.u8() & 3];
    out.extend(u16::from(script.u8()).to_be_bytes());
    out.extend(u32::from(script.u8()).to_be_bytes());
    out.extend((now.as_micros().wrapping_sub(u64::from(script.u16()))).to_be_bytes());
    out.extend(u32::from(script.u8()).to_be_bytes());
    out.extend(script.u32().to_be_bytes());
    out.extend(packets.to_be_bytes());
    out.extend([nacks, script.u8()]);
    out.extend([0; 12]);
    for _ in 0..packets {
        out.extend(script.u16().to_be_bytes());
    }
    for _ in 0..nacks {
        out.extend(u32::from(script.u8()).to_be_bytes());
        out.extend([script.u8(), 0, 0, script.u8()]);
    }
    out
}

/// The host's input: nothing stays pressed, no event comes twice.
pub(crate) fn input(bytes: &[u8]) {
    play_input(bytes);
}

/// What was injected.
fn play_input(bytes: &[u8]) -> usize {
    let mut injected = 0;
    let mut script = Script::new(bytes);
    let mut receiver = InputReceiver::new(InputId::default());
    let mut now = Timestamp::from_micros(1_000_000);
    receiver.attach(now);
    while !script.is_over() {
        match script.u8() % 8 {
            0..=3 => receiver.handle_datagram(now, &datagram(&mut script, now)),
            4 => receiver.handle_datagram(now, script.bytes()),
            5 => {
                now += Micros::new(u64::from(script.u16()) * 16);
                receiver.handle_timeout(now);
            }
            6 => receiver.detach(now),
            _ => receiver.attach(now),
        }
        let injections = std::iter::from_fn(|| receiver.poll_injection())
            .take(INJECTIONS_MAX + 1)
            .count();
        assert!(
            injections <= INJECTIONS_MAX,
            "one datagram makes {injections} injections"
        );
        injected += injections;
        receiver.poll_ack(now);
    }
    receiver.detach(now);
    while receiver.poll_injection().is_some() {}
    assert_eq!(
        receiver.poll_timeout(),
        None,
        "something is held that nobody will release"
    );
    injected
}

fn datagram(script: &mut Script<'_>, now: Timestamp) -> Vec<u8> {
    let shape = script.u8();
    let events: Vec<Event> = (0..script.u8() % 65)
        .map(|_| {
            let (kind, code) = (script.u8(), u16::from(script.u8()));
            let kind = match kind % 6 {
                0 => EventKind::KeyDown(code),
                1 => EventKind::KeyUp(code),
                2 => EventKind::ButtonDown(kind >> 4),
                3 => EventKind::ButtonUp(kind >> 4),
                4 => EventKind::MoveTo { x: code, y: code },
                _ if kind < 32 => EventKind::Wheel { dx: 1, dy: -1 },
                _ if kind < 64 => Text::new("ö").map_or(EventKind::Unknown(10), EventKind::Text),
                _ if kind < 128 => EventKind::Touch(touch(code)),
                _ => EventKind::Pad(pad(script)),
            };
            Event {
                kind,
                age: code.into(),
            }
        })
        .collect();
    let pressed: Vec<u16> = (0..script.u8() % 33).map(|_| script.u8().into()).collect();
    let pads: Vec<Pad> = (0..shape >> 5).map(|_| pad(script)).collect();
    let mut out = Vec::new();
    let (first_event, buttons) = (u32::from(script.u8()), script.u16());
    WriteInput {
        focused: shape & 1 != 0,
        more: shape & 2 != 0,
        first_event,
        sent_at: now.as_micros(),
        buttons,
        sequence: script.u8().into(),
        pressed: &pressed,
        events: &events,
        pads: &pads,
        contacts: buttons,
    }
    .write(&mut out);
    out
}

fn touch(code: u16) -> Touch {
    let phase = [Phase::Up, Phase::Down, Phase::Move, Phase::Cancel][usize::from(code >> 4 & 3)];
    Touch {
        contact: code.to_le_bytes()[0] % 12,
        phase,
        x: code,
        y: u16::MAX,
    }
}

fn pad(script: &mut Script<'_>) -> Pad {
    let (which, buttons) = (script.u8(), script.u16());
    Pad {
        pad: which % 5,
        plugged: which < 200,
        triggers: [which, 0],
        buttons: buttons.into(),
        sticks: [i16::MIN, i16::MAX, 0, i16::from(which)],
    }
}

/// More turns at one moment than any burst needs: what waits at most is some megabytes in packets of a few hundred bytes.
const TURNS_MAX: u32 = 100_000;
/// docs/PROTOCOL.md, 6: what a receiver keeps, and what its own lists add.
const HELD_MAX: usize = 10 << 20;
/// 64 events, two injections each, and the release of all that can be held.
const INJECTIONS_MAX: usize = 2 * 64 + 1024;

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
    fn the_corpus_gets_past_the_parsers() {
        let (units, sounds) = play_receive(&corpus("receive/a-loss"));
        assert!(units >= 6 && sounds >= 25, "{units} units, {sounds} sounds");
        let sent = play_send(&corpus("send/reports"));
        assert!(sent.packets > 100 && sent.feedback > 10, "{sent:?}");
        let injected = play_input(&corpus("input/keys"));
        assert!(injected > 20, "{injected} injections");
        // Plugged in, pressed, released by the state, by silence and by the focus, and restored.
        assert_eq!(play_input(&corpus("input/pads")), 10);
    }
}
