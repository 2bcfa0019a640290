//! Players: the real receiver, and a decoder that takes no time.

use crate::machine::{now, tell};
use crate::path::seal;
use crate::{Over, Play};
use anyhow::{Context, Result, ensure};
use firstlight_proto::receive::Receiver;
use firstlight_seal::{Seal, Side};
use firstlight_units::{Micros, Timestamp};
use serde::Serialize;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};
use web_transport_quinn::{ClientBuilder, Session};

#[derive(Debug, Default, Serialize)]
struct Played {
    delivered: u64,
    lost: u64,
    frames_lost: u64,
}

pub(crate) async fn play(options: &Play) -> Result<()> {
    let hash = options.certificate.as_bytes().chunks(2).map(|pair| {
        let text = std::str::from_utf8(pair)?;
        Ok(u8::from_str_radix(text, 16)?)
    });
    let hash = hash.collect::<Result<Vec<u8>>>().context("the hash is not hex")?;
    let url: url::Url = format!("https://127.0.0.1:{}/v1/media?ticket=x", options.port).parse()?;
    let tasks = LocalSet::new();
    let played = tasks
        .run_until(async {
            let mut players = JoinSet::new();
            for n in 0..options.sessions {
                // A socket each, as players have: one for all would overflow in a scheduler's hiccup.
                let client = ClientBuilder::new().with_server_certificate_hashes(vec![hash.clone()])?;
                let session = client.connect(url.clone()).await?;
                let sealed = options.over == Over::Sealed;
                let seal = sealed.then(|| seal(Side::Player, n)).transpose()?;
                players.spawn_local(one(session, seal));
            }
            let mut all = Played::default();
            while let Some(player) = players.join_next().await {
                let stats = player?.stats();
                all.delivered += stats.delivered;
                all.lost += stats.lost;
                all.frames_lost += stats.frames_lost;
            }
            anyhow::Ok(all)
        })
        .await?;
    ensure!(played.delivered > 0, "nothing was played");
    tell(&played)
}

async fn one(session: Session, mut seal: Option<Box<Seal>>) -> Receiver {
    let mut receiver = Receiver::new();
    receiver.attach();
    receiver.set_rtt(Micros::from_millis(2));
    let (mut nals, mut out) = (Vec::new(), Vec::new());
    loop {
        let wake = receiver.poll_timeout().map(|(at, _)| at);
        tokio::select! {
            datagram = session.read_datagram() => {
                let Ok(datagram) = datagram else { return receiver };
                match &mut seal {
                    None => _ = receiver.handle_datagram(now(), &datagram),
                    Some(seal) => {
                        let mut bytes = datagram.to_vec();
                        if let Ok(at) = seal.open_datagram(&mut bytes) {
                            receiver.handle_datagram(now(), bytes.get(at).unwrap_or_default());
                        }
                    }
                }
                while let Some(unit) = receiver.poll_unit(&mut nals) {
                    receiver.handle_decoded(unit.frame);
                }
            }
            () = sleep_until(wake) => {}
        }
        let now = now();
        receiver.handle_timeout(now);
        while receiver.poll_feedback(now, &mut out) {
            let mut datagram = out.clone();
            if let Some(seal) = &mut seal
                && seal.seal_datagram(&out, &mut datagram).is_err()
            {
                continue;
            }
            // Lost like any other.
            drop(session.send_datagram(datagram.into()));
        }
    }
}

async fn sleep_until(at: Option<Timestamp>) {
    let left = at.map_or(IDLE, |at| Duration::from(at.since(now())));
    tokio::time::sleep(left).await;
}

const IDLE: Duration = Duration::from_secs(1);
