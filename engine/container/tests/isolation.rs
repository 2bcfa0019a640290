//! Sessions neither see nor hear each other, nor the machine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SILENT, Stage, hear};
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;

#[test]
fn an_app_sees_its_own_world_and_nothing_else() {
    let (other, mine) = (Stage::new(), Stage::new());
    let _other = other.start(&["scene", "look"], "");
    let run = other.path("run").display().to_string();
    let questions = [
        "list:/proc".to_owned(),
        "list:/home".to_owned(),
        "list:/tmp/.X11-unix".to_owned(),
        "list:/run".to_owned(),
        "links:".to_owned(),
        format!("exists:{run}"),
        format!("exists:{}", mine.path("run").display()),
        "exists:/root".to_owned(),
        "exists:/etc/shadow".to_owned(),
        "exists:/sys".to_owned(),
        "exists:/dev/kvm".to_owned(),
        "writes:/usr/x".to_owned(),
        "writes:/title/x".to_owned(),
        "writes:/x".to_owned(),
        "writes:/tmp/x".to_owned(),
        format!("unix:{run}/sound/native"),
    ];
    let mut command = vec!["scene", "look"];
    command.extend(questions.iter().map(String::as_str));
    let container = mine.start(&command, SILENT);
    let said = hear(&mut container.capture().unwrap(), "done");
    let answer = |question: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(question));
        line.unwrap_or_else(|| panic!("no {question} in {said}"))
            .trim_start_matches(" = ")
    };
    // bubblewrap's own first process, and the app.
    assert_eq!(answer("list:/proc"), "1 2");
    assert_eq!(answer("list:/home"), "");
    assert_eq!(answer("list:/tmp/.X11-unix").split(' ').count(), 1);
    assert_eq!(answer("list:/run"), "firstlight user");
    assert_eq!(answer("links:"), "lo");
    for question in &questions[5..15] {
        let expected = if question == "writes:/tmp/x" {
            "true"
        } else {
            "false"
        };
        assert_eq!(answer(question), expected, "{question}");
    }
    assert_eq!(answer(&questions[15]), "false");
}

/// A title's `LD_PRELOAD` reached bubblewrap itself, and so ran outside the sandbox: the environment was set on the command.
#[test]
fn a_title_s_environment_is_set_inside_only() {
    let stage = Stage::new();
    let marked = "FIRSTLIGHT_TEST_INSIDE=only";
    // The keys of `[run]` go on after the command.
    let more = format!("env = {{ FIRSTLIGHT_TEST_INSIDE = \"only\" }}\n{SILENT}");
    let container = stage.start(&["scene", "look", "env:FIRSTLIGHT_TEST_INSIDE"], &more);
    let said = hear(&mut container.capture().unwrap(), "done");
    assert!(said.contains("env:FIRSTLIGHT_TEST_INSIDE = only"), "{said}");
    let environ_has = |pid: &str| {
        let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        bytes
            .split(|byte| *byte == 0)
            .any(|entry| entry == marked.as_bytes())
    };
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().into_string().unwrap_or_default();
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim() == "bwrap" {
            assert!(
                !environ_has(&pid),
                "bubblewrap {pid} sees the title's environment"
            );
        }
    }
}

#[test]
fn a_display_lets_nobody_in_without_its_cookie() {
    use x11rb::rust_connection::{DefaultStream, RustConnection};
    let stage = Stage::new();
    let _container = stage.start(&["scene", "look"], SILENT);
    let sockets = stage.path("run/display");
    let socket = fs::read_dir(&sockets).unwrap().next().unwrap().unwrap().path();
    let stream = || {
        DefaultStream::from_unix_stream(UnixStream::connect(&socket).unwrap())
            .unwrap()
            .0
    };
    assert!(RustConnection::connect_to_stream(stream(), 0).is_err());
    let name = b"MIT-MAGIC-COOKIE-1".to_vec();
    let wrong = RustConnection::connect_to_stream_with_auth_info(stream(), 0, name, vec![7; 16]);
    assert!(wrong.is_err());
    // No other way leads to it: no abstract socket, no TCP port.
    let number = socket.file_name().unwrap().to_string_lossy().into_owned();
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    assert!(
        !table
            .lines()
            .any(|line| line.ends_with(&format!("@/tmp/.X11-unix/{number}")))
    );
}

#[test]
fn sessions_share_no_system_v_memory() {
    let (other, mine) = (Stage::new(), Stage::new());
    let command = ["scene", "look", "ipc:"];
    let (first, second) = (other.start(&command, SILENT), mine.start(&command, SILENT));
    let first = hear(&mut first.capture().unwrap(), "done");
    let second = hear(&mut second.capture().unwrap(), "done");
    let machine = fs::read_link("/proc/self/ns/ipc").unwrap().display().to_string();
    assert_ne!(first, second);
    assert!(!first.contains(&machine) && !second.contains(&machine));
}

#[test]
fn the_network_is_there_only_where_the_manifest_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let question = format!("tcp:{}", listener.local_addr().unwrap());
    for (network, expected) in [("network = false\n", "false"), ("network = true\n", "true")] {
        let stage = Stage::new();
        let more = format!("{network}{SILENT}");
        let container = stage.start(&["scene", "look", &question], &more);
        let said = hear(&mut container.capture().unwrap(), "done");
        assert!(said.contains(&format!("{question} = {expected}")), "{said}");
    }
}

#[test]
fn what_the_manifest_keeps_is_kept_and_the_rest_is_gone() {
    let stage = Stage::new();
    let more = format!("persist = [\"home/.kept\"]\n{SILENT}");
    let questions = ["exists:/home/.kept/a", "exists:/home/lost"];
    let writes = ["writes:/home/.kept/a", "writes:/home/lost"];
    for expected in ["false", "true"] {
        let mut command = vec!["scene", "look"];
        command.extend(questions);
        command.extend(writes);
        let container = stage.start(&command, &more);
        let said = hear(&mut container.capture().unwrap(), "done");
        assert!(
            said.contains(&format!("exists:/home/.kept/a = {expected}")),
            "{said}"
        );
        assert!(said.contains("exists:/home/lost = false"), "{said}");
        assert!(
            said.contains("writes:/home/.kept/a = true\nwrites:/home/lost = true"),
            "{said}"
        );
        container.stop();
        assert!(!stage.path("run").exists());
    }
    assert!(stage.path("home/.kept/a").exists());
    assert!(!stage.path("home/lost").exists());
}

/// What an engine that does not run as root can do: the whole container, with shared memory, in user namespaces.
#[test]
fn an_ordinary_user_gets_the_same_container() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    let stage = Stage::new();
    let open = |path: &std::path::Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(stage.root.path());
    stage.title(&["scene", "shm"], SILENT);
    let owner = stage.path("owner");
    fs::copy(common::OWNER, &owner).unwrap();
    let mut command = Command::new(&owner);
    if rustix::process::geteuid().is_root() {
        chown(stage.root.path(), Some(54_321), Some(54_321)).unwrap();
        command.uid(54_321).gid(54_321);
    }
    let owner = common::Owner::start(command, &stage);
    // The scene draws its verdict only; what it is, is read from the register's processes: they share one namespace.
    let run = stage.path("run");
    let namespace = |name| {
        let pid = common::find(&run, name);
        fs::read_link(format!("/proc/{pid}/ns/ipc")).unwrap()
    };
    assert_eq!(namespace("scene"), namespace("Xvfb"));
    assert_ne!(namespace("scene"), fs::read_link("/proc/self/ns/ipc").unwrap());
    owner.end();
    assert!(!run.exists());
}
