//! Our send path, as the worker's: one task for each session, woken by the clock, the recording and the player.

use crate::machine::{Usage, Used, now, resident, tell};
use crate::path::{Path, seal};
use crate::units::Recording;
use crate::{FPS, Over, SETTLE, Send, signal};
use anyhow::{Context, Result};
use bytes::BytesMut;
use firstlight_proto::send::{Reports, SendEvent, Sender, SenderConfig, VideoUnit};
use firstlight_quic::{Alarm, CloseCode, Identity, Listener};
use firstlight_seal::Side;
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp, WallTime};
use serde::Serialize;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::LocalSet;

/// Where players find the sender: UDP, or TCP for the offers of WebRTC.
#[derive(Serialize)]
pub(crate) struct Opened {
    pub(crate) port: u16,
    pub(crate) certificate: String,
}

/// What the senders took; summed over the sessions.
#[derive(Serialize)]
pub(crate) struct Measured {
    #[serde(flatten)]
    pub(crate) used: Used,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) units: u64,
    pub(crate) skipped: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
    /// Before the first session, and at the end.
    pub(crate) resident_bytes: [u64; 2],
}

/// What sessions count as they go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) units: u64,
    pub(crate) skipped: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
}

/// Shared by the tasks of the one thread.
#[derive(Default)]
pub(crate) struct Counts(Cell<Tally>);

impl Counts {
    pub(crate) fn add(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.0.get();
        change(&mut tally);
        self.0.set(tally);
    }

    pub(crate) const fn get(&self) -> Tally {
        self.0.get()
    }
}

pub(crate) async fn send(options: &Send) -> Result<()> {
    let recording = Rc::new(Recording::open(&options.units)?);
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let identity = Identity::generate(WallTime::from_micros(u64::try_from(since.as_micros())?))?;
    let mut listener = Listener::open(&["127.0.0.1:0".parse()?], &identity)?;
    let port = listener.addresses().first().context("no port")?.port();
    tell(&Opened {
        port,
        certificate: identity.fingerprint().hex(),
    })?;
    let before = resident()?;
    let counts = Rc::new(Counts::default());
    let tasks = LocalSet::new();
    let mut links = Vec::new();
    tasks
        .run_until(async {
            for n in 0..options.sessions {
                let attempt = listener.attempt().await.context("the port closed")?;
                let link = attempt.accept().await?;
                links.push(link.clone());
                let path = if options.over == Over::Sealed {
                    Path::Sealed(link, seal(Side::Host, n)?, Vec::with_capacity(2_048))
                } else {
                    Path::Quic(link)
                };
                let session = Session::open(path, recording.clone(), counts.clone(), n)?;
                tokio::task::spawn_local(session.run());
            }
            let result = measure(&counts, Duration::from_secs(options.seconds), before).await?;
            for link in &links {
                link.close(CloseCode::Bye, "").await;
            }
            tell(&result)
        })
        .await
}

/// As [`send`], over WebRTC.
pub(crate) async fn send_rtc(options: &Send) -> Result<()> {
    let recording = Rc::new(Recording::open(&options.units)?);
    let desk = signal::Desk::open().await?;
    tell(&Opened {
        port: desk.port()?,
        certificate: String::new(),
    })?;
    let before = resident()?;
    let counts = Rc::new(Counts::default());
    let config = firstlight_rtc::Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..firstlight_rtc::Config::default()
    };
    let tasks = LocalSet::new();
    let mut links = Vec::new();
    tasks
        .run_until(async {
            for n in 0..options.sessions {
                let (offer, mut back) = desk.offer().await?;
                let (peer, answer) = firstlight_rtc::answer(&config, &offer).await?;
                signal::write(&mut back, &answer).await?;
                let link = peer.connected().await?;
                links.push(link.clone());
                let session = Session::open(Path::Rtc(link), recording.clone(), counts.clone(), n)?;
                tokio::task::spawn_local(session.run());
            }
            let result = measure(&counts, Duration::from_secs(options.seconds), before).await?;
            for link in &links {
                link.close().await;
            }
            tell(&result)
        })
        .await
}

/// Lets it settle, then looks at both ends of the span.
pub(crate) async fn measure(counts: &Counts, span: Duration, before: u64) -> Result<Measured> {
    tokio::time::sleep(SETTLE).await;
    let (from, began) = (counts.get(), Usage::read()?);
    tokio::time::sleep(span).await;
    let (to, ended) = (counts.get(), Usage::read()?);
    Ok(Measured {
        used: began.until(ended),
        packets: to.packets - from.packets,
        bytes: to.bytes - from.bytes,
        units: to.units - from.units,
        skipped: to.skipped - from.skipped,
        lost: to.lost - from.lost,
        repeated: to.repeated - from.repeated,
        resident_bytes: [before, resident()?],
    })
}

struct Session {
    path: Path,
    sender: Sender,
    alarm: Alarm,
    recording: Rc<Recording>,
    counts: Rc<Counts>,
    frame: u64,
    next_at: Timestamp,
    /// The next access unit is a start: what the sender asked for.
    idr: bool,
    datagram: Vec<u8>,
    memory: BytesMut,
    told: (u64, u64),
}

impl Session {
    fn open(path: Path, recording: Rc<Recording>, counts: Rc<Counts>, n: usize) -> Result<Self> {
        let mut sender = Sender::new(SenderConfig {
            bitrate_start: Bitrate::mbps(12),
            ..SenderConfig::default()
        });
        sender.set_reports(path.reports());
        sender.attach(now(), path.datagram_max());
        sender.set_parity(path.reports() == Reports::Client);
        Ok(Self {
            path,
            sender,
            alarm: Alarm::open()?,
            recording,
            counts,
            frame: 0,
            // Sessions are out of step, as players are.
            next_at: now() + Micros::new(n as u64 * 7_919 % PERIOD_US),
            idr: true,
            datagram: Vec::with_capacity(2_048),
            memory: BytesMut::with_capacity(MEMORY_BYTES),
            told: (0, 0),
        })
    }

    async fn run(mut self) {
        loop {
            let due = self.sender.poll_timeout().map_or(self.next_at, |(at, _)| at);
            self.alarm.set(Some(due.min(self.next_at)));
            tokio::select! {
                datagram = self.path.receive() => {
                    let Some(datagram) = datagram else { return };
                    if let Some(feedback) = self.path.feedback(datagram) {
                        self.sender.handle_feedback(now(), &feedback);
                    }
                }
                () = self.alarm.ring() => {}
            }
            self.work(now());
        }
    }

    fn work(&mut self, now: Timestamp) {
        while now >= self.next_at {
            self.next_at += Micros::new(PERIOD_US);
            self.push(now);
        }
        if self.sender.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.sender.handle_timeout(now);
        }
        while let Some(event) = self.sender.poll_event() {
            self.idr |= matches!(event, SendEvent::NeedIdr(_) | SendEvent::NeedRecovery { .. });
        }
        self.link_max();
        self.transmit();
    }

    fn push(&mut self, now: Timestamp) {
        if !self.sender.may_encode(now) {
            self.counts.add(|t| t.skipped += 1);
            return;
        }
        self.frame += 1;
        let frame = FrameId::new(self.frame);
        let idr = std::mem::take(&mut self.idr);
        self.sender.push_video(
            now,
            VideoUnit {
                frame,
                reference: if idr { frame } else { FrameId::new(self.frame - 1) },
                captured_at: now,
                idr,
                recovery: false,
                still: false,
                unit: 0,
                last: true,
                trace: None,
                nals: self.recording.get(self.frame),
            },
        );
        self.counts.add(|t| t.units += 1);
    }

    /// As the worker does once a second.
    fn link_max(&mut self) {
        if self.frame.is_multiple_of(FPS) {
            self.sender.set_datagram_max(self.path.datagram_max());
        }
    }

    fn transmit(&mut self) {
        let mut sent = Tally::default();
        _ = self.memory.try_reclaim(MEMORY_BYTES);
        let now = now();
        while self.sender.poll_transmit(now, &mut self.datagram) {
            sent.packets += 1;
            sent.bytes += self.datagram.len() as u64;
            sent.lost += u64::from(!self.path.send(&mut self.memory, &self.datagram));
        }
        let stats = self.sender.stats();
        let (lost, repeated) = (stats.lost - self.told.0, stats.repeated - self.told.1);
        self.told = (stats.lost, stats.repeated);
        self.counts.add(|t| {
            t.packets += sent.packets;
            t.bytes += sent.bytes;
            t.lost += sent.lost + lost;
            t.repeated += repeated;
        });
    }
}

/// As the worker's.
const MEMORY_BYTES: usize = 64 << 10;
/// Of a picture.
pub(crate) const PERIOD_US: u64 = 1_000_000 / FPS;
