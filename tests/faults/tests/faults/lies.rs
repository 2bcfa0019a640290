//! A host that has joined, with a key of its own, and lies: about its epochs, in another's name, with another's words.

use crate::rig::{Answer, BEAT, Rig, start, until};
use bytes::Bytes;
use firstlight_fleet::messages::{
    Ask, Asked, Beat, Channel, Claim, Claimed, Held, HostState, Installed, Replied, Reply, SessionState,
    SessionView, Signer, Spec,
};
use firstlight_fleet::{Bus, Key, NatsBus, Roster, Subject};
use firstlight_units::{HostId, Micros, SessionId, WallTime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

/// A member of the fleet that is none of its hosts.
struct Liar {
    runtime: Runtime,
    bus: NatsBus,
    signer: Arc<Signer>,
    /// What its beats claim to hold.
    holds: Arc<Mutex<Vec<Held>>>,
    /// Sessions that it was told to end.
    ended: Arc<Mutex<Vec<SessionId>>>,
    /// How far the epoch that it claims under is from the one that it was given.
    off: Arc<AtomicU64>,
}

impl Liar {
    fn join(rig: &Rig) -> Self {
        let runtime = Runtime::new().unwrap();
        let signer = Arc::new(Signer::new(Key::from_seed(&[77; 32]), 1));
        let roster = Roster::new(Arc::new(rig.store.clone()));
        let bus = runtime.block_on(async {
            let (key, region) = (signer.key().public(), "here".parse().unwrap());
            roster.take_in(&key, "liar", region, wall_now()).await.unwrap();
            let bus = NatsBus::connect(&rig.nats.url()).await.unwrap();
            while !bus.is_connected() {
                tokio::task::yield_now().await;
            }
            bus
        });
        Self {
            runtime,
            bus,
            signer,
            holds: Arc::default(),
            ended: Arc::default(),
            off: Arc::default(),
        }
    }

    fn id(&self) -> HostId {
        self.signer.id()
    }

    /// Publishes a beat of its own making.
    fn say(&self, to: &HostId, sealed: Bytes) {
        let subject = Subject::beat(to);
        self.runtime.block_on(self.bus.publish(&subject, sealed)).unwrap();
    }

    /// Beats as a host with a free slot would, and lies to whoever asks.
    fn work(&self) {
        let (bus, signer, holds) = (
            self.bus.clone(),
            Arc::clone(&self.signer),
            Arc::clone(&self.holds),
        );
        self.runtime.spawn(async move {
            loop {
                let held = holds.lock().unwrap().clone();
                let sealed = signer.seal(Channel::Beat, &beat(held).write(), wall_now());
                drop(bus.publish(&Subject::beat(&signer.id()), sealed).await);
                tokio::time::sleep(BEAT).await;
            }
        });
        self.answer(&self.id());
    }

    /// Answers what `host` is asked.
    fn answer(&self, host: &HostId) {
        let (signer, off) = (Arc::clone(&self.signer), Arc::clone(&self.off));
        let (ended, holds) = (Arc::clone(&self.ended), Arc::clone(&self.holds));
        let mut asks = self
            .runtime
            .block_on(self.bus.subscribe(&Subject::ask(host)))
            .unwrap();
        self.runtime.spawn(async move {
            while let Some(message) = asks.next().await {
                let asked = asked(&message.body);
                let reply = match asked.ask {
                    Ask::Claim(claim) => {
                        let claimed = claimed(&claim, off.load(Ordering::Relaxed));
                        holds.lock().unwrap().push(Held {
                            slot: claim.slot,
                            fence: claim.fence + 7,
                            session: claim.session,
                            rtt_us: 0,
                            starting: false,
                        });
                        Reply::Claimed(Box::new(claimed))
                    }
                    Ask::End { session, .. } => {
                        holds.lock().unwrap().retain(|held| held.session != session);
                        ended.lock().unwrap().push(session);
                        Reply::Done
                    }
                    Ask::Ticket { .. }
                    | Ask::Offer { .. }
                    | Ask::Candidates { .. }
                    | Ask::HangUp { .. }
                    | Ask::Session { .. }
                    | Ask::Quality { .. }
                    | Ask::Sessions
                    | Ask::Drain { .. }
                    | Ask::Park { .. }
                    | Ask::Prove { .. }
                    | Ask::Standing { .. } => Reply::Done,
                };
                let reply = Replied::new(asked.id, reply).write();
                drop(
                    message
                        .answer(signer.seal(Channel::Reply, &reply, wall_now()))
                        .await,
                );
            }
        });
    }
}

/// Whoever is on the bus reads what is asked: it is signed, not secret. Where in the envelope it begins is not his to know.
fn asked(sealed: &[u8]) -> Asked {
    let begins = sealed.windows(2).position(|two| two == b"{\"").unwrap();
    let ends = sealed.iter().rposition(|byte| *byte == b'}').unwrap();
    Asked::read(&sealed[begins..=ends]).unwrap()
}

/// It says that it has the session.
fn claimed(claim: &Claim, off: u64) -> Claimed {
    Claimed {
        view: SessionView {
            session: claim.session.clone(),
            player: claim.player.clone(),
            title: claim.title.clone(),
            slot: claim.slot,
            fence: claim.fence + off,
            state: SessionState::Ready,
            port: 7000,
            rtc_port: None,
            cert_sha256: Vec::new(),
            seal_key: String::new(),
            stats: None,
        },
        ticket: "none".into(),
        addresses: Vec::new(),
        placed_us: 1,
        ready_us: 1,
        parked: false,
        saves_us: 0,
    }
}

fn beat(held: Vec<Held>) -> Beat {
    Beat {
        slots: 1,
        held,
        titles: vec![Installed {
            id: "plain".parse().unwrap(),
            version: "1".into(),
            parked: 0,
            boot_ms: 0,
        }],
        state: HostState::Open,
        spec: Spec {
            cores: 8,
            memory_bytes: 8 << 30,
            memory_available_bytes: 8 << 30,
            ..Spec::default()
        },
        ..Beat::new("here".parse().unwrap())
    }
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

/// Until both gateways have refused a message for this reason.
fn refused(rig: &Rig, why: &str) {
    for gateway in &rig.gateways {
        until(why, || {
            let refused = gateway.overview()?["refused"][why].as_u64();
            refused.filter(|n| *n > 0)
        });
    }
}

#[test]
fn another_hosts_beats_are_neither_forged_nor_said_again() {
    let rig = Rig::new();
    let liar = Liar::join(&rig);
    let victim = &rig.ids[0];
    // Open no longer, says the liar in its name.
    let closed = Beat {
        state: HostState::Leaving,
        ..beat(Vec::new())
    };
    let sealed = liar.signer.seal(Channel::Beat, &closed.write(), wall_now());
    liar.say(victim, sealed);
    refused(&rig, "wrong_host");
    let heard = liar.runtime.block_on(async {
        let mut beats = liar.bus.subscribe(&Subject::beat(victim)).await.unwrap();
        let old = beats.next().await.unwrap().body;
        // A newer one has been heard.
        beats.next().await.unwrap();
        old
    });
    // Of a later start, says the liar, and has no signature for it: the boot begins after form, kind and key.
    let mut changed = heard.to_vec();
    changed[2 + 32] = 1;
    liar.say(victim, heard);
    refused(&rig, "replayed");
    liar.say(victim, changed.into());
    refused(&rig, "forged");
    // Nothing came of it.
    let both = [
        rig.insist(&[0], 1, "k", "plain"),
        rig.insist(&[1], 2, "k", "plain"),
    ];
    assert_eq!(rig.settle(2), both.into());
}

#[test]
fn who_answers_for_another_host_gets_nobody_into_its_slot() {
    let rig = Rig::new();
    let liar = Liar::join(&rig);
    liar.answer(&rig.ids[0]);
    // Where the liar answers first, the claim fails, and the next host has the player.
    let session = rig.insist(&[0], 1, "k", "plain");
    assert_eq!(rig.settle(1), [session.clone()].into());
    assert_ne!(rig.lease(&session).unwrap().slot.host, liar.id());
}

#[test]
fn a_host_that_lies_about_its_epoch_loses_the_session_and_no_other_host_does() {
    let rig = Rig::new();
    let honest = [
        rig.insist(&[0], 1, "k", "plain"),
        rig.insist(&[1], 2, "k", "plain"),
    ];
    rig.settle(2);
    let liar = Liar::join(&rig);
    // Already when it claims: nobody is sent to it.
    liar.off.store(7, Ordering::Relaxed);
    liar.work();
    for gateway in &rig.gateways {
        until("its slot is known", || {
            (gateway.overview()?["regions"][0]["free"] == 1).then_some(())
        });
    }
    assert_eq!(start(rig.gateway(0), 3, "lied to", "plain"), Answer::Refused(503));
    assert_eq!(rig.settle(2), honest.clone().into());
    // Later, when it says what it holds: it is told to end it, and its lease ends unrenewed.
    liar.off.store(0, Ordering::Relaxed);
    let lied = rig.insist(&[0], 3, "k", "plain");
    assert_eq!(rig.lease(&lied).unwrap().slot.host, liar.id());
    until("it is told to end it", || {
        liar.ended.lock().unwrap().contains(&lied).then_some(())
    });
    until("its lease ends", || rig.lease(&lied)?.is_over().then_some(()));
    // Then it says that it holds another's session, in another's slot.
    let stolen = rig.lease(&honest[0]).unwrap();
    liar.holds.lock().unwrap().push(Held {
        slot: 0,
        fence: stolen.fence,
        session: stolen.session.clone(),
        rtt_us: 0,
        starting: false,
    });
    until("it is told to end that", || {
        liar.ended.lock().unwrap().contains(&honest[0]).then_some(())
    });
    assert_eq!(rig.settle(2), honest.into());
}
