//! Long ways, each with a near end that looks like the host.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{Mutex, Semaphore};

#[derive(Default)]
pub(crate) struct Ways {
    /// The host's port → the near end's.
    near: Mutex<BTreeMap<u16, u16>>,
}

impl Ways {
    /// The near end of the way to a port of this machine.
    pub(crate) async fn near(&self, port: u16) -> io::Result<u16> {
        let mut near = self.near.lock().await;
        if let Some(known) = near.get(&port) {
            return Ok(*known);
        }
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let at = front.local_addr()?.port();
        tokio::spawn(carry(front, SocketAddr::from(([127, 0, 0, 1], port))));
        near.insert(port, at);
        Ok(at)
    }
}

/// Every player who comes gets a socket of his own towards the host.
async fn carry(front: Arc<UdpSocket>, host: SocketAddr) {
    let mut players: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while let Ok((length, from)) = front.recv_from(&mut buffer).await {
        let back = match players.entry(from) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(new) => {
                let Ok(back) = open(host).await else { continue };
                let back = Arc::new(back);
                tokio::spawn(answers(
                    Arc::clone(&front),
                    Arc::clone(&back),
                    from,
                    Arc::clone(&under_way),
                ));
                Arc::clone(new.insert(back))
            }
        };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        later(&under_way, async move { back.send(&bytes).await.map(drop) });
    }
}

async fn open(host: SocketAddr) -> io::Result<UdpSocket> {
    let back = UdpSocket::bind("127.0.0.1:0").await?;
    back.connect(host).await?;
    Ok(back)
}

async fn answers(front: Arc<UdpSocket>, back: Arc<UdpSocket>, to: SocketAddr, under_way: Arc<Semaphore>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while let Ok(length) = back.recv(&mut buffer).await {
        let (front, bytes) = (
            Arc::clone(&front),
            buffer.get(..length).unwrap_or_default().to_vec(),
        );
        later(
            &under_way,
            async move { front.send_to(&bytes, to).await.map(drop) },
        );
    }
}

/// What the way does not hold is lost.
fn later(under_way: &Arc<Semaphore>, send: impl Future<Output = io::Result<()>> + Send + 'static) {
    let Ok(place) = Arc::clone(under_way).try_acquire_owned() else {
        return;
    };
    tokio::spawn(async move {
        let _place = place;
        tokio::time::sleep(DELAY).await;
        // As on any other way.
        drop(send.await);
    });
}

/// Each way.
const DELAY: Duration = Duration::from_millis(60);
const DATAGRAM_BYTES: usize = 65_536;
/// A second at 100 Mbit/s.
const UNDER_WAY_MAX: usize = 10_000;
