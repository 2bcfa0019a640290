//! Many ask at the same moment, through two gateways.

use crate::rig::{Answer, Rig, start, until};
use std::collections::BTreeSet;
use std::thread;

fn all_at_once(rig: &Rig, askers: impl Iterator<Item = (usize, u32, &'static str)>) -> Vec<(u32, Answer)> {
    let asking: Vec<_> = askers
        .map(|(gateway, player, key)| {
            let port = rig.gateway(gateway);
            thread::spawn(move || (player, start(port, player, key, "plain")))
        })
        .collect();
    asking.into_iter().map(|asking| asking.join().unwrap()).collect()
}

#[test]
fn of_eight_for_each_slot_one_gets_it() {
    let rig = Rig::new();
    for round in 0..3 {
        let mut waiting: Vec<u32> = (0..16).map(|n| round * 100 + n).collect();
        let mut started = Vec::new();
        // Two who meet may both be refused, and ask again.
        until("both slots are taken", || {
            let askers = (0..).zip(&waiting).map(|(n, player)| (n % 2, *player, "k"));
            for (player, answer) in all_at_once(&rig, askers) {
                match answer {
                    Answer::Started(session) => started.push((player, session)),
                    Answer::Refused(status) => assert_eq!(status, 503, "{player}"),
                    other @ (Answer::Elsewhere(_) | Answer::Lost) => panic!("{player}: {other:?}"),
                }
            }
            waiting.retain(|player| started.iter().all(|(has, _)| has != player));
            (started.len() >= 2).then_some(())
        });
        let sessions: BTreeSet<_> = started.iter().map(|(_, session)| session.clone()).collect();
        assert_eq!((started.len(), sessions.len()), (2, 2), "{started:?}");
        assert_eq!(rig.settle(2), sessions);
        rig.clear(&started);
    }
}

#[test]
fn eight_who_ask_with_one_key_get_one_session() {
    let rig = Rig::new();
    let answers = all_at_once(&rig, (0..8).map(|n| (n % 2, 7, "the same")));
    let sessions: BTreeSet<_> = answers
        .into_iter()
        .filter_map(|(_, answer)| match answer {
            Answer::Started(session) => Some(session),
            Answer::Refused(_) | Answer::Elsewhere(_) | Answer::Lost => None,
        })
        .collect();
    assert_eq!(sessions.len(), 1);
    assert_eq!(rig.settle(1), sessions);
}
