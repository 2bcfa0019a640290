//! Moves what sockets bring into the path and what the path lets out into sockets.

use crate::alarm::{Alarm, now};
use crate::answer;
use crate::command::Command;
use crate::path::{Content, Parcel, Path, Way};
use crate::tcp::{self, TcpFlow};
use crate::udp::{Front, UdpFlow};
use bytes::Bytes;
use firstlight_units::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// What sockets bring.
pub(crate) enum Event {
    /// From a client.
    Datagram {
        front: usize,
        client: SocketAddr,
        bytes: Bytes,
    },
    /// From a target.
    Answer {
        flow: u64,
        bytes: Bytes,
    },
    Accepted {
        to: SocketAddr,
        stream: TcpStream,
    },
    /// The target's end of a connection; `None` when it refused.
    Connected {
        flow: u64,
        stream: Option<TcpStream>,
    },
    /// Of a TCP connection; an empty one is its end.
    Segment {
        flow: u64,
        way: Way,
        number: u64,
        bytes: Bytes,
    },
}

/// See the module.
pub(crate) struct Driver {
    path: Path,
    fronts: Vec<Front>,
    flows: BTreeMap<u64, Flow>,
    clients: BTreeMap<(usize, SocketAddr), u64>,
    newest: u64,
    inbox: mpsc::Sender<Event>,
    events: Option<mpsc::Receiver<Event>>,
    tally: Tally,
}

enum Flow {
    Udp(UdpFlow),
    Tcp(TcpFlow),
    /// Of an interface that is gone.
    Dead,
}

#[derive(Default)]
struct Tally {
    udp_flows: u64,
    tcp_flows: u64,
    rebinds: u64,
    dead: u64,
}

impl Driver {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (inbox, events) = mpsc::channel(EVENTS_MAX);
        Ok(Self {
            path: Path::new(now())?,
            fronts: Vec::new(),
            flows: BTreeMap::new(),
            clients: BTreeMap::new(),
            newest: 0,
            inbox,
            events: Some(events),
            tally: Tally::default(),
        })
    }

    /// Until the requests end.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<String>) -> anyhow::Result<()> {
        let mut alarm = Alarm::new()?;
        let Some(mut events) = self.events.take() else {
            return Ok(());
        };
        loop {
            let due = self.path.poll_timeout();
            tokio::select! {
                line = requests.recv() => match line {
                    Some(line) => answer(&mut self, &line).await?,
                    None => return Ok(()),
                },
                Some(event) = events.recv() => self.on_event(event).await,
                rung = alarm.wait(due) => rung?,
            }
            while let Some(parcel) = self.path.poll(now()) {
                self.deliver(parcel);
            }
        }
    }

    /// Carries out a command and says what came of it.
    pub(crate) async fn obey(&mut self, command: Command) -> anyhow::Result<Value> {
        match command {
            Command::Udp { to } => {
                let (front, port) = Front::open(self.fronts.len(), to, self.inbox.clone()).await?;
                self.fronts.push(front);
                return Ok(json!({ "port": port }));
            }
            Command::Tcp { to } => {
                let port = tcp::listen(to, self.inbox.clone()).await?;
                return Ok(json!({ "port": port }));
            }
            Command::Set { up, down } => {
                for (way, spec) in [(Way::Up, up), (Way::Down, down)] {
                    if let Some(spec) = spec {
                        self.path.set(now(), way, &spec)?;
                    }
                }
            }
            Command::Cut => self.path.cut(true),
            Command::Restore => self.path.cut(false),
            Command::Rebind => {
                let flows = self.rebind().await?;
                return Ok(json!({ "flows": flows }));
            }
            Command::DropInterface => {
                let alive = |flow: &&mut Flow| !matches!(flow, Flow::Dead);
                let flows = self
                    .flows
                    .values_mut()
                    .filter(alive)
                    .map(|flow| *flow = Flow::Dead)
                    .count();
                return Ok(json!({ "flows": flows }));
            }
            Command::Stats => return Ok(self.stats()),
        }
        Ok(json!({}))
    }

    async fn rebind(&mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        for (id, flow) in &mut self.flows {
            if let Flow::Udp(udp) = flow
                && let Some(front) = self.fronts.get(udp.front)
            {
                udp.rebind(*id, front.to, self.inbox.clone()).await?;
                count += 1;
            }
        }
        self.tally.rebinds += count;
        Ok(count)
    }

    fn stats(&self) -> Value {
        let (up, down, lost_in_cut) = self.path.counts(now());
        let Tally {
            udp_flows,
            tcp_flows,
            rebinds,
            dead,
        } = self.tally;
        json!({
            "up": up, "down": down, "lost_in_cut": lost_in_cut,
            "udp_flows": udp_flows, "tcp_flows": tcp_flows, "rebinds": rebinds, "to_the_dead": dead,
        })
    }

    async fn on_event(&mut self, event: Event) {
        let at = now();
        match event {
            Event::Datagram { front, client, bytes } => {
                if let Some(flow) = self.udp_flow(front, client).await {
                    self.send(at, flow, Way::Up, Content::Datagram(bytes));
                }
            }
            Event::Answer { flow, bytes } => self.send(at, flow, Way::Down, Content::Datagram(bytes)),
            Event::Accepted { to, stream } => {
                if let Some(flow) = self.new_flow() {
                    self.tally.tcp_flows += 1;
                    self.flows.insert(flow, Flow::Tcp(TcpFlow::new(to, stream)));
                    self.send(at, flow, Way::Up, Content::Open);
                }
            }
            Event::Connected { flow, stream } => match (self.flows.get_mut(&flow), stream) {
                (Some(Flow::Tcp(tcp)), Some(stream)) => {
                    tcp.connected(flow, stream, &self.inbox);
                    self.send(at, flow, Way::Down, Content::Opened);
                }
                (Some(Flow::Tcp(_)), None) => drop(self.flows.remove(&flow)),
                (Some(Flow::Udp(_) | Flow::Dead) | None, _) => {}
            },
            Event::Segment {
                flow,
                way,
                number,
                bytes,
            } => {
                self.send(at, flow, way, Content::Segment { number, bytes });
            }
        }
    }

    fn send(&mut self, at: Timestamp, flow: u64, way: Way, content: Content) {
        let arrives = self.path.send(at, Parcel { flow, way, content });
        if !arrives && let Some(Flow::Tcp(tcp)) = self.flows.get_mut(&flow) {
            tcp.on_lost(at, way);
        }
    }

    fn deliver(&mut self, parcel: Parcel) {
        let Parcel {
            flow: id,
            way,
            content,
        } = parcel;
        match (self.flows.get_mut(&id), content) {
            (Some(Flow::Udp(udp)), Content::Datagram(bytes)) => match way {
                Way::Up => udp.send(&bytes),
                Way::Down => {
                    if let Some(front) = self.fronts.get(udp.front) {
                        // Full or refused: lost, as on a wire.
                        drop(front.socket.try_send_to(&bytes, udp.client));
                    }
                }
            },
            (Some(Flow::Tcp(tcp)), Content::Open) => {
                let (to, inbox) = (tcp.to, self.inbox.clone());
                tokio::spawn(async move {
                    let stream = TcpStream::connect(to).await.ok();
                    // An error means that the emulator ends.
                    drop(inbox.send(Event::Connected { flow: id, stream }).await);
                });
            }
            (Some(Flow::Tcp(tcp)), Content::Opened) => tcp.opened(id, &self.inbox),
            (Some(Flow::Tcp(tcp)), Content::Segment { number, bytes }) => tcp.on_segment(way, number, bytes),
            (Some(Flow::Dead), _) => self.tally.dead += 1,
            (Some(Flow::Udp(_) | Flow::Tcp(_)) | None, _) => {}
        }
    }

    async fn udp_flow(&mut self, front: usize, client: SocketAddr) -> Option<u64> {
        if let Some(known) = self.clients.get(&(front, client)) {
            return Some(*known);
        }
        let to = self.fronts.get(front)?.to;
        let flow = self.new_flow()?;
        let udp = UdpFlow::open(flow, front, client, to, self.inbox.clone())
            .await
            .ok()?;
        self.tally.udp_flows += 1;
        self.flows.insert(flow, Flow::Udp(udp));
        self.clients.insert((front, client), flow);
        Some(flow)
    }

    /// `None`: there are too many already.
    fn new_flow(&mut self) -> Option<u64> {
        if self.flows.len() >= FLOWS_MAX {
            return None;
        }
        self.newest += 1;
        Some(self.newest)
    }
}

/// What may wait between the sockets and the loop; past it, the kernel's buffers hold it or lose it.
const EVENTS_MAX: usize = 1_024;
/// A bench with a browser has some dozens in an hour.
const FLOWS_MAX: usize = 1_024;
