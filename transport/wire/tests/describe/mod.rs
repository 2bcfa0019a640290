//! Every datagram as JSON: numbers of up to 32 bits as numbers, of 64 bits as decimal strings, bytes as hex.

#![allow(dead_code, reason = "each test file uses a part of it")]

use firstlight_wire::{
    AudioUnit, ClockReply, ClockRequest, Error, Event, EventKind, Feedback, Input, InputAck, Kind,
    MediaHeader, Pad, Phase, split_video_unit,
};
use serde_json::{Value, json};

/// A reader of datagrams, by the name of its vectors.
pub(crate) type Reader = fn(&[u8]) -> Result<Value, Error>;

/// The readers of whole datagrams.
pub(crate) const DATAGRAMS: [(&str, Reader); 6] = [
    ("media", media),
    ("clock_request", clock_request),
    ("clock_reply", clock_reply),
    ("input_ack", input_ack),
    ("input", input),
    ("feedback", feedback),
];

/// The readers of what is inside a media packet.
pub(crate) const UNITS: [(&str, Reader); 2] = [("video_unit", video_unit), ("audio_unit", audio_unit)];

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|e| panic!("{text}: {e}")))
        .collect()
}

pub(crate) fn media(bytes: &[u8]) -> Result<Value, Error> {
    let (h, payload) = MediaHeader::parse(bytes)?;
    let kind = match h.kind {
        Kind::Audio => "audio",
        Kind::Padding => "padding",
        Kind::Parity => "parity",
        Kind::Video
        | Kind::Sealed
        | Kind::ClockReply
        | Kind::InputAck
        | Kind::Input
        | Kind::Feedback
        | Kind::ClockRequest => "video",
    };
    Ok(json!({
        "kind": kind,
        "flags": {
            "idr": h.flags.idr,
            "lastUnit": h.flags.last_unit,
            "recovery": h.flags.recovery,
            "repeat": h.flags.repeat,
            "still": h.flags.still,
        },
        "participant": h.participant,
        "track": h.track,
        "packetSeq": h.packet_seq,
        "sentAt": h.sent_at.to_string(),
        "frame": h.frame,
        "reference": h.reference,
        "capturedAt": h.captured_at.to_string(),
        "keyEpoch": h.key_epoch,
        "unit": h.unit,
        "fragment": h.fragment,
        "fragments": h.fragments,
        "payload": hex(payload),
    }))
}

pub(crate) fn video_unit(bytes: &[u8]) -> Result<Value, Error> {
    let (trace, nal_units) = split_video_unit(bytes)?;
    let trace = trace.map(|t| {
        json!({
            "input": t.input,
            "sinceInput": t.since_input,
            "inject": t.inject,
            "capture": t.capture,
            "convert": t.convert,
            "encode": t.encode,
            "packetize": t.packetize,
            "width": t.width,
            "height": t.height,
            "qp": t.qp,
        })
    });
    Ok(json!({ "trace": trace, "nalUnits": hex(nal_units) }))
}

pub(crate) fn audio_unit(bytes: &[u8]) -> Result<Value, Error> {
    let unit = AudioUnit::parse(bytes)?;
    Ok(json!({ "primary": hex(unit.primary), "previous": hex(unit.previous) }))
}

pub(crate) fn clock_request(bytes: &[u8]) -> Result<Value, Error> {
    let r = ClockRequest::parse(bytes)?;
    Ok(json!({ "id": r.id, "t0": r.t0.to_string() }))
}

pub(crate) fn clock_reply(bytes: &[u8]) -> Result<Value, Error> {
    let r = ClockReply::parse(bytes)?;
    Ok(json!({ "id": r.id, "t0": r.t0.to_string(), "t1": r.t1.to_string(), "t2": r.t2.to_string() }))
}

pub(crate) fn input_ack(bytes: &[u8]) -> Result<Value, Error> {
    let a = InputAck::parse(bytes)?;
    Ok(json!({ "acknowledged": a.acknowledged, "at": a.at.to_string(), "echo": a.echo.to_string() }))
}

pub(crate) fn input(bytes: &[u8]) -> Result<Value, Error> {
    let i = Input::parse(bytes)?;
    Ok(json!({
        "focused": i.focused,
        "more": i.more,
        "firstEvent": i.first_event,
        "sentAt": i.sent_at.to_string(),
        "buttons": i.buttons,
        "sequence": i.sequence,
        "pressed": i.pressed().collect::<Vec<_>>(),
        "events": i.events().map(event).collect::<Vec<_>>(),
        "pads": i.pads().map(pad).collect::<Vec<_>>(),
        "contacts": i.contacts,
    }))
}

fn pad(p: Pad) -> Value {
    json!({ "pad": p.pad, "plugged": p.plugged, "triggers": p.triggers, "buttons": p.buttons, "sticks": p.sticks })
}

fn event(event: Event) -> Value {
    let age = event.age;
    match event.kind {
        EventKind::KeyDown(code) => json!({ "type": "keyDown", "age": age, "code": code }),
        EventKind::KeyUp(code) => json!({ "type": "keyUp", "age": age, "code": code }),
        EventKind::ButtonDown(button) => json!({ "type": "buttonDown", "age": age, "button": button }),
        EventKind::ButtonUp(button) => json!({ "type": "buttonUp", "age": age, "button": button }),
        EventKind::MoveTo { x, y } => json!({ "type": "moveTo", "age": age, "x": x, "y": y }),
        EventKind::MoveBy { dx, dy } => json!({ "type": "moveBy", "age": age, "dx": dx, "dy": dy }),
        EventKind::Wheel { dx, dy } => json!({ "type": "wheel", "age": age, "dx": dx, "dy": dy }),
        EventKind::Pad(p) => json!({ "type": "pad", "age": age, "state": pad(p) }),
        EventKind::Touch(t) => {
            let phase = match t.phase {
                Phase::Up => "up",
                Phase::Down => "down",
                Phase::Move => "move",
                Phase::Cancel => "cancel",
            };
            json!({ "type": "touch", "age": age, "contact": t.contact, "phase": phase, "x": t.x, "y": t.y })
        }
        EventKind::Text(text) => json!({ "type": "text", "age": age, "text": text.as_str() }),
        EventKind::Unknown(kind) => json!({ "type": kind, "age": age }),
    }
}

pub(crate) fn feedback(bytes: &[u8]) -> Result<Value, Error> {
    let f = Feedback::parse(bytes)?;
    let nack = |n: firstlight_wire::Nack| json!({ "frame": n.frame, "unit": n.unit, "track": n.track, "fragment": n.fragment });
    Ok(json!({
        "flags": { "wantIdr": f.flags.want_idr, "wantRecovery": f.flags.want_recovery },
        "report": f.report,
        "baseSeq": f.base_seq,
        "baseTime": f.base_time.to_string(),
        "decoded": f.decoded,
        "decodedSet": f.decoded_set,
        "decodeQueue": f.decode_queue,
        "lost": f.lost,
        "late": f.late,
        "dropped": f.dropped,
        "arrivalsUs": f.arrivals().collect::<Vec<_>>(),
        "nacks": f.nacks().map(nack).collect::<Vec<_>>(),
    }))
}
