//! Who asks: players by a secret of their own making, the operator by the key in the data folder.

use crate::Error;
use crate::problem::{Kind, Problem};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Somebody with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Stands for the key, which is not kept.
    pub(crate) pseudonym: String,
    pub(crate) operator: bool,
}

/// The operator's key: only its digest is kept.
#[derive(Clone)]
pub struct OperatorKey {
    digest: [u8; 32],
    path: PathBuf,
}

impl std::fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorKey")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl OperatorKey {
    /// Reads the key from `folder`, or makes one there that only this user can read.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds no key.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("operator.key");
        let failed = |source| Error::KeyFile {
            path: path.clone(),
            source,
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => {
                // Somebody who copied the folder may have opened it to others.
                fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
                text
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path).map_err(failed)?,
            Err(source) => return Err(Error::KeyFile { path, source }),
        };
        let key = text.trim();
        if !is_key(key, OPERATOR) {
            return Err(Error::NoKey(path));
        }
        Ok(Self {
            digest: digest(key),
            path,
        })
    }

    /// The file that holds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn create(path: &Path) -> io::Result<String> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    let key = format!("{OPERATOR}{}\n", URL_SAFE_NO_PAD.encode(secret));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    Ok(key)
}

/// Who sent these headers.
pub(crate) fn caller(headers: &HeaderMap, operator: &OperatorKey) -> Result<Caller, Problem> {
    let missing = || {
        Problem::new(
            Kind::Unauthorized,
            "Send `Authorization: Bearer` with a player's or the operator's key.",
        )
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, key) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let digest = digest(key);
    // Digests are compared, so that how long it takes says nothing about the key.
    if is_key(key, OPERATOR) && digest == operator.digest {
        Ok(Caller {
            pseudonym: pseudonym(&digest),
            operator: true,
        })
    } else if is_key(key, PLAYER) {
        Ok(Caller {
            pseudonym: pseudonym(&digest),
            operator: false,
        })
    } else {
        Err(Problem::new(
            Kind::Unauthorized,
            "This key is not known here, or is not one.",
        ))
    }
}

/// Only for the operator.
pub(crate) fn require_operator(headers: &HeaderMap, operator: &OperatorKey) -> Result<(), Problem> {
    if caller(headers, operator)?.operator {
        Ok(())
    } else {
        Err(Problem::new(Kind::Unauthorized, "This needs the operator's key."))
    }
}

fn is_key(text: &str, prefix: &str) -> bool {
    let secret = text.strip_prefix(prefix);
    secret.is_some_and(|secret| {
        secret.len() == SECRET_CHARS
            && secret
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// 128 bits of the digest: a folder's name, and no two players share it.
fn pseudonym(digest: &[u8; 32]) -> String {
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

const PLAYER: &str = "flp_";
const OPERATOR: &str = "flo_";
const SECRET_BYTES: usize = 32;
/// [`SECRET_BYTES`] in base64url without padding.
const SECRET_CHARS: usize = 43;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn the_operators_key_is_made_once_and_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = OperatorKey::open(dir.path()).unwrap();
        fs::set_permissions(first.path(), Permissions::from_mode(0o644)).unwrap();
        let second = OperatorKey::open(dir.path()).unwrap();
        assert_eq!(first.digest, second.digest);
        assert_eq!(
            first.path().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        let key = fs::read_to_string(first.path()).unwrap();
        assert!(
            caller(&headers(&format!("Bearer {}", key.trim())), &second)
                .unwrap()
                .operator
        );
        fs::write(first.path(), "secret").unwrap();
        assert!(matches!(OperatorKey::open(dir.path()), Err(Error::NoKey(_))));
    }

    #[test]
    fn a_player_is_a_pseudonym_and_an_unknown_operator_is_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let operator = OperatorKey::open(dir.path()).unwrap();
        let secret = "A".repeat(43);
        let player = caller(&headers(&format!("bearer flp_{secret}")), &operator).unwrap();
        assert!(!player.operator && player.pseudonym.len() == 32 && !player.pseudonym.contains('A'));
        for value in [
            format!("Bearer flo_{secret}"),
            format!("Bearer flp_{secret}A"),
            "Bearer flp_".into(),
            "Basic x".into(),
        ] {
            assert!(caller(&headers(&value), &operator).is_err(), "{value}");
        }
        assert!(caller(&HeaderMap::new(), &operator).is_err());
    }

    proptest! {
        #[test]
        fn a_pseudonym_can_name_a_folder(text in "[ -~]{0,60}") {
            let dir = tempfile::tempdir().unwrap();
            let operator = OperatorKey::open(dir.path()).unwrap();
            if let Ok(caller) = caller(&headers(&text), &operator) {
                prop_assert!(caller.pseudonym.bytes().all(|b| b.is_ascii_hexdigit()));
            }
        }
    }
}
