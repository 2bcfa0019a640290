//! What a machine that runs sessions is told, in `up` and in `host`.

use super::{bitrate, ports};
use clap::Args;
use firstlight_link::IceServer;
use firstlight_units::Bitrate;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Options of a machine that runs sessions.
#[derive(Args, Debug)]
pub(crate) struct Machine {
    /// UDP ports that media is received on, two per session
    #[arg(long, value_name = "A-B", default_value = "7000-7099", value_parser = ports)]
    pub(crate) media_ports: RangeInclusive<u16>,
    /// Sessions at once [default: as many as cores and memory carry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) slots: Option<u32>,
    /// Boot a title only when a player asks for it, whatever its manifest says of copies that are kept parked
    #[arg(long)]
    pub(crate) no_parked: bool,
    /// Seconds that a session waits, frozen, for a player who left
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) wait_s: u32,
    /// Seconds that a player has to be away before his waiting session may give way to somebody else
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) yield_after_s: u32,
    /// Most bits per second of video, such as 8M or 800k
    #[arg(long, value_name = "RATE", default_value = "20M", value_parser = bitrate)]
    pub(crate) bitrate_max: Bitrate,
    /// Encode every session by this encoder or to this codec, as firstlight doctor names them [default: what suits each player]
    #[arg(long, value_name = "NAME", value_parser = encoder)]
    pub(crate) encoder: Option<String>,
    #[command(flatten)]
    pub(crate) ice: Ice,
}

/// Where things lie, of every role that keeps some.
#[derive(Args, Debug)]
pub(crate) struct Folders {
    /// Folder of titles; each is a folder with a title.toml
    #[arg(long, value_name = "DIR", default_value = "titles")]
    pub(crate) titles: PathBuf,
    /// Folder for what must last: keys, slots' epochs, players' saved games
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

/// By whose help players and sessions find each other.
#[derive(Args, Debug)]
pub(crate) struct Ice {
    /// STUN or TURN server for WebRTC, such as stun:host:3478 or turn:host:3478,USER,PASSWORD; may be repeated
    #[arg(long, value_name = "URL", value_parser = ice_server)]
    pub(crate) ice_server: Vec<IceServer>,
}

/// An encoder that this build has, or a codec.
fn encoder(word: &str) -> Result<String, String> {
    match firstlight_backends::Force::read(word) {
        Ok(_) => Ok(word.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn ice_server(text: &str) -> Result<IceServer, String> {
    let mut parts = text.splitn(3, ',');
    let url = parts.next().unwrap_or_default();
    let (username, credential) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    let plain = !rest.is_empty()
        && rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
    let named = [username, credential]
        .iter()
        .all(|part| part.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
    let known = match scheme {
        "stun" | "stuns" => username.is_empty(),
        "turn" | "turns" => !username.is_empty() && !credential.is_empty(),
        _ => false,
    };
    if plain && named && known {
        Ok(IceServer {
            urls: vec![url.to_owned()],
            username: username.to_owned(),
            credential: credential.to_owned(),
        })
    } else {
        Err("expected stun:HOST:PORT or turn:HOST:PORT,USER,PASSWORD".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_or_refused() {
        let turn = ice_server("turn:turn.example:3478?transport=udp,anna,se,cret").unwrap();
        assert_eq!(
            (turn.username.as_str(), turn.credential.as_str()),
            ("anna", "se,cret")
        );
        assert!(ice_server("stun:stun.example:3478").unwrap().username.is_empty());
        for text in [
            "",
            "stun:",
            "stun.example",
            "turn:turn.example",
            "http://x",
            "stun:a b",
            "stun:x,user,word",
        ] {
            assert!(ice_server(text).is_err(), "{text}");
        }
    }
}
