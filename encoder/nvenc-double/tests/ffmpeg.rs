//! Debian's unmodified FFmpeg encodes through the double: what it says of the interface is not only our own backend's view.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_nvenc_double::Folder;
use std::path::Path;
use std::process::{Command, Output};

const SOURCE: &str = "testsrc2=size=640x368:rate=60:duration=1";

fn encode(folder: &Folder, arguments: &[&str], out: &Path) -> Output {
    Command::new("ffmpeg")
        .args([
            "-loglevel",
            "error",
            "-nostdin",
            "-y",
            "-f",
            "lavfi",
            "-i",
            SOURCE,
        ])
        .args(["-c:v", "h264_nvenc"])
        .args(arguments)
        .arg(out)
        .env("LD_LIBRARY_PATH", folder.path())
        .output()
        .expect("the ffmpeg program (apt-get install ffmpeg)")
}

/// PSNR of the file against the source in decibels, and how many pictures were compared.
fn compare(file: &Path) -> (f64, usize) {
    let output = Command::new("ffmpeg")
        .args(["-loglevel", "info", "-nostdin", "-r", "60", "-i"])
        .arg(file)
        .args(["-f", "lavfi", "-i", SOURCE])
        .args(["-lavfi", "[0:v][1:v]psnr=stats_file=-", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let pictures = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.starts_with("n:"))
        .count();
    let average = said
        .split("average:")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let average = average.unwrap_or_else(|| panic!("{said}"));
    (average.parse().unwrap_or(f64::INFINITY), pictures)
}

#[test]
fn ffmpeg_encodes_through_it_and_what_it_made_decodes() {
    let variants: [&[&str]; 5] = [
        &["-pix_fmt", "yuv420p", "-b:v", "4M"],
        &[
            "-pix_fmt", "nv12", "-preset", "p1", "-tune", "ull", "-rc", "cbr", "-b:v", "4M", "-bufsize",
            "67k",
        ],
        &[
            "-pix_fmt", "nv12", "-preset", "p4", "-tune", "hq", "-rc", "vbr", "-b:v", "4M", "-g", "20",
        ],
        &[
            "-pix_fmt",
            "nv12",
            "-rc",
            "constqp",
            "-qp",
            "24",
            "-profile:v",
            "baseline",
        ],
        &[
            "-pix_fmt",
            "yuv420p",
            "-b:v",
            "4M",
            "-flags",
            "+global_header",
            "-f",
            "mp4",
        ],
    ];
    for arguments in variants {
        let folder = Folder::new().unwrap();
        let out = folder.path().join(if arguments.contains(&"mp4") {
            "out.mp4"
        } else {
            "out.h264"
        });
        let run = encode(&folder, arguments, &out);
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{arguments:?}: {said}\n{}", folder.report());
        assert_eq!(folder.report(), "", "{arguments:?}");
        assert_eq!(folder.pictures(), 60, "{arguments:?}: all of them came from here");
        let (decibels, pictures) = compare(&out);
        assert!(
            pictures == 60 && decibels > 30.0,
            "{arguments:?}: {pictures} pictures, {decibels} dB"
        );
        let log = folder.log();
        assert!(
            log.starts_with("open") && log.trim_end().ends_with("close"),
            "{log}"
        );
    }
}

#[test]
fn ffmpeg_is_told_why_it_cannot() {
    let failures = [
        ("devices = 0", "cuInit"),
        ("engine = none", "OpenEncodeSessionEx failed: unsupported device"),
        ("sessions = 0", "OpenEncodeSessionEx failed: out of memory"),
        ("api = 11.0", "does not support the required nvenc API version"),
        ("lost_after = 10", "fallen off the bus"),
    ];
    for (control, words) in failures {
        let folder = Folder::new().unwrap();
        folder.control(control).unwrap();
        let run = encode(&folder, &["-pix_fmt", "nv12"], &folder.path().join("out.h264"));
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains(words), "{control}: {said}");
    }
}
