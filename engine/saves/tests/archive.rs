//! Archives: what is packed comes out, and what nobody packs does not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_saves::Error;
use firstlight_saves::archive::{Bounds, Packed, pack, stamp, unpack};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

const BOUNDS: Bounds = Bounds {
    bytes: 64 * 1024,
    entries: 64,
};

fn paths() -> Vec<PathBuf> {
    vec![".config/x".into(), "saves".into()]
}

fn packed(home: &Path) -> (Packed, Vec<u8>) {
    let mut bytes = Vec::new();
    let packed = pack(home, &paths(), BOUNDS, &mut bytes).unwrap();
    (packed, bytes)
}

fn unpacked(bytes: &[u8]) -> Result<tempfile::TempDir, Error> {
    let to = tempfile::tempdir().unwrap();
    unpack(bytes, to.path(), BOUNDS).map(|_| to)
}

fn put(home: &Path, path: &str, content: &[u8]) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Every file, with its content, and every folder.
fn tree(home: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(home).unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
                found.insert(name, None);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn the_same_files_give_the_same_bytes_wherever_they_are() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (home, order) in [
        (&one, ["saves/b", "saves/a", ".config/x/y"]),
        (&two, [".config/x/y", "saves/a", "saves/b"]),
    ] {
        for path in order {
            put(home.path(), path, path.as_bytes());
            let file = fs::File::options()
                .write(true)
                .open(home.path().join(path))
                .unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000))
                .unwrap();
        }
        put(home.path(), "not/persistent", b"x");
    }
    let (first, bytes) = packed(one.path());
    assert_eq!((&first, &bytes), (&packed(two.path()).0, &packed(two.path()).1));
    assert_eq!(
        (first.files, first.left_out, first.bytes),
        (3, 0, bytes.len() as u64)
    );
    let out = unpacked(&bytes).unwrap();
    assert!(!out.path().join("not").exists());
    // A home that was brought packs to what it was brought from: nothing is sent twice.
    assert_eq!(packed(out.path()).0, first);
    let times = |home: &Path| fs::metadata(home.join("saves/a")).unwrap().modified().unwrap();
    assert_eq!(times(out.path()), times(one.path()));
}

#[test]
fn links_devices_and_sockets_are_left_out_and_nothing_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let secret = tempfile::tempdir().unwrap();
    put(secret.path(), "key", b"secret");
    put(home.path(), "saves/slot", b"mine");
    symlink(secret.path().join("key"), home.path().join("saves/link")).unwrap();
    symlink(secret.path(), home.path().join("saves/folder")).unwrap();
    nix::unistd::mkfifo(&home.path().join("saves/pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let _socket = UnixListener::bind(home.path().join("saves/socket")).unwrap();
    // The app owns what is below the home, not what leads there.
    fs::create_dir(home.path().join("outside")).unwrap();
    symlink(secret.path(), home.path().join(".config")).unwrap();
    let (archive, bytes) = packed(home.path());
    assert_eq!((archive.files, archive.left_out), (1, 4));
    let out = unpacked(&bytes).unwrap();
    let kept: Vec<PathBuf> = tree(out.path()).into_keys().collect();
    assert_eq!(kept, [PathBuf::from("saves"), "saves/slot".into()]);
}

#[test]
fn absurd_sizes_are_refused_before_they_are_read() {
    let home = tempfile::tempdir().unwrap();
    put(home.path(), "saves/slot", b"mine");
    // A file of a terabyte that takes no room on the disk.
    let file = fs::File::create(home.path().join("saves/huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    let refused = |home: &Path| pack(home, &paths(), BOUNDS, std::io::sink()).unwrap_err();
    assert!(
        matches!(refused(home.path()), Error::TooLarge { given, most, .. } if given >= 1 << 40 && most == BOUNDS.bytes)
    );
    assert!(stamp(home.path(), &paths(), BOUNDS).is_err());
    fs::remove_file(home.path().join("saves/huge")).unwrap();
    for n in 0..=BOUNDS.entries {
        put(home.path(), &format!("saves/{n}"), b"");
    }
    assert!(matches!(refused(home.path()), Error::TooLarge { .. }));
    let deep = tempfile::tempdir().unwrap();
    put(deep.path(), &format!("saves/{}x", "d/".repeat(40)), b"");
    assert!(matches!(refused(deep.path()), Error::TooLarge { .. }));
}

#[test]
fn a_stamp_changes_with_what_is_saved_and_only_with_that() {
    let home = tempfile::tempdir().unwrap();
    put(home.path(), "saves/slot", b"one");
    let at = || stamp(home.path(), &paths(), BOUNDS).unwrap();
    let first = at();
    put(home.path(), "elsewhere", b"x");
    assert_eq!(at(), first);
    put(home.path(), "saves/slot", b"longer");
    let second = at();
    assert_ne!(second, first);
    put(home.path(), "saves/more", b"");
    assert_ne!(at(), second);
    let nobody = tempfile::tempdir().unwrap();
    stamp(nobody.path(), &paths(), BOUNDS).unwrap();
    assert_eq!(packed(nobody.path()).0.files, 0);
}

#[test]
fn programs_stay_programs_and_nothing_else_of_a_mode_is_kept() {
    let home = tempfile::tempdir().unwrap();
    for (path, mode) in [("saves/run", 0o4755), ("saves/open", 0o666)] {
        put(home.path(), path, b"x");
        fs::set_permissions(home.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let out = unpacked(&packed(home.path()).1).unwrap();
    let mode = |path: &str| fs::metadata(out.path().join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode("saves/run"), mode("saves/open"), mode("saves")),
        (0o700, 0o600, 0o700)
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar that somebody has made by hand.
fn hostile(entries: &[(&str, EntryType, &[u8], u64)]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (path, kind, content, size) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(*size);
        header.set_mode(0o4777);
        if let Some(name) = header.as_old_mut().name.get_mut(..path.len()) {
            name.copy_from_slice(path.as_bytes());
        }
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    gzip(&tar.into_inner().unwrap())
}

#[test]
fn what_no_host_packs_is_not_unpacked() {
    let file = EntryType::Regular;
    let cases: [(&str, Vec<u8>); 10] = [
        ("a way out", hostile(&[("../x", file, b"x", 1)])),
        ("a way out inside", hostile(&[("saves/../../x", file, b"x", 1)])),
        (
            "an absolute name",
            hostile(&[("/tmp/firstlight-hostile", file, b"x", 1)]),
        ),
        ("a link", hostile(&[("saves", EntryType::Symlink, b"", 0)])),
        (
            "a file behind a link",
            hostile(&[("saves", EntryType::Symlink, b"", 0), ("saves/x", file, b"x", 1)]),
        ),
        ("a hard link", hostile(&[("saves/x", EntryType::Link, b"", 0)])),
        ("a device", hostile(&[("saves/x", EntryType::Block, b"", 0)])),
        (
            "a name twice",
            hostile(&[("saves/x", file, b"x", 1), ("saves/x", file, b"y", 1)]),
        ),
        (
            "a file as a folder",
            hostile(&[("saves/x", file, b"x", 1), ("saves/x/y", file, b"y", 1)]),
        ),
        (
            "a size that is a lie",
            hostile(&[("saves/x", file, b"x", 1 << 50)]),
        ),
    ];
    for (what, bytes) in cases {
        let refused = unpacked(&bytes).unwrap_err();
        assert!(
            matches!(refused, Error::Archive(_) | Error::TooLarge { .. }),
            "{what}: {refused:?}"
        );
    }
    assert!(!Path::new("/tmp/firstlight-hostile").exists());
    let bomb = {
        let mut header = Header::new_gnu();
        header.set_path("saves/x").unwrap();
        header.set_size(1 << 30);
        header.set_cksum();
        gzip(&[header.as_bytes(), vec![0; 16 << 20].as_slice()].concat())
    };
    assert!(bomb.len() < 32 * 1024);
    assert!(matches!(unpacked(&bomb), Err(Error::TooLarge { .. })));
}

fn names() -> impl Strategy<Value = String> {
    "(\\.config/x|saves)/[a-z]{1,3}(/[a-zA-Z0-9 ._é-]{1,40}){0,3}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_saved_comes_out_again(files in proptest::collection::vec((names(), proptest::collection::vec(any::<u8>(), 0..2_000)), 0..12)) {
        let home = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = home.path().join(path);
            // A name that another file has as a folder, or the other way round, is left out.
            if fs::create_dir_all(path.parent().unwrap()).is_ok() {
                drop(fs::write(path, content));
            }
        }
        let (archive, bytes) = packed(home.path());
        let out = unpacked(&bytes).unwrap();
        let files = |tree: BTreeMap<PathBuf, Option<Vec<u8>>>| -> BTreeMap<_, _> {
            tree.into_iter().filter(|(_, content)| content.is_some()).collect()
        };
        let found = files(tree(out.path()));
        prop_assert_eq!(found.len() as u64, archive.files);
        prop_assert_eq!(found, files(tree(home.path())));
    }

    #[test]
    fn what_was_tampered_with_is_refused_or_harmless(at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<prop::sample::Index>(), cuts in any::<bool>()) {
        let home = tempfile::tempdir().unwrap();
        put(home.path(), "saves/a/slot", &[7; 3_000]);
        put(home.path(), ".config/x/y", b"z");
        let mut bytes = packed(home.path()).1;
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        } else {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let outside = tempfile::tempdir().unwrap();
        let to = outside.path().join("to");
        fs::create_dir(&to).unwrap();
        match unpack(bytes.as_slice(), &to, BOUNDS) {
            Ok(_) | Err(Error::Archive(_) | Error::TooLarge { .. }) => {}
            Err(error) => prop_assert!(false, "{error:?}"),
        }
        prop_assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}
