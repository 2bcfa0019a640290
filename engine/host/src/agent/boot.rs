//! Counts the starts of a host, so that what an earlier life said is worth nothing.

use crate::Error;
use crate::leases::replace;
use std::fs;
use std::io;
use std::path::Path;

/// The number of this start: higher than every one before. On disk when it is returned.
pub(super) fn next(path: &Path) -> Result<u64, Error> {
    let last = match fs::read_to_string(path) {
        Ok(text) => text.trim().parse::<u64>().map_err(|_| Error::Leases {
            path: path.to_owned(),
            why: "it holds no number".to_owned(),
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(source) => {
            return Err(Error::Path {
                path: path.to_owned(),
                source,
            });
        }
    };
    let next = last.saturating_add(1);
    replace(path, next.to_string().as_bytes()).map_err(Error::path(path))?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_counted_and_a_damaged_count_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("boots");
        assert_eq!((next(&path).unwrap(), next(&path).unwrap()), (1, 2));
        fs::write(&path, "x").unwrap();
        assert!(next(&path).is_err());
    }
}
