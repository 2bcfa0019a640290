//! Datagrams and control messages: what is read can be written, and reads the same again.

use firstlight_wire::control::{ClientMessage, ServerMessage};
use firstlight_wire::{
    AudioUnit, ClockReply, ClockRequest, Event, FEEDBACK_NACKS_MAX, FEEDBACK_PACKETS_MAX, FRAME_BYTES_MAX,
    Feedback, FrameDecoder, INPUT_EVENTS_MAX, INPUT_PRESSED_MAX, Input, InputAck, Kind, MediaHeader,
    PADS_MAX, Pad, VideoTrace, split_video_unit, write_frame,
};
use prost::Message;

pub(crate) fn media(bytes: &[u8]) {
    let kind = Kind::of(bytes);
    if let Ok((header, payload)) = MediaHeader::parse(bytes) {
        assert_eq!(kind, Ok(header.kind));
        let again = header.to_bytes();
        let (parsed, rest) = MediaHeader::parse(&again).expect("what was written is read");
        assert_eq!((parsed, rest.len()), (header, 0));
        unit(payload);
    }
    unit(bytes);
}

fn unit(payload: &[u8]) {
    if let Ok((trace, nals)) = split_video_unit(payload) {
        assert!(nals.len() < payload.len());
        if let Some(trace) = trace {
            assert_eq!(VideoTrace::parse(&trace.to_bytes()), Ok(trace));
        }
    }
    if let Ok(unit) = AudioUnit::parse(payload) {
        let mut again = Vec::new();
        unit.write(&mut again);
        assert_eq!(again, payload, "an audio unit uses every byte");
    }
}

pub(crate) fn feedback(bytes: &[u8]) {
    let Ok(feedback) = Feedback::parse(bytes) else {
        return;
    };
    assert!(feedback.arrivals().count() <= FEEDBACK_PACKETS_MAX);
    assert!(feedback.nacks().count() <= FEEDBACK_NACKS_MAX);
}

pub(crate) fn input(bytes: &[u8]) {
    if let Ok(ack) = InputAck::parse(bytes) {
        assert_eq!(InputAck::parse(&ack.to_bytes()), Ok(ack));
    }
    let Ok(input) = Input::parse(bytes) else { return };
    assert!(input.pressed().count() <= INPUT_PRESSED_MAX);
    let events: Vec<Event> = input.events().collect();
    assert_eq!(events.len(), usize::from(input.event_count));
    assert!(events.len() <= INPUT_EVENTS_MAX);
    assert!(input.pads().count() <= PADS_MAX);
    assert!(
        input
            .pads()
            .all(|pad| pad.buttons & !Pad::BUTTONS == 0 && (pad.plugged || pad.is_at_rest()))
    );
}

pub(crate) fn clock(bytes: &[u8]) {
    if let Ok(request) = ClockRequest::parse(bytes) {
        assert_eq!(ClockRequest::parse(&request.to_bytes()), Ok(request));
    }
    if let Ok(reply) = ClockReply::parse(bytes) {
        assert_eq!(ClockReply::parse(&reply.to_bytes()), Ok(reply));
    }
}

/// The first byte says in what pieces the rest comes; that must not matter.
pub(crate) fn control(bytes: &[u8]) {
    let Some((step, stream)) = bytes.split_first() else {
        return;
    };
    let whole = messages(stream.chunks(stream.len().max(1)));
    assert_eq!(
        whole,
        messages(stream.chunks(usize::from(*step).max(1))),
        "however it is cut"
    );
    for message in &whole.0 {
        if let Ok(message) = ClientMessage::decode(message.as_slice()) {
            again(&message);
        }
        if let Ok(message) = ServerMessage::decode(message.as_slice()) {
            again(&message);
        }
    }
}

fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut decoder = FrameDecoder::default();
    let mut found = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(message)) => found.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(decoder.buffered() <= FRAME_BYTES_MAX + 4);
    }
    (found, false)
}

fn again<M: Message + Default + PartialEq>(message: &M) {
    let bytes = message.encode_to_vec();
    // Not compared as values: a NaN is not equal to itself.
    let decoded = M::decode(bytes.as_slice()).expect("what was written is read");
    assert_eq!(decoded.encode_to_vec(), bytes);
    let mut framed = Vec::new();
    assert_eq!(
        write_frame(message, &mut framed).is_ok(),
        bytes.len() <= FRAME_BYTES_MAX
    );
}
