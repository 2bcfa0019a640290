//! How containers begin, pause and end.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Owner, SILENT, Stage, deadline, family, find, hear, wait_gone};
use firstlight_container::{Container, Error, Part, Swept, Wait, isolate, now, sweep};
use firstlight_units::Micros;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_app_s_code_and_its_last_words_are_kept() {
    let stage = Stage::new();
    let mut container = stage.start(&["scene", "exit", "3"], SILENT);
    let exit = common::await_exit(&mut container);
    assert_eq!((exit.code, exit.signal, exit.who), (Some(3), None, Part::App));
    assert_eq!(exit.tail.last().map(String::as_str), Some("the last word"));
    assert!(exit.tail.len() <= 50 && exit.tail.contains(&"line 59".to_owned()));
    assert_eq!(container.stop(), exit);
}

#[test]
fn a_crash_is_told_as_its_signal() {
    let stage = Stage::new();
    let mut container = stage.start(&["scene", "abort"], SILENT);
    let exit = common::await_exit(&mut container);
    assert_eq!((exit.code, exit.signal, exit.who), (None, Some(6), Part::App));
}

#[test]
fn a_dead_display_is_told_apart_from_a_dead_app() {
    let stage = Stage::new();
    let mut container = stage.start(&["scene", "events"], SILENT);
    hear(&mut container.capture().unwrap(), "ready");
    kill(find(&stage.path("run"), "Xvfb"));
    let exit = common::await_exit(&mut container);
    assert_eq!((exit.who, exit.signal), (Part::Display, Some(9)));
}

#[test]
fn a_dead_sound_server_is_told() {
    let stage = Stage::new();
    let mut container = stage.start(&["scene", "events"], "");
    hear(&mut container.capture().unwrap(), "ready");
    kill(find(&stage.path("run"), "pulseaudio"));
    let exit = common::await_exit(&mut container);
    assert_eq!(exit.who, Part::Sound);
}

#[test]
fn stopping_leaves_nothing() {
    let stage = Stage::with_cgroup();
    let container = stage.start(&["scene", "events"], "");
    hear(&mut container.capture().unwrap(), "ready");
    let family = family(&stage.path("run"));
    assert!(family.len() >= 6, "{family:?}");
    let exit = container.stop();
    assert_eq!((exit.who, exit.signal), (Part::App, Some(15)));
    wait_gone(&family);
    assert!(!stage.path("run").exists());
    assert!(stage.cgroup.is_none_or(|cgroup| !cgroup.exists()));
}

#[test]
fn a_killed_owner_takes_everything_along_and_the_sweep_cleans_up() {
    for frozen in [false, true] {
        let stage = Stage::with_cgroup();
        stage.title(&["scene", "events"], "");
        let owner = Owner::start(Command::new(common::OWNER), &stage);
        let run = stage.path("run");
        let family = family(&run);
        assert!(family.len() >= 6, "{family:?}");
        if frozen && let Some(cgroup) = &stage.cgroup {
            // What dies frozen dies all the same.
            let file = cgroup.join("app/cgroup.freeze");
            if file.exists() {
                fs::write(file, "1").unwrap();
            }
        }
        assert_eq!(
            sweep(stage.root.path()).unwrap(),
            Swept {
                removed: 0,
                alive: 1,
                stuck: 0
            }
        );
        owner.kill();
        wait_gone(&family);
        assert!(run.exists());
        assert_eq!(
            sweep(stage.root.path()).unwrap(),
            Swept {
                removed: 1,
                alive: 0,
                stuck: 0
            }
        );
        assert!(!run.exists());
        assert!(stage.cgroup.as_ref().is_none_or(|cgroup| !cgroup.exists()));
    }
}

#[test]
fn the_sweep_ends_what_is_registered_and_spares_what_merely_has_its_number() {
    let stage = Stage::new();
    let run = stage.path("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join(".firstlight-container"), "1 1\n").unwrap();
    let sleeper = || Command::new("/bin/sleep").arg("600").spawn().unwrap();
    let (mut left, mut stranger) = (sleeper(), sleeper());
    let started = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        rest.split(' ').nth(19).unwrap().to_owned()
    };
    let register = format!("{} {}\n{} 1\n", left.id(), started(left.id()), stranger.id());
    fs::write(run.join("processes"), register).unwrap();
    let swept = sweep(stage.root.path()).unwrap();
    assert_eq!(swept.removed, 1);
    assert!(!left.wait().unwrap().success());
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// bubblewrap, killed in the middle of making a sandbox, leaves the sandbox's first process behind.
#[test]
fn a_container_that_ends_as_it_begins_leaves_nothing() {
    for _ in 0..20 {
        let stage = Stage::new();
        let container = stage.start(&["scene", "events"], SILENT);
        let mark = fs::read_to_string(stage.path("run/mark")).unwrap();
        drop(container);
        let carries = |pid: u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&mark)
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        assert!(!pids.any(carries));
    }
}

fn frozen_and_thawed(stage: &Stage) {
    let mut container = stage.start(&["scene", "frames", "10000", "1", "0"], "");
    let mut capture = container.capture().unwrap();
    let moves = |capture: &mut firstlight_container::Capture| {
        for _ in 0..5 {
            assert!(matches!(
                capture.wait(Some(deadline())).unwrap(),
                Wait::Damage { .. }
            ));
            capture.grab().unwrap();
        }
    };
    moves(&mut capture);
    let app = find(&stage.path("run"), "scene");
    container.freeze().unwrap();
    container.freeze().unwrap();
    // What was drawn before may still be told of.
    capture.grab().unwrap();
    let ticks = cpu(app);
    let still = capture.wait(Some(now() + Micros::from_millis(300))).unwrap();
    assert_eq!(still, Wait::Timeout);
    assert_eq!(cpu(app), ticks);
    // The last picture is there for who comes back.
    let shown = capture.grab().unwrap();
    assert!(common::pixels(&shown).next().unwrap() > 0);
    drop(shown);
    assert_eq!(container.poll_exit(), None);
    container.thaw().unwrap();
    moves(&mut capture);
    container.freeze().unwrap();
    let family = family(&stage.path("run"));
    container.stop();
    wait_gone(&family);
}

/// Steps that the scene's game has run, and the most that it ran at once.
fn steps(capture: &mut firstlight_container::Capture, least: u64) -> (u64, u64) {
    common::watch(capture, "the game", |grab| {
        let said = common::text(grab);
        let mut words = said.split(' ');
        let (ran, most) = (words.nth(1)?.parse().ok()?, words.nth(1)?.parse().ok()?);
        (ran >= least).then_some((ran, most))
    })
}

fn ten_seconds_in_the_ice(stage: &Stage) {
    let mut container = stage.start(&["scene", "game"], SILENT);
    let mut capture = container.capture().unwrap();
    steps(&mut capture, 20);
    container.freeze().unwrap();
    let (before, _) = steps(&mut capture, 0);
    // They are a thousand steps; what was drawn before may still be told of.
    let ice = now() + Micros::from_secs(10);
    while capture.wait(Some(ice)).unwrap() != Wait::Timeout {
        capture.grab().unwrap();
    }
    container.thaw().unwrap();
    let (after, most) = steps(&mut capture, before + 1);
    assert!(after - before < 500, "it skipped from {before} to {after}");
    assert!(most < 500, "it ran {most} steps at once");
    container.stop();
}

#[test]
fn a_game_neither_rushes_nor_skips_after_a_freeze() {
    ten_seconds_in_the_ice(&Stage::with_cgroup());
}

#[test]
fn nor_does_one_that_is_frozen_process_by_process() {
    ten_seconds_in_the_ice(&Stage::new());
}

#[test]
fn a_frozen_app_costs_nothing_and_goes_on_after_the_thaw() {
    frozen_and_thawed(&Stage::with_cgroup());
}

#[test]
fn without_a_cgroup_an_app_is_frozen_process_by_process() {
    frozen_and_thawed(&Stage::new());
}

#[test]
fn a_missing_part_is_one_clear_line() {
    let stage = Stage::new();
    stage.title(&["scene", "events"], SILENT);
    let tools = stage.path("tools");
    fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink("/usr/bin/bwrap", tools.join("bwrap")).unwrap();
    let output = Command::new(common::OWNER)
        .args([stage.path("title"), stage.path("run"), stage.path("home")])
        .env("PATH", &tools)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "Xvfb is not installed: apt-get install xvfb\n");
    assert!(!stage.path("run").exists());
}

#[test]
fn a_display_that_fails_says_why_and_leaves_nothing() {
    let stage = Stage::new();
    stage.title(&["scene", "events"], SILENT);
    let tools = stage.path("tools");
    fs::create_dir(&tools).unwrap();
    for (name, is) in [("bwrap", "/usr/bin/bwrap"), ("Xvfb", "/usr/bin/false")] {
        std::os::unix::fs::symlink(is, tools.join(name)).unwrap();
    }
    let output = Command::new(common::OWNER)
        .args([stage.path("title"), stage.path("run"), stage.path("home")])
        .env("PATH", &tools)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!stage.path("run").exists());
}

#[test]
fn a_missing_program_is_refused_before_anything_starts() {
    let stage = Stage::new();
    for program in ["nowhere", "/usr/bin/nowhere", "/root/anything"] {
        let refused = Container::start(stage.spec(&[program], SILENT)).unwrap_err();
        assert!(
            matches!(&refused, Error::ProgramMissing(path) if path == Path::new(program)),
            "{refused}"
        );
        assert!(!stage.path("run").exists());
    }
}

#[test]
fn this_machine_s_grants_are_told() {
    let isolation = isolate();
    assert!(isolation.can_start(), "{isolation:?}");
    assert_eq!(isolation.cgroup.is_granted(), isolation.cgroup_root.is_some());
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Clock ticks that a process has used.
fn cpu(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').skip(11).take(2).collect::<Vec<_>>().join(" ")
}
