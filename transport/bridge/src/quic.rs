//! A player on WebTransport.

use crate::{Counters, Gate, Way};
use firstlight_quic::{CloseCode, ControlReader, ControlWriter, Error, Link};
use std::sync::Arc;
use std::time::Duration;

/// Carries packets both ways until one side ends, and tells the other how.
pub async fn carry_quic(player: Link, host: Link, counters: Arc<Counters>, gate: impl Gate) {
    let control = async {
        if let Err(error) = carry_control(&player, &host, &gate).await {
            tracing::debug!(%error, "a control stream ended");
        }
        // Without it the rest goes on, until one side closes.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = carry_down(&player, &host, &counters, &gate) => {}
        () = carry_up(&player, &host, &counters, &gate) => {}
        () = control => {}
        // Whatever the loops see of it.
        _ = host.closed() => {}
        _ = player.closed() => {}
    }
    end(&player, &host).await;
}

async fn carry_down(player: &Link, host: &Link, counters: &Counters, gate: &impl Gate) {
    while let Ok(datagram) = host.receive().await {
        let Some(datagram) = gate.datagram(Way::ToPlayer, datagram) else {
            counters.drop_one();
            continue;
        };
        let size = datagram.len();
        match player.send(datagram) {
            Ok(()) => Counters::count(&counters.to_players, &counters.bytes_to_players, size),
            Err(Error::Closed(_)) => return,
            Err(_) => counters.drop_one(),
        }
    }
}

async fn carry_up(player: &Link, host: &Link, counters: &Counters, gate: &impl Gate) {
    while let Ok(datagram) = player.receive().await {
        let Some(datagram) = gate.datagram(Way::ToHost, datagram) else {
            counters.drop_one();
            continue;
        };
        let size = datagram.len();
        match host.send(datagram) {
            Ok(()) => Counters::count(&counters.to_hosts, &counters.bytes_to_hosts, size),
            Err(Error::Closed(_)) => return,
            Err(_) => counters.drop_one(),
        }
    }
}

async fn carry_control(player: &Link, host: &Link, gate: &impl Gate) -> Result<(), Error> {
    let (mut to_player, mut from_player) = player.control().await?;
    let (mut to_host, mut from_host) = host.open_control().await?;
    let (up, down) = tokio::join!(
        pump(&mut from_player, &mut to_host, |message| gate
            .control(Way::ToHost, message)),
        pump(&mut from_host, &mut to_player, |message| gate
            .control(Way::ToPlayer, message))
    );
    up.and(down)
}

async fn pump(
    from: &mut ControlReader,
    to: &mut ControlWriter,
    pass: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
) -> Result<(), Error> {
    while let Some(message) = from.read().await? {
        if let Some(message) = pass(message) {
            to.write(&message).await?;
        }
    }
    to.finish().await
}

/// The one that is still there hears how the other went, once what was said before has left.
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
