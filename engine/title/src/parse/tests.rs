use super::*;
use proptest::prelude::*;

#[test]
fn what_is_not_said_has_the_documented_default() {
    let title = parse(LEAST, Path::new("title.toml")).unwrap();
    assert_eq!(
        title.display,
        Display {
            kind: DisplayKind::X11,
            width: 1280,
            height: 720,
            fps: 60,
            phase_lock: true,
            resize: Resize::Fixed,
            width_min: 320,
            height_min: 180,
            width_max: 2560,
            height_max: 1440,
        }
    );
    assert_eq!(title.video, Video { encoder: None });
    assert_eq!(title.audio, Audio { enabled: true });
    assert_eq!(
        title.input,
        Input {
            keyboard: true,
            mouse: Mouse::Absolute,
            gamepads: 0,
            touch: false,
            clipboard: Clipboard::None
        }
    );
    assert_eq!(
        title.warm,
        Warm {
            parked: 0,
            parked_max: 0,
            ready: Ready::FirstFrame
        }
    );
    assert_eq!(
        title.place,
        Place {
            policy: Policy::BestOverall,
            price_max_cents: None,
            rtt_max_ms: None
        }
    );
    let parked = |n| {
        let text = format!("{LEAST}[warm]\nparked = {n}\n");
        parse(&text, Path::new("title.toml")).unwrap().warm.parked_max
    };
    assert_eq!((parked(2), parked(40)), (8, 64));
    assert_eq!(
        title.score,
        Score {
            class: Class::Action,
            steady: false
        }
    );
    assert!(title.run.env.is_empty() && title.run.persist.is_empty() && !title.run.network);
    assert_eq!(title.run.profile, Profile::None);
}

#[test]
fn everything_said_is_kept() {
    let title = parse(MOST, Path::new("title.toml")).unwrap();
    assert_eq!(title.id.as_str(), "freedoom");
    assert_eq!(title.run.command, ["bin/doom", "-iwad", ""]);
    assert_eq!(
        title.run.env.get("SDL_AUDIODRIVER").map(String::as_str),
        Some("pulseaudio")
    );
    assert_eq!((title.run.network, title.run.profile), (true, Profile::Boot));
    assert_eq!(title.run.persist, ["home/.local", "home/.config/x"]);
    assert_eq!(
        title.display,
        Display {
            kind: DisplayKind::Wayland,
            width: 1920,
            height: 1080,
            fps: 120,
            resize: Resize::Window,
            width_min: 640,
            height_min: 360,
            width_max: 2560,
            height_max: 2160,
            phase_lock: false
        }
    );
    assert_eq!(
        title.input,
        Input {
            keyboard: false,
            mouse: Mouse::Both,
            gamepads: 2,
            touch: true,
            clipboard: Clipboard::Both
        }
    );
    let encoder = Some("gst-vah264enc".to_owned());
    assert_eq!(title.video, Video { encoder });
    assert_eq!(title.audio, Audio { enabled: false });
    assert_eq!((title.warm.parked, title.warm.parked_max), (3, 9));
    assert_eq!(
        title.place,
        Place {
            policy: Policy::Cheapest,
            price_max_cents: Some(40),
            rtt_max_ms: Some(60)
        }
    );
    assert_eq!(
        (title.score.class, title.score.steady),
        (Class::Competitive, true)
    );
    let json = serde_json::to_string(&title).unwrap();
    assert_eq!(serde_json::from_str::<Title>(&json).unwrap(), title);
}

#[test]
fn refusals_name_file_line_key_and_what_was_expected() {
    let after = |lines: &str| format!("{LEAST}{lines}");
    let cases = [
        (
            after("[display]\nfps = 1000\n"),
            "t/x/title.toml:7: display.fps: expected 1 to 240, found 1000",
        ),
        (
            after("[video]\nencoder = \"X 264\"\n"),
            "t/x/title.toml:7: video.encoder: expected an encoder as firstlight doctor names it, or h264 or av1, found \"X 264\"",
        ),
        (
            after("[display]\nfps = 0\n"),
            "t/x/title.toml:7: display.fps: expected 1 to 240, found 0",
        ),
        (
            after("[display]\nfps = 59.83\n"),
            "t/x/title.toml:7: display.fps: expected 1 to 240, found 59.83",
        ),
        (
            after("[display]\nwidth = \"wide\"\n"),
            "t/x/title.toml:7: display.width: expected an even number from 160 to 7680, found \"wide\"",
        ),
        (
            after("[display]\nwidth = 1281\n"),
            "t/x/title.toml:7: display.width: expected an even number from 160 to 7680, found 1281",
        ),
        (
            after("[display]\nheight = 1080\nheight_max = 720\n"),
            "t/x/title.toml:8: display.height_max: expected an even number from 1080 to 4320, found 720",
        ),
        (
            after("[display]\nwidth = 800\nwidth_min = 1024\n"),
            "t/x/title.toml:8: display.width_min: expected an even number from 160 to 800, found 1024",
        ),
        (
            after("[display]\nresize = true\n"),
            "t/x/title.toml:7: display.resize: expected \"fixed\" or \"window\", found true",
        ),
        (
            after("\n[display]\n# a comment\nhight = 720\n"),
            "t/x/title.toml:9: display.hight: unknown key, expected one of kind, width, height, fps, phase_lock, resize, width_min, height_min, width_max, height_max",
        ),
        (
            format!("sound = true\n{LEAST}"),
            "t/x/title.toml:1: sound: unknown key, expected one of id, name, version, run, display, video, audio, input, warm, place, score",
        ),
        (
            after("[audio]\nenabled = 1\n"),
            "t/x/title.toml:7: audio.enabled: expected true or false, found 1",
        ),
        (
            after("[input]\nmouse = \"left\"\n"),
            "t/x/title.toml:7: input.mouse: expected \"absolute\" or \"relative\" or \"both\", found \"left\"",
        ),
        (
            after("[input]\ngamepads = -1\n"),
            "t/x/title.toml:7: input.gamepads: expected 0 to 4, found -1",
        ),
        (
            after("[input]\nclipboard = true\n"),
            "t/x/title.toml:7: input.clipboard: expected \"none\" or \"copy\" or \"paste\" or \"both\", found true",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&text), expected);
    }
}

#[test]
fn refusals_of_what_placement_and_scores_go_by_say_as_much() {
    let after = |lines: &str| format!("{LEAST}{lines}");
    let cases = [
        (
            after("[warm]\nready = \"now\"\n"),
            "t/x/title.toml:7: warm.ready: expected \"first-frame\", found \"now\"",
        ),
        (
            after("[warm]\nparked = 65\n"),
            "t/x/title.toml:7: warm.parked: expected 0 to 64, found 65",
        ),
        (
            after("[warm]\nparked = 3\nparked_max = 2\n"),
            "t/x/title.toml:8: warm.parked_max: expected 3 to 64, found 2",
        ),
        (
            after("[place]\npolicy = \"fast\"\n"),
            "t/x/title.toml:7: place.policy: expected \"cheapest\" or \"best-experience\" or \"best-overall\", found \"fast\"",
        ),
        (
            after("[place]\nprice_max_cents = 0.4\n"),
            "t/x/title.toml:7: place.price_max_cents: expected whole hundredths, 0 to 100000, found 0.4",
        ),
        (
            after("[place]\nrtt_max_ms = 0\n"),
            "t/x/title.toml:7: place.rtt_max_ms: expected 1 to 1000, found 0",
        ),
        (
            after("[score]\nclass = \"chess\"\n"),
            "t/x/title.toml:7: score.class: expected \"competitive\" or \"action\" or \"casual\" or \"phone\", found \"chess\"",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&text), expected);
    }
}

#[test]
fn what_cannot_be_run_is_refused() {
    let after = |lines: &str| format!("{LEAST}{lines}");
    let cases = [
        (
            after("persist = [\n\"ok\",\n\"../x\"]\n"),
            "t/x/title.toml:8: run.persist[1]: expected a relative path without \"..\", found \"../x\"",
        ),
        (
            after("env = { \"A B\" = \"\" }\n"),
            "t/x/title.toml:6: run.env.A B: expected a name of letters, digits and _ that begins with no digit, found \"\"",
        ),
        (
            after("env = { A = 1 }\n"),
            "t/x/title.toml:6: run.env.A: expected a text of at most 4096 bytes, found 1",
        ),
        (
            LEAST.replace("\"x\"", "\"X!\""),
            "t/x/title.toml:1: id: expected 1 to 64 of a-z, 0-9 and -, found \"X!\"",
        ),
        (
            LEAST.replace("[\"/bin/true\"]", "[]"),
            "t/x/title.toml:5: run.command: expected an array of the program and its arguments, 1 to 256 texts, \
             found an array of 0",
        ),
        (
            LEAST.replace("/bin/true", "../evil"),
            "t/x/title.toml:5: run.command[0]: expected an absolute path, or one inside the title's folder, found \"../evil\"",
        ),
        (
            LEAST.replace("name = \"X\"\n", ""),
            "t/x/title.toml:1: name: missing, expected a text of 1 to 128 characters on one line",
        ),
        (
            "id = \"x\"\nname = \"X\"\nversion = \"1\"\n[run]\n".to_owned(),
            "t/x/title.toml:4: run.command: missing, expected an array of the program and its arguments, 1 to 256 texts",
        ),
        (
            "id = \"x\"\nname = \"X\"\nversion = \"1\"\nrun = 3\n".to_owned(),
            "t/x/title.toml:4: run: expected a table, found 3",
        ),
        (
            "id = \"x\"\nname = \"X\"\nversion = \"\"\n".to_owned(),
            "t/x/title.toml:3: version: expected a text of 1 to 128 characters on one line, found \"\"",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&text), expected);
    }
}

#[test]
fn broken_toml_is_refused_with_its_line() {
    assert!(refusal("id = \"x\"\nname = \n").starts_with("t/x/title.toml:2: "));
    assert!(refusal("id = \"x\"\nid = \"y\"\n").starts_with("t/x/title.toml:2: "));
}

#[test]
fn a_book_is_no_manifest() {
    let text = format!("#{}\n{LEAST}", "x".repeat(BYTES_MAX));
    assert!(
        refusal(&text).ends_with("expected at most 65536 bytes, found 65602"),
        "{}",
        refusal(&text)
    );
}

proptest! {
    #[test]
    fn any_text_is_a_title_or_one_line(text in ".{0,400}") {
        refused_in_one_line(&text);
    }

    #[test]
    fn any_lines_of_toml_are_a_title_or_one_line(
        lines in proptest::collection::vec("(id|name|run|\\[run\\]|\\[display\\]|command|fps|env|persist)( = )?(1|-9{30}|\"x\"|\\[\\]|\\{a=1\\}|1979-05-27|inf|true)?", 0..20)
    ) {
        refused_in_one_line(&lines.join("\n"));
    }

    #[test]
    fn a_changed_manifest_is_a_title_or_one_line(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..6)
    ) {
        let mut text: Vec<char> = MOST.chars().collect();
        for (at, with) in changes {
            if let Some(slot) = { let at = at.index(text.len()); text.get_mut(at) } { *slot = with; }
        }
        refused_in_one_line(&text.into_iter().collect::<String>());
    }

    #[test]
    fn a_manifest_cut_short_is_a_title_or_one_line(at in 0..MOST.len()) {
        refused_in_one_line(MOST.get(..at).unwrap_or_default());
    }

    #[test]
    fn a_value_in_the_wrong_place_is_refused_at_its_line(line in 0usize..14, value in "(-1|2\\.5|true|\"\\.\\./\\.\\.\"|\\[\\[\\]\\]|1979-05-27)") {
        let mut lines: Vec<String> = MOST.lines().map(str::to_owned).collect();
        let Some(slot) = lines.get_mut(line) else { return Ok(()) };
        let Some((key, _)) = slot.split_once(" = ") else { return Ok(()) };
        *slot = format!("{key} = {value}");
        // A few of these are right where they stand: `network = true`, a name that reads "../..".
        if let Err(error) = parse(&lines.join("\n"), Path::new("t")) {
            prop_assert!(error.to_string().starts_with(&format!("t:{}: ", line + 1)), "{error}");
        }
    }
}

fn refusal(text: &str) -> String {
    parse(text, Path::new("t/x/title.toml")).unwrap_err().to_string()
}

fn refused_in_one_line(text: &str) {
    if let Err(error) = parse(text, Path::new("t")) {
        let line = error.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.chars().count() < 400, "{line:?}");
    }
}

const LEAST: &str = "id = \"x\"\nname = \"X\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n";
const MOST: &str = r#"id = "freedoom"
name = "Freedoom"
version = "0.12.1"
[run]
command = ["bin/doom", "-iwad", ""]
network = true
persist = ["home/.local", "home/.config/x"]
profile = "boot"
[display]
kind = "wayland"
width = 1920
height = 1080
fps = 120
resize = "window"
width_min = 640
height_min = 360
height_max = 2160
phase_lock = false
[video]
encoder = "gst-vah264enc"
[audio]
enabled = false
[input]
keyboard = false
mouse = "both"
gamepads = 2
touch = true
clipboard = "both"
[warm]
parked = 3
parked_max = 9
ready = "first-frame"
[place]
policy = "cheapest"
price_max_cents = 40
rtt_max_ms = 60
[score]
class = "competitive"
steady = true
[run.env]
SDL_AUDIODRIVER = "pulseaudio"
"#;
