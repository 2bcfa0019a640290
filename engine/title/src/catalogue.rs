//! Titles on disk.

use crate::parse::{BYTES_MAX, parse};
use crate::{Error, Title};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The manifest's name in a title's folder.
pub const MANIFEST: &str = "title.toml";

/// A folder of the catalogue.
#[derive(Debug)]
pub struct Entry {
    /// The title's folder.
    pub dir: PathBuf,
    /// The title, or why there is none.
    pub title: Result<Title, Error>,
}

/// Reads every title's folder in `dir`, in the order of their names, which are the ids. A folder without a manifest is no title.
///
/// # Errors
/// When `dir` itself cannot be read. A title that is refused is an [`Entry`] that says so.
pub fn catalogue(dir: &Path) -> Result<Vec<Entry>, Error> {
    let unreadable = |source| Error::Read {
        file: dir.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?;
        if folder.path().join(MANIFEST).exists() {
            folders.push(folder.path());
        }
    }
    folders.sort();
    Ok(folders
        .into_iter()
        .map(|dir| Entry {
            title: load(&dir),
            dir,
        })
        .collect())
}

/// Reads one title's folder.
///
/// # Errors
/// When the manifest cannot be read, is refused, or gives another id than the folder's name.
pub fn load(dir: &Path) -> Result<Title, Error> {
    let file = dir.join(MANIFEST);
    let text = read(&file)?;
    let title = parse(&text, &file)?;
    require_same_name(&title, dir, &file, &text)?;
    Ok(title)
}

/// The picture for the library page, if the title has one: `picture.png`, `.jpg`, `.svg` or `.webp` in its folder.
#[must_use]
pub fn picture(dir: &Path) -> Option<PathBuf> {
    PICTURES
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.is_file())
}

/// The text of a manifest; no more than a manifest's worth is ever read.
pub(crate) fn read(file: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Read {
        file: file.to_owned(),
        source,
    };
    let open = File::open(file).map_err(unreadable)?;
    let found = open.metadata().map_err(unreadable)?.len();
    if found > BYTES_MAX as u64 {
        return Err(Error::TooLong {
            file: file.to_owned(),
            most: BYTES_MAX,
            found,
        });
    }
    let mut text = String::new();
    open.take(BYTES_MAX as u64)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

/// The folder's name is the id, so that two folders never give the same one.
pub(crate) fn require_same_name(title: &Title, dir: &Path, file: &Path, text: &str) -> Result<(), Error> {
    let unreadable = |source| Error::Read {
        file: dir.to_owned(),
        source,
    };
    // A path such as `.` names its folder only once resolved; a link to a folder is named by the link.
    let folder = match dir.file_name() {
        Some(name) => name.to_owned(),
        None => fs::canonicalize(dir)
            .map_err(unreadable)?
            .file_name()
            .unwrap_or_default()
            .to_owned(),
    };
    if folder.to_str() == Some(title.id.as_str()) {
        return Ok(());
    }
    let at = text.lines().position(|line| line.trim_start().starts_with("id"));
    Err(Error::WrongValue {
        file: file.to_owned(),
        line: at.map_or(1, |at| at + 1),
        key: "id".to_owned(),
        expected: format!("{:?}, the name of the title's folder", folder.to_string_lossy()),
        found: format!("{:?}", title.id.as_str()),
    })
}

const PICTURES: [&str; 4] = ["picture.png", "picture.jpg", "picture.svg", "picture.webp"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_title_hides_no_good_one() {
        let dir = tempfile::tempdir().unwrap();
        put(
            dir.path(),
            "b",
            "id = \"b\"\nname = \"B\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n",
        );
        put(dir.path(), "a", "id = 1");
        put(dir.path(), "huge", &"#".repeat(BYTES_MAX + 1));
        fs::create_dir(dir.path().join("empty")).unwrap();
        fs::write(dir.path().join("README.md"), "no folder").unwrap();
        let entries = catalogue(dir.path()).unwrap();
        let ids: Vec<_> = entries
            .iter()
            .map(|e| (e.dir.file_name().unwrap().to_str().unwrap(), e.title.is_ok()))
            .collect();
        assert_eq!(ids, [("a", false), ("b", true), ("huge", false)]);
    }

    #[test]
    fn the_id_must_be_the_folders_name() {
        let dir = tempfile::tempdir().unwrap();
        put(
            dir.path(),
            "b",
            "# two\nid = \"a\"\nname = \"B\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n",
        );
        let error = load(&dir.path().join("b")).unwrap_err().to_string();
        assert!(
            error
                .ends_with("b/title.toml:2: id: expected \"b\", the name of the title's folder, found \"a\""),
            "{error}"
        );
    }

    #[test]
    fn a_huge_manifest_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(MANIFEST);
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(load(dir.path()), Err(Error::TooLong { found, .. }) if found == 1 << 40));
    }

    #[test]
    fn a_missing_folder_of_titles_is_an_error() {
        assert!(matches!(
            catalogue(Path::new("/no/such/folder")),
            Err(Error::Read { .. })
        ));
    }

    #[test]
    fn the_picture_is_found_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(picture(dir.path()), None);
        fs::write(dir.path().join("picture.svg"), "<svg/>").unwrap();
        assert_eq!(picture(dir.path()), Some(dir.path().join("picture.svg")));
    }

    fn put(dir: &Path, id: &str, manifest: &str) {
        fs::create_dir(dir.join(id)).unwrap();
        fs::write(dir.join(id).join(MANIFEST), manifest).unwrap();
    }
}
