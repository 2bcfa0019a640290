//! No bytes make a parser panic, and what is written is read back.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod describe;

use describe::{DATAGRAMS, UNITS};
use firstlight_wire::control::{ClientMessage, ServerMessage};
use firstlight_wire::{
    AudioUnit, ClockReply, ClockRequest, Event, EventKind, FEEDBACK_NACKS_MAX, FEEDBACK_PACKETS_MAX,
    FRAGMENTS_MAX, FRAME_BYTES_MAX, Feedback, FeedbackFlags, Flags, FrameDecoder, INPUT_BYTES_MAX,
    INPUT_EVENTS_MAX, INPUT_PRESSED_MAX, Input, InputAck, Kind, MediaHeader, Nack, PADS_MAX, PARITY_DATA_MAX,
    PARITY_MAX, Pad, Parity, Phase, Text, Touch, VideoTrace, WriteFeedback, WriteInput, split_video_unit,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

/// Bytes that often begin as a datagram of ours does, so that they get past the first check.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop_oneof![
        4 => (0x10u8..0x20).boxed(),
        1 => any::<u8>().boxed(),
    ];
    (kinds, vec(any::<u8>(), 0..200)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

fn header() -> impl Strategy<Value = MediaHeader> {
    let kind = prop_oneof![
        Just(Kind::Video),
        Just(Kind::Audio),
        Just(Kind::Padding),
        Just(Kind::Parity)
    ];
    let flags = any::<[bool; 5]>().prop_map(|[idr, last_unit, recovery, repeat, still]| Flags {
        idr,
        last_unit,
        recovery,
        repeat,
        still,
    });
    let counts = (1..=FRAGMENTS_MAX).prop_flat_map(|n| (Just(n), 0..n));
    let small = (any::<u8>(), any::<u8>(), any::<u16>(), any::<u8>());
    let large = (
        any::<u32>(),
        any::<u64>(),
        any::<u32>(),
        any::<u32>(),
        any::<u64>(),
    );
    (kind, flags, counts, small, large).prop_map(|(kind, flags, (fragments, fragment), small, large)| {
        let (fragments, fragment) = if kind == Kind::Parity {
            (1 + fragments % PARITY_DATA_MAX, fragment % PARITY_MAX)
        } else {
            (fragments, fragment)
        };
        MediaHeader {
            kind,
            flags,
            participant: small.0,
            track: small.1,
            packet_seq: large.0,
            sent_at: large.1,
            frame: large.2,
            reference: large.3,
            captured_at: large.4,
            key_epoch: small.2,
            unit: small.3,
            fragment,
            fragments,
        }
    })
}

fn pad() -> impl Strategy<Value = Pad> {
    any::<(u8, bool, [u8; 2], u32, [i16; 4])>().prop_map(|(pad, plugged, triggers, buttons, sticks)| {
        if !plugged {
            return Pad::at_rest(pad, false);
        }
        let buttons = buttons & Pad::BUTTONS;
        Pad {
            pad,
            plugged,
            triggers,
            buttons,
            sticks,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        any::<u16>().prop_map(EventKind::KeyDown),
        any::<u16>().prop_map(EventKind::KeyUp),
        any::<u8>().prop_map(EventKind::ButtonDown),
        any::<u8>().prop_map(EventKind::ButtonUp),
        any::<(u16, u16)>().prop_map(|(x, y)| EventKind::MoveTo { x, y }),
        any::<(i16, i16)>().prop_map(|(dx, dy)| EventKind::MoveBy { dx, dy }),
        any::<(i16, i16)>().prop_map(|(dx, dy)| EventKind::Wheel { dx, dy }),
        pad().prop_map(EventKind::Pad),
        touch().prop_map(EventKind::Touch),
        "\\PC{1,8}".prop_filter_map("too long", |text| Text::new(&text).map(EventKind::Text)),
    ];
    (kind, any::<u32>()).prop_map(|(kind, age)| Event { kind, age })
}

fn touch() -> impl Strategy<Value = Touch> {
    let phase = prop_oneof![
        Just(Phase::Up),
        Just(Phase::Down),
        Just(Phase::Move),
        Just(Phase::Cancel)
    ];
    (any::<(u8, u16, u16)>(), phase).prop_map(|((contact, x, y), phase)| Touch { contact, phase, x, y })
}

fn nack() -> impl Strategy<Value = Nack> {
    any::<(u32, u8, u8, u16)>().prop_map(|(frame, unit, track, fragment)| Nack {
        frame,
        unit,
        track,
        fragment,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parity_is_read_as_long_as_it_must_be(bytes in vec(any::<u8>(), 0..64), fragments in 0u16..300) {
        if let Ok(parity) = Parity::parse(&bytes, fragments) {
            prop_assert_eq!(parity.shard.len(), bytes.len() - 4);
            prop_assert_eq!(parity.unit_bytes.div_ceil(u32::from(fragments.max(1))) as usize, parity.shard.len());
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in bytes()) {
        for (_, read) in DATAGRAMS.into_iter().chain(UNITS) {
            // Understood or refused; a panic fails the test.
            drop(read(&bytes));
        }
        let _read = VideoTrace::parse(&bytes);
        drop(ClientMessage::decode(bytes.as_slice()));
        drop(ServerMessage::decode(bytes.as_slice()));
    }

    #[test]
    fn no_control_stream_makes_the_decoder_panic_or_hold_too_much(stream in vec(any::<u8>(), 0..300), cut in 1usize..40) {
        let mut decoder = FrameDecoder::default();
        for mut piece in stream.chunks(cut) {
            while let Ok(Some(message)) = decoder.decode(&mut piece) {
                prop_assert!(message.len() <= FRAME_BYTES_MAX);
            }
            prop_assert!(decoder.buffered() <= stream.len());
        }
    }

    #[test]
    fn a_media_header_comes_back(header in header(), payload in vec(any::<u8>(), 0..64)) {
        let datagram = [&header.to_bytes(), payload.as_slice()].concat();
        prop_assert_eq!(MediaHeader::parse(&datagram), Ok((header, payload.as_slice())));
    }

    #[test]
    fn a_unit_comes_back(
        spans in any::<[u32; 7]>(),
        size in any::<(u16, u16, u8)>(),
        nals in vec(any::<u8>(), 0..64),
        previous in vec(any::<u8>(), 0..64),
    ) {
        let [input, since_input, inject, capture, convert, encode, packetize] = spans;
        let (width, height, qp) = size;
        let trace = VideoTrace { input, since_input, inject, capture, convert, encode, packetize, width, height, qp };
        let unit = [&[34], trace.to_bytes().as_slice(), &nals].concat();
        prop_assert_eq!(split_video_unit(&unit), Ok((Some(trace), nals.as_slice())));
        let audio = AudioUnit { primary: &nals, previous: &previous };
        let mut out = Vec::new();
        audio.write(&mut out);
        prop_assert_eq!(AudioUnit::parse(&out), Ok(audio));
    }

    #[test]
    fn clocks_and_input_acks_come_back(id in any::<u32>(), times in any::<[u64; 3]>()) {
        let [t0, t1, t2] = times;
        let request = ClockRequest { id, t0 };
        prop_assert_eq!(ClockRequest::parse(&request.to_bytes()), Ok(request));
        let reply = ClockReply { id, t0, t1, t2 };
        prop_assert_eq!(ClockReply::parse(&reply.to_bytes()), Ok(reply));
        let ack = InputAck { acknowledged: id, at: t0, echo: t1 };
        prop_assert_eq!(InputAck::parse(&ack.to_bytes()), Ok(ack));
    }

    #[test]
    fn input_comes_back(
        head in any::<(bool, bool, u32, u64, u16, u16)>(),
        pressed in vec(any::<u16>(), 0..=INPUT_PRESSED_MAX),
        events in vec(event(), 0..=INPUT_EVENTS_MAX),
        pads in vec(pad(), 0..=PADS_MAX),
        contacts in any::<u16>(),
    ) {
        let (focused, more, first_event, sent_at, buttons, sequence) = head;
        let mut out = Vec::new();
        let write = |events, out: &mut Vec<u8>| {
            WriteInput { focused, more, first_event, sent_at, buttons, sequence, pressed: &pressed, events, pads: &pads, contacts }.write(out);
        };
        write(&events, &mut out);
        let input = Input::parse(&out).unwrap();
        prop_assert_eq!(head, (input.focused, input.more, input.first_event, input.sent_at, input.buttons, input.sequence));
        prop_assert_eq!(input.pads().collect::<Vec<_>>(), pads.clone());
        prop_assert_eq!(input.contacts, contacts);
        let fitting = WriteInput::fitting(pressed.len(), pads.len(), events.iter().map(|event| event.kind));
        let mut fit = Vec::new();
        write(&events[..fitting], &mut fit);
        prop_assert!(fit.len() <= INPUT_BYTES_MAX);
        prop_assert_eq!(input.pressed().collect::<Vec<_>>(), pressed);
        prop_assert_eq!(input.events().collect::<Vec<_>>(), events);
    }

    #[test]
    fn feedback_comes_back(
        flags in any::<(bool, bool)>(),
        counts in any::<(u16, u32, u64, u32, u32, u8)>(),
        totals in any::<(u32, u32, u32)>(),
        ticks in vec(proptest::option::of(0u64..65_535), 0..=FEEDBACK_PACKETS_MAX),
        nacks in vec(nack(), 0..=FEEDBACK_NACKS_MAX),
    ) {
        let arrivals: Vec<Option<u64>> = ticks.iter().map(|ticks| ticks.map(|n| n * 32)).collect();
        let (report, base_seq, base_time, decoded, decoded_set, decode_queue) = counts;
        let flags = FeedbackFlags { want_idr: flags.0, want_recovery: flags.1 };
        let (lost, late, dropped) = totals;
        let mut out = Vec::new();
        WriteFeedback {
            flags, report, base_seq, base_time, decoded, decoded_set, decode_queue, lost, late, dropped,
            arrivals: &arrivals,
            nacks: &nacks,
        }.write(&mut out);
        let f = Feedback::parse(&out).unwrap();
        prop_assert_eq!((f.flags, f.report, f.base_seq, f.base_time), (flags, report, base_seq, base_time));
        prop_assert_eq!((f.decoded, f.decoded_set, f.decode_queue), (decoded, decoded_set, decode_queue));
        prop_assert_eq!((f.lost, f.late, f.dropped), totals);
        prop_assert_eq!(f.arrivals().collect::<Vec<_>>(), arrivals);
        prop_assert_eq!(f.nacks().collect::<Vec<_>>(), nacks);
    }
}
