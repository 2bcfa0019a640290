//! The vectors that Rust and TypeScript share: read as they say, and written as they are.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and cuts numbers on purpose"
)]

mod describe;

use describe::{DATAGRAMS, Reader, UNITS, from_hex, hex};
use firstlight_wire::control::{ClientMessage, ServerMessage, client_message, server_message};
use firstlight_wire::{
    AudioUnit, ClockReply, ClockRequest, Feedback, FrameDecoder, Input, InputAck, MediaHeader, WriteFeedback,
    WriteInput, split_video_unit,
};
use prost::Message;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

#[test]
fn every_vector_is_read_as_it_says() {
    let write = std::env::var_os("FIRSTLIGHT_WRITE_VECTORS").is_some();
    let mut readers: Vec<(&str, Reader)> = Vec::new();
    readers.extend(DATAGRAMS);
    readers.extend(UNITS);
    for (file, read) in readers {
        let mut cases = load(file);
        assert!(!cases.is_empty(), "{file}");
        for case in &mut cases {
            let found = read(&from_hex(text(case, "hex"))).unwrap();
            if write {
                case["fields"] = found;
            } else {
                assert_eq!(found, case["fields"], "{file}: {}", case["name"]);
            }
        }
        if write {
            store(file, &cases);
        }
    }
}

#[test]
fn every_vector_is_written_as_it_is() {
    for (file, write) in WRITERS {
        for case in load(file) {
            if case.get("parseOnly").is_none() {
                let bytes = from_hex(text(&case, "hex"));
                assert_eq!(hex(&write(&bytes)), hex(&bytes), "{file}: {}", case["name"]);
            }
        }
    }
}

#[test]
fn every_malformed_vector_is_refused() {
    for case in load("malformed") {
        assert_eq!(case["error"], json!(true));
        let bytes = from_hex(text(&case, "hex"));
        let kind = text(&case, "kind");
        let mut asked = 0;
        for (name, read) in DATAGRAMS {
            if kind == "any" || kind == name {
                asked += 1;
                assert!(read(&bytes).is_err(), "{}", case["name"]);
            }
        }
        assert!(asked > 0, "nobody reads {kind}");
    }
}

#[test]
fn every_control_vector_is_read_as_it_says() {
    for case in load("control") {
        let bytes = from_hex(text(&case, "hex"));
        let mut rest = bytes.as_slice();
        let body = FrameDecoder::default().decode(&mut rest).unwrap().unwrap();
        assert!(rest.is_empty(), "{}", case["name"]);
        let found = match text(&case, "from") {
            "client" => client(&ClientMessage::decode(body).unwrap()),
            _ => server(&ServerMessage::decode(body).unwrap()),
        };
        assert_eq!(found, case["fields"], "{}", case["name"]);
    }
}

fn client(message: &ClientMessage) -> Value {
    use client_message::Message as M;
    match &message.message {
        Some(M::Hello(hello)) => {
            json!({ "case": "hello", "version": hello.version, "codecs": hello.codecs })
        }
        Some(M::VideoLimits(limits)) => {
            json!({ "case": "videoLimits", "bitrateMaxBps": limits.bitrate_max_bps.to_string() })
        }
        Some(M::Viewport(viewport)) => {
            json!({ "case": "viewport", "width": viewport.width, "height": viewport.height })
        }
        Some(M::Report(second)) => json!({
            "case": "report",
            "presentedFrames": second.presented_frames,
            "delayUs": second.delay_us,
            "receivedBps": second.received_bps,
            "stagesUs": second.stages_us,
            "clickStagesUs": second.click_stages_us,
        }),
        Some(M::Screen(screen)) => json!({
            "case": "screen",
            "refreshNs": screen.refresh_ns,
            "capturedAtUs": screen.captured_at_us.to_string(),
            "beforeUs": screen.before_us,
            "waitsUs": screen.waits_us,
        }),
        Some(M::Clipboard(c)) => json!({ "case": "clipboard", "serial": c.serial, "text": c.text }),
        Some(M::Layout(layout)) => json!({ "case": "layout", "name": layout.name }),
        Some(other) => panic!("no vector describes {other:?}"),
        None => json!({ "case": null }),
    }
}

fn server(message: &ServerMessage) -> Value {
    use server_message::Message as M;
    match &message.message {
        Some(M::Welcome(w)) => json!({
            "case": "welcome",
            "session": w.session,
            "pointer": w.pointer,
            "gamepads": w.gamepads,
            "audio": w.audio.as_ref().map(|audio| audio.codec.clone()),
        }),
        Some(M::Ended(ended)) => {
            json!({ "case": "ended", "reason": ended.reason, "message": ended.message })
        }
        Some(M::CursorShape(shape)) => json!({ "case": "cursorShape", "rgba": hex(&shape.rgba) }),
        Some(M::Rumble(r)) => {
            json!({ "case": "rumble", "pad": r.pad, "strong": r.strong, "weak": r.weak, "durationMs": r.duration_ms })
        }
        Some(M::Report(report)) => {
            json!({ "case": "report", "targetBps": report.target_bps.to_string(), "frameClock": report.frame_clock })
        }
        Some(M::Clipboard(c)) => json!({ "case": "clipboard", "text": c.text, "tooLong": c.too_long }),
        Some(M::ClipboardTaken(taken)) => json!({ "case": "clipboardTaken", "serial": taken.serial }),
        other => panic!("no vector describes {other:?}"),
    }
}

type Writer = fn(&[u8]) -> Vec<u8>;

/// Reads with one half of a room and writes with the other.
const WRITERS: [(&str, Writer); 8] = [
    ("media", |bytes| {
        let (header, payload) = MediaHeader::parse(bytes).unwrap();
        [&header.to_bytes(), payload].concat()
    }),
    ("video_unit", |bytes| {
        let (trace, nals) = split_video_unit(bytes).unwrap();
        let trace = trace.map(|trace| trace.to_bytes().to_vec()).unwrap_or_default();
        [&[trace.len() as u8], trace.as_slice(), nals].concat()
    }),
    ("audio_unit", |bytes| {
        let mut out = Vec::new();
        AudioUnit::parse(bytes).unwrap().write(&mut out);
        out
    }),
    ("clock_request", |bytes| {
        ClockRequest::parse(bytes).unwrap().to_bytes().to_vec()
    }),
    ("clock_reply", |bytes| {
        ClockReply::parse(bytes).unwrap().to_bytes().to_vec()
    }),
    ("input_ack", |bytes| {
        InputAck::parse(bytes).unwrap().to_bytes().to_vec()
    }),
    ("input", |bytes| {
        let input = Input::parse(bytes).unwrap();
        let mut out = Vec::new();
        WriteInput {
            focused: input.focused,
            more: input.more,
            first_event: input.first_event,
            sent_at: input.sent_at,
            buttons: input.buttons,
            sequence: input.sequence,
            pressed: &input.pressed().collect::<Vec<_>>(),
            events: &input.events().collect::<Vec<_>>(),
            pads: &input.pads().collect::<Vec<_>>(),
            contacts: input.contacts,
        }
        .write(&mut out);
        out
    }),
    ("feedback", |bytes| {
        let f = Feedback::parse(bytes).unwrap();
        let mut out = Vec::new();
        WriteFeedback {
            flags: f.flags,
            report: f.report,
            base_seq: f.base_seq,
            base_time: f.base_time,
            decoded: f.decoded,
            decoded_set: f.decoded_set,
            decode_queue: f.decode_queue,
            lost: f.lost,
            late: f.late,
            dropped: f.dropped,
            arrivals: &f.arrivals().collect::<Vec<_>>(),
            nacks: &f.nacks().collect::<Vec<_>>(),
        }
        .write(&mut out);
        out
    }),
];

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/{file}.json"))
}

fn load(file: &str) -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(path(file)).unwrap()).unwrap()
}

/// One case a line, so that a difference names the cases.
fn store(file: &str, cases: &[Value]) {
    let lines: Vec<String> = cases.iter().map(|case| format!("  {case}")).collect();
    fs::write(path(file), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}
