//! What a valid manifest may still get wrong on this machine.

use crate::catalogue::{MANIFEST, picture, read, require_same_name};
use crate::elf::refuses_preload;
use crate::manifest::{DisplayKind, Title};
use crate::parse;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Something that is wrong or unwise about a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The title cannot run as it is; otherwise only a remark.
    pub fatal: bool,
    /// One line: where, what was expected and what was found.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Looks at the title in `dir` as this machine would run it. Empty: it will run, and nothing is missing.
#[must_use]
pub fn check(dir: &Path) -> Vec<Finding> {
    let file = dir.join(MANIFEST);
    let loaded = read(&file).and_then(|text| {
        let (title, line) = parse::read(&text, &file)?;
        require_same_name(&title, dir, &file, &text)?;
        Ok((title, line))
    });
    let (title, line) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            return vec![Finding {
                fatal: true,
                message: in_one_line(&error),
            }];
        }
    };
    let mut findings = Vec::new();
    findings.extend(check_program(&title, dir).map(|fault| Finding {
        fatal: true,
        message: format!("{}:{line}: run.command: {fault}", file.display()),
    }));
    if title.display.kind == DisplayKind::Android {
        let message = format!(
            "{}: display.kind: expected \"x11\" or \"wayland\", which is what this build can show",
            file.display()
        );
        findings.push(Finding { fatal: true, message });
    }
    findings.extend(remarks(&title, dir).into_iter().map(|remark| Finding {
        fatal: false,
        message: format!("{}: {remark}", file.display()),
    }));
    findings
}

/// An error with its cause.
fn in_one_line(error: &crate::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn check_program(title: &Title, dir: &Path) -> Option<String> {
    let named = Path::new(title.run.command.first()?);
    let path = dir.join(named);
    let Ok(real) = fs::canonicalize(&path) else {
        return Some(format!(
            "expected a program, found nothing at {}{}",
            path.display(),
            how_to_install(dir)
        ));
    };
    let visible = if named.is_absolute() {
        SYSTEM.iter().any(|root| named.starts_with(root))
    } else {
        fs::canonicalize(dir).is_ok_and(|dir| real.starts_with(dir) || real.starts_with("/usr"))
    };
    if !visible {
        return Some(format!(
            "expected a program under /usr or in the title's folder, found {}",
            real.display()
        ));
    }
    match fs::metadata(&real) {
        Ok(meta) if !meta.is_file() => Some(format!(
            "expected a program, found a folder at {}",
            path.display()
        )),
        Ok(meta) if meta.permissions().mode() & 0o111 != 0 => None,
        Ok(_) => Some(format!(
            "expected a program, found a file that is not executable: chmod +x {}",
            path.display()
        )),
        Err(error) => Some(format!("expected a program, found {}: {error}", path.display())),
    }
}

/// What a publisher wrote beside the manifest about the packages that hold the program.
fn how_to_install(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("packages.txt")).unwrap_or_default();
    let packages: Vec<&str> = text
        .lines()
        .flat_map(|line| line.split('#').next())
        .flat_map(str::split_whitespace)
        .collect();
    if packages.is_empty() {
        String::new()
    } else {
        format!(" (apt-get install {})", packages.join(" "))
    }
}

fn remarks(title: &Title, dir: &Path) -> Vec<String> {
    let mut remarks = Vec::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    remarks.extend(check_display(title.display.kind, &path));
    match picture(dir) {
        None => remarks.push(
            "no picture.png, .jpg, .svg or .webp beside it: the library shows the title's name instead"
                .to_owned(),
        ),
        Some(path) => remarks.extend(check_picture(&path)),
    }
    if title.input.gamepads > 0 {
        let program = title.run.command.first().map(|named| dir.join(named));
        if let Some(kind) = program.as_deref().and_then(refuses_preload) {
            remarks.push(format!(
                "input.gamepads: the program {kind}: it sees gamepads only where the machine has a writable /dev/uinput"
            ));
        }
    }
    if title.input.touch && title.display.kind == DisplayKind::X11 {
        remarks.push(
            "input.touch: an X11 display has no touch screen: one finger is the mouse, two turn the wheel; display.kind = \"wayland\" has one"
                .to_owned(),
        );
    }
    remarks
}

/// `path` is where programs are looked for.
fn check_display(kind: DisplayKind, path: &OsStr) -> Option<String> {
    let there = std::env::split_paths(path).any(|folder| folder.join("Xwayland").is_file());
    (kind == DisplayKind::Wayland && !there).then(|| {
        "display.kind: Xwayland is not installed, a program for X11 finds no display: apt-get install xwayland"
            .to_owned()
    })
}

fn check_picture(path: &PathBuf) -> Option<String> {
    let bytes = fs::metadata(path).map_or(0, |meta| meta.len());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (bytes > PICTURE_BYTES)
        .then(|| format!("{name} has {bytes} bytes: more than {PICTURE_BYTES} makes the library slow"))
}

/// What a sandboxed app sees of the system's programs.
const SYSTEM: [&str; 3] = ["/usr", "/bin", "/sbin"];

/// A library page of 20 titles then weighs 3 MB, a second on a slow line.
const PICTURE_BYTES: u64 = 150_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_that_lacks_nothing_has_no_findings() {
        let dir = title_dir("/bin/true");
        fs::write(dir.path().join("x/picture.svg"), "<svg/>").unwrap();
        assert_eq!(check(&dir.path().join("x")), []);
    }

    #[test]
    fn a_missing_program_is_fatal_and_says_what_to_install() {
        let dir = title_dir("/usr/games/no-such-game");
        fs::write(
            dir.path().join("x/packages.txt"),
            "# from Debian\nsome-game  some-data # both\n",
        )
        .unwrap();
        let expected = "x/title.toml:5: run.command: expected a program, found nothing at /usr/games/no-such-game \
                        (apt-get install some-game some-data)";
        assert!(fatal(&dir).ends_with(expected), "{}", fatal(&dir));
    }

    #[test]
    fn a_program_missing_in_the_folder_is_fatal() {
        let dir = title_dir("bin/game");
        assert!(
            fatal(&dir).ends_with("run.command: expected a program, found nothing at PATH/x/bin/game"),
            "{}",
            fatal(&dir)
        );
    }

    #[test]
    fn a_file_that_is_not_executable_is_fatal() {
        let dir = title_dir("game");
        fs::write(dir.path().join("x/game"), "").unwrap();
        assert!(
            fatal(&dir).contains("found a file that is not executable: chmod +x "),
            "{}",
            fatal(&dir)
        );
    }

    #[test]
    fn a_link_out_of_the_folder_is_fatal() {
        let dir = title_dir("game");
        fs::write(dir.path().join("outside"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("outside"), dir.path().join("x/game")).unwrap();
        assert!(
            fatal(&dir).contains("expected a program under /usr or in the title's folder"),
            "{}",
            fatal(&dir)
        );
    }

    #[test]
    fn a_program_the_sandbox_hides_is_fatal() {
        let dir = title_dir("/etc/passwd");
        assert!(
            fatal(&dir).contains("expected a program under /usr or in the title's folder"),
            "{}",
            fatal(&dir)
        );
    }

    #[test]
    fn a_wayland_title_is_told_of_a_missing_x_server_and_an_android_one_is_refused() {
        let programs = tempfile::tempdir().unwrap();
        let path = programs.path().as_os_str();
        let missing = check_display(DisplayKind::Wayland, path).unwrap();
        assert!(missing.ends_with("apt-get install xwayland"), "{missing}");
        assert_eq!(check_display(DisplayKind::X11, path), None);
        fs::write(programs.path().join("Xwayland"), "").unwrap();
        assert_eq!(check_display(DisplayKind::Wayland, path), None);

        let dir = title_dir("/bin/true");
        let file = dir.path().join("x/title.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}[display]\nkind = \"wayland\"\n")).unwrap();
        assert!(check(&dir.path().join("x")).iter().all(|finding| !finding.fatal));
        fs::write(&file, format!("{text}[display]\nkind = \"android\"\n")).unwrap();
        assert!(fatal(&dir).ends_with("expected \"x11\" or \"wayland\", which is what this build can show"));
    }

    #[test]
    fn a_refused_manifest_is_the_only_finding() {
        let dir = title_dir("/bin/true");
        fs::write(dir.path().join("x/title.toml"), "id = 1").unwrap();
        assert!(fatal(&dir).ends_with("x/title.toml:1: id: expected 1 to 64 of a-z, 0-9 and -, found 1"));
        fs::remove_file(dir.path().join("x/title.toml")).unwrap();
        assert!(
            fatal(&dir).contains("x/title.toml: cannot be read: No such file"),
            "{}",
            fatal(&dir)
        );
    }

    #[test]
    fn what_this_build_lacks_is_said() {
        let dir = title_dir("/bin/true");
        let manifest = fs::read_to_string(dir.path().join("x/title.toml")).unwrap();
        fs::write(
            dir.path().join("x/title.toml"),
            manifest + "[input]\ntouch = true\ngamepads = 1\n[display]\nkind = \"android\"\n",
        )
        .unwrap();
        let findings = check(&dir.path().join("x"));
        let said: Vec<bool> = findings.iter().map(|finding| finding.fatal).collect();
        assert_eq!(said, [true, false], "{findings:?}");
    }

    #[test]
    fn a_program_that_takes_no_library_is_told_where_it_sees_no_gamepads() {
        let dir = title_dir("static");
        let folder = dir.path().join("x");
        let program = folder.join("static");
        // A 64-bit program without segments.
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        fs::write(&program, bytes).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let said = |dir: &Path| {
            check(dir)
                .iter()
                .any(|finding| finding.message.contains("input.gamepads"))
        };
        assert!(!said(&folder), "it asks for none");
        let manifest = fs::read_to_string(folder.join("title.toml")).unwrap();
        fs::write(folder.join("title.toml"), manifest + "[input]\ngamepads = 1\n").unwrap();
        assert!(said(&folder));
    }

    fn title_dir(program: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("x")).unwrap();
        let text = format!("id = \"x\"\nname = \"X\"\nversion = \"1\"\n[run]\ncommand = [\"{program}\"]\n");
        fs::write(dir.path().join("x/title.toml"), text).unwrap();
        dir
    }

    /// The one fatal finding, without the folder's random name.
    fn fatal(dir: &tempfile::TempDir) -> String {
        let findings = check(&dir.path().join("x"));
        let fatal: Vec<&Finding> = findings.iter().filter(|finding| finding.fatal).collect();
        assert_eq!(fatal.len(), 1, "{findings:?}");
        fatal
            .first()
            .unwrap()
            .message
            .replace(dir.path().to_str().unwrap(), "PATH")
    }
}
