//! A player on WebTransport.

use crate::Counters;
use firstlight_quic::{CloseCode, ControlReader, ControlWriter, Error, Link};
use std::sync::Arc;
use std::time::Duration;

/// Carries packets both ways until one side ends, and tells the other how. `allows` says of each datagram of the player, by its
/// size, whether it may pass.
pub async fn carry_quic(
    player: Link,
    host: Link,
    counters: Arc<Counters>,
    mut allows: impl FnMut(usize) -> bool + Send,
) {
    let (from_host, from_player) = (host.clone(), player.clone());
    let down = async {
        loop {
            match from_host.receive().await {
                Ok(datagram) => {
                    let size = datagram.len();
                    match player.send(datagram) {
                        Ok(()) => Counters::count(&counters.to_players, &counters.bytes_to_players, size),
                        Err(Error::Closed(_)) => return,
                        Err(_) => counters.drop_one(),
                    }
                }
                Err(_) => return,
            }
        }
    };
    let up = async {
        loop {
            match from_player.receive().await {
                Ok(datagram) => {
                    let size = datagram.len();
                    if !allows(size) || host.send(datagram).is_err() {
                        counters.drop_one();
                        continue;
                    }
                    Counters::count(&counters.to_hosts, &counters.bytes_to_hosts, size);
                }
                Err(_) => return,
            }
        }
    };
    let control = async {
        let carried = carry_control(&from_player, &from_host).await;
        if let Err(error) = carried {
            tracing::debug!(%error, "a control stream ended");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = down => {}
        () = up => {}
        () = control => {}
        // Whatever the loops see of it.
        _ = from_host.closed() => {}
        _ = from_player.closed() => {}
    }
    end(&from_player, &from_host).await;
}

async fn carry_control(player: &Link, host: &Link) -> Result<(), Error> {
    let (mut to_player, mut from_player) = player.control().await?;
    let (mut to_host, mut from_host) = host.open_control().await?;
    let (up, down) = tokio::join!(
        pump(&mut from_player, &mut to_host),
        pump(&mut from_host, &mut to_player)
    );
    up.and(down)
}

async fn pump(from: &mut ControlReader, to: &mut ControlWriter) -> Result<(), Error> {
    while let Some(message) = from.read().await? {
        to.write(&message).await?;
    }
    to.finish().await
}

/// The one that is still there hears how the other went.
async fn end(player: &Link, host: &Link) {
    let how = |link: Link| async move {
        let closed = tokio::time::timeout(Duration::ZERO, link.closed()).await;
        closed.ok().map(|error| error.closed_with())
    };
    match (how(host.clone()).await, how(player.clone()).await) {
        (Some(Some((code, reason))), _) => player.close_with(code, &reason),
        (_, Some(Some((code, reason)))) => host.close_with(code, &reason),
        _ => {
            player.close_with(CloseCode::Bye as u32, "the path broke");
            host.close_with(CloseCode::Bye as u32, "the path broke");
        }
    }
}
