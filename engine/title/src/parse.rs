//! From text to [`Title`].

use crate::Error;
use crate::manifest::{
    Audio, Clipboard, Display, DisplayKind, Input, Mouse, Place, Policy, Profile, Ready, Resize, Run, Score,
    Title, Video, Warm, bounds,
};
use crate::reader::{Source, Table, Value, shorten};
use firstlight_units::Class;
use std::path::{Component, Path};
use toml::de::DeTable;

/// Reads a manifest; `file` is only named in errors.
///
/// # Errors
/// What is wrong first, with the line, the key and what was expected.
pub fn parse(text: &str, file: &Path) -> Result<Title, Error> {
    read(text, file).map(|(title, _)| title)
}

/// As [`parse`], with the line that `run.command` stands on.
pub(crate) fn read(text: &str, file: &Path) -> Result<(Title, usize), Error> {
    if text.len() > BYTES_MAX {
        let found = u64::try_from(text.len()).unwrap_or(u64::MAX);
        return Err(Error::TooLong {
            file: file.to_owned(),
            most: BYTES_MAX,
            found,
        });
    }
    let source = Source { text, file };
    let root = DeTable::parse(text).map_err(|error| Error::Syntax {
        file: file.to_owned(),
        line: source.line(error.span().map_or(0, |span| span.start)),
        message: error
            .message()
            .lines()
            .map(|line| shorten(line.trim()))
            .collect::<Vec<_>>()
            .join("; "),
    })?;
    let mut root = Table::new(source, "", root);
    let id = root.require("id", ID)?.text(ID, |text| text.parse().ok())?;
    let name = root.require("name", SHORT_TEXT)?.text(SHORT_TEXT, short_text)?;
    let version = root
        .require("version", SHORT_TEXT)?
        .text(SHORT_TEXT, short_text)?;
    let run = root.require("run", "a table with a command")?;
    let (run, line) = read_run(run.table("run.")?)?;
    let display = read_display(root.table("display", "display.")?)?;
    let video = read_video(root.table("video", "video.")?)?;
    let audio = read_audio(root.table("audio", "audio.")?)?;
    let input = read_input(root.table("input", "input.")?)?;
    let warm = read_warm(root.table("warm", "warm.")?)?;
    let place = read_place(root.table("place", "place.")?)?;
    let score = read_score(root.table("score", "score.")?)?;
    root.finish()?;
    Ok((
        Title {
            id,
            name,
            version,
            run,
            display,
            video,
            audio,
            input,
            warm,
            place,
            score,
        },
        line,
    ))
}

fn read_run(mut table: Table<'_>) -> Result<(Run, usize), Error> {
    let command = table.require("command", COMMAND)?;
    let line = command.line();
    let run = Run {
        command: read_command(command)?,
        env: table
            .take("env")
            .map_or_else(|| Ok(Default::default()), read_env)?,
        network: table.take("network").map_or(Ok(false), Value::boolean)?,
        persist: table
            .take("persist")
            .map_or_else(|| Ok(Vec::new()), read_persist)?,
        profile: table
            .take("profile")
            .map_or(Ok(Profile::None), |value| value.word(&PROFILES))?,
    };
    table.finish()?;
    Ok((run, line))
}

fn read_command(value: Value<'_>) -> Result<Vec<String>, Error> {
    let mut words = value.items(COMMAND, 1, WORDS_MAX)?.into_iter();
    let mut command = Vec::with_capacity(words.len());
    if let Some(program) = words.next() {
        command.push(program.text(PROGRAM, |text| {
            (is_text(text) && is_program(text)).then(|| text.to_owned())
        })?);
    }
    for word in words {
        command.push(word.text(ARGUMENT, |text| is_text(text).then(|| text.to_owned()))?);
    }
    Ok(command)
}

fn read_env(value: Value<'_>) -> Result<std::collections::BTreeMap<String, String>, Error> {
    let entries = value.entries("a table of at most 128 variables", ENV_MAX)?;
    let read = |(name, value): (String, Value<'_>)| {
        if !is_variable(&name) {
            return Err(value.refuse("a name of letters, digits and _ that begins with no digit"));
        }
        Ok((
            name,
            value.text(ARGUMENT, |text| is_text(text).then(|| text.to_owned()))?,
        ))
    };
    entries.into_iter().map(read).collect()
}

fn read_persist(value: Value<'_>) -> Result<Vec<String>, Error> {
    let items = value.items("an array of at most 64 relative paths", 0, PERSIST_MAX)?;
    let read = |item: Value<'_>| {
        item.text("a relative path without \"..\"", |text| {
            (is_text(text) && is_inside(Path::new(text))).then(|| text.to_owned())
        })
    };
    items.into_iter().map(read).collect()
}

fn read_display(mut table: Table<'_>) -> Result<Display, Error> {
    let default = Display::default();
    let kind = table
        .take("kind")
        .map_or(Ok(default.kind), |value| value.word(&DISPLAY_KINDS))?;
    let width = side(table.take("width"), (160, 7680), default.width)?;
    let height = side(table.take("height"), (120, 4320), default.height)?;
    let display = Display {
        kind,
        width,
        height,
        fps: number(table.take("fps"), "1 to 240", 1..=240, default.fps)?,
        phase_lock: table
            .take("phase_lock")
            .map_or(Ok(default.phase_lock), Value::boolean)?,
        resize: table
            .take("resize")
            .map_or(Ok(default.resize), |value| value.word(&SIZES))?,
        width_min: side(
            table.take("width_min"),
            (160, width),
            width.min(bounds::width_min()),
        )?,
        height_min: side(
            table.take("height_min"),
            (120, height),
            height.min(bounds::height_min()),
        )?,
        width_max: side(
            table.take("width_max"),
            (width, 7680),
            width.max(bounds::width_max()),
        )?,
        height_max: side(
            table.take("height_max"),
            (height, 4320),
            height.max(bounds::height_max()),
        )?,
    };
    table.finish()?;
    Ok(display)
}

/// A side of a picture.
fn side(value: Option<Value<'_>>, (least, most): (u16, u16), default: u16) -> Result<u16, Error> {
    let expected = format!("an even number from {least} to {most}");
    let fits = |n: &u16| (least..=most).contains(n) && n.is_multiple_of(2);
    value.map_or(Ok(default), |value| value.number(&expected, fits))
}

fn read_video(mut table: Table<'_>) -> Result<Video, Error> {
    let word = |text: &str| is_id(text, ENCODER_CHARS_MAX).then(|| text.to_owned());
    let encoder = table.take("encoder");
    let video = Video {
        encoder: encoder.map(|value| value.text(ENCODER, word)).transpose()?,
    };
    table.finish()?;
    Ok(video)
}

fn read_audio(mut table: Table<'_>) -> Result<Audio, Error> {
    let default = Audio::default();
    let audio = Audio {
        enabled: table
            .take("enabled")
            .map_or(Ok(default.enabled), Value::boolean)?,
    };
    table.finish()?;
    Ok(audio)
}

fn read_input(mut table: Table<'_>) -> Result<Input, Error> {
    let default = Input::default();
    let input = Input {
        keyboard: table
            .take("keyboard")
            .map_or(Ok(default.keyboard), Value::boolean)?,
        mouse: table
            .take("mouse")
            .map_or(Ok(default.mouse), |value| value.word(&MICE))?,
        gamepads: number(table.take("gamepads"), "0 to 4", 0..=4, default.gamepads)?,
        touch: table.take("touch").map_or(Ok(default.touch), Value::boolean)?,
        clipboard: table
            .take("clipboard")
            .map_or(Ok(default.clipboard), |value| value.word(&CLIPBOARDS))?,
    };
    table.finish()?;
    Ok(input)
}

fn read_warm(mut table: Table<'_>) -> Result<Warm, Error> {
    let default = Warm::default();
    let parked = number(table.take("parked"), "0 to 64", 0..=64, default.parked)?;
    let warm = Warm {
        parked,
        parked_max: number(
            table.take("parked_max"),
            &format!("{parked} to 64"),
            parked..=64,
            parked.saturating_mul(RUSH).min(64),
        )?,
        ready: table
            .take("ready")
            .map_or(Ok(default.ready), |value| value.word(&READY))?,
    };
    table.finish()?;
    Ok(warm)
}

fn read_place(mut table: Table<'_>) -> Result<Place, Error> {
    let price = "whole hundredths, 0 to 100000";
    let place = Place {
        policy: table
            .take("policy")
            .map_or_else(|| Ok(Policy::default()), |value| value.word(&POLICIES))?,
        price_max_cents: at_most(table.take("price_max_cents"), price, 0..=100_000)?,
        rtt_max_ms: at_most(table.take("rtt_max_ms"), "1 to 1000", 1..=1000)?,
    };
    table.finish()?;
    Ok(place)
}

fn read_score(mut table: Table<'_>) -> Result<Score, Error> {
    let default = Score::default();
    let score = Score {
        class: table
            .take("class")
            .map_or(Ok(default.class), |value| value.word(&CLASSES))?,
        steady: table.take("steady").map_or(Ok(default.steady), Value::boolean)?,
    };
    table.finish()?;
    Ok(score)
}

fn number<T: TryFrom<i64> + PartialOrd>(
    value: Option<Value<'_>>,
    expected: &str,
    range: std::ops::RangeInclusive<T>,
    default: T,
) -> Result<T, Error> {
    value.map_or(Ok(default), |value| value.number(expected, |n| range.contains(n)))
}

/// A bound that there need not be.
fn at_most<T: TryFrom<i64> + PartialOrd>(
    value: Option<Value<'_>>,
    expected: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<Option<T>, Error> {
    value
        .map(|value| value.number(expected, |n| range.contains(n)))
        .transpose()
}

fn short_text(text: &str) -> Option<String> {
    let plain = !text.trim().is_empty() && !text.contains(char::is_control);
    (plain && text.chars().count() <= NAME_CHARS_MAX).then(|| text.to_owned())
}

fn is_id(text: &str, chars_max: usize) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=chars_max).contains(&text.len()) && text.chars().all(word)
}

/// The system takes it as an argument.
fn is_text(text: &str) -> bool {
    !text.contains('\0') && text.len() <= ARGUMENT_BYTES_MAX
}

fn is_program(text: &str) -> bool {
    let path = Path::new(text);
    !text.ends_with('/') && (path.is_absolute() || is_inside(path))
}

fn is_inside(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn is_variable(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.len() <= NAME_CHARS_MAX
        && name.chars().all(word)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

const ID: &str = "1 to 64 of a-z, 0-9 and -";
const ENCODER: &str = "an encoder as firstlight doctor names it, or h264 or av1";
const SHORT_TEXT: &str = "a text of 1 to 128 characters on one line";
const COMMAND: &str = "an array of the program and its arguments, 1 to 256 texts";
const PROGRAM: &str = "an absolute path, or one inside the title's folder";
const ARGUMENT: &str = "a text of at most 4096 bytes";

const PROFILES: [(&str, Profile); 3] = [
    ("none", Profile::None),
    ("late", Profile::Late),
    ("boot", Profile::Boot),
];
const DISPLAY_KINDS: [(&str, DisplayKind); 3] = [
    ("x11", DisplayKind::X11),
    ("wayland", DisplayKind::Wayland),
    ("android", DisplayKind::Android),
];
const SIZES: [(&str, Resize); 2] = [("fixed", Resize::Fixed), ("window", Resize::Window)];
const MICE: [(&str, Mouse); 3] = [
    ("absolute", Mouse::Absolute),
    ("relative", Mouse::Relative),
    ("both", Mouse::Both),
];
const CLIPBOARDS: [(&str, Clipboard); 4] = [
    ("none", Clipboard::None),
    ("copy", Clipboard::Copy),
    ("paste", Clipboard::Paste),
    ("both", Clipboard::Both),
];
const CLASSES: [(&str, Class); 4] = [
    ("competitive", Class::Competitive),
    ("action", Class::Action),
    ("casual", Class::Casual),
    ("phone", Class::Phone),
];
const POLICIES: [(&str, Policy); 3] = [
    ("cheapest", Policy::Cheapest),
    ("best-experience", Policy::BestExperience),
    ("best-overall", Policy::BestOverall),
];
const READY: [(&str, Ready); 1] = [("first-frame", Ready::FirstFrame)];

/// A rush is four times what a publisher keeps ready anyway, where he says nothing about it.
const RUSH: u16 = 4;
/// Ten times the longest manifest with every key and long paths; what is longer is no manifest.
pub(crate) const BYTES_MAX: usize = 64 * 1024;
const NAME_CHARS_MAX: usize = 128;
const ARGUMENT_BYTES_MAX: usize = 4096;
const ENCODER_CHARS_MAX: usize = 32;
const WORDS_MAX: usize = 256;
const ENV_MAX: usize = 128;
const PERSIST_MAX: usize = 64;

#[cfg(test)]
mod tests;
