//! UDP: a port for clients, and towards the target a socket per client, as a NAT has a mapping per client.

use crate::driver::Event;
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A port for clients.
pub(crate) struct Front {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) to: SocketAddr,
}

/// One client of a front.
pub(crate) struct UdpFlow {
    pub(crate) front: usize,
    pub(crate) client: SocketAddr,
    back: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

impl Front {
    pub(crate) async fn open(
        index: usize,
        to: SocketAddr,
        inbox: mpsc::Sender<Event>,
    ) -> io::Result<(Self, u16)> {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let port = socket.local_addr()?.port();
        let reading = Arc::clone(&socket);
        tokio::spawn(async move {
            let mut buffer = vec![0; DATAGRAM_BYTES];
            loop {
                // An error is what ICMP says of an earlier datagram: the socket stays good.
                let Ok((size, client)) = reading.recv_from(&mut buffer).await else {
                    continue;
                };
                let bytes = Bytes::copy_from_slice(buffer.get(..size).unwrap_or_default());
                let event = Event::Datagram {
                    front: index,
                    client,
                    bytes,
                };
                if inbox.send(event).await.is_err() {
                    break;
                }
            }
        });
        Ok((Self { socket, to }, port))
    }
}

impl UdpFlow {
    pub(crate) async fn open(
        flow: u64,
        front: usize,
        client: SocketAddr,
        to: SocketAddr,
        inbox: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let (back, reader) = map(flow, to, inbox).await?;
        Ok(Self {
            front,
            client,
            back,
            reader,
        })
    }

    /// Goes on from another source port.
    pub(crate) async fn rebind(
        &mut self,
        flow: u64,
        to: SocketAddr,
        inbox: mpsc::Sender<Event>,
    ) -> io::Result<()> {
        let (back, reader) = map(flow, to, inbox).await?;
        self.reader.abort();
        (self.back, self.reader) = (back, reader);
        Ok(())
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        // Full or refused: lost, as on a wire.
        drop(self.back.try_send(bytes));
    }
}

impl Drop for UdpFlow {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn map(
    flow: u64,
    to: SocketAddr,
    inbox: mpsc::Sender<Event>,
) -> io::Result<(Arc<UdpSocket>, JoinHandle<()>)> {
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
    back.connect(to).await?;
    let reading = Arc::clone(&back);
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let Ok(size) = reading.recv(&mut buffer).await else {
                continue;
            };
            let bytes = Bytes::copy_from_slice(buffer.get(..size).unwrap_or_default());
            if inbox.send(Event::Answer { flow, bytes }).await.is_err() {
                break;
            }
        }
    });
    Ok((back, reader))
}

/// The longest UDP datagram.
const DATAGRAM_BYTES: usize = 65_535;
