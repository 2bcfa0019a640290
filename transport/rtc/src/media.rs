//! Datagrams of the sender core to RTP packets.

use crate::Error;
use crate::feedback::{Ledger, Stream};
use crate::packetize::{Packetizer, Piece};
use bytes::{Bytes, BytesMut};
use firstlight_wire::{AudioUnit, Kind, MEDIA_HEADER_BYTES, MediaHeader, split_video_unit};
use rtc::rtp;

/// What was agreed on for one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// Id of the playout-delay extension, where the browser takes it.
    pub(crate) playout_delay: Option<u8>,
}

/// Where an RTP packet goes.
#[derive(Debug)]
pub(crate) enum Out {
    Video(rtp::Packet),
    Audio(rtp::Packet),
    /// The trace of a picture, for clients with a data channel.
    Trace(Bytes),
}

/// Both streams of one attachment.
#[derive(Debug)]
pub(crate) struct Media {
    video: Option<Terms>,
    audio: Option<Terms>,
    packetizer: Packetizer,
    pieces: Vec<Piece>,
    video_sequence: u16,
    audio_sequence: u16,
    /// The picture whose playout delay was told last.
    told: Option<u32>,
    pub(crate) ledger: Ledger,
}

impl Media {
    pub(crate) fn new(video: Option<Terms>, audio: Option<Terms>) -> Self {
        Self {
            video,
            audio,
            packetizer: Packetizer::default(),
            pieces: Vec::new(),
            video_sequence: 0,
            audio_sequence: 0,
            told: None,
            ledger: Ledger::new(),
        }
    }

    /// Appends what a media datagram becomes to `out`.
    pub(crate) fn push(&mut self, datagram: &Bytes, out: &mut Vec<Out>) -> Result<(), Error> {
        let Ok((header, payload)) = MediaHeader::parse(datagram) else {
            // Of a kind that only the other transport carries.
            return Ok(());
        };
        match header.kind {
            Kind::Video => {
                if header.fragment == 0 && header.flags.last_unit {
                    out.extend(trace(&header, payload).map(Out::Trace));
                }
                self.video(&header, payload, out);
            }
            Kind::Audio => self.audio(&header, payload, out),
            Kind::Padding => self.padding(&header, out),
            Kind::ClockReply
            | Kind::InputAck
            | Kind::Sealed
            | Kind::Input
            | Kind::Feedback
            | Kind::ClockRequest => {}
            #[allow(
                unreachable_patterns,
                clippy::wildcard_enum_match_arm,
                reason = "kinds of other transports"
            )]
            _ => {}
        }
        Ok(())
    }

    fn video(&mut self, header: &MediaHeader, payload: &[u8], out: &mut Vec<Out>) {
        let Some(terms) = self.video else { return };
        // What is sealed is for relays, and what goes again is the library's business (RTX).
        if header.key_epoch != 0 || header.flags.repeat {
            return;
        }
        self.pieces.clear();
        self.packetizer.push(header, payload, &mut self.pieces);
        if self.pieces.is_empty() {
            return;
        }
        let pieces = std::mem::take(&mut self.pieces);
        for piece in &pieces {
            let packet = self.video_packet(terms, header, piece.marker, piece.payload.clone());
            out.push(Out::Video(packet));
        }
        self.pieces = pieces;
        let sequence = self.video_sequence.wrapping_sub(1);
        self.ledger.record(header.packet_seq, Stream::Video, sequence);
    }

    fn video_packet(
        &mut self,
        terms: Terms,
        header: &MediaHeader,
        marker: bool,
        payload: Bytes,
    ) -> rtp::Packet {
        let sequence_number = self.video_sequence;
        self.video_sequence = self.video_sequence.wrapping_add(1);
        let mut packet = rtp::Packet {
            header: rtp::header::Header {
                version: 2,
                marker,
                payload_type: terms.payload_type,
                sequence_number,
                timestamp: ticks(header.captured_at),
                ssrc: terms.ssrc,
                ..Default::default()
            },
            payload,
        };
        // On a picture's first packet: the browser keeps it.
        if self.told != Some(header.frame)
            && let Some(id) = terms.playout_delay
        {
            self.told = Some(header.frame);
            if let Err(error) = packet.header.set_extension(id, Bytes::from_static(&[0, 0, 0])) {
                tracing::debug!(%error, "the playout delay was not told");
            }
        }
        packet
    }

    fn audio(&mut self, header: &MediaHeader, payload: &[u8], out: &mut Vec<Out>) {
        let (Some(terms), Ok(unit)) = (self.audio, AudioUnit::parse(payload)) else {
            return;
        };
        let sequence_number = self.audio_sequence;
        self.audio_sequence = self.audio_sequence.wrapping_add(1);
        self.ledger
            .record(header.packet_seq, Stream::Audio, sequence_number);
        out.push(Out::Audio(rtp::Packet {
            header: rtp::header::Header {
                version: 2,
                payload_type: terms.payload_type,
                sequence_number,
                timestamp: header.frame.wrapping_mul(AUDIO_FRAME_SAMPLES),
                ssrc: terms.ssrc,
                ..Default::default()
            },
            payload: Bytes::copy_from_slice(unit.primary),
        }));
    }

    /// The sender asks whether anybody is there. A sound of nothing would be heard, so this is an empty video packet with
    /// padding, which a browser counts and skips.
    fn padding(&mut self, header: &MediaHeader, out: &mut Vec<Out>) {
        let Some(terms) = self.video else { return };
        let sequence_number = self.video_sequence;
        self.video_sequence = self.video_sequence.wrapping_add(1);
        self.ledger
            .record(header.packet_seq, Stream::Video, sequence_number);
        out.push(Out::Video(rtp::Packet {
            header: rtp::header::Header {
                version: 2,
                padding: true,
                payload_type: terms.payload_type,
                sequence_number,
                timestamp: ticks(header.captured_at),
                ssrc: terms.ssrc,
                ..Default::default()
            },
            payload: Bytes::new(),
        }));
    }
}

/// A picture's header and trace as a datagram of its own, without its NAL units.
fn trace(header: &MediaHeader, payload: &[u8]) -> Option<Bytes> {
    let (trace, _) = split_video_unit(payload).ok()?;
    let bytes = trace?.to_bytes();
    let header = MediaHeader {
        fragment: 0,
        fragments: 1,
        ..*header
    };
    let mut out = BytesMut::with_capacity(MEDIA_HEADER_BYTES + 1 + bytes.len());
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(&[u8::try_from(bytes.len()).unwrap_or(0)]);
    out.extend_from_slice(&bytes);
    Some(out.freeze())
}

/// RTP's clock of video: 90 kHz, of which the low 32 bits go.
fn ticks(micros: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the cut is RTP's")]
    let ticks = (u128::from(micros) * 9 / 100) as u32;
    ticks
}

/// 10 ms at 48 kHz.
const AUDIO_FRAME_SAMPLES: u32 = 480;

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_wire::{Flags, VideoTrace};

    fn media() -> Media {
        let terms = |ssrc| {
            Some(Terms {
                ssrc,
                payload_type: 102,
                playout_delay: Some(5),
            })
        };
        Media::new(terms(1), terms(2))
    }

    fn datagram(kind: Kind, frame: u32, seq: u32, payload: &[u8]) -> Bytes {
        let header = MediaHeader {
            kind,
            flags: Flags {
                last_unit: true,
                ..Flags::default()
            },
            participant: 0,
            track: 0,
            packet_seq: seq,
            sent_at: 0,
            frame,
            reference: frame,
            captured_at: 1_000_000,
            key_epoch: 0,
            unit: 0,
            fragment: 0,
            fragments: 1,
        };
        [header.to_bytes().as_slice(), payload].concat().into()
    }

    #[test]
    fn a_picture_becomes_rtp_and_its_trace_goes_beside_it() {
        let mut unit = vec![34];
        unit.extend_from_slice(
            &VideoTrace {
                input: 9,
                ..VideoTrace::default()
            }
            .to_bytes(),
        );
        unit.extend_from_slice(&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x65, 2, 3]);
        let mut out = Vec::new();
        media()
            .push(&datagram(Kind::Video, 4, 7, &unit), &mut out)
            .unwrap();
        let [Out::Trace(trace), Out::Video(sps), Out::Video(slice)] = out.as_slice() else {
            panic!("{out:?}");
        };
        let (header, payload) = MediaHeader::parse(trace).unwrap();
        assert_eq!((header.frame, header.fragments), (4, 1));
        let (trace, nals) = split_video_unit(payload).unwrap();
        assert_eq!((trace.unwrap().input, nals.len()), (9, 0));
        assert_eq!(sps.payload.as_ref(), [0x67, 1]);
        assert!(sps.header.get_extension(5).is_some());
        assert!(slice.header.marker && slice.header.get_extension(5).is_none());
        assert_eq!(slice.header.timestamp, 90_000);
    }

    #[test]
    fn sound_and_probes_have_sequences_of_their_own() {
        let mut media = media();
        let mut out = Vec::new();
        let mut unit = Vec::new();
        AudioUnit {
            primary: &[1, 2],
            previous: &[9],
        }
        .write(&mut unit);
        media.push(&datagram(Kind::Audio, 3, 1, &unit), &mut out).unwrap();
        media.push(&datagram(Kind::Padding, 3, 2, &[]), &mut out).unwrap();
        let [Out::Audio(sound), Out::Video(probe)] = out.as_slice() else {
            panic!("{out:?}");
        };
        assert_eq!(
            (sound.payload.as_ref(), sound.header.timestamp),
            ([1, 2].as_slice(), 1_440)
        );
        assert!(probe.header.padding && probe.payload.is_empty());
    }
}
