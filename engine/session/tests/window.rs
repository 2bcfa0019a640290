//! The player's window, through the whole worker: what is said of it on the control stream is the size of the pictures that come.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use firstlight_wire::EventKind;
use firstlight_wire::control::{Viewport, client_message};
use std::fs;
use support::{Client, Options, Unit, Worker, read_barcodes_of, run};
use tempfile::TempDir;

/// The beacon, with another display: at twenty pictures a second, which a busy machine carries whole. One that does not codes smaller
/// ones, and each step is an IDR of its own.
fn beacon(folder: &TempDir, display: &str) -> Options {
    let own = firstlight_beacon::staged::folder().unwrap();
    let dir = folder.path().join("beacon");
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::copy(own.join("bin/beacon"), dir.join("bin/beacon")).unwrap();
    let manifest = fs::read_to_string(own.join("title.toml")).unwrap();
    let (before, rest) = manifest.split_once("[display]").unwrap();
    let (_, after) = rest.split_once("\n[").unwrap();
    let text = format!("{before}[display]\nwidth = 1280\nheight = 720\nfps = 20\n{display}\n[{after}");
    fs::write(dir.join("title.toml"), text).unwrap();
    Options {
        title_dir: dir,
        ..Options::beacon()
    }
}

const FOLLOWS: [&str; 2] = [
    "resize = \"window\"\nwidth_min = 1024",
    "kind = \"wayland\"\nresize = \"window\"\nwidth_min = 1024",
];

async fn say(client: &mut Client, width: u32, height: u32) {
    let viewport = Viewport { width, height };
    client.say(client_message::Message::Viewport(viewport)).await;
}

fn size(unit: &Unit) -> (u16, u16) {
    unit.meta
        .trace
        .map_or((0, 0), |trace| (trace.width, trace.height))
}

/// Waits for pictures of a size, and for `more` after the first; returns where they begin.
async fn pictures(client: &mut Client, wanted: (u16, u16), more: usize) -> usize {
    let first = |c: &Client| {
        c.units
            .iter()
            .rposition(|unit| size(unit) != wanted)
            .map_or(0, |last| last + 1)
    };
    let what = format!("pictures of {wanted:?}");
    client.until(&what, |c| first(c) + more < c.units.len()).await;
    first(client)
}

#[test]
fn pictures_follow_the_window_with_one_idr_each_time() {
    for display in FOLLOWS {
        let folder = tempfile::tempdir().unwrap();
        let worker = Worker::start(&beacon(&folder, display));
        run(async {
            let mut client = Client::attach(&worker).await;
            pictures(&mut client, (1280, 720), 10).await;
            // Larger, of another shape, at least what the title needs, and its own again.
            for (said, wanted) in [
                ((1601, 900), (1600, 900)),
                ((1100, 1000), (1100, 1000)),
                ((200, 100), (1024, 512)),
                ((1280, 720), (1280, 720)),
            ] {
                let before = client.units.len();
                say(&mut client, said.0, said.1).await;
                let begins = pictures(&mut client, wanted, 20).await;
                assert!(begins >= before, "not before it was said");
                let follow = &client.units[begins..begins + 20];
                let idrs = follow.iter().filter(|unit| unit.meta.idr).count();
                assert!(follow[0].meta.idr && idrs == 1, "{wanted:?}: {idrs} IDRs");
                let readings = read_barcodes_of(follow, wanted);
                assert!(
                    readings.len() >= 15,
                    "{wanted:?}: {} barcodes of 20",
                    readings.len()
                );
                assert!(readings.windows(2).all(|w| w[0].frame <= w[1].frame), "in order");
                assert!(readings.last().unwrap().frame > readings[0].frame, "they move");
            }
            let mut sizes: Vec<_> = client.units.iter().map(size).collect();
            sizes.dedup();
            assert_eq!(sizes.len(), 5, "nothing in between: {sizes:?}");
        });
    }
}

#[test]
fn a_window_that_is_dragged_costs_no_idr_until_it_rests_and_input_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start(&beacon(&folder, FOLLOWS[1]));
    run(async {
        let mut client = Client::attach(&worker).await;
        // The first of an attachment is taken at once; what follows is a drag.
        say(&mut client, 1200, 700).await;
        pictures(&mut client, (1200, 700), 10).await;
        for step in 0..40 {
            say(&mut client, 1200 + 8 * step, 700).await;
            let more = client.units.len() + 1;
            client.until("a picture", |c| c.units.len() >= more).await;
        }
        client.press(EventKind::MoveTo { x: 65535, y: 65535 });
        let begins = pictures(&mut client, (1512, 700), 30).await;
        let mut sizes: Vec<_> = client.units.iter().map(size).collect();
        sizes.dedup();
        // A machine that stands still for a sixth of a second sees a window that rests.
        assert!(sizes.len() <= 5, "{sizes:?}");
        let readings = read_barcodes_of(&client.units[begins..], (1512, 700));
        assert!(readings.last().unwrap().inputs >= 1);
    });
}

#[test]
fn a_title_of_a_fixed_size_keeps_it_and_nonsense_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start(&beacon(&folder, ""));
    run(async {
        let mut client = Client::attach(&worker).await;
        say(&mut client, 1600, 900).await;
        pictures(&mut client, (1280, 720), 60).await;
        assert!(client.units.iter().all(|unit| size(unit) == (1280, 720)));
    });
    let another = tempfile::tempdir().unwrap();
    let worker = Worker::start(&beacon(&another, FOLLOWS[0]));
    run(async {
        let mut client = Client::attach(&worker).await;
        say(&mut client, 0, 0).await;
        say(&mut client, 0, u32::MAX).await;
        pictures(&mut client, (1280, 720), 10).await;
        say(&mut client, 1, u32::MAX).await;
        let tall = pictures(&mut client, (1024, 1440), 5).await;
        assert!(client.units[tall].meta.idr);
    });
}

#[test]
fn whoever_attaches_next_brings_a_window_of_his_own() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start(&beacon(&folder, FOLLOWS[1]));
    run(async {
        let mut first = Client::attach(&worker).await;
        say(&mut first, 1400, 800).await;
        pictures(&mut first, (1400, 800), 5).await;
        let secret = first.secret().await;
        let mut second = Client::resume(&worker, &secret).await.unwrap();
        // It begins with what there is, and is told so.
        let video = second.welcome().await.video.unwrap();
        assert_eq!((video.width, video.height), (1400, 800));
        pictures(&mut second, (1400, 800), 5).await;
        assert_eq!(size(&second.units[0]), (1400, 800));
        say(&mut second, 1030, 780).await;
        pictures(&mut second, (1030, 780), 5).await;
    });
}
