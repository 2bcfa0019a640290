//! Ways in for the fuzzer to what reads what a client sends.

use crate::candidates;
use crate::feedback::{Fate, Ledger, Stream};
use bytes::Bytes;
use firstlight_wire::Feedback;
use rtc::ice::candidate::unmarshal_candidate;
use rtc::interceptor::convert_twcc;
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

/// Reads trickled candidates, and each as the library does.
#[doc(hidden)]
pub fn fuzz_trickle(fragment: &str) {
    let Ok(candidates) = candidates::parse(fragment) else {
        return;
    };
    for candidate in candidates {
        let text = candidate.candidate.as_str();
        if let Ok(read) = unmarshal_candidate(text.strip_prefix("candidate:").unwrap_or(text)) {
            assert!(!read.marshal().is_empty());
        }
    }
}

/// Reads RTCP, and makes a report for the sender core of what it tells of packets that were sent.
#[doc(hidden)]
pub fn fuzz_reports(bytes: &[u8]) {
    let Ok(packets) = rtcp::packet::unmarshal(&mut Bytes::copy_from_slice(bytes)) else {
        return;
    };
    let mut ledger = Ledger::new();
    let mut out = Vec::new();
    for packet in &packets {
        let Some(feedback) = packet.as_any().downcast_ref::<TransportLayerCc>() else {
            continue;
        };
        for n in 0..SENT {
            let sequence = feedback.base_sequence_number.wrapping_add(n);
            ledger.record(n.into(), Stream::Video, sequence);
        }
        let fates: Vec<Fate> = convert_twcc(feedback)
            .into_iter()
            .map(|told| Fate {
                stream: Stream::Video,
                sequence: told.sequence_number,
                arrival: told.arrival.filter(|_| told.arrived),
            })
            .collect();
        if ledger.write(&fates, &mut out) {
            assert!(
                Feedback::parse(&out).is_ok(),
                "it makes a report that nobody can read"
            );
        }
    }
}

/// More than a report speaks of.
const SENT: u16 = 1_024;
