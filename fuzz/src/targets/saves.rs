//! What players have saved, as a host or a gateway sends it that nobody vouches for.

use firstlight_fleet::Key;
use firstlight_fleet::messages::SaveAsk;
use firstlight_saves::Error;
use firstlight_saves::archive::{Bounds, pack, unpack};
use firstlight_units::WallTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The first byte chooses: an archive, a tar that is compressed here, or what a host asks.
pub(crate) fn saves(bytes: &[u8]) {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    match choice % 3 {
        0 => archive(rest),
        1 => archive(&gzip(rest)),
        _ => ask(rest),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    drop(encoder.write_all(bytes));
    encoder.finish().unwrap_or_default()
}

/// Whatever comes out is files and folders in the one folder, no more than the bounds say, and packs to something that comes out again.
fn archive(bytes: &[u8]) {
    let Ok(room) = tempfile::tempdir() else { return };
    let to = room.path().join("home");
    if fs::create_dir(&to).is_err() {
        return;
    }
    let unpacked = unpack(bytes, &to, BOUNDS);
    assert_eq!(
        names(room.path()),
        [PathBuf::from("home")],
        "it came out beside its folder"
    );
    match unpacked {
        Ok(files) => {
            assert_eq!(count(&to), files, "each file is a file of its own");
            again(&to, files);
        }
        Err(Error::Archive(_) | Error::TooLarge { .. }) => {}
        Err(error) => panic!("another's error: {error:?}"),
    }
}

fn again(home: &Path, files: u64) {
    let mut bytes = Vec::new();
    let Ok(packed) = pack(home, &names(home), Bounds::default(), &mut bytes) else {
        return;
    };
    assert_eq!((packed.files, packed.left_out), (files, 0));
    let Ok(room) = tempfile::tempdir() else { return };
    let unpacked = unpack(bytes.as_slice(), room.path(), Bounds::default());
    assert_eq!(unpacked.ok(), Some(files));
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into()).collect()
}

/// Files; links are none, and there are none.
fn count(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        Ok(kind) => {
            assert!(kind.is_file(), "{:?}", entry.path());
            1
        }
        Err(_) => 0,
    });
    each.sum()
}

/// Nobody here has a key but ours: whoever else is taken for a host was forged.
fn ask(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(ask) = SaveAsk::from_header(text.trim_end()) {
        assert_eq!(SaveAsk::from_header(&ask.to_header()).as_ref(), Ok(&ask));
        if let Ok(key) = ask.check(NOW) {
            assert_eq!(key, Key::from_seed(&[1; 32]).public());
        }
    }
}

const BOUNDS: Bounds = Bounds {
    bytes: 16 * 1024,
    entries: 64,
};
const NOW: WallTime = WallTime::from_micros(1_700_000_000_000_000);
