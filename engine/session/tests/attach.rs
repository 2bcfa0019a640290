//! Who may attach, who is turned away, and how a session waits for its player.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use firstlight_link::{Away, Credential, End, Offer, Order, Report};
use firstlight_quic::CloseCode;
use firstlight_units::Micros;
use firstlight_wire::EventKind;
use firstlight_wire::control::{Leave, client_message};
use support::{Client, Options, Worker, knock, run};
use web_transport_quinn::proto::ConnectError as Refused;
use web_transport_quinn::{ClientError, ConnectError};

/// The status that a client was refused with.
async fn refused(worker: &Worker, query: &str, origin: Option<&str>) -> u16 {
    match knock(worker, query, origin).await {
        Err(ClientError::HttpError(ConnectError::ProtoError(Refused::WrongStatus(Some(status))))) => {
            status.as_u16()
        }
        Err(other) => panic!("refused in another way: {other:?}"),
        Ok(_) => panic!("let in with {query}"),
    }
}

#[test]
fn only_a_good_ticket_for_this_very_session_is_let_in_and_only_once() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let good = worker.ticket();
        let forged = good.replace("v4.public.", "v4.public.A");
        assert_eq!(refused(&worker, &format!("ticket={forged}"), None).await, 403);
        let late = worker.ticket_with(|c| c.expires = support_now().before(Micros::from_secs(1)));
        assert_eq!(refused(&worker, &format!("ticket={late}"), None).await, 403);
        let foreign = worker.ticket_with(|c| c.session = "s2".to_owned());
        assert_eq!(refused(&worker, &format!("ticket={foreign}"), None).await, 403);
        let other = worker.ticket_with(|c| c.player = "bert".to_owned());
        assert_eq!(refused(&worker, &format!("ticket={other}"), None).await, 403);
        let stale = worker.ticket_with(|c| c.epoch -= 1);
        assert_eq!(refused(&worker, &format!("ticket={stale}"), None).await, 403);
        assert_eq!(refused(&worker, "nothing=1", None).await, 400);
        let query = format!("ticket={good}");
        assert_eq!(
            refused(&worker, &query, Some("https://elsewhere.example")).await,
            403
        );
        let session = knock(&worker, &query, Some("http://localhost:8080"))
            .await
            .unwrap();
        assert_eq!(refused(&worker, &query, None).await, 403);
        drop(session);
    });
    let revoked = worker.ticket_with(|c| "gone".clone_into(&mut c.id));
    worker.order(&Order::Revoke {
        ticket: "gone".to_owned(),
    });
    // Orders are read one after the other: the answer to this one says that the one before was obeyed.
    worker.order(&Order::Offer(Box::new(Offer {
        attachment: "after".to_owned(),
        credential: Credential::Ticket("nonsense".to_owned()),
        sdp: String::new(),
    })));
    worker.wait_for(
        "the answer",
        |r| matches!(r, Report::Answer { attachment, .. } if attachment == "after"),
    );
    run(async {
        assert_eq!(refused(&worker, &format!("ticket={revoked}"), None).await, 403);
    });
}

fn support_now() -> firstlight_units::WallTime {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    firstlight_units::WallTime::from_micros(u64::try_from(since.as_micros()).unwrap())
}

#[test]
fn who_guesses_is_soon_not_heard_any_more() {
    let worker = Worker::start(&Options::beacon());
    run(async {
        let mut statuses = Vec::new();
        for n in 0..14 {
            statuses.push(refused(&worker, &format!("resume=guess{n}"), None).await);
        }
        assert_eq!(statuses.first(), Some(&403));
        assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    });
}

#[test]
fn a_resume_secret_takes_over_and_the_old_one_dies() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut first = Client::attach(&worker).await;
        let one = first.secret().await;
        first.until("pictures", |c| c.units.len() > 5).await;
        let last_seen = first.units.last().unwrap().meta.frame;

        let mut second = Client::resume(&worker, &one).await.unwrap();
        let two = second.secret().await;
        assert_eq!(first.until_closed().await, 2, "taken over");
        second.until("a picture", |c| !c.units.is_empty()).await;
        assert!(second.units[0].meta.idr);
        assert!(
            second.units[0].meta.frame > last_seen,
            "frame ids go on over the session's life"
        );
        // The acknowledgement is on its way: once the answer to what was said after it is there, it has arrived.
        second
            .until("a second", |c| c.messages.iter().any(is_report))
            .await;
        assert_eq!(refused(&worker, &format!("resume={one}"), None).await, 403);

        let mut third = Client::resume(&worker, &two).await.unwrap();
        assert_eq!(second.until_closed().await, 2);
        third.until("a picture", |c| !c.units.is_empty()).await;
    });
    worker.wait_for(
        "the attachment by secret",
        |r| matches!(r, Report::Attached { by, .. } if by == "resume"),
    );
}

fn is_report(message: &firstlight_wire::control::server_message::Message) -> bool {
    matches!(
        message,
        firstlight_wire::control::server_message::Message::Report(_)
    )
}

#[test]
fn a_session_waits_frozen_and_shows_the_picture_at_once_to_who_comes_back() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        let secret = client.secret().await;
        client.press(EventKind::KeyDown(30));
        client
            .until("pictures", |c| {
                c.units.len() > 30 && !c.acked.is_empty() && c.input.is_settled()
            })
            .await;
        client
            .say(client_message::Message::Leave(Leave { end_session: false }))
            .await;
        assert_eq!(client.until_closed().await, 0);
        let waiting = worker.wait_for("the wait", |r| matches!(r, Report::Waiting { .. }));
        assert!(
            matches!(
                waiting,
                Report::Waiting {
                    left_s: 59..=60,
                    away: Away::Left
                }
            ),
            "{waiting:?}"
        );

        let beacon = *worker.descendants("beacon").last().unwrap();
        worker.wait_for("the next word", |r| matches!(r, Report::Waiting { .. }));
        let before = cpu_ticks(beacon);
        worker.wait_for("another word", |r| matches!(r, Report::Waiting { .. }));
        assert_eq!(cpu_ticks(beacon), before, "a frozen app costs nothing");

        let mut back = Client::resume(&worker, &secret).await.unwrap();
        back.until("a picture", |c| !c.units.is_empty()).await;
        assert!(back.units[0].meta.idr);
        back.until("it moves", |c| c.units.len() > 30).await;
        assert!(back.input.pressed().is_empty());
        assert!(cpu_ticks(beacon) > before, "it runs again");
    });
}

#[test]
fn who_gives_his_line_up_to_attach_anew_is_told_from_who_leaves() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        let secret = client.secret().await;
        client.welcome().await;
        client.session.close(CloseCode::Cut as u32, b"another attempt");
        client.session.closed().await;
        let cut = worker.wait_for("the wait", |r| matches!(r, Report::Waiting { .. }));
        assert!(matches!(cut, Report::Waiting { away: Away::Cut, .. }), "{cut:?}");
        let mut back = Client::resume(&worker, &secret).await.unwrap();
        back.welcome().await;
        back.session.close(CloseCode::Bye as u32, b"bye");
        back.session.closed().await;
        let left = |r: &Report| matches!(r, Report::Waiting { away: Away::Left, .. });
        worker.wait_for("the wait of one who left", left);
    });
}

/// Processor time of a process, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_player_who_ends_the_session_ends_it() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        client
            .say(client_message::Message::Leave(Leave { end_session: true }))
            .await;
        assert_eq!(client.until_closed().await, 1);
    });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::ByPlayer,
            ..
        }
    ));
}

#[test]
fn a_title_that_dies_ends_in_words_for_the_player_and_more_for_the_operator() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client
            .until("pictures", |c| c.units.len() > 5 && !c.messages.is_empty())
            .await;
        let beacon = *worker.descendants("beacon").last().unwrap();
        let killed = std::process::Command::new("kill")
            .args(["-9", &beacon.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        assert_eq!(client.until_closed().await, 1);
        let ended = client.ended().unwrap();
        assert_eq!(
            ended.reason,
            i32::from(firstlight_wire::control::EndReason::TitleCrashed)
        );
        assert!(
            ended.message.ends_with('.') && !ended.message.contains("signal"),
            "{}",
            ended.message
        );
    });
    let Report::Ended { reason, detail, .. } = worker.ended() else {
        unreachable!()
    };
    assert_eq!(reason, End::TitleCrashed);
    assert!(detail.contains("signal 9"), "{detail}");
}

#[test]
fn a_display_that_dies_is_a_fault_of_the_engine() {
    let mut worker = Worker::start(&Options::beacon());
    run(async {
        let mut client = Client::attach(&worker).await;
        client.until("pictures", |c| c.units.len() > 5).await;
        let display = *worker.descendants("Xvfb").last().unwrap();
        let killed = std::process::Command::new("kill")
            .args(["-9", &display.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        assert_eq!(client.until_closed().await, 1);
    });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::EngineFault,
            ..
        }
    ));
}

#[test]
fn the_exit_code_and_the_last_words_of_a_title_are_for_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = Worker::launch(&Options::shell(&folder, "echo the dog ate it >&2; exit 3"));
    let Report::Ended {
        reason,
        exit_code,
        tail,
        ..
    } = worker.ended()
    else {
        unreachable!()
    };
    assert_eq!((reason, exit_code), (End::TitleCrashed, Some(3)));
    assert!(
        tail.iter().any(|line| line.contains("the dog ate it")),
        "{tail:?}"
    );
}

#[test]
fn nobody_who_comes_ends_the_session_in_time() {
    let mut worker = Worker::start(&Options {
        wait_s: 1,
        ..Options::beacon()
    });
    run(async {
        let mut client = Client::attach(&worker).await;
        client.welcome().await;
        client
            .say(client_message::Message::Leave(Leave { end_session: false }))
            .await;
        client.until_closed().await;
    });
    assert!(matches!(
        worker.ended(),
        Report::Ended {
            reason: End::NotResumed,
            ..
        }
    ));
}

#[test]
fn what_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("broken");
    std::fs::create_dir_all(&dir).unwrap();
    let manifest =
        "id = \"broken\"\nname = \"Broken\"\nversion = \"1\"\n[run]\ncommand = [\"bin/nothing\"]\n";
    std::fs::write(dir.join("title.toml"), manifest).unwrap();
    let mut worker = Worker::launch(&Options {
        title_dir: dir,
        wait_s: 5,
        parked: false,
    });
    let Report::Ended { reason, detail, .. } = worker.ended() else {
        unreachable!()
    };
    assert_eq!(reason, End::EngineFault);
    assert!(detail.contains("bin/nothing"), "{detail}");
}
