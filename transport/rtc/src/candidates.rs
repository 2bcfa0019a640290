//! Trickled candidates: an SDP fragment (RFC 8840) to what the library takes.

use crate::Error;
use webrtc::peer_connection::RTCIceCandidateInit;

/// Reads a fragment. The end of candidates is none.
pub(crate) fn parse(fragment: &str) -> Result<Vec<RTCIceCandidateInit>, Error> {
    if fragment.len() > FRAGMENT_BYTES_MAX {
        return Err(Error::Candidate(format!(
            "an SDP fragment has at most {FRAGMENT_BYTES_MAX} bytes"
        )));
    }
    let mut mid = None;
    let mut ufrag = None;
    let mut found = Vec::new();
    for line in fragment.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some(value) = line.strip_prefix("a=") else {
            // The `m=` line before a section's attributes, and whatever else SDP knows.
            if line.as_bytes().get(1) == Some(&b'=') {
                continue;
            }
            return Err(Error::Candidate("that is no SDP fragment".to_owned()));
        };
        if let Some(value) = value.strip_prefix("mid:") {
            mid = Some(value.to_owned());
        } else if let Some(value) = value.strip_prefix("ice-ufrag:") {
            ufrag = Some(value.to_owned());
        } else if value.starts_with("candidate:") {
            if found.len() == CANDIDATES_MAX {
                return Err(Error::Candidate(format!(
                    "a fragment has at most {CANDIDATES_MAX} candidates"
                )));
            }
            found.push(RTCIceCandidateInit {
                candidate: value.to_owned(),
                sdp_mid: mid.clone(),
                sdp_mline_index: None,
                username_fragment: ufrag.clone(),
                url: None,
            });
        }
    }
    Ok(found)
}

const FRAGMENT_BYTES_MAX: usize = 16 << 10;
const CANDIDATES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fragment_of_a_browser_is_read() {
        let fragment = "a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
                        a=candidate:1 1 udp 2113929471 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
        let found = parse(fragment).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sdp_mid.as_deref(), Some("0"));
        assert_eq!(found[0].username_fragment.as_deref(), Some("EsAw"));
    }

    #[test]
    fn what_is_no_fragment_is_refused_in_words() {
        assert_eq!(parse("{}").unwrap_err().to_string(), "that is no SDP fragment");
        assert!(parse(&"a=candidate:1\n".repeat(65)).is_err());
        assert!(parse("").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,400}") {
            drop(parse(&text));
        }
    }
}
