//! A client like the page: receives, reports, sends input, talks on the control stream.

use super::{DEADLINE, Worker};
use firstlight_container::now;
use firstlight_proto::input::InputSender;
use firstlight_proto::receive::{AccessUnit, Receiver};
use firstlight_seal::Seal;
use firstlight_units::{Micros, Timestamp};
use firstlight_wire::control::{
    ClientMessage, Hello, ResumeAck, ServerMessage, Welcome, client_message, server_message,
};
use firstlight_wire::{EventKind, FrameDecoder, InputAck, Kind, MediaHeader, Track, write_frame};
use prost::Message as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{ClientBuilder, ClientError, RecvStream, SendStream, Session, SessionError};

/// An access unit that came.
pub(crate) struct Unit {
    pub(crate) meta: AccessUnit,
    pub(crate) nals: Vec<u8>,
}

/// An attached client.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) receiver: Receiver,
    pub(crate) input: InputSender,
    pub(crate) units: Vec<Unit>,
    pub(crate) audio_packets: u64,
    pub(crate) acked: Vec<InputAck>,
    pub(crate) messages: Vec<server_message::Message>,
    /// Datagrams of kinds that a client does not understand.
    pub(crate) strange: u64,
    /// Packets of these frames never arrive.
    pub(crate) lose: std::ops::Range<u32>,
    /// Say nothing of what arrived.
    pub(crate) mute: bool,
    /// Set when the session is closed.
    pub(crate) closed: Option<SessionError>,
    /// Sealed datagrams as they came, and whether they opened.
    pub(crate) sealed: Vec<(bytes::Bytes, bool)>,
    /// What was in those that did.
    pub(crate) opened: Vec<Vec<u8>>,
    seal: Option<Seal>,
    control: SendStream,
    answers: RecvStream,
    decoder: FrameDecoder,
    datagram: Vec<u8>,
}

/// Knocks with this query, e.g. `ticket=…`.
pub(crate) async fn knock(
    worker: &Worker,
    query: &str,
    origin: Option<&str>,
) -> Result<Session, ClientError> {
    let client = ClientBuilder::new()
        .with_server_certificate_hashes(vec![worker.certificate.clone()])
        .unwrap();
    let url: String = format!("https://127.0.0.1:{}/v1/media?{query}", worker.port);
    let mut request = ConnectRequest::new(url.parse::<url::Url>().unwrap());
    if let Some(origin) = origin {
        let name = web_transport_quinn::http::HeaderName::from_static("origin");
        request = request.with_header(name, origin.parse().unwrap());
    }
    client.connect(request).await
}

impl Client {
    /// Attaches with a good ticket.
    pub(crate) async fn attach(worker: &Worker) -> Self {
        let session = knock(worker, &format!("ticket={}", worker.ticket()), None)
            .await
            .unwrap();
        Self::begin(session).await
    }

    /// Attaches with a resume secret.
    pub(crate) async fn resume(worker: &Worker, secret: &str) -> Result<Self, ClientError> {
        let session = knock(worker, &format!("resume={secret}"), None).await?;
        Ok(Self::begin(session).await)
    }

    /// Opens the control stream and says hello.
    pub(crate) async fn begin(session: Session) -> Self {
        Self::begin_with(session, None).await
    }

    /// As [`Self::begin`], with everything sealed where there is a seal.
    pub(crate) async fn begin_with(session: Session, seal: Option<Seal>) -> Self {
        let (control, answers) = session.open_bi().await.unwrap();
        let mut receiver = Receiver::new();
        receiver.attach();
        // A page learns it from the clock; here the path is the loopback.
        receiver.set_rtt(Micros::from_millis(5));
        let mut input = InputSender::new(7);
        input.attach();
        let mut client = Self {
            session,
            receiver,
            input,
            units: Vec::new(),
            audio_packets: 0,
            acked: Vec::new(),
            messages: Vec::new(),
            strange: 0,
            lose: 0..0,
            mute: false,
            closed: None,
            sealed: Vec::new(),
            opened: Vec::new(),
            seal,
            control,
            answers,
            decoder: FrameDecoder::default(),
            datagram: Vec::new(),
        };
        let hello = Hello {
            version: 1,
            version_oldest: 1,
            codecs: vec!["avc1.42E02A".to_owned()],
            reference_recovery: true,
            user_agent: "test".to_owned(),
        };
        client.say(client_message::Message::Hello(hello)).await;
        client
    }

    pub(crate) async fn say(&mut self, message: client_message::Message) {
        let message = ClientMessage {
            message: Some(message),
        };
        let mut bytes = Vec::new();
        match &mut self.seal {
            Some(seal) => {
                let sealed = seal.seal_control(&message.encode_to_vec()).unwrap();
                bytes.extend_from_slice(&u32::try_from(sealed.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(&sealed);
            }
            None => write_frame(&message, &mut bytes).unwrap(),
        }
        self.say_raw(&bytes).await;
    }

    pub(crate) async fn say_raw(&mut self, bytes: &[u8]) {
        self.control.write_all(bytes).await.unwrap();
    }

    /// Goes on receiving and answering until `done`.
    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let pump = async {
            while !done(self) {
                assert!(self.closed.is_none(), "closed: {:?}", self.closed);
                self.turn().await;
            }
        };
        assert!(
            tokio::time::timeout(DEADLINE, pump).await.is_ok(),
            "waited in vain for {what}"
        );
    }

    /// Goes on until the session is closed; returns the application's code.
    pub(crate) async fn until_closed(&mut self) -> u32 {
        let pump = async {
            while self.closed.is_none() {
                self.turn().await;
            }
        };
        assert!(
            tokio::time::timeout(DEADLINE, pump).await.is_ok(),
            "waited in vain for the close"
        );
        use web_transport_quinn::WebTransportError;
        let closed = self.closed.as_ref().unwrap();
        let SessionError::WebTransportError(WebTransportError::Closed(code, _)) = closed else {
            panic!("closed in another way: {closed:?}");
        };
        *code
    }

    /// The server's welcome, once it has come; the secret in it is acknowledged.
    pub(crate) async fn welcome(&mut self) -> Welcome {
        let is_welcome = |m: &server_message::Message| matches!(m, server_message::Message::Welcome(_));
        self.until("the welcome", |c| c.messages.iter().any(is_welcome))
            .await;
        let Some(server_message::Message::Welcome(welcome)) =
            self.messages.iter().find(|m| is_welcome(m)).cloned()
        else {
            unreachable!()
        };
        welcome
    }

    /// Attaching's secret, stored and acknowledged.
    pub(crate) async fn secret(&mut self) -> String {
        let resume = self.welcome().await.resume.unwrap();
        let ack = ResumeAck {
            generation: resume.generation,
        };
        self.say(client_message::Message::ResumeAck(ack)).await;
        resume.secret
    }

    pub(crate) fn press(&mut self, event: EventKind) {
        assert!(self.input.push(now(), event), "{event:?} is refused");
    }

    pub(crate) fn ended(&self) -> Option<&firstlight_wire::control::Ended> {
        self.messages.iter().find_map(|m| {
            if let server_message::Message::Ended(ended) = m {
                Some(ended)
            } else {
                None
            }
        })
    }

    /// Waits for one thing to happen and deals with it.
    pub(crate) async fn turn(&mut self) {
        self.send_due();
        let wake = [
            self.receiver.poll_timeout().map(|(at, _)| at),
            self.input.poll_timeout().map(|(at, _)| at),
        ]
        .into_iter()
        .flatten()
        .min();
        let mut chunk = [0; 4_096];
        tokio::select! {
            datagram = self.session.read_datagram() => match datagram {
                Ok(datagram) => self.take(datagram),
                Err(error) => self.closed = Some(error),
            },
            read = self.answers.read(&mut chunk), if self.closed.is_none() => match read {
                Ok(Some(n)) => self.on_control(&chunk[..n]),
                Ok(None) | Err(_) => {
                    let error = tokio::time::timeout(DEADLINE, self.drained()).await.unwrap();
                    self.closed = Some(error);
                }
            },
            () = sleep_until(wake) => {}
        }
        self.receiver.handle_timeout(now());
        self.send_due();
    }

    /// The control stream is at its end: the close follows.
    async fn drained(&mut self) -> SessionError {
        loop {
            match self.session.read_datagram().await {
                Ok(datagram) => self.take(datagram),
                Err(error) => return error,
            }
        }
    }

    /// A datagram as it came.
    fn take(&mut self, datagram: bytes::Bytes) {
        let Some(seal) = &mut self.seal else {
            return self.on_datagram(&datagram);
        };
        let mut bytes = datagram.to_vec();
        let opened = seal.open_datagram(&mut bytes).map(|at| bytes[at].to_vec());
        self.sealed.push((datagram, opened.is_ok()));
        if let Ok(opened) = opened {
            self.on_datagram(&opened);
            self.opened.push(opened);
        }
    }

    fn on_datagram(&mut self, datagram: &[u8]) {
        match Kind::of(datagram) {
            Ok(Kind::Video | Kind::Audio | Kind::Padding | Kind::Parity) => {
                let (header, _) = MediaHeader::parse(datagram).unwrap();
                if header.track == Track::Video as u8 && self.lose.contains(&header.frame) {
                    return;
                }
                self.receiver.handle_datagram(now(), datagram);
                let mut nals = Vec::new();
                while let Some(meta) = self.receiver.poll_unit(&mut nals) {
                    self.receiver.handle_decoded(meta.frame);
                    self.units.push(Unit {
                        meta,
                        nals: std::mem::take(&mut nals),
                    });
                }
                let mut packet = Vec::new();
                while self.receiver.poll_audio(&mut packet).is_some() {
                    self.audio_packets += 1;
                    packet.clear();
                }
            }
            Ok(Kind::InputAck) => {
                let ack = InputAck::parse(datagram).unwrap();
                self.acked.push(ack);
                self.input.handle_ack(ack);
            }
            _ => self.strange += 1,
        }
    }

    fn on_control(&mut self, mut bytes: &[u8]) {
        while let Some(message) = self.decoder.decode(&mut bytes).unwrap() {
            let message = match &mut self.seal {
                Some(seal) => seal.open_control(&mut message.to_vec()).unwrap(),
                None => message.to_vec(),
            };
            self.messages
                .extend(ServerMessage::decode(message.as_slice()).unwrap().message);
        }
    }

    fn send_due(&mut self) {
        self.datagram.clear();
        while !self.mute && self.receiver.poll_feedback(now(), &mut self.datagram) {
            self.send();
        }
        while self.input.poll_transmit(now(), &mut self.datagram) {
            self.send();
        }
    }

    fn send(&mut self) {
        let mut datagram = std::mem::take(&mut self.datagram);
        if let Some(seal) = &mut self.seal {
            let plain = std::mem::take(&mut datagram);
            seal.seal_datagram(&plain, &mut datagram).unwrap();
        }
        if let Err(error) = self.session.send_datagram(datagram.into()) {
            self.closed.get_or_insert(error);
        }
    }
}

async fn sleep_until(at: Option<Timestamp>) {
    let Some(at) = at else {
        return std::future::pending().await;
    };
    let left: Duration = (at - now()).into();
    tokio::time::sleep(left.min(Duration::from_secs(1))).await;
}

/// Decodes access units with ffmpeg and reads the beacon's barcode in each picture.
pub(crate) fn read_barcodes(units: &[Unit]) -> Vec<firstlight_beacon::barcode::Reading> {
    read_barcodes_of(units, (1280, 720))
}

/// As [`read_barcodes`], of pictures that are drawn in another size.
pub(crate) fn read_barcodes_of(
    units: &[Unit],
    drawn: (u16, u16),
) -> Vec<firstlight_beacon::barcode::Reading> {
    let stream = units.iter().flat_map(|unit| unit.nals.iter().copied());
    let pictures = decode(stream.collect(), drawn);
    pictures
        .iter()
        .filter_map(|picture| read_barcode(picture))
        .collect()
}

/// Decodes what may be a stream of H.264 with ffmpeg: the luma of the barcode's place in each picture.
pub(crate) fn decode_pictures(stream: Vec<u8>) -> Vec<Vec<u8>> {
    decode(stream, (1280, 720))
}

fn decode(stream: Vec<u8>, (width, height): (u16, u16)) -> Vec<Vec<u8>> {
    use firstlight_beacon::barcode::{HEIGHT, WIDTH};
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "h264", "-i", "-"])
        .args([
            "-vf",
            // A busy machine codes it smaller.
            &format!("scale={width}:{height},crop={WIDTH}:{HEIGHT}:0:0"),
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = ffmpeg.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&stream));
    let pictures = ffmpeg.wait_with_output().unwrap().stdout;
    if let Err(error) = writer.join().unwrap() {
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::BrokenPipe,
            "it gave up on the stream"
        );
    }
    pictures
        .chunks_exact(WIDTH * HEIGHT)
        .map(<[u8]>::to_vec)
        .collect()
}

fn read_barcode(picture: &[u8]) -> Option<firstlight_beacon::barcode::Reading> {
    use firstlight_beacon::barcode::{BLOCK, COLUMNS, WIDTH, decode};
    let mut bytes = [0_u8; 16];
    for (n, byte) in bytes.iter_mut().enumerate() {
        for bit in 0..8 {
            let block = n * 8 + bit;
            let (x, y) = (
                block % COLUMNS * BLOCK + BLOCK / 2,
                block / COLUMNS * BLOCK + BLOCK / 2,
            );
            *byte = *byte << 1 | u8::from(picture[y * WIDTH + x] > 128);
        }
    }
    decode(bytes)
}
