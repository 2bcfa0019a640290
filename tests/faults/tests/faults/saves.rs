//! A host dies in the middle of a session, after a save; its player goes on elsewhere with it, and the host comes back.

use crate::rig::{Rig, agent, bearer, until};
use firstlight_units::SessionId;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

const TITLE: &str = "leaves";
const PLAYER: u32 = 7;

/// Which host has a session.
fn host_of(rig: &Rig, session: &SessionId) -> usize {
    let lease = rig.lease(session).unwrap();
    rig.ids.iter().position(|id| *id == lease.slot.host).unwrap()
}

fn history_path(rig: &Rig, host: usize, session: &SessionId) -> PathBuf {
    let player = rig.lease(session).unwrap().player;
    let home = rig
        .host_folder(host)
        .join("data/players")
        .join(player)
        .join(TITLE);
    home.join("save/history")
}

/// Whose turns the sessions of a home were.
fn history(rig: &Rig, host: usize, session: &SessionId) -> Vec<String> {
    let text = fs::read_to_string(history_path(rig, host, session)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The sessions that the player's saves are of, the newest first.
fn kept(rig: &Rig) -> Option<Vec<String>> {
    let url = format!("http://127.0.0.1:{}/v1/saves", rig.gateway(0));
    let mut answer = agent()
        .get(url)
        .header("authorization", bearer(PLAYER))
        .call()
        .ok()?;
    let body: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
    let versions = body["titles"][0]["versions"].as_array()?.iter();
    Some(
        versions
            .map(|version| version["session"].as_str().unwrap().to_owned())
            .collect(),
    )
}

fn is_put_away(rig: &Rig, host: usize, session: &SessionId) -> bool {
    let player = rig.lease(session).unwrap().player;
    let card = rig
        .host_folder(host)
        .join("data/saves/cards")
        .join(player)
        .join(format!("{TITLE}.json"));
    let card: Value = serde_json::from_slice(&fs::read(card).unwrap()).unwrap_or_default();
    card["open"] == Value::Bool(false)
}

#[test]
fn a_save_follows_its_player_and_a_host_that_comes_back_overwrites_nothing() {
    let mut rig = Rig::with_saves();
    let first = rig.insist(&[0], PLAYER, "k1", TITLE);
    let a = host_of(&rig, &first);
    until("what the first session saved is kept", || {
        (kept(&rig)? == [first.to_string()]).then_some(())
    });
    rig.hosts[a].kill();
    let died = Instant::now();
    // A page asks again under another key; its host is noticed to be gone meanwhile.
    let second = rig.insist(&[0, 1], PLAYER, "k2", TITLE);
    eprintln!("placed anew {:?} after its host died", died.elapsed());
    let b = host_of(&rig, &second);
    assert_ne!(a, b);
    assert_eq!(history(&rig, b, &second), [first.to_string(), second.to_string()]);
    until("what the second session saved is kept", || {
        (kept(&rig)? == [second.to_string(), first.to_string()]).then_some(())
    });

    // What the lost host has is more than it had put away, and older than what its player has by now.
    let mut stale = history(&rig, a, &first);
    stale.push("stale".to_owned());
    fs::write(history_path(&rig, a, &first), stale.join("\n")).unwrap();
    rig.restart_host(a);
    until("the host that came back is done with it", || {
        is_put_away(&rig, a, &first).then_some(())
    });
    assert_eq!(kept(&rig).unwrap(), [second.to_string(), first.to_string()]);

    // Where its player plays there again, what is newest takes the place of that.
    rig.clear(&[(PLAYER, second.clone())]);
    rig.hosts[b].kill();
    let third = rig.insist(&[0, 1], PLAYER, "k3", TITLE);
    assert_eq!(host_of(&rig, &third), a);
    let expected = [&first, &second, &third].map(ToString::to_string);
    assert_eq!(history(&rig, a, &third), expected);
}
