//! A certificate of the engine's own making: made once and kept, so that whoever trusted it need not again.

use crate::Error;
use crate::files::Pair;
use firstlight_units::{Micros, WallTime};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// The pair in `file`, made anew where there is none, where it does not name all of `names`, or where its time is nearly over.
pub(crate) fn open(file: &Path, names: &[String], now: WallTime) -> Result<Pair, Error> {
    let mut names: Vec<String> = names
        .iter()
        .map(|name| name.trim_matches(['[', ']']).to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    names.dedup();
    let failed = |path: PathBuf| {
        move |source| Error::Write {
            path: path.clone(),
            source,
        }
    };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(Error::Read {
                path: file.to_owned(),
                source,
            });
        }
    };
    if !suffices(&text, &names, now) {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(failed(folder.to_owned()))?;
        }
        let made = make(&names, now)?;
        replace(file, made.as_bytes()).map_err(failed(file.to_owned()))?;
    }
    Ok(Pair {
        certificate: file.to_owned(),
        key: file.to_owned(),
    })
}

/// The first line of the file, before the PEM, says what the certificate is good for.
fn suffices(text: &str, names: &[String], now: WallTime) -> bool {
    let said = text.lines().next().and_then(|line| line.strip_prefix(SAYS));
    let Some((until, named)) = said.and_then(|said| said.trim().split_once(' ')) else {
        return false;
    };
    let named: Vec<&str> = named.split(' ').collect();
    let lasts = until
        .parse()
        .is_ok_and(|until| WallTime::from_micros(until) > now + RENEWED_BEFORE);
    lasts && names.iter().all(|name| named.contains(&name.as_str()))
}

fn make(names: &[String], now: WallTime) -> Result<String, Error> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(Error::Make)?;
    let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(Error::Make)?;
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Firstlight");
    let until = now + VALIDITY;
    params.not_before = utc(now.before(BACKDATED));
    params.not_after = utc(until);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(Error::Make)?;
    Ok(format!(
        "{SAYS}{} {}\n{}{}",
        until.as_micros(),
        names.join(" "),
        certificate.pem(),
        key.serialize_pem()
    ))
}

/// For its owner only from the first byte on; after a power cut there is the old file or the new one.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&new, file)
}

fn utc(at: WallTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

const SAYS: &str = "Made by firstlight: until, names: ";
/// Clocks of other machines may run behind.
const BACKDATED: Micros = Micros::from_secs(24 * 3_600);
/// Apple's systems trust no server's certificate that lives longer than 398 days.
const VALIDITY: Micros = Micros::from_secs(397 * 24 * 3_600);
/// An engine that runs for a month at a stretch still has a valid one at its end.
const RENEWED_BEFORE: Micros = Micros::from_secs(32 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const NOW: WallTime = WallTime::from_micros(1_790_000_000_000_000);

    #[test]
    fn it_is_made_once_for_the_owner_only_and_again_when_it_no_longer_serves() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data/tls.pem");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let print = |names: &[String], now| {
            open(&file, names, now).unwrap().load().unwrap();
            fs::read_to_string(&file).unwrap()
        };
        let first = print(&names(&["localhost", "[::1]", "127.0.0.1"]), NOW);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            first,
            print(&names(&["LOCALHOST"]), NOW + Micros::from_secs(3_600))
        );
        let second = print(&names(&["localhost", "play.example"]), NOW);
        assert_ne!(first, second, "it must name what it is reached by");
        let later = NOW + VALIDITY;
        assert_ne!(second, print(&names(&["localhost"]), later), "it must last");
        fs::write(&file, "nonsense").unwrap();
        assert!(print(&names(&["localhost"]), NOW).contains("BEGIN CERTIFICATE"));
    }
}
